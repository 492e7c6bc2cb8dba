"""Trajectories made elsewhere: three shapes, one of them the paper's authors'; odd rows are refused and counted."""

from __future__ import annotations

import ast
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.curation.attempts import imported
from understudy.curation import (
    CurateConfig,
    ImportConfig,
    NothingImportedError,
    RefusalReason,
    curate,
    import_trajectories,
)
from understudy.records import DropReason, ParseProblem, Role, StopReason, TaskKind

REPLY = "Thought: I will search.\nCode:\n```py\nprint(web_search('capital of Norway'))\n```<end_code>"
LAST = "Thought: done.\nCode:\n```py\nfinal_answer('Oslo')\n```<end_code>"


def part(role: str, text: str) -> dict[str, object]:
    return {"role": role, "content": [{"type": "text", "text": text}]}


def authors_row(*, score: object = 1, observation: str = "Observation:\nOslo") -> dict[str, object]:
    """A row in the schema of the released data sets: smolagents' roles, the log as JSON text."""
    messages = [
        part("MessageRole.SYSTEM", "You are an expert assistant …"),
        part("MessageRole.USER", "New task:\nCapital of Norway?<reference>a note for the teacher</reference>"),
        part("MessageRole.ASSISTANT", REPLY),
        part("MessageRole.TOOL_CALL", "Calling tools:\n[{'id': 'call_1'}]"),
        part("MessageRole.TOOL_RESPONSE", observation),
        part("assistant", LAST),
        part("tool-call", "Calling tools:\n[{'id': 'call_2'}]"),
        part("tool-response", "Observation:\nLast output from code snippet:\nOslo"),
    ]
    log = {"messages": messages, "original_memory": {"steps": []}}
    return {
        "question": "Capital of Norway?",
        "true_answer": "Oslo",
        "generated_answer": "Oslo",
        "score": score,
        "log_data": json.dumps(log),
    }


def chat(*messages: dict[str, Any], **beside: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": "Two and two?"}, *messages], **beside}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_authors_rows_become_trajectories_that_can_be_trained(tmp_path: Path) -> None:
    path = write(tmp_path / "released.jsonl", authors_row(), authors_row(score=0))
    (good, good_score), (bad, bad_score) = imported(path)
    roles = [message.role for message in good.messages]
    assert roles == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER, Role.ASSISTANT, Role.USER]
    assert good.messages[1].content == "New task:\nCapital of Norway?"
    assert [good.messages[step.message_index].content for step in good.steps] == [REPLY, LAST]
    assert [step.is_final for step in good.steps] == [False, True]
    assert (good.task.answer, good.answer, good.attempt, bad.attempt) == ("Oslo", "Oslo", 0, 1)
    assert good.task.source == "released"
    assert good.task.id == bad.task.id
    curated = curate([(good, good_score), (bad, bad_score)], CurateConfig())
    (example,) = curated.examples
    assert example.messages == good.messages[:-1]
    assert [example.messages[span.message_index].content for span in example.spans] == [REPLY, LAST]
    assert curated.counts == {DropReason.INCORRECT: 1}


def test_marks_in_observations_become_facts(tmp_path: Path) -> None:
    rows = (
        authors_row(observation="Error in code parsing: your code is invalid"),
        authors_row(observation="Error:\nReached max steps."),
        authors_row() | {"log_data": None},
    )
    wrong, long, failed = (one for one, _ in imported(write(tmp_path / "r.jsonl", *rows)))
    assert wrong.steps[0].parse_problem is ParseProblem.NO_CODE
    assert long.stop_reason is StopReason.STEP_LIMIT
    assert failed.stop_reason.is_infrastructure_error


def test_plain_chat_messages_and_json_lists_are_read(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Two and two?"}]},
                {"role": "assistant", "content": "4", "tool_calls": None, "finish_reason": "stop", "refusal": None},
                {"role": "user", "content": "Thanks"},
            ],
            "answer": 4,
        }
    ]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    ((one, no_score),) = imported(path, agent="chain_of_thought", task_kind=TaskKind.MATH)
    assert no_score is None
    assert (one.task.question, one.task.answer, one.agent) == ("Two and two?", "4", "chain_of_thought")
    assert [message.role for message in one.messages] == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER]


TEXT_PARTS: list[tuple[object, str]] = [
    ([{"type": "output_text", "text": "4", "annotations": []}], "4"),
    ([{"type": "input_text", "text": "4"}], "4"),
    ([{"type": "output_text", "text": "2 + 2"}, {"type": "output_text", "text": "4", "logprobs": None}], "2 + 2\n4"),
    ([{"type": "text", "text": "4", "cache_control": {"type": "ephemeral"}}], "4"),
    ([{"type": "text", "text": {"value": "4", "annotations": []}}], "4"),
    ([{"text": "4"}], "4"),
    (["2 + 2", "4"], "2 + 2\n4"),
]


@pytest.mark.parametrize(("content", "text"), TEXT_PARTS)
@pytest.mark.parametrize("is_item", [False, True])
def test_parts_of_text_are_text_whatever_an_api_calls_them(
    tmp_path: Path, content: object, text: str, is_item: bool
) -> None:
    """Messages of chat completions, of the Responses API (as items with an id) and of the Assistants API."""
    item = {"type": "message", "id": "msg_1", "status": "completed"} if is_item else {}
    reply, question = ({**item, "role": role, "content": content} for role in ("assistant", "user"))
    ((one, _),) = imported(write(tmp_path / "r.jsonl", chat(reply, question, reply)), agent="chain_of_thought")
    assert [message.content for message in one.messages[1:]] == [text, text, text]


CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 2}'}}
NOT_TEXT: list[tuple[dict[str, Any], str]] = [
    ({"role": "assistant", "content": [{"type": "output_text", "text": None}]}, "output_text"),
    ({"role": "assistant", "content": [{"type": "output_text", "text": ["4"]}]}, "output_text"),
    ({"role": "user", "content": [{"type": "input_text", "input_text": "more?"}]}, "input_text"),
    ({"role": "user", "content": [{"type": "input_image", "image_url": "data:…"}]}, "input_image"),
    ({"role": "assistant", "content": [{"type": "output_text", "text": "4"}, {"type": "refusal"}]}, "refusal"),
    ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:…"}}]}, "image_url"),
    ({"role": "user", "content": [{"type": "image", "image": None}]}, "image"),
    ({"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": ""}}]}, "input_audio"),
    ({"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}, "file"),
    ({"role": "user", "content": [{"type": "text"}]}, "text"),
    ({"role": "user", "content": [{"type": "text", "text": None}]}, "text"),
    ({"role": "user", "content": [None]}, "NoneType"),
    ({"role": "user", "content": []}, r"content \[\]"),
    ({"role": "assistant", "content": None}, "content None"),
    ({"role": "assistant"}, "content None"),
    ({"role": "assistant", "content": {"type": "text", "text": "4"}}, "content"),
    ({"role": "assistant", "content": 4}, "content 4"),
    ({"role": "assistant", "content": "4", "audio": {"id": "a"}}, "audio"),
    ({"role": "assistant", "content": "4", "parts": [{"code": "2 + 2"}]}, "parts"),
    ({"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"}, "'function_call'"),
    ({"type": "function_call_output", "call_id": "c1", "output": "4"}, "'function_call_output'"),
    ({"type": "reasoning", "summary": []}, "'reasoning'"),
]
NO_RESULT = "expected the results of add"
BROKEN_CALLS: list[tuple[dict[str, Any], str]] = [
    ({"role": "assistant", "content": "", "tool_calls": [CALL]}, NO_RESULT),
    ({"role": "assistant", "content": None, "tool_calls": [CALL]}, NO_RESULT),
    ({"role": "assistant", "content": "I add.", "tool_calls": [CALL]}, NO_RESULT),
    (
        {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}},
        NO_RESULT,
    ),
    ({"role": "tool", "tool_call_id": "c1", "content": "4"}, "a result of 'c1'"),
    ({"role": "function", "name": "add", "content": "4"}, "a result of 'add'"),
    (
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "add", "input": {}}]},
        NO_RESULT,
    ),
    (
        {"role": "assistant", "content": [{"type": "text", "text": "4"}, {"type": "tool_use", "name": "add"}]},
        NO_RESULT,
    ),
    ({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "4"}]}, "a result of 'c1'"),
    (
        {"role": "tool-call", "content": "Calling tools:\n[{'function': {'name': 'add', 'arguments': {}}}]"},
        NO_RESULT,
    ),
]


@pytest.mark.parametrize(
    ("message", "what", "agent"),
    [
        *((message, what, "code_agent") for message, what in NOT_TEXT),
        *((message, what, "chain_of_thought") for message, what in NOT_TEXT),
        ({"role": "tool-response", "content": "4"}, "tool-response", "chain_of_thought"),
    ],
)
def test_what_is_not_plain_text_is_refused_with_row_and_reason(
    tmp_path: Path, message: dict[str, Any], what: str, agent: str
) -> None:
    good = chat({"role": "assistant", "content": LAST})
    path = write(tmp_path / "rows.jsonl", good, chat(message, {"role": "assistant", "content": "4"}))
    found = import_trajectories(ImportConfig.model_validate({"path": path, "agent": agent}))
    assert len(found.attempts) == 1
    (refused,) = found.refused
    assert refused.place == f"{path}, line 2"
    assert any(one in refused.detail for one in what.replace("\\", "").split("|"))
    assert found.counts == {RefusalReason.NOT_PLAIN_TEXT: 1}


@pytest.mark.parametrize(("message", "what"), BROKEN_CALLS)
def test_calls_and_results_that_do_not_belong_together_are_refused(
    tmp_path: Path, message: dict[str, Any], what: str
) -> None:
    good = chat({"role": "assistant", "content": LAST})
    path = write(tmp_path / "rows.jsonl", good, chat(message, {"role": "assistant", "content": "4"}))
    found = import_trajectories(ImportConfig(path=path))
    assert found.counts == {RefusalReason.BROKEN_CALLS: 1}
    assert found.refused[0].place == f"{path}, line 2"
    assert what in found.refused[0].detail


@pytest.mark.parametrize(
    "call",
    [
        "[{'function': {'name': 'web_search', 'arguments': {'query': 'q'}}}]",
        "[{'function': {'name': 'python_interpreter', 'arguments': {'code': '1'}}}]",
        "[{'function': {'name': 'python_interpreter', 'arguments': '1'}}, {'function': {'name': 'b', 'arguments': '2'}}"
        "]",
    ],
)
def test_calls_that_are_not_one_run_of_code_are_calls_of_tools(tmp_path: Path, call: str) -> None:
    after_reply = chat(
        {"role": "assistant", "content": REPLY}, {"role": "tool-call", "content": f"Calling tools:\n{call}"}
    )
    (_, (read, _)) = imported(write(tmp_path / "r.jsonl", authors_row(), after_reply))
    (_, reply) = read.messages
    assert reply.content == REPLY
    assert [(one.name, bool(one.arguments)) for one in reply.tool_calls if not one.broken_arguments] == [
        (one["function"]["name"], True)
        for one in ast.literal_eval(call)
        if isinstance(one["function"]["arguments"], dict)
    ]
    assert read.failure is not None


@pytest.mark.parametrize("key", ["task_images", "observations_images"])
def test_pictures_of_a_memory_log_are_not_left_out_silently(tmp_path: Path, key: str) -> None:
    steps = [{"task": "Q?"}, {"step_number": 1, "model_output": LAST, "code_action": "final_answer('Oslo')"}]
    pictured = [
        {**step, key: ["<image>"]} if index == (key != "task_images") else step for index, step in enumerate(steps)
    ]
    found = import_trajectories(ImportConfig(path=write(tmp_path / "r.jsonl", {"steps": steps}, {"steps": pictured})))
    assert found.counts == {RefusalReason.NOT_PLAIN_TEXT: 1}
    assert key in found.refused[0].detail


@pytest.mark.parametrize(
    ("score", "correct"),
    [
        *(
            (one, True)
            for one in (
                1,
                1.0,
                True,
                "1",
                "1.0",
                " 1 ",
                "True",
                "true",
                "TRUE",
                "yes",
                "correct",
                "right",
                "Y",
                "T",
                "PASS",
                "passed",
            )
        ),
        *(
            (one, False)
            for one in (0, 0.0, False, "0", "0.0", "False", "false", "no", "0.5", 0.5, "incorrect", "wrong")
        ),
        *((one, False) for one in ("n", "F", "fail", "FAILED")),
        *((one, None) for one in (None, "", "  ", "null", "None", "nan", "NaN", float("nan"), "n/a")),
    ],
)
def test_a_text_for_a_verdict_is_understood_and_a_blank_is_none(
    tmp_path: Path, score: object, correct: bool | None
) -> None:
    ((_, found),) = imported(write(tmp_path / "r.jsonl", authors_row(score=score)))
    assert (None if found is None else found.correct) is correct


@pytest.mark.parametrize("score", ["maybe", 2, -1, "5", "inf", float("inf"), [1], {"value": 1}, "1,0", "7/10", 10**400])
def test_an_odd_score_refuses_its_row_alone(tmp_path: Path, score: object) -> None:
    found = import_trajectories(ImportConfig(path=write(tmp_path / "r.jsonl", authors_row(), authors_row(score=score))))
    assert len(found.attempts) == 1
    assert found.counts == {RefusalReason.ODD_SCORE: 1}
    assert str(found.refused[0]).startswith(f"{tmp_path / 'r.jsonl'}, line 2: score: expected a number from 0 to 1")


@pytest.mark.parametrize(
    "reference", [float("nan"), float("inf"), [float("nan")], ["Oslo", [1]], {"text": "Oslo"}, True]
)
def test_a_reference_that_is_no_text_refuses_its_row_alone(tmp_path: Path, reference: object) -> None:
    rows = [authors_row(), authors_row() | {"true_answer": reference}]
    found = import_trajectories(ImportConfig(path=write(tmp_path / "r.jsonl", *rows)))
    assert len(found.attempts) == 1
    assert found.counts == {RefusalReason.UNKNOWN_SHAPE: 1}
    assert "true_answer" in found.refused[0].detail


def test_references_are_texts_numbers_or_lists(tmp_path: Path) -> None:
    rows = [authors_row() | {"true_answer": one} for one in (12.0, ["Oslo", "Christiania"], "", None, [])]
    tasks = [one.task for one, _ in imported(write(tmp_path / "r.jsonl", *rows))]
    assert [task.references for task in tasks] == [("12",), ("Oslo", "Christiania"), (), (), ()]


BAD_LINES = [
    b"not json",
    b'{"question": "\\ud800", "score": 1}',
    '{"question": "Où?"}'.encode("cp1252"),
    '{"question": "Q?"}'.encode("utf-16"),
    b'{"question": "Q?", "score": ' + b"1" * 5_000 + b"}",
    b'{"question": "Q?", "output": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    b'{"question": "Q?", "output": ' + b"[" * 150 + b"]" * 150 + b', "score": "x"}',
    b"3",
    b'"text"',
    b"{}",
    b'{"messages": [{"role": "robot", "content": "x"}]}',
    b'{"messages": "x"}',
    b'{"log_data": "{"}',
    b'{"log_data": "3"}',
    b'{"conversations": [{"from": "human", "value": "Q?"}]}',
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_bad_row_is_counted_and_named_and_the_others_are_imported(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    good = json.dumps(authors_row()).encode()
    path.write_bytes(b"\xef\xbb\xbf" + good + b"\n" + line + b"\n" + good)  # and no last line break
    found = import_trajectories(ImportConfig(path=path))
    assert len(found.attempts) == 2
    (refused,) = found.refused
    assert refused.place == f"{path}, line 2"
    assert refused.detail
    path.write_bytes(line)
    with pytest.raises(NothingImportedError, match=r"rows\.jsonl: none of 1 rows can be imported \(1 \w+\)"):
        import_trajectories(ImportConfig(path=path))


def test_nothing_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl")
    with pytest.raises(NothingImportedError, match=r"rows\.jsonl: expected trajectories, it holds no rows"):
        import_trajectories(ImportConfig(path=path))
    write(path, *[{"score": "maybe"}] * 5, chat(*[{"role": "tool", "tool_call_id": "c", "content": "4"}]))
    with pytest.raises(
        NothingImportedError, match=r"none of 6 rows .*5 odd_score, 1 broken_calls.*(\n.*line \d.*){3}$"
    ):
        import_trajectories(ImportConfig(path=path))


def test_the_authors_rows_are_read_from_every_container(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    datasets = pytest.importorskip("datasets")
    import pyarrow.parquet

    rows = [authors_row(score=score) for score in ("1", "True", "0.0", "")]
    plain = imported(write(tmp_path / "rows.jsonl", *rows))
    assert [None if score is None else score.correct for _, score in plain] == [True, True, False, None]
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress((tmp_path / "rows.jsonl").read_bytes()))
    (tmp_path / "folder").mkdir()
    as_structs = [{**row, "log_data": json.loads(str(row["log_data"]))} for row in rows]
    for row in as_structs:
        row["log_data"].pop("original_memory")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(as_structs), tmp_path / "folder" / "train-0.parquet")
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "saved")
    for name in ("rows.jsonl.gz", "rows.parquet", "folder", "saved"):
        found = imported(tmp_path / name)
        assert [one.messages for one, _ in found] == [one.messages for one, _ in plain], name
        assert [score and score.correct for _, score in found] == [score and score.correct for _, score in plain], name


@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_list_that_is_named_as_jsonl_is_read(tmp_path: Path, indent: int | None) -> None:
    rows = [authors_row(score=score) for score in ("1", "0.0")]
    (tmp_path / "rows.jsonl").write_text(json.dumps(rows, indent=indent))
    assert [score and score.correct for _, score in imported(tmp_path / "rows.jsonl")] == [True, False]
    chat = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "The answer is 4."}]
    (tmp_path / "chat.jsonl").write_text(json.dumps(chat, indent=indent))
    config = ImportConfig(path=tmp_path / "chat.jsonl", agent="chain_of_thought")
    ((attempt, _),) = import_trajectories(config).attempts
    assert [message.content for message in attempt.messages][-1] == "The answer is 4."


def test_a_path_or_a_hub_id(tmp_path: Path) -> None:
    for keys in ({}, {"path": tmp_path, "hub": "a/b"}, {"path": tmp_path, "revision": "main"}):
        with pytest.raises(ValueError, match="path"):
            ImportConfig.model_validate(keys)
    with pytest.raises(FileNotFoundError, match="nosuch"):
        import_trajectories(ImportConfig(path=tmp_path / "nosuch.jsonl"))
