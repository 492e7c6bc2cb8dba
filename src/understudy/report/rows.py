"""From stored records to rows of a list: one row a trajectory or example.

In: a record and its scores. Out: its ``Row``. Not here: which file they come from (``attempts``, ``curations``), the
texts themselves (``bodies``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from understudy.records import Candidate, Example, ExecutionStatus, Role, Score, Step, Task, Trajectory
from understudy.report.data import Row, Verdict
from understudy.runs import RecordT, read_jsonl

Scores = Mapping[str, tuple[Score, ...]]
"""Trajectory id → its scores; the first is the verdict."""


def read_scores(path: Path) -> Scores:
    """Return the scores of a file by trajectory; a later score of the same grader replaces the earlier one."""
    by_trajectory: dict[str, dict[str, Score]] = {}
    for score in read_if_there(path, Score):
        by_trajectory.setdefault(score.trajectory_id, {})[score.grader] = score
    return {trajectory_id: tuple(by_grader.values()) for trajectory_id, by_grader in by_trajectory.items()}


def verdict_of(trajectory: Trajectory, scores: tuple[Score, ...]) -> Verdict:
    """The verdict on an attempt by its first score."""
    if trajectory.stop_reason.is_infrastructure_error:
        return Verdict.FAILURE
    if not scores or scores[0].correct is None:
        return Verdict.NOT_SCORED
    return Verdict.RIGHT if scores[0].correct else Verdict.WRONG


def step_error(step: Step | Candidate) -> str | None:
    """Kind of a step's or candidate's failure, None if it did not fail."""
    if step.parse_problem is not None:
        return step.parse_problem.value
    if step.execution_status in (None, ExecutionStatus.OK):
        return None
    return step.execution_status.value


def read_if_there(path: Path, record_type: type[RecordT]) -> Iterator[RecordT]:
    """Yield a file's records, none if the stage has not written it yet."""
    if path.is_file():
        yield from read_jsonl(path, record_type)


def row_of_trajectory(line: int, trajectory: Trajectory, scores: tuple[Score, ...]) -> Row:
    """``line``: index of the record in its file."""
    calls = [call for step in trajectory.steps for call in step.tool_calls]
    answer = next((score.answer for score in scores if score.answer), trajectory.answer)
    return Row(
        line=line,
        id=trajectory.id,
        task_id=trajectory.task.id,
        task_set=" + ".join(trajectory.task.set_names),
        question=_cut(trajectory.task.question, 160),
        answer=_cut(answer or "", 80),
        reference=_cut(trajectory.task.answer or "", 80),
        verdict=verdict_of(trajectory, scores),
        n_steps=len(trajectory.steps),
        errors=tuple(dict.fromkeys(kind for step in trajectory.steps if (kind := step_error(step)))),
        stop=trajectory.stop_reason,
        n_searches=sum(call.is_search for call in calls),
        n_cut=trajectory.n_cut_replies,
        tokens=trajectory.usage.total_tokens,
    )


def row_of_example(line: int, example: Example, task: Task | None) -> Row:
    """``task`` None: the run's trajectories do not have it, as with chat that was mixed in."""
    question = task.question if task else next((m.content for m in example.messages if m.role is Role.USER), "")
    return Row(
        line=line,
        id=example.id,
        task_id=example.task_id,
        task_set=" + ".join(task.set_names) if task else "",
        question=_cut(question, 160),
        reference=_cut((task.answer or "") if task else "", 80),
        verdict=Verdict.EXAMPLE,
        n_steps=sum(message.role is Role.ASSISTANT for message in example.messages),
    )


def _cut(text: str, limit: int) -> str:
    flat = " ".join(text[: 4 * limit].split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
