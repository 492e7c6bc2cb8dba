"""From a run directory to the document: whole runs, runs that are still going, files that were touched twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.report.made_up import Skill, attempt, score_of, tasks_of
from tests.report.make_run import BASELINE, STUDENT, SYSTEMS, TEACHER, make_run
from understudy.records import Dropped, DropReason, Example, Score, StageState, StopReason, Trajectory
from understudy.report import PaperCell, PaperMethod, ReportConfig, collect
from understudy.report.as_json import as_json
from understudy.report.bodies import bodies, chunk, chunks
from understudy.report.data import CHUNK_ROWS, Body, SystemRole, Verdict
from understudy.runs import append_jsonl, read_jsonl, write_jsonl


def test_every_trajectory_has_one_row_with_its_verdict(made_run: Path) -> None:
    document = collect(made_run)
    for collection in document.collections:
        if collection.key.startswith("curate"):
            continue
        trajectories = list(read_jsonl(made_run / collection.key / "trajectories.jsonl", Trajectory))
        scores = {s.trajectory_id: s for s in read_jsonl(made_run / collection.key / "scores.jsonl", Score)}
        assert [row.id for row in collection.rows] == [one.id for one in trajectories]
        assert [row.verdict is Verdict.RIGHT for row in collection.rows] == [
            scores[one.id].correct for one in trajectories
        ]


def test_systems_are_those_measured_with_their_roles_and_the_papers_figures(made_run: Path) -> None:
    systems = collect(made_run).systems
    assert [one.metrics.system for one in systems] == [one.label for one in SYSTEMS]
    roles = {one.metrics.system: one.role for one in systems if one.role is not SystemRole.OTHER}
    assert roles == {BASELINE: SystemRole.BASELINE, STUDENT: SystemRole.STUDENT, TEACHER: SystemRole.TEACHER}
    assert systems[0].paper == pytest.approx(0.2033)
    assert [one.metrics.system for one in systems if one.metrics.is_program] == [TEACHER]
    assert all(one.candidates is None or one.candidates.n_candidates == 8 * one.candidates.n_steps for one in systems)


def test_candidates_are_counted_where_there_was_a_vote(made_run: Path) -> None:
    voting = {one.metrics.system for one in collect(made_run).systems if one.candidates}
    assert voting == {"Agent distilled + SAG", STUDENT}


def test_fate_is_reported_of_the_rollout_that_the_curation_took_from(made_run: Path) -> None:
    document = collect(made_run)
    rollout = next(one for one in document.collections if one.key == "rollout/teacher-agent")
    examples = next(one for one in document.collections if one.key == "curate/teacher-agent")
    assert {row.id for row in rollout.rows if row.fate == "kept"} == {row.id for row in examples.rows}
    assert all(row.fate for row in rollout.rows)
    assert not any(row.fate for one in document.collections if one.key.startswith("evaluate") for row in one.rows)
    assert rollout.is_program


def test_of_two_stages_with_the_same_ids_each_has_its_own_fates(made_run: Path, tmp_path: Path) -> None:
    """As a repair and the rollout that it stands beside have."""
    run = tmp_path / "run"
    shutil.copytree(made_run, run)
    again = run / "repair" / "again"
    shutil.copytree(run / "rollout" / "teacher-agent", again)
    path = again / "stage.json"
    path.write_text(path.read_text().replace('"rollout"', '"repair"').replace("teacher-agent", "again"))
    folder = run / "curate" / "teacher-agent"
    record = json.loads((folder / "stage.json").read_text())
    record["inputs"]["repair/again"] = "0"
    (folder / "stage.json").write_text(json.dumps(record))
    examples = [
        one.model_copy(update={"stage": "repair/again"}) for one in read_jsonl(folder / "examples.jsonl", Example)
    ]
    write_jsonl(folder / "examples.jsonl", examples)
    others = [
        Dropped(trajectory_id=one.trajectory_id, stage="rollout/teacher-agent", reason=DropReason.NOT_SELECTED)
        for one in examples
    ]
    write_jsonl(folder / "dropped.jsonl", others)
    found = {one.key: {row.fate for row in one.rows if row.fate} for one in collect(run).collections}
    assert found["repair/again"] == {"kept"}
    assert found["rollout/teacher-agent"] == {"not_selected"}


def test_bodies_stand_where_their_rows_say(made_run: Path) -> None:
    for collection in collect(made_run).collections:
        lines = [line for one in chunks(made_run, collection.key) for line in one.decode().split("\n")]
        assert len(lines) == len(list(bodies(made_run, collection.key)))
        for row in collection.rows:
            body = Body.model_validate_json(lines[row.line])
            assert row.id == (body.trajectory.id if body.trajectory else body.example.id if body.example else None)
        assert chunk(made_run, collection.key, 0).decode().split("\n") == lines[:CHUNK_ROWS]


def test_an_attempt_that_was_made_again_is_listed_once_as_it_ended(tmp_path: Path) -> None:
    task = tasks_of("math500", "test", 1, 0)[0]
    good = attempt(task, Skill("m", 1.0, breaks=0), 0).model_copy(update={"answer": task.answer})
    failed = good.model_copy(update={"stop_reason": StopReason.PROVIDER})
    folder = tmp_path / "run" / "evaluate" / "agent"
    with append_jsonl(folder / "trajectories.jsonl") as writer:
        writer.write(failed)
        writer.write(good)
    with append_jsonl(folder / "scores.jsonl") as writer:
        writer.write(score_of(good, False))
        writer.write(score_of(good, True))
    (row,) = collect(tmp_path / "run").collections[0].rows
    assert (row.line, row.verdict) == (1, Verdict.RIGHT)


def test_a_run_that_is_going_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", n_tasks=4)
    (run_dir / "comparisons.json").unlink()
    stage = run_dir / "evaluate" / "teacher" / "stage.json"
    stage.write_text(stage.read_text().replace('"done"', '"running"'))
    (run_dir / "evaluate" / "teacher" / "metrics.json").unlink()
    with (run_dir / "evaluate" / "teacher" / "trajectories.jsonl").open("ab") as file:
        file.write(b'{"task": {"id": "torn')
    with (run_dir / "train" / "agent" / "log.jsonl").open("ab") as file:
        file.write(b'{"step": 510, "loss": NaN}\n{"step": 52')
    document = collect(run_dir)
    assert document.state is StageState.RUNNING
    assert TEACHER in [one.label for one in document.collections]
    assert len(document.systems) == len(SYSTEMS) - 1
    assert len(document.curves[0].points) == 50


def test_an_empty_directory_is_a_document_too(tmp_path: Path) -> None:
    document = collect(tmp_path)
    assert document.systems == ()
    assert document.sentence.text == "Nothing has been evaluated yet."
    with pytest.raises(FileNotFoundError, match="expected a run directory"):
        collect(tmp_path / "none")


def test_version_changes_with_any_file(made_run: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", n_tasks=2)
    before = collect(run_dir).version
    assert collect(run_dir).version == before
    with (run_dir / "evaluate" / "agent" / "scores.jsonl").open("a") as file:
        file.write("\n")
    (run_dir / "evaluate" / "agent" / "scores.jsonl").write_text("")
    assert collect(run_dir).version != before


def test_numbers_that_json_does_not_have_become_null() -> None:
    body = Body(trajectory=attempt(tasks_of("hotpotqa", "test", 1, 0)[0], Skill("m", 1.0), 0))
    assert body.trajectory is not None
    step = body.trajectory.steps[0].model_copy(update={"mean_logprob": float("-inf")})
    odd = body.trajectory.model_copy(update={"steps": (step, *body.trajectory.steps[1:])})
    text = as_json(Body(trajectory=odd))
    assert json.loads(text, parse_constant=pytest.fail)["trajectory"]["steps"][0]["mean_logprob"] is None


@pytest.mark.parametrize(
    ("size", "method", "said"),
    [
        ("2B", PaperMethod.COT_PROMPT, "expected one of 32B"),
        ("32B", PaperMethod.COT_DISTIL, "has cot_prompt, agent_prompt"),
    ],
)
def test_a_cell_that_the_paper_has_not_is_refused(size: str, method: PaperMethod, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PaperCell(size=size, method=method)


def test_config_may_be_given_instead_of_the_recipes(made_run: Path) -> None:
    document = collect(made_run, ReportConfig(title="Other", student="CoT distilled"))
    assert document.title == "Other"
    assert document.sentence.text.startswith("CoT distilled answers")
