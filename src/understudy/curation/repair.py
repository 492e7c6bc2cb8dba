"""Teacher correction: the student acts, the teacher replaces its first wrong action, the student continues.

In: wrong attempts of the student, both models, an agent, a grader. Out: attempts that became right, as ordinary
trajectories with their scores, for ``curate``. The student is thus trained on states that it reaches itself and that a
teacher's own trajectories do not contain (SCoRe, 2025). A corrected attempt is used only if the whole episode was run
again and graded correct. Not here: whether the teacher's action is the only right one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Protocol

from pydantic import Field

from understudy.agents import Agent
from understudy.closing import Closing
from understudy.models import Model, Request
from understudy.records import Completion, Message, PrefixDelivery, Record, Role, Score, Trajectory

ReOpen = Callable[[tuple[Message, ...]], tuple[Message, ...]]
"""Replaces the student's initial messages in a conversation by the teacher's."""


class RepairConfig(Record):
    """How many corrections to try."""

    max_tries: Annotated[int, Field(gt=0)] = 3
    """Actions of one attempt that the teacher may try to replace, one at a time."""


class Repair(Record):
    """One try: the teacher replaced one action of a wrong attempt."""

    step: int
    """Number of the replaced step, from 1. Its reply is the teacher's, all others are the student's."""
    trajectory: Trajectory
    score: Score
    same_before: bool
    """The steps before the replaced one were the same as in the wrong attempt."""

    @property
    def is_verified(self) -> bool:
        return self.same_before and bool(self.score.correct)


class Grades(Protocol):
    """The part of a grader that a correction needs."""

    def grade(self, trajectory: Trajectory) -> Score: ...


class RepairingModel(Closing):
    """The student, except for one step, which the teacher writes. Safe to call from many threads at once."""

    def __init__(self, student: Model, teacher: Model, step: int, reopen: ReOpen | None = None) -> None:
        """``step``: number of the step that the teacher writes, from 1."""
        self.name = f"{student.name}, step {step} by {teacher.name}"
        self.is_program = student.is_program or teacher.is_program
        self.prefix_delivery: PrefixDelivery = student.prefix_delivery
        self._student = student
        self._teacher = teacher
        self._step = step
        self._reopen = reopen

    def complete(self, request: Request) -> tuple[Completion, ...]:
        n_replies = sum(message.role is Role.ASSISTANT for message in request.messages) - request.continue_final
        if n_replies != self._step - 1:
            return self._student.complete(request)
        if self._reopen is not None:
            request = replace(request, messages=self._reopen(request.messages))
        return self._teacher.complete(request)

    def close(self) -> None:
        """Close nothing: both models belong to the caller."""


def repair(
    attempts: Iterable[tuple[Trajectory, Score | None]],
    student: Model,
    teacher: Model,
    agent_with: Callable[[Model], Agent],
    grader: Grades,
    config: RepairConfig,
    reopen: ReOpen | None = None,
) -> Iterator[Repair]:
    """Yield every try at correcting a wrong attempt, up to the first that is verified.

    Right attempts, attempts without a verdict and infrastructure errors are skipped. The student must answer the same
    request in the same way (greedy, or seeded): otherwise ``same_before`` is False and nothing is verified.
    """
    for wrong, score in attempts:
        if score is None or score.correct is not False or wrong.stop_reason.is_infrastructure_error:
            continue
        for step in suspects(wrong)[: config.max_tries]:
            agent = agent_with(RepairingModel(student, teacher, step, reopen))
            again = agent.solve(wrong.task, wrong.attempt, wrong.seed)
            before = wrong.steps[step - 1].message_index
            tried = Repair(
                step=step,
                trajectory=again,
                score=grader.grade(again),
                same_before=list(map(said, again.messages[:before])) == list(map(said, wrong.messages[:before])),
            )
            yield tried
            if tried.is_verified:
                break


def said(message: Message) -> tuple[object, ...]:
    """The content of a message without the ids of its tool calls, which servers choose at random."""
    calls = [(call.name, call.arguments, call.broken_arguments) for call in message.tool_calls]
    return message.role, message.content, message.reasoning, calls


def suspects(trajectory: Trajectory) -> list[int]:
    """Numbers of the steps that may be the first wrong one, most likely first. A step that failed to parse or run is
    certainly wrong. If there is no such step, every step may be wrong; an early mistake explains all later ones.
    """
    failed = [number for number, step in enumerate(trajectory.steps, 1) if step.failed]
    others = [number for number in range(1, len(trajectory.steps) + 1) if number not in failed]
    return failed[:1] + others + failed[1:]
