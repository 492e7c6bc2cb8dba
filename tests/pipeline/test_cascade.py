"""A cascade in a recipe: measured on development tasks, evaluated on others, drawn, and curated."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from tests.pipeline.test_agreement import _texts
from understudy.models import Model, Request
from understudy.pipeline import StageFailedError, load_recipe, run_recipe
from understudy.pipeline.cascades import DevelopmentTaskError
from understudy.pipeline.loading import RecipeError
from understudy.records import Completion, Dropped, Example, FinishReason, Metrics, SignalReport, Trajectory, Usage
from understudy.report import collect, terminal_table, write_report
from understudy.runs import read_jsonl, read_record
from understudy.tasks.toy import toy_teacher

RECIPE = """\
name: small
tasks:
  dev: {name: toy, split: dev, limit: 36}
  test: {name: toy, split: test, limit: 36}
  more: {name: toy, split: train, limit: 20}
retrieval: {kind: memory, corpus: toy}
tools: {search: {k: 1, shape: brief}}
sandbox: {preload: []}
models:
  teacher: {kind: scripted, program: "understudy.tasks.toy:toy_teacher", name: teacher}
  student: {kind: "tests.pipeline.test_cascade:Doubting"}
agents:
  agent: {kind: code_agent, prompts: minimal, max_steps: 5}
  cascade: &cascade
    {kind: cascade, student_agent: agent, teacher_agent: agent, teacher_model: teacher, threshold: student}
  at-step: {<<: *cascade, signal: lowest_action_logprob, at: step}
rollout:
  dev-student: {tasks: [dev], model: student, agent: agent}
  dev-teacher: {tasks: [dev], model: teacher, agent: agent}
  traffic: {tasks: [more], model: student, agent: cascade}
signals:
  student: {student: dev-student, teacher: dev-teacher, share: 0.6}
curate:
  next: {rollouts: [traffic], agent: agent, filters: [correct, deferred]}
evaluate:
  both: {label: Student on more, model: student, agent: agent, tasks: [dev, test]}
  student: {label: Student, model: student, agent: agent, tasks: [test]}
  cascade: {label: Cascade, model: student, agent: cascade, tasks: [test]}
  at-step: {label: At a step, model: student, agent: at-step, tasks: [test]}
  teacher: {label: Teacher, model: teacher, agent: agent, tasks: [test]}
"""


class Doubting(Model):
    """The toy teacher with many mistakes; it finds most of its mistakes improbable, and some good replies too."""

    name = "doubting"
    gives_logprobs = True

    def complete(self, request: Request) -> tuple[Completion, ...]:
        reply, right = (toy_teacher(request, error_rate=rate) for rate in (0.3, 0.0))
        draw = Random(f"{request.seed} {len(request.messages)}")
        logprob = -2.0 + 0.5 * draw.random() if (reply != right) ^ (draw.random() < 0.02) else -0.1 * draw.random()
        text = str(reply).removesuffix("<end_code>")
        logprobs = (logprob,) if request.logprobs else None
        usage = Usage(prompt_tokens=10, completion_tokens=1, requests=1, cost_usd=0.001)
        return (Completion(text=text, finish_reason=FinishReason.STOP, usage=usage, logprobs=logprobs),)


def run(tmp_path: Path, text: str = RECIPE) -> list[str]:
    path = tmp_path / "small.yaml"
    path.write_text(text)
    said: list[str] = []
    run_recipe(load_recipe(path), tmp_path / "run", say=said.append, quiet=True)
    return said


def test_from_development_tasks_to_the_curve_and_the_next_curation(tmp_path: Path) -> None:
    said = "\n".join(run(tmp_path))
    folder = tmp_path / "run"
    report = read_record(folder / "signals/student/signals.json", SignalReport)
    figures = {one.signal: one for one in report.signals}
    assert figures["lowest_action_logprob"].tells
    assert figures["vote_share"].auroc is None
    assert "signals/student: vote_share has no value" in said
    assert "signals/student: step_limit tells nothing: AUROC 0.5" in said
    assert report.chosen in ("lowest_action_logprob", "mean_action_logprob", "lowest_token_logprob")
    assert 0 < figures[report.chosen].share <= 0.6

    attempts = {one.id: one for one in read_jsonl(folder / "evaluate/cascade/trajectories.jsonl", Trajectory)}
    records = [one.cascade for one in attempts.values() if one.cascade is not None]
    assert len(records) == 36
    assert {record.threshold for record in records} == {figures[report.chosen].threshold}
    metrics = read_record(folder / "evaluate/cascade/metrics.json", Metrics).task_sets[0]
    assert metrics.deferral is not None
    assert metrics.deferral.n_deferred == sum(record.is_deferred for record in records)
    assert metrics.deferral.student_usage + metrics.deferral.teacher_usage == metrics.usage

    document = collect(folder)
    chosen, at_step = ([one for one in document.deferrals if one.runs] * 2)[:2]
    ends = {one.metrics.system: one.metrics.average for one in document.systems}
    assert (chosen.points[0].accuracy, chosen.points[-1].accuracy) == (ends["Student"], ends["Teacher"])
    assert chosen.student == "Student", "not the evaluation that has other tasks too"
    assert chosen.teacher_is_program
    cascade = next(point for point in chosen.runs if point.label == "Cascade")
    assert cascade.accuracy == ends["Cascade"] > ends["Student"]
    computed = min(chosen.points, key=lambda point: abs(point.share - cascade.share))
    assert cascade.accuracy == pytest.approx(computed.accuracy, abs=0.051), "what was computed is what was run"
    assert {point.at for curve in (chosen, at_step) for point in curve.runs} == {"start", "step"}
    shown = "".join(_texts(terminal_table(folder)))
    assert "Cascade (its teacher is a program)" in shown
    assert "tells nothing" in shown
    assert write_report(folder).stat().st_size > 1000

    kept = list(read_jsonl(folder / "curate/next/examples.jsonl", Example))
    dropped = [one.reason for one in read_jsonl(folder / "curate/next/dropped.jsonl", Dropped)]
    traffic = list(read_jsonl(folder / "rollout/traffic/trajectories.jsonl", Trajectory))
    deferred = {one.id for one in traffic if one.cascade is not None and one.cascade.is_deferred}
    assert {one.trajectory_id for one in kept} <= deferred
    assert dropped.count("not_deferred") <= len(traffic) - len(deferred)
    assert len(kept) + len(dropped) == len(traffic)


def test_a_bound_of_the_cost_is_kept(tmp_path: Path) -> None:
    text = RECIPE.replace("share: 0.6", "max_tokens: 100").partition("curate:")[0].replace("  traffic: ", "  # ")
    run(tmp_path, text)
    report = read_record(tmp_path / "run/signals/student/signals.json", SignalReport)
    assert report.curve is not None
    threshold = next(one.threshold for one in report.signals if one.signal == report.chosen)
    spent = [
        p.student_tokens + p.teacher_tokens
        for p in report.curve.points[:-1]
        if (p.threshold or -99) <= (threshold or 0)
    ]
    assert spent
    assert max(spent) <= 100
    assert report.bound == "at most 100 tokens per task"


def test_contradictions_are_refused_with_their_keys(tmp_path: Path) -> None:
    wrong = {
        "tasks: [test]}\n  cascade": ("tasks: [test]}\n  cascade", ""),
        "evaluate.cascade.tasks: 'dev' are the development tasks of signals/student": (
            "agent: cascade, tasks: [test]",
            "agent: cascade, tasks: [dev]",
        ),
        "evaluate.cascade.model: signals/student set the threshold for 'student', and this student is 'teacher'": (
            "{label: Cascade, model: student",
            "{label: Cascade, model: teacher",
        ),
        "agents.at-step.at: step needs a signal": ("signal: lowest_action_logprob", "signal: no_answer"),
        "agents.at-step.signal: is missing": ("signal: lowest_action_logprob, ", ""),
        "agents.cascade.threshold: expected one of student": ("threshold: student", "threshold: other"),
        "agents.cascade.signal: is missing: a threshold that is a number": ("threshold: student", "threshold: -0.5"),
        "agents.cascade.student_agent: expected one of agent": ("student_agent: agent", "student_agent: clerk"),
        "signals.student.teacher: expected attempts at the tasks of dev-student": (
            "dev-teacher: {tasks: [dev]",
            "dev-teacher: {tasks: [test]",
        ),
        "expected one of share, max_tokens and max_cost_usd": ("share: 0.6", "share: 0.6, max_tokens: 5"),
        "expected one of lowest_action_logprob": ("share: 0.6", "signals: [mood]"),
    }
    for message, (old, new) in wrong.items():
        if not new and "missing" not in message:
            continue
        path = tmp_path / "wrong.yaml"
        path.write_text(RECIPE.replace(old, new))
        with pytest.raises(RecipeError) as caught:
            load_recipe(path)
        assert message in str(caught.value)


def test_test_tasks_must_not_ask_development_questions(tmp_path: Path) -> None:
    rows = [
        {"id": f"q{number}", "question": f"How much is {number} + 1?", "answer": str(number + 1)} for number in range(6)
    ]
    for name, part in (
        ("dev", rows[:4]),
        ("test", [*rows[4:], {**rows[0], "id": "other", "question": "how much  is 0 + 1?"}]),
    ):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    text = RECIPE
    for name in ("dev", "test"):
        text = text.replace(f"{{name: toy, split: {name}, limit: 36}}", f"{{path: {name}.jsonl}}")
    with pytest.raises(
        DevelopmentTaskError, match=r"1 of 3 test tasks ask what .* such as .*: 'how much  is 0 \+ 1\?'"
    ):
        run(tmp_path, text)
    assert not (tmp_path / "run/rollout").exists(), "before any work"


def test_a_student_that_is_always_right_measures_nothing(tmp_path: Path) -> None:
    text = RECIPE.replace("dev-student: {tasks: [dev], model: student", "dev-student: {tasks: [dev], model: teacher")
    text = text.partition("curate:")[0].replace("  traffic: ", "  # ")
    with pytest.raises(StageFailedError, match=r"got only right attempts \(36\): use more development tasks"):
        run(tmp_path, text)
