"""What a run publishes and refuses to publish, and the run that its card makes again, through a stand-in of the Hub."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tests.pipeline.small_recipe import WITHOUT_TRAINING, small_recipe
from tests.publishing.hub_stand_in import TOKEN, StandIn, stand_in
from understudy.annotations import in_package
from understudy.cli.app import app
from understudy.pipeline import (
    PushOptions,
    compare_with_card,
    load_recipe,
    prepare_push,
    recipe_of_card,
    recipe_of_run,
    run_recipe,
)
from understudy.publishing import CardError, UploadError, read_card, screen, upload
from understudy.records import Manifest
from understudy.training import Method, StudentCard, TrainSummary
from understudy.training.encoding import TokenCounts

BOTH = ("--model", "me/small-agent", "--data", "me/small-data")
# huggingface_hub 1.33 uploads to Git LFS in a way that httpx will no longer take one day.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
IDS = PushOptions(model_id="me/small-agent", data_id="me/small-data", licence="apache-2.0")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose student is its untrained base, and was given the teacher's figures: nothing is trained here."""
    folder = tmp_path_factory.mktemp("publishing")
    path, made = folder / "small.yaml", folder / "run"
    path.write_text(small_recipe(n_test=8))
    run_recipe(load_recipe(path), made, only=WITHOUT_TRAINING, say=lambda _: None, quiet=True)
    base = in_package("package:understudy/demo/base")
    checkpoint = made / "train/agent/checkpoint"
    shutil.copytree(base, checkpoint)
    card = StudentCard(base=base, method=Method.FULL, is_adapter=False, digest="0", n_steps=2, n_trainable=9)
    (checkpoint / "student.json").write_text(card.model_dump_json())
    counts = dict.fromkeys(TokenCounts.model_fields, 0)
    summary = TrainSummary.model_validate(
        {"student": card, "counts": counts, "n_steps": 2, "n_tokens_seen": 5, "n_trained_seen": 4}
    )
    (made / "train/agent/summary.json").write_text(summary.model_dump_json())
    shutil.copytree(made / "evaluate/teacher", made / "evaluate/agent")
    metrics = json.loads((made / "evaluate/agent/metrics.json").read_text())
    (made / "evaluate/agent/metrics.json").write_text(json.dumps({**metrics, "system": "Student", "is_program": False}))
    return made


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    """The stand-in, with a token. Its files go through Git LFS: it does not speak Xet."""
    from huggingface_hub import constants

    with stand_in() as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", served.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield served


def push(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["push", *words])
    return done.exit_code, " ".join((done.output + str(done.exception or "")).split())


def test_without_being_asked_nothing_is_sent(run_dir: Path, hub: StandIn, tmp_path: Path) -> None:
    code, said = push(str(run_dir), *BOTH, "--out", str(tmp_path / "out"))
    assert code == 0, said
    assert "Nothing was sent" in said
    assert hub.requests == []
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(files) > 10
    assert all(str(path.relative_to(tmp_path / "out")).split("/", 1)[1] in said for path in files)


def test_what_was_sent_is_what_was_shown(run_dir: Path, hub: StandIn, tmp_path: Path) -> None:
    code, said = push(str(run_dir), *BOTH, "--out", str(tmp_path / "out"), "--upload")
    assert code == 0, said
    assert {key: repo.private for key, repo in hub.repos.items()} == {
        ("model", "me/small-agent"): True,
        ("dataset", "me/small-data"): True,
    }
    for folder, key in (("model", ("model", "me/small-agent")), ("data", ("dataset", "me/small-data"))):
        root = tmp_path / "out" / folder
        written = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        assert hub.repos[key].files == written
    assert any(path.startswith("PUT /blobs/") for path in hub.requests), "weights and tables go through Git LFS"


def test_a_second_push_is_a_second_commit(run_dir: Path, hub: StandIn, tmp_path: Path) -> None:
    recipe = recipe_of_run(run_dir)
    for number in (1, 2):
        prepared = prepare_push(recipe, run_dir, IDS, tmp_path / str(number))
        for repository in prepared.repositories:
            assert "commit" in " ".join(upload(repository, private=False))
    assert [(repo.private, len(repo.commits)) for repo in hub.repos.values()] == [(False, 2)] * 2


def test_a_file_that_did_not_arrive_is_an_error(run_dir: Path, hub: StandIn, tmp_path: Path) -> None:
    hub.loses = "agent.json"
    (repository,) = prepare_push(recipe_of_run(run_dir), run_dir, PushOptions(model_id="me/x"), tmp_path).repositories
    with pytest.raises(UploadError, match=r"does not hold what was sent: agent\.json"):
        list(upload(repository))


def test_a_token_that_the_hub_refuses_is_an_error_of_one_line(
    run_dir: Path, hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    (repository,) = prepare_push(recipe_of_run(run_dir), run_dir, PushOptions(model_id="me/x"), tmp_path).repositories
    with pytest.raises(UploadError, match=r"/me/x: .*401") as raised:
        list(upload(repository))
    assert "\n" not in str(raised.value)


def test_the_cards_state_the_facts(run_dir: Path, tmp_path: Path) -> None:
    prepared = prepare_push(recipe_of_run(run_dir), run_dir, IDS, tmp_path)
    assert prepared.refusals == ()
    model, data = (tmp_path / "model/README.md").read_text(), (tmp_path / "data/README.md").read_text()
    header = yaml.safe_load(model.split("---")[1])
    assert header["license"] == "apache-2.0"
    assert header["datasets"] == ["me/small-data"]
    assert "base_model" not in header, "the base has no id of the Hub"
    for card in (model, data):
        assert "a program and not a language model" in card
        assert "understudy rerun" in card
        assert str(run_dir.parent) not in card
    assert "**This is a toy.**" in model
    assert re.search(r"\| \*\*Student\*\* \| test \| 8 \| \d+\.\d \(\d+\.\d–\d+\.\d\)", model)
    (result,) = yaml.safe_load((tmp_path / "model/.eval_results/understudy.yaml").read_text())
    assert result["dataset"] == {"id": "me/small-data", "task_id": "test"}
    assert 0 <= result["value"] <= 100


def test_the_tables_are_read_by_datasets_with_their_splits(run_dir: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    prepare_push(recipe_of_run(run_dir), run_dir, PushOptions(data_id="me/small-data"), tmp_path / "out")
    folder, cache = str(tmp_path / "out/data"), str(tmp_path / "cache")
    examples = load_dataset(folder, cache_dir=cache)
    attempts = load_dataset(folder, "attempts", cache_dir=cache)
    assert list(examples) == ["train"]
    assert len(examples["train"]) == (run_dir / "curate/agent/examples.jsonl").read_bytes().count(b"\n")
    assert list(attempts) == ["agent"]
    assert {type(one) for one in attempts["agent"]["correct"]} == {bool}


def test_a_manifest_names_what_lies_in_a_package_without_a_path(run_dir: Path) -> None:
    manifest = Manifest.model_validate_json((run_dir / "manifest.json").read_bytes())
    assert '"path":"package:understudy/demo/base"' in json.dumps(manifest.recipe, separators=(",", ":"))
    assert recipe_of_run(run_dir).models["base"].path == in_package("package:understudy/demo/base")


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("note.md", "trained in /home/ada/runs/x", "local path /home/ada/runs/x"),
        ("note.md", r"trained in C:\Users\ada\runs", r"local path C:\Users\ada\runs"),
        ("settings.json", '{"url": "http://10.0.0.7:8000/v1"}', "private address http://10.0.0.7:8000/v1"),
        ("settings.json", '{"url": "http://gpu-box:8000/v1"}', "private address http://gpu-box:8000"),
        ("note.md", "write to ada@example.com", "email ad…om"),
        ("run.yaml", "api_key: sk-abcdefghijklmnopqrstuvwx1234", "key sk…34"),
        ("weights.bin", "\x80", "unknown kind of file .bin"),
    ],
)
def test_what_must_not_leave_is_found(name: str, content: str, what: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    (refusal,) = screen(tmp_path)
    assert what in str(refusal)
    assert "ada@example.com" not in str(refusal)
    assert "abcdefgh" not in str(refusal)


@pytest.mark.parametrize(
    "content",
    [
        "see https://example.com/home/ada",
        "run at http://localhost:8000/v1",
        "a/b, and/or, 3/4",
        "2024-05-06",
        "rate 5178800",
    ],
)
def test_what_may_leave_is_let_through(content: str, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text(content)
    assert list(screen(tmp_path)) == []


def test_a_value_of_a_table_is_refused_until_it_is_allowed(run_dir: Path, hub: StandIn, tmp_path: Path) -> None:
    own = tmp_path / "run"
    shutil.copytree(run_dir, own)
    examples = own / "curate/agent/examples.jsonl"
    lines = examples.read_text().splitlines()
    lines[2] = (
        lines[2]
        .replace("I look it up.", "I write to shop@example.com.")
        .replace("I compute it.", "I write to shop@example.com.")
    )
    examples.write_text("\n".join(lines) + "\n")
    code, said = push(str(own), "--data", "me/small-data", "--upload")
    assert code == 1
    assert "data/examples/train.parquet, row 3: email sh…om" in said
    assert hub.requests == []
    code, said = push(str(own), "--data", "me/small-data", "--upload", "--allow", "shop@example.com")
    assert code == 0, said


def test_servers_files_and_code_of_this_machine_are_named_not_published(run_dir: Path, tmp_path: Path) -> None:
    from understudy.publishing.portable import portable

    recipe = {
        "models": {"teacher": {"kind": "openai_chat", "base_urls": ["http://10.1.2.3:8000/v1"]}},
        "tasks": {"own": {"path": "/home/ada/data/questions.jsonl"}, "near": {"path": "/home/ada/shop/near.jsonl"}},
        "stages": {"rollout": {"x": {"agent": "shop.agents:Own"}}},
    }
    made, needs = portable(recipe, Path("/home/ada/shop"))
    assert made["models"]["teacher"]["base_urls"] == ["http://localhost:8000/v1"]
    assert (made["tasks"]["own"]["path"], made["tasks"]["near"]["path"]) == ("questions.jsonl", "near.jsonl")
    assert made["rollout"] == recipe["stages"]["rollout"]
    assert [one for one in needs if "server" in one]
    assert {"the file or folder questions.jsonl", "the file or folder near.jsonl", "the code shop.agents:Own"} <= {
        *needs
    }


def test_a_card_of_the_hub_makes_the_same_examples_again(run_dir: Path, hub: StandIn, tmp_path: Path) -> None:
    for repository in prepare_push(recipe_of_run(run_dir), run_dir, IDS, tmp_path / "out").repositories:
        list(upload(repository))
    published = read_card("me/small-agent")
    assert read_card(str(tmp_path / "out/model")).recipe == published.recipe
    recipe = recipe_of_card(published)
    run_recipe(recipe, tmp_path / "again", only=WITHOUT_TRAINING[:2], say=lambda _: None, quiet=True)
    (sentence,) = compare_with_card(published, recipe, tmp_path / "again")
    assert "curate/agent: the examples of the card" in sentence
    other = recipe_of_card(published, ("seed=1",))
    run_recipe(other, tmp_path / "other", only=WITHOUT_TRAINING[:2], say=lambda _: None, quiet=True)
    (sentence,) = compare_with_card(published, other, tmp_path / "other")
    assert "other examples than the card's" in sentence


@pytest.mark.slow
def test_rerun_trains_and_compares(run_dir: Path, tmp_path: Path) -> None:
    prepare_push(recipe_of_run(run_dir), run_dir, IDS, tmp_path / "out")
    done = CliRunner().invoke(app, ["rerun", str(tmp_path / "out/model"), "--run-dir", str(tmp_path / "again")])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "curate/agent: the examples of the card" in said
    assert re.search(r"Student on test: \d+\.\d % \(.*\), \d+\.\d % on the card", said)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# A model\n", "holds no recipe"),
        ("---\nlicense: mit\n---\n```yaml recipe\nname: x\n```\n", "no key understudy"),
    ],
)
def test_a_card_of_another_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(CardError, match=says):
        read_card(str(tmp_path))


def test_a_card_that_is_not_there_is_refused() -> None:
    with pytest.raises(CardError, match="there is no such file"):
        read_card("./nowhere/README.md")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (PushOptions(), "nothing to publish"),
        (PushOptions(model_id="agent"), "namespace/name"),
        (PushOptions(model_id="me/x", stage="other"), "expected one of train/agent"),
    ],
)
def test_a_wrong_request_is_refused_at_once(options: PushOptions, says: str, run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        prepare_push(recipe_of_run(run_dir), run_dir, options, tmp_path / "out")
    assert not (tmp_path / "out").exists()
