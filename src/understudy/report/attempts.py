"""The attempts of one rollout or evaluation, read once.

In: a stage's ``trajectories.jsonl`` and ``scores.jsonl``. Out: ``Attempts``: the rows of its list, the tasks, and the
tally of candidates before and after the vote. Only one trajectory is in memory at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection as AbstractCollection
from dataclasses import dataclass, field
from pathlib import Path

from understudy.records import Task, Trajectory
from understudy.report.data import CandidateErrors, Collection, CollectionKind, Row, Stage
from understudy.report.rows import read_if_there, read_scores, row_of_trajectory, step_error
from understudy.run_layout import SCORES, TRAJECTORIES

PROGRAM_KIND = "scripted"
"""The kind of a model that is a program."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """The facts that the report keeps about one stage's trajectories."""

    collection: Collection
    tasks: dict[str, Task]
    candidates: CandidateErrors | None
    """None if no step had candidates."""


@dataclass(slots=True)
class _CandidateTally:
    n_steps: int = 0
    n_candidates: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    chosen_failed: Counter[str] = field(default_factory=Counter)

    def add(self, trajectory: Trajectory) -> None:
        for step in trajectory.steps:
            if step.candidates:
                self.n_steps += 1
                self.n_candidates += len(step.candidates)
                self.failed.update(kind for one in step.candidates if (kind := step_error(one)))
                self.chosen_failed.update(kind for kind in (step_error(step),) if kind)

    def result(self) -> CandidateErrors | None:
        if not self.n_steps:
            return None
        return CandidateErrors(
            n_steps=self.n_steps,
            n_candidates=self.n_candidates,
            failed=dict(self.failed.most_common()),
            chosen_failed=dict(self.chosen_failed.most_common()),
        )


def is_by_program(stage: Stage) -> bool:
    """Whether the stage's own settings say that its model is a program."""
    return dict(stage.facts).get("settings.model.kind") == PROGRAM_KIND


def read_attempts(run_dir: Path, stage: Stage, label: str, programs: AbstractCollection[str]) -> Attempts:
    """Read the attempts of a stage; none if it has written none yet.

    ``programs``: names of the models that are programs, as far as evaluations state it. Where a retry wrote an attempt
    again, the last record of it stands. Raises ``BadRecordError``.
    """
    folder = run_dir / stage.key
    scores = read_scores(folder / SCORES)
    rows: dict[str, Row] = {}
    tasks: dict[str, Task] = {}
    tally = _CandidateTally()
    is_program = is_by_program(stage)
    for line, trajectory in enumerate(read_if_there(folder / TRAJECTORIES, Trajectory)):
        rows.pop(trajectory.id, None)
        rows[trajectory.id] = row_of_trajectory(line, trajectory, scores.get(trajectory.id, ()))
        tasks[trajectory.task.id] = trajectory.task
        is_program = is_program or trajectory.model in programs
        tally.add(trajectory)
    collection = Collection(
        key=stage.key,
        kind=stage.collection or CollectionKind.ROLLOUT,
        label=label,
        is_program=is_program,
        rows=tuple(rows.values()),
    )
    return Attempts(collection, tasks, tally.result())
