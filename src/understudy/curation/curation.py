"""Graded trajectories become examples, with a reason for each dropped one. In: trajectories of agents and chains of
thought, their scores, the config, the student's prompt and tokenizer, and the questions of test sets. Out:
``Curated``. Not here: files, token ids. Paper section 3: correct trajectories only, one sample per question, trained on
thoughts and actions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

from understudy.agents import ReplyForm
from understudy.curation.chat import mix_in
from understudy.curation.config import CurateConfig, SeveralCalls
from understudy.curation.duplicates import TaskKey, key_of, near_duplicates
from understudy.curation.filters import Against, Case, why_dropped
from understudy.curation.selection import Student, select
from understudy.curation.several_calls import calls_several, with_single_calls
from understudy.curation.spans import example_of, other_form
from understudy.records import Dropped, DropReason, Example, Message, Score, Task, Trajectory

Attempt = tuple[Trajectory, Score | None] | tuple[Trajectory, Score | None, str]
"""A trajectory, its score, and its stage if there are several: ids are unique within a stage only."""
InitialMessages = Callable[[Trajectory], tuple[Message, ...] | None]
"""The messages that the student sees before its first reply to a task; None: those that the teacher saw."""


@dataclass(frozen=True, slots=True)
class Curated:
    """The examples and the dropped trajectories of a curation. Every trajectory is in exactly one of the two."""

    examples: tuple[Example, ...]
    dropped: tuple[Dropped, ...]
    n_chat: int = 0
    """Examples from mixed-in chat data, not from a trajectory."""

    @property
    def counts(self) -> dict[str, int]:
        """Dropped trajectories by reason, most frequent first."""
        return dict(Counter(one.reason for one in self.dropped).most_common())


def curate(
    attempts: Iterable[Attempt],
    config: CurateConfig,
    *,
    initial_messages: InitialMessages | None = None,
    form: ReplyForm | None = None,
    student: Student | None = None,
    contaminated: Mapping[str, str] | None = None,
) -> Curated:
    """Choose trajectories and make examples of them, in their order.

    ``initial_messages``: the prompt of the student; None keeps that of the teacher. ``form``: how
    the student writes its replies; None keeps the teacher's form. ``student`` is needed if ``config.needs_student``.
    ``contaminated``: question → the test set that contains it.
    Raises ``ValueError`` if a needed student is missing.
    """
    if config.needs_student and student is None:
        raise ValueError("this curation needs the student's tokenizer or likelihoods, but got no student")
    groups = _Groups()
    dropped: list[Dropped] = []
    filtering = _Filtering(config, initial_messages, form or ReplyForm(), student, contaminated or {})
    for trajectory, score, *stages in attempts:
        result = filtering.example_of(trajectory, score, "".join(stages))
        if isinstance(result, Dropped):
            dropped.append(result)
        else:
            groups.add(trajectory.task, result)
    examples = _choose(groups, config, student, dropped)
    if config.chat is None:
        return Curated(tuple(examples), tuple(dropped))
    mixed = mix_in(examples, config.chat, config.seed)
    return Curated(tuple(mixed), tuple(dropped), n_chat=len(mixed) - len(examples))


@dataclass(slots=True)
class _Groups:
    """Examples by task. A task is known by id and question: two task sets may use one id for different questions."""

    tasks: dict[TaskKey, Task] = field(default_factory=dict)
    examples: dict[TaskKey, list[Example]] = field(default_factory=dict)
    _n_of_id: Counter[str] = field(default_factory=Counter)

    def add(self, task: Task, example: Example) -> None:
        self._n_of_id[example.id] += 1
        if (same := self._n_of_id[example.id]) > 1:
            example = example.model_copy(update={"id": f"{example.id}~{same}"})
        self.tasks.setdefault(key_of(task), task)
        self.examples.setdefault(key_of(task), []).append(example)


@dataclass(frozen=True, slots=True)
class _Filtering:
    """Makes an example of a trajectory, or returns the reason against it."""

    config: CurateConfig
    initial_messages: InitialMessages | None
    form: ReplyForm
    student: Student | None
    contaminated: Mapping[str, str]

    def example_of(self, trajectory: Trajectory, score: Score | None, stage: str) -> Example | Dropped:
        """The example, or the reason why there is none."""
        made, against = self._in_the_students_form(trajectory)
        if against is None:
            return self._filtered(made, score, stage)
        reason, detail = against
        return Dropped(trajectory_id=trajectory.id, stage=stage, reason=reason, detail=detail)

    def _in_the_students_form(self, trajectory: Trajectory) -> tuple[Trajectory, Against]:
        """The trajectory in a form that the student can write, or the reason why there is none."""
        if trajectory.failure is not None or trajectory.stop_reason.is_infrastructure_error:
            return trajectory, None  # a filter says so
        if other := other_form(trajectory, self.form.action_format):
            return trajectory, (DropReason.OTHER_FORM, other)
        how = self.config.several_calls
        if how is SeveralCalls.AUTO:
            how = SeveralCalls.SPLIT if self.form.one_call else SeveralCalls.KEEP
        if how is SeveralCalls.KEEP or not calls_several(trajectory):
            return trajectory, None
        single = with_single_calls(trajectory) if how is SeveralCalls.SPLIT else None
        if single is None:
            why = "cannot be split: a result is missing" if how is SeveralCalls.SPLIT else "several_calls: drop"
            return trajectory, (DropReason.SEVERAL_CALLS, why)
        return single, None

    def _filtered(self, trajectory: Trajectory, score: Score | None, stage: str) -> Example | Dropped:
        # Making an example may run a search; most trajectories are dropped before that.
        make = cache(partial(self._made, trajectory, stage))
        against = why_dropped(self._case(trajectory, score, make), self.config.filters)
        question = trajectory.task.question
        if against is None and question in self.contaminated:
            against = DropReason.CONTAMINATED, self.contaminated[question]
        if against is None and not make().spans:
            against = DropReason.NOTHING_TRAINED, "no text that the model wrote is left to train on"
        if against is None:
            return make()
        reason, detail = against
        return Dropped(trajectory_id=trajectory.id, stage=stage, reason=reason, detail=detail)

    def _case(self, trajectory: Trajectory, score: Score | None, make: Callable[[], Example]) -> Case:
        def count_tokens() -> int:
            return 0 if self.student is None else self.student.n_tokens(make().messages, make().tools)

        return Case(trajectory, score, max_tokens=self.config.max_tokens, count_tokens=count_tokens)

    def _made(self, trajectory: Trajectory, stage: str) -> Example:
        messages = self.initial_messages(trajectory) if self.initial_messages else None
        example = example_of(trajectory, self.config, messages, self.form.action_format, self.form.tools)
        return example.model_copy(update={"stage": stage})


def _choose(groups: _Groups, config: CurateConfig, student: Student | None, dropped: list[Dropped]) -> list[Example]:
    """The kept examples; the others are appended to ``dropped``."""
    repeats = near_duplicates(groups.tasks.values(), config.near_duplicates) if config.near_duplicates else {}
    examples: list[Example] = []
    for key, group in groups.examples.items():
        if key in repeats:
            dropped += [_drop(one, DropReason.NEAR_DUPLICATE, f"of task {repeats[key].id}") for one in group]
            continue
        kept = select(group, config.select, student)
        kept_ids = {one.id for one in kept}
        others = [one for one in group if one.id not in kept_ids]
        examples += kept
        dropped += [_drop(one, DropReason.NOT_SELECTED, f"kept: {kept[0].id}") for one in others]
    return examples


def _drop(example: Example, reason: str, detail: str) -> Dropped:
    return Dropped(trajectory_id=example.trajectory_id, stage=example.stage, reason=reason, detail=detail)
