"""Real files, JSONL, Hub folders, the toy world; what is skipped is counted, what is bad is named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from understudy.datafiles import DataFileError
from understudy.records import TaskKind
from understudy.tasks import (
    BENCHMARKS,
    TEST_SETS,
    TRAINING_SETS,
    BadTaskError,
    BenchmarkConfig,
    DownloadError,
    FieldMap,
    FileConfig,
    SkipReason,
    ToyConfig,
    load_tasks,
)
from understudy.tasks.toy import RECIPES_WORLD, toy_passages

FILES = [(b.name, b.split, b.n_rows) for files in BENCHMARKS.values() for b in files]


@pytest.fixture
def data_dir(shared_dir: Path) -> Path:
    return shared_dir / "data" / "benchmarks"


def own(path: Path, rows: list[dict[str, Any]], **keys: Any) -> FileConfig:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return FileConfig(**({"name": "mine", "path": path} | keys))


def test_there_are_eight_test_sets_and_three_training_sets() -> None:
    assert (len(TEST_SETS), len(TRAINING_SETS), len(FILES)) == (8, 3, 11)


@pytest.mark.parametrize(("name", "split", "n_rows"), FILES)
def test_the_real_files_load(data_dir: Path, name: str, split: str, n_rows: int) -> None:
    found = load_tasks(BenchmarkConfig(name=name, split=split, data_dir=data_dir))
    n_empty = found.skipped.get(SkipReason.EMPTY_ANSWER, 0)
    assert found.n_rows == n_rows == len(found.tasks) + n_empty
    assert n_empty == (2 if name in ("math_hard", "math_medium") else 0)
    assert found.n_repeated == (1 if name == "musique" else 0)
    assert len({task.id for task in found.tasks}) == len(found.tasks)
    assert {(task.source, task.split) for task in found.tasks} == {(name, split)}
    assert found.licence
    is_math = name in ("math500", "gsm_hard", "aime", "olymmath", "math_hard", "math_medium")
    assert {task.kind for task in found.tasks} == {TaskKind.MATH if is_math else TaskKind.FACT}


def test_facts_of_the_real_files(data_dir: Path) -> None:
    hard = load_tasks(BenchmarkConfig(name="math_hard", data_dir=data_dir))
    medium = load_tasks(BenchmarkConfig(name="math_medium", data_dir=data_dir))
    gsm = load_tasks(BenchmarkConfig(name="gsm_hard", data_dir=data_dir))
    assert {task.level for task in hard.tasks} == {"Level 4", "Level 5"}
    assert {task.level for task in medium.tasks} == {"Level 2", "Level 3"}
    assert {task.type for task in load_tasks(BenchmarkConfig(name="olymmath", data_dir=data_dir)).tasks} >= {"Algebra"}
    assert gsm.tasks[0].answer == "13138980"


def test_a_limit_is_drawn_by_seed_and_grows(data_dir: Path) -> None:
    def ids(limit: int, seed: int) -> list[str]:
        return [t.id for t in load_tasks(BenchmarkConfig(name="aime", data_dir=data_dir, limit=limit, seed=seed)).tasks]

    everything = [task.id for task in load_tasks(BenchmarkConfig(name="aime", data_dir=data_dir)).tasks]
    assert ids(10, 1) == ids(10, 1) != ids(10, 2)
    assert set(ids(10, 1)) < set(ids(20, 1))
    assert [i for i in everything if i in set(ids(10, 1))] == ids(10, 1)
    assert ids(1_000, 1) == everything


def test_another_file_of_that_name_is_refused(tmp_path: Path) -> None:
    config = BenchmarkConfig(name="aime", data_dir=tmp_path)
    with pytest.raises(DownloadError, match="there is no such file"):
        load_tasks(config)
    (tmp_path / "aime_90_20250504.json").write_text('{"examples": []}')
    with pytest.raises(DownloadError, match="is not the paper's file: expected 4458"):
        load_tasks(config)


def test_jsonl_with_a_field_map(tmp_path: Path) -> None:
    rows = [
        {"key": "a", "q": {"text": " Who? "}, "gold": ["Max Teller", "Teller"], "also": ["M. Teller"], "hard": 3},
        {"key": "b", "q": {"text": "How many?"}, "gold": 12.0, "also": None, "hard": 1.5},
    ]
    fields = FieldMap(question="q.text", answer="gold", id="key", aliases="also", level="hard")
    found = load_tasks(own(tmp_path / "q.jsonl", rows, fields=fields, split="dev"))
    first, second = found.tasks
    assert (first.id, first.question, first.answer) == ("mine/dev/a", "Who?", "Max Teller")
    assert first.aliases == ("Teller", "M. Teller")
    assert (second.answer, second.level, second.split) == ("12", "1.5", "dev")


def test_further_turns_and_metadata_are_read_from_named_fields(tmp_path: Path) -> None:
    rows = [
        {"question": "A?", "more": ["B?", "C?"], "about": {"user": "You are Ana."}},
        {"question": "D?", "more": "E?", "about": None},
    ]
    fields = FieldMap(turns="more", metadata="about")
    first, second = load_tasks(own(tmp_path / "q.jsonl", rows, fields=fields)).tasks
    assert (first.turns, first.metadata) == (("B?", "C?"), {"user": "You are Ana."})
    assert (second.turns, second.metadata) == (("E?",), {})
    wrong = own(tmp_path / "wrong.jsonl", [{"question": "A?", "more": None, "about": "Ana"}], fields=fields)
    with pytest.raises(BadTaskError, match="'about': expected an object, got str 'Ana'"):
        load_tasks(wrong)
    assert FieldMap().model_dump().keys().isdisjoint({"turns", "metadata"}), "digests of old recipes stay"


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    rows = [{"question": "A?", "answer": "a"}, {"question": " A? ", "answer": "a"}, {"question": "A?", "answer": "b"}]
    found = load_tasks(own(tmp_path / "q.jsonl", rows))
    assert [task.answer for task in found.tasks] == ["a", "b"]
    assert found.skipped == {SkipReason.DUPLICATE: 1}
    assert found.n_rows == 3


@pytest.mark.parametrize("row", [{}, *({"answer": blank} for blank in (None, "", " ", [], [""], [None]))])
@pytest.mark.parametrize("fields", [FieldMap(), FieldMap(answer="answer")])
def test_a_task_without_a_reference_is_a_task(tmp_path: Path, row: dict[str, Any], fields: FieldMap) -> None:
    if not row and "answer" in fields.model_fields_set:
        config = own(tmp_path / "q.jsonl", [{"question": "A?"}], fields=fields)
        with pytest.raises(BadTaskError, match="line 1, field 'answer': expected in the row, which has question"):
            load_tasks(config)
        return
    rows = [{"question": "A?", **row}, {"question": "B?", "answer": "b"}]
    found = load_tasks(own(tmp_path / "q.jsonl", rows, fields=fields))
    assert [task.references for task in found.tasks] == [(), ("b",)]
    assert found.skipped == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "mine: expected tasks, the source holds no rows"),
        ("\n\n", "mine: expected tasks, the source holds no rows"),
        ("[]", "expected tasks, the source holds no rows"),
    ],
)
def test_a_set_without_a_task_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(content)
    with pytest.raises(BadTaskError, match=message):
        load_tasks(FileConfig(name="mine", path=path))


def test_ids_follow_the_question_and_not_its_place(tmp_path: Path) -> None:
    rows = [{"question": f"{name}?", "answer": name} for name in "abc"]
    before = load_tasks(own(tmp_path / "q.jsonl", rows)).tasks
    after = load_tasks(own(tmp_path / "q.jsonl", [{"question": "new?", "answer": "n"}, *rows])).tasks
    assert [task.id for task in after[1:]] == [task.id for task in before]
    assert all(task.id.startswith("mine/") for task in before)
    other_split = load_tasks(own(tmp_path / "q.jsonl", rows, split="dev")).tasks
    assert not {task.id for task in other_split} & {task.id for task in before}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"question": 3.5, "answer": {"x": 1}}',
            "line 2, field 'answer': expected a text, a finite number or a list of them",
        ),
        ('{"question": ["B?"], "answer": "b"}', "field 'question': expected a text or a finite number, got list"),
        ('{"question": true, "answer": "b"}', "field 'question': expected a text or a finite number, got bool True"),
        ('{"question": NaN, "answer": "b"}', "field 'question': expected a text or a finite number, got float nan"),
        ('{"question": " ", "answer": "b"}', "line 2, field 'question': expected a question, got str"),
        ('{"question": null, "answer": "b"}', "line 2, field 'question': expected a question, got str"),
        ('{"answer": "b"}', "line 2, field 'question': expected in the row, which has answer"),
        *(
            (f'{{"question": "B?", "answer": {bad}}}', "field 'answer': expected a text, a finite number or a list")
            for bad in ("NaN", "Infinity", "-Infinity", "1e999", "[NaN]", '["b", Infinity]', '[["b"]]', "true", "{}")
        ),
        ('{"question": ', 'line 2: expected JSON, got \'{"question":'),
        ("[1]", "line 2: expected a JSON object, got list"),
        ("NaN", "line 2: expected a JSON object, got float"),
        ('{"question": "\\ud83d", "answer": "b"}', "line 2: expected text, '\\ud83d' is half of a surrogate pair"),
        ('{"question": "B?", "answer": ' + "9" * 5_000 + "}", "line 2: a number has too many digits"),
        ('{"question": "B?", "answer": ' + "[" * 9_000 + "]" * 9_000 + "}", "line 2: lists or objects are nested"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "A?", "answer": "a"}\n' + line)
    with pytest.raises(BadTaskError) as caught:
        load_tasks(FileConfig(name="mine", path=path))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}, line 2")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252", "utf-32"])
def test_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "Où?", "answer": "ici"}\n', encoding=encoding)
    with pytest.raises(BadTaskError, match=r"q\.jsonl, line 1: expected UTF-8"):
        load_tasks(FileConfig(path=path))


def test_a_byte_order_mark_and_a_missing_last_line_break_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "questions.v2.jsonl"
    path.write_text('{"question": "Où?", "answer": 12.0}\n{"question": "B?", "answer": 1e300}', encoding="utf-8-sig")
    found = load_tasks(path=path)
    assert [task.answer for task in found.tasks] == ["12", "1e+300"]
    assert (found.name, found.tasks[0].source) == ("questions", "questions")
    with pytest.raises(FileNotFoundError, match="nosuch"):
        load_tasks(path=tmp_path / "nosuch.jsonl")


@pytest.mark.parametrize("name", ["q.json", "q.jsonl.gz", "q.parquet", "folder", "saved"])
def test_every_container_gives_the_same_tasks(tmp_path: Path, name: str) -> None:
    pytest.importorskip("pyarrow")
    datasets = pytest.importorskip("datasets")
    import pyarrow.parquet

    rows = [{"question": "A?", "answer": "a"}, {"question": "B?", "answer": None}]
    plain = load_tasks(own(tmp_path / "q.jsonl", rows)).tasks
    (tmp_path / "q.json").write_text(json.dumps(rows))
    (tmp_path / "q.jsonl.gz").write_bytes(gzip.compress((tmp_path / "q.jsonl").read_bytes()))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "q.parquet")
    (tmp_path / "folder").mkdir()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "folder" / "train-0.parquet")
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "saved")
    assert load_tasks(name="mine", path=tmp_path / name).tasks == plain


def test_one_id_for_two_questions_is_refused(tmp_path: Path) -> None:
    rows = [{"i": 1, "question": "A?", "answer": "a"}, {"i": 1, "question": "B?", "answer": "b"}]
    with pytest.raises(BadTaskError, match=r"line 2: expected an id of its own, 'mine/1' came before at .*line 1"):
        load_tasks(own(tmp_path / "q.jsonl", rows, fields=FieldMap(id="i")))


def test_a_folder_with_splits(tmp_path: Path) -> None:
    for split in ("train", "test"):
        row = {"question": f"{split}?", "answer": {"text": ["x", "y"]}}
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(row) + "\n")

    def load(split: str) -> list[tuple[str, str | None, tuple[str, ...]]]:
        config = FileConfig(name="mine", path=tmp_path, split=split, fields=FieldMap(answer="answer.text"))
        return [(task.question, task.answer, task.aliases) for task in load_tasks(config).tasks]

    assert load("test") == [("test?", "x", ("y",))]
    with pytest.raises(DataFileError, match=r"split: .* has test, train; got 'nothing'"):
        load("")
    with pytest.raises(DataFileError, match="name it by `path`"):
        load_tasks(hub=str(tmp_path))


def test_the_toy_world_by_the_same_call() -> None:
    found = load_tasks(ToyConfig(split="dev", limit=6, seed=3))
    assert len(found.tasks) == 6
    assert found.tasks == load_tasks("toy", split="dev", limit=6, seed=3).tasks


@pytest.mark.parametrize("seed", [0, 1])
def test_any_seed_asks_about_the_toy_world_that_recipes_search(seed: int) -> None:
    """Another seed means other questions with other ids, and the same pages answer them."""
    pages = "\n".join(passage.text for passage in toy_passages(RECIPES_WORLD))
    others = load_tasks("toy", split="train", limit=60, seed=seed + 1).tasks
    tasks = load_tasks("toy", split="train", limit=60, seed=seed).tasks
    assert all((task.answer or "?") in pages for task in tasks if task.kind is TaskKind.FACT)
    assert not {task.id for task in tasks} & {task.id for task in others}
    assert len({task.question for task in tasks} & {task.question for task in others}) < 10


def test_the_short_call_and_a_config_do_not_mix(tmp_path: Path) -> None:
    config = own(tmp_path / "q.jsonl", [{"question": "A?", "answer": "a"}])
    with pytest.raises(ValueError, match="limit: a config was passed"):
        load_tasks(config, limit=3)
