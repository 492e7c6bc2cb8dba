"""Make a run directory of believable records, as the stages write it: for tests, measurements and screenshots.

``python -m tests.report.make_run DIR [--tasks N] [--attempts-only N]``
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from tests.report.hostile import hostile_trajectory
from tests.report.made_up import MAKERS, Skill, attempt, score_of, tasks_of
from understudy.curation.config import CurateConfig
from understudy.curation.spans import example_of
from understudy.evaluation.metrics import Graded, compare_all, measure
from understudy.records import (
    Comparison,
    Dropped,
    DropReason,
    Manifest,
    Score,
    StageRecord,
    StageState,
    Trajectory,
)
from understudy.runs import append_jsonl, write_atomic, write_jsonl
from understudy.training.summary import LogLine

TASK_SETS = ("hotpotqa", "math500", "bamboogle", "gsm_hard")
BASELINE, STUDENT, TEACHER = "Student, CoT prompt", "Agent distilled + FTP + SAG", "Teacher"
PAPER = {
    BASELINE: "cot_prompt",
    "CoT distilled": "cot_distil",
    "CoT distilled + RAG": "cot_distil_rag",
    "Agent prompted": "agent_prompt",
    "Agent distilled": "agent_distil",
    "Agent distilled + FTP": "agent_distil_ftp",
    "Agent distilled + SAG": "agent_distil_sag",
    STUDENT: "agent_distil_ftp_sag",
}


@dataclass(frozen=True)
class Made:
    """One system of the made-up run."""

    name: str
    label: str
    skill: Skill
    is_program: bool = False


SYSTEMS = (
    Made("student-before", BASELINE, Skill("qwen2.5-1.5b-instruct", 0.22, agent=False)),
    Made("cot", "CoT distilled", Skill("student-cot", 0.25, agent=False)),
    Made("cot-rag", "CoT distilled + RAG", Skill("student-cot-rag", 0.31, agent=False)),
    Made("agent-before", "Agent prompted", Skill("qwen2.5-1.5b-instruct", 0.09, breaks=0.5)),
    Made("agent", "Agent distilled", Skill("student-agent", 0.36, breaks=0.16)),
    Made("agent-ftp", "Agent distilled + FTP", Skill("student-agent-ftp", 0.4, breaks=0.14)),
    Made("agent-sag", "Agent distilled + SAG", Skill("student-agent", 0.42, breaks=0.03, candidates=8)),
    Made("agent-both", STUDENT, Skill("student-agent-ftp", 0.47, breaks=0.02, candidates=8)),
    Made("teacher", TEACHER, Skill("toy-teacher", 0.93, breaks=0.01, tokens=4), is_program=True),
)


def make_run(
    run_dir: Path, n_tasks: int = 24, systems: tuple[Made, ...] = SYSTEMS, seed: int = 0, luck: int = 0
) -> Path:
    """A finished run: two collections, two curations, trainings and evaluations on four task sets.

    ``seed``: of the tasks; ``luck``: of what comes of the attempts at them.
    """
    tasks = [task for task_set in TASK_SETS for task in tasks_of(task_set, "test", n_tasks, seed)]
    graded: list[Graded] = []
    for system in systems:
        graded.append(_evaluate(run_dir, system, [attempt(task, system.skill, luck) for task in tasks]))
    comparisons: list[Comparison] = []
    for baseline in (graded[0], graded[4] if len(graded) > 4 else graded[0]):
        comparisons += [one for other in graded if other is not baseline for one in compare_all(other, baseline)]
    text = TypeAdapter(list[Comparison]).dump_json(comparisons, indent=1)
    write_atomic(run_dir / "comparisons.json", text + b"\n")
    training = [task for name in ("hotpotqa", "math500") for task in tasks_of(name, "train", n_tasks, seed + 1)]
    for stage, prefixed in (("teacher-agent", False), ("teacher-agent-ftp", True)):
        skill = Skill("toy-teacher", 0.8, breaks=0.08, tokens=4, prefixed=prefixed)
        _collect(run_dir, stage, [attempt(task, skill, luck) for task in training])
    _train_log(run_dir, "agent", "curate/teacher-agent", seed)
    _train_log(run_dir, "agent-ftp", "curate/teacher-agent-ftp", seed + 1)
    _manifest(run_dir, [system.label for system in systems], luck)
    return run_dir


def make_many(run_dir: Path, n_trajectories: int, luck: int = 7) -> Path:
    """A run of one evaluation only, with as many trajectories as asked for."""
    system = SYSTEMS[4]
    tasks = [task for name in TASK_SETS for task in tasks_of(name, "test", n_trajectories // len(TASK_SETS), 7)]
    _evaluate(run_dir, system, [attempt(task, system.skill, luck) for task in tasks])
    _manifest(run_dir, [system.label], 7)
    return run_dir


def add_hostile(run_dir: Path, stage: str = "evaluate/agent") -> Trajectory:
    """Append a trajectory that attacks whoever shows it, and its score."""
    trajectory = hostile_trajectory()
    with append_jsonl(run_dir / stage / "trajectories.jsonl") as writer:
        writer.write(trajectory)
    with append_jsonl(run_dir / stage / "scores.jsonl") as writer:
        writer.write(score_of(trajectory, False, explanation=trajectory.task.question))
    return trajectory


def _evaluate(run_dir: Path, system: Made, trajectories: list[Trajectory]) -> Graded:
    scores = _write_attempts(run_dir / "evaluate" / system.name, trajectories)
    metrics = measure(
        system.label, system.skill.model, trajectories[0].agent, trajectories, scores, is_program=system.is_program
    )
    write_atomic(run_dir / "evaluate" / system.name / "metrics.json", metrics.model_dump_json(indent=1) + "\n")
    _stage(run_dir, "evaluate", system.name, {}, {"tasks": len(trajectories)})
    return Graded(system.label, trajectories, scores)


def _collect(run_dir: Path, name: str, trajectories: list[Trajectory]) -> None:
    scores = {one.trajectory_id: one for one in _write_attempts(run_dir / "rollout" / name, trajectories)}
    _stage(run_dir, "rollout", name, {}, {"tasks": len(trajectories)}, "scripted")
    dropped, examples = [], []
    for trajectory in trajectories:
        if not scores[trajectory.id].correct:
            dropped.append(Dropped(trajectory_id=trajectory.id, reason=DropReason.INCORRECT))
        elif any(step.parse_problem for step in trajectory.steps):
            dropped.append(Dropped(trajectory_id=trajectory.id, reason=DropReason.UNPARSEABLE_STEP, detail="step 1"))
        else:
            examples.append(example_of(trajectory, CurateConfig()))
    folder = run_dir / "curate" / name
    write_jsonl(folder / "examples.jsonl", examples)
    write_jsonl(folder / "dropped.jsonl", dropped)
    _stage(run_dir, "curate", name, {f"rollout/{name}": "0"}, {"kept": len(examples), "dropped": len(dropped)})


def _write_attempts(folder: Path, trajectories: list[Trajectory]) -> list[Score]:
    scores = [score_of(one, one.answer == one.task.answer) for one in trajectories]
    write_jsonl(folder / "trajectories.jsonl", trajectories)
    write_jsonl(folder / "scores.jsonl", scores)
    return scores


def _train_log(run_dir: Path, name: str, curation: str, seed: int) -> None:
    draw = random.Random(seed)
    with append_jsonl(run_dir / "train" / name / "log.jsonl") as writer:
        for step in range(10, 501, 10):
            loss = 0.18 + 1.6 * 0.985**step + draw.gauss(0, 0.03)
            rate = 2e-4 * (1 - step / 500)
            line = LogLine(
                step=step, loss=loss, learning_rate=rate, n_tokens=9000, n_trained=2500, elapsed_s=step * 1.4
            )
            writer.write(line)
    _stage(run_dir, "train", name, {curation: "0"}, {"steps": 500, "trained_tokens": 512_000})


def _stage(
    run_dir: Path,
    kind: str,
    name: str,
    inputs: dict[str, str],
    counts: dict[str, float],
    model_kind: str = "local",
) -> None:
    record = StageRecord(
        kind=kind,
        name=name,
        state=StageState.DONE,
        fingerprint="0123456789abcdef",
        settings={"model": {"kind": model_kind}, "agent": {"max_steps": 5}},
        inputs=inputs,
        started="2026-11-21T03:00:00+00:00",
        seconds=93.2,
        counts=counts,
    )
    write_atomic(run_dir / kind / name / "stage.json", record.model_dump_json(indent=1) + "\n")


def _manifest(run_dir: Path, labels: list[str], seed: int) -> None:
    report = {
        "title": "Distilling a searching agent into 1.5B",
        "baseline": BASELINE if BASELINE in labels else "",
        "student": STUDENT if STUDENT in labels else "",
        "teacher": TEACHER if TEACHER in labels else "",
        "in_domain": ["hotpotqa", "math500"],
        "paper_cells": {label: {"size": "1.5B", "method": PAPER[label]} for label in labels if label in PAPER},
    }
    evaluate = {system.name: {"label": system.label} for system in SYSTEMS if system.label in labels}
    manifest = Manifest(
        name=run_dir.name,
        recipe={"name": run_dir.name, "evaluate": evaluate, "report": report},
        seed=seed,
        prompts_hash="9f8e7d6c5b4a3928",
        created="2026-11-21T03:00:00+00:00",
        commit="0123456789abcdef0123456789abcdef01234567",
        versions={"torch": "2.13.0", "transformers": "5.23.0"},
        machine={"system": "Linux", "cores": "2"},
    )
    write_atomic(run_dir / "manifest.json", manifest.model_dump_json(indent=1) + "\n")


def main() -> None:
    """Make a run, or a large one, and write its report."""
    from understudy.report import write_report

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--many", type=int, default=0)
    chosen = parser.parse_args()
    made = make_many(chosen.run_dir, chosen.many) if chosen.many else make_run(chosen.run_dir, chosen.tasks)
    add_hostile(made)
    path = write_report(made)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; {len(MAKERS)} kinds of tasks")


if __name__ == "__main__":
    main()
