"""From graded trajectories to examples, with a reason for each one that is left out.

In: trajectories and their scores, of agents and chains of thought alike, the config, and what lies outside of both: the
student's prompt, its tokenizer, the tasks known to be in a test set. Out: ``Curated``. Not here: files, token ids.
Paper section 3: correct trajectories only, one sample a question, trained on thoughts and actions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from understudy.curation.chat import mix_in
from understudy.curation.config import CurateConfig
from understudy.curation.duplicates import near_duplicates
from understudy.curation.filters import why_dropped
from understudy.curation.selection import Student, select
from understudy.curation.spans import example_of
from understudy.records import Dropped, DropReason, Example, Message, Score, Task, Trajectory

Attempt = tuple[Trajectory, Score | None] | tuple[Trajectory, Score | None, str]
"""A trajectory, its score, and where there are several the stage that it lies in: ids are unique within one."""
Opening = Callable[[Trajectory], tuple[Message, ...] | None]
"""What the student sees before its first reply, for the task of a trajectory; None: what the teacher saw."""


@dataclass(frozen=True, slots=True)
class Curated:
    """What a curation kept and what it left out. Every trajectory is in exactly one of the two."""

    examples: tuple[Example, ...]
    dropped: tuple[Dropped, ...]
    n_chat: int = 0
    """Examples that come from mixed-in chat data, not from a trajectory."""

    @property
    def counts(self) -> dict[DropReason, int]:
        """Dropped trajectories by reason, most frequent first."""
        return dict(Counter(one.reason for one in self.dropped).most_common())


def curate(
    attempts: Iterable[Attempt],
    config: CurateConfig,
    *,
    opening: Opening | None = None,
    student: Student | None = None,
    contaminated: Mapping[str, str] | None = None,
) -> Curated:
    """Choose trajectories and make examples of them, in the order they come.

    ``opening``: how the student is prompted; None keeps the teacher's prompts. ``student`` is needed where
    ``config.needs_student``. ``contaminated``: task id → the test set that contains the task.
    Raises ``ValueError`` where a needed student is missing.
    """
    if config.needs_student and student is None:
        raise ValueError("this curation counts tokens or asks for likelihoods, but no student was given")
    door = _Door(config, opening, student, contaminated or {})
    dropped: list[Dropped] = []
    tasks: dict[str, Task] = {}
    by_task: dict[str, list[Example]] = {}
    n_of_id: Counter[str] = Counter()
    for trajectory, score, *stages in attempts:
        stage = {"stage": "".join(stages)}
        example = why_dropped(trajectory, score, config) or door.example_of(trajectory)
        if isinstance(example, Dropped):
            dropped.append(example.model_copy(update=stage))
            continue
        n_of_id[example.id] += 1
        same = n_of_id[example.id]
        example = example.model_copy(update=stage | ({"id": f"{example.id}~{same}"} if same > 1 else {}))
        tasks.setdefault(trajectory.task.id, trajectory.task)
        by_task.setdefault(trajectory.task.id, []).append(example)
    repeats = near_duplicates(tasks.values(), config.near_duplicates) if config.near_duplicates else {}
    examples: list[Example] = []
    for task_id, group in by_task.items():
        if task_id in repeats:
            dropped += [_drop(one, DropReason.NEAR_DUPLICATE, f"of task {repeats[task_id]}") for one in group]
            continue
        kept = select(group, config.select, student)
        kept_ids = {one.id for one in kept}
        examples += kept
        dropped += [
            _drop(one, DropReason.NOT_SELECTED, f"kept: {kept[0].id}") for one in group if one.id not in kept_ids
        ]
    if config.chat is None:
        return Curated(tuple(examples), tuple(dropped))
    mixed = mix_in(examples, config.chat, config.seed)
    return Curated(tuple(mixed), tuple(dropped), n_chat=len(mixed) - len(examples))


@dataclass(frozen=True, slots=True)
class _Door:
    """Makes an example of a trajectory that passed the filters, or says why that cannot be."""

    config: CurateConfig
    opening: Opening | None
    student: Student | None
    contaminated: Mapping[str, str]

    def example_of(self, trajectory: Trajectory) -> Example | Dropped:
        example = example_of(trajectory, self.config, self.opening(trajectory) if self.opening else None)
        if trajectory.task.id in self.contaminated:
            return _drop(example, DropReason.CONTAMINATED, self.contaminated[trajectory.task.id])
        if not example.spans:
            return _drop(example, DropReason.NOTHING_TRAINED, "no words of the model are left to learn")
        if self.config.max_tokens is not None and self.student is not None:
            n_tokens = self.student.n_tokens(example.messages)
            if n_tokens > self.config.max_tokens:
                return _drop(example, DropReason.TOO_LONG, f"{n_tokens} tokens, at most {self.config.max_tokens}")
        return example


def _drop(example: Example, reason: DropReason, detail: str) -> Dropped:
    return Dropped(trajectory_id=example.trajectory_id, stage=example.stage, reason=reason, detail=detail)
