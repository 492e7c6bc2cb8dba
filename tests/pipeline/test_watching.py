"""The log of a served agent is compared with its run, and becomes the recipe of a new round that runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.pipeline.small_recipe import WITHOUT_TRAINING, small_recipe
from tests.pipeline.test_run import run_quietly
from understudy.annotations import in_package
from understudy.cli.app import app
from understudy.evaluation.drift import watch
from understudy.grading import shown_digest
from understudy.pipeline import load_recipe
from understudy.pipeline.watching import advice, read_window
from understudy.records import Mark, MarkVerdict, Trajectory
from understudy.rollouts import read_trajectories
from understudy.runs import write_jsonl


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose student acted as its teacher did: nothing is trained here."""
    folder = tmp_path_factory.mktemp("watching")
    (folder / "small.yaml").write_text(small_recipe(n_test=40))
    made = folder / "run"
    run_quietly(load_recipe(folder / "small.yaml"), made, only=WITHOUT_TRAINING)
    shutil.copytree(made / "evaluate/teacher", made / "evaluate/agent")
    attempts = made / "evaluate/agent/trajectories.jsonl"
    attempts.write_text(
        attempts.read_text().replace('"model":"understudy.tasks.toy:toy_teacher"', '"model":"train/agent"')
    )
    shutil.copytree(in_package("package:understudy/demo/base"), made / "train/agent/checkpoint")
    return made


def write_log(run_dir: Path, folder: Path, *, fails: bool) -> Path:
    """A log of the attempts of the evaluation; if it fails, half of them stop without an answer."""
    served = []
    for number, one in enumerate(read_trajectories(run_dir / "evaluate/agent/trajectories.jsonl")):
        task = one.task.model_copy(update={"id": f"served-{number:02}", "answer": None})
        lost = {"stop_reason": "step_limit", "answer": None} if fails and number % 2 else {}
        served.append(Trajectory.model_validate({**one.model_dump(), "task": task, **lost}))
    write_jsonl(folder / "trajectories.jsonl", served)
    about = [
        {"id": one.task.id, "agent": "a", "started": "", "ended": f"2026-11-{1 + n // 2:02}"}
        for n, one in enumerate(served)
    ]
    lines = [json.dumps({**one, "end": "idle"}) + "\n" for one in about]
    (folder / "conversations.jsonl").write_text("".join(lines))
    return folder


def cli(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, " ".join((done.output + str(done.exception or "")).split())


def test_a_log_like_the_evaluation_gives_no_reason_for_a_round(run_dir: Path, tmp_path: Path) -> None:
    code, said = cli("watch", str(write_log(run_dir, tmp_path / "log", fails=False)), "--run", str(run_dir))
    assert code == 0, said
    assert "evaluate/agent" in said
    code, said = cli("watch", str(tmp_path / "log"))
    assert "name the run with --run" in said
    (tmp_path / "log/agent.json").write_text(
        json.dumps({"label": "a", "model": "m", "agent": "k", "run": str(run_dir)})
    )
    code, said = cli("watch", str(tmp_path / "log"))
    assert code == 0, said
    assert "No rise of faults is seen" in said
    assert "pays" not in said


def test_more_faults_make_a_round_pay_and_the_round_runs(run_dir: Path, tmp_path: Path) -> None:
    log, file = write_log(run_dir, tmp_path / "log", fails=True), tmp_path / "next.yaml"
    code, said = cli("watch", str(log), "--run", str(run_dir), "--next", str(file))
    assert code == 0, said
    assert "A new round of training pays: no answer" in said
    new = run_dir.with_name("run-next")
    assert f"understudy imported {file} --run-dir {new}" in said
    recipe = load_recipe(file)
    run_quietly(recipe, new, only=recipe.stages_of("imported"))
    served = list(read_trajectories(new / "imported/served/trajectories.jsonl"))
    assert served == list(read_trajectories(log / "trajectories.jsonl"))
    mark(new, served[0])
    run_quietly(load_recipe(file), new, only=[*recipe.stages_of("imported"), *recipe.stages_of("curate")])
    ids = [json.loads(line)["task_id"] for line in (new / "curate/agent/examples.jsonl").read_text().splitlines()]
    before = [
        json.loads(line)["task_id"] for line in (run_dir / "curate/agent/examples.jsonl").read_text().splitlines()
    ]
    assert ids == [*before, "served-00"]


def mark(run_dir: Path, trajectory: Trajectory) -> None:
    one = Mark(
        stage="imported/served",
        trajectory_id=trajectory.id,
        digest=shown_digest(trajectory),
        verdict=MarkVerdict.RIGHT,
    )
    write_jsonl(run_dir / "marks.jsonl", [one])


def test_a_window_is_the_last_conversations_or_those_since_a_date(run_dir: Path, tmp_path: Path) -> None:
    log = write_log(run_dir, tmp_path / "log", fails=False)
    assert len(read_window(log)) == 40
    assert [one.task.id for one in read_window(log, last=2)] == ["served-38", "served-39"]
    assert len(read_window(log, since="2026-11-11")) == 20
    with pytest.raises(ValueError, match="no conversation ended since 2027"):
        read_window(log, since="2027")
    (log / "conversations.jsonl").unlink()
    with pytest.raises(ValueError, match="use --last"):
        read_window(log, since="2026-11-11")


def test_few_conversations_conclude_nothing(run_dir: Path, tmp_path: Path) -> None:
    window = read_window(write_log(run_dir, tmp_path / "log", fails=True), last=10)
    (sentence,) = advice(watch(list(read_trajectories(run_dir / "evaluate/agent/trajectories.jsonl")), window))
    assert "too few" in sentence


def test_what_is_not_there_is_refused(run_dir: Path, tmp_path: Path) -> None:
    code, said = cli("watch", str(tmp_path / "log"), "--run", str(run_dir))
    assert code == 1
    assert "expected the log of a served agent" in said
    log = write_log(run_dir, tmp_path / "log", fails=False)
    code, said = cli("watch", str(log), "--run", str(run_dir), "--reference", "other")
    assert "expected one of teacher, agent; got 'other'" in said
    lines = (log / "trajectories.jsonl").read_text().replace('"model":"train/agent"', '"model":"train/other"')
    (log / "trajectories.jsonl").write_text(lines)
    code, said = cli("watch", str(log), "--run", str(run_dir))
    assert "is of code_agent with train/other; --reference: teacher, agent" in said
