"""The replies of an attempt that a student begins and a teacher may take over at any step.

In: a rule that says when the student is unsure, and the samplers of both. Out: ``SampledStep`` records. A reply that
the rule doubts is withheld: the teacher replies instead, from the same messages and the same state, and the
student's reply is not acted on. A step whose reply could not be parsed or whose action failed stays, and the teacher
continues after it. Once it has taken over, it makes all further steps. Not here: the loop, and what is recorded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from understudy.agents.acting import Actions
from understudy.agents.sampling import Proposal, SampledStep, Sampler
from understudy.agents.session import TurnEvents
from understudy.agents.signals import Evidence, Signal
from understudy.models import Model
from understudy.records import Message, Step, Trajectory, Usage


@dataclass(frozen=True, slots=True)
class Rule:
    """When a student is too unsure to continue."""

    name: str
    """Of the signal."""
    signal: Signal
    threshold: float

    def value(self, evidence: Evidence) -> float | None:
        """How sure the student is. Raises ``ValueError`` if the signal returns anything but a number or None."""
        value: object = self.signal(evidence)
        if value is None:
            return None
        if isinstance(value, int | float) and not math.isnan(value):
            return float(value)
        raise ValueError(f"signal {self.name}: expected a number or None; it returned {value!r:.80}")

    def defers(self, value: float | None) -> bool:
        """Whether the teacher takes over."""
        return value is None or value < self.threshold


class Takeover:
    """Makes the replies of one attempt. Attempts do not share it."""

    def __init__(self, student: Sampler, teacher: Sampler, rule: Rule) -> None:
        self._student = student
        self._teacher = teacher
        self._rule = rule
        self.from_step: int | None = None
        """Index of the teacher's first step; None while the student acts."""
        self.value: float | None = None
        """That of the signal when it was last asked."""
        self.withheld = ""
        """The student's reply in whose place the teacher replied."""
        self.withheld_usage = Usage()
        """What that reply cost; the cost of the other replies is in their steps."""
        self._turn = 0
        self._n_before = 0

    @property
    def model(self) -> Model:
        """The model that is asked now."""
        return self._student.model if self.from_step is None else self._teacher.model

    def max_steps(self, turn: int) -> int:
        """Limit of the steps of one turn of the user: the teacher has its own number of steps after the student's."""
        if self.from_step is None:
            return self._student.max_steps(turn)
        return self._teacher.max_steps(turn) + (self._n_before if turn == self._turn else 0)

    def sample(
        self,
        messages: tuple[Message, ...],
        actions: Actions,
        seed: int,
        prefill: str,
        events: TurnEvents | None,
        steps: Sequence[Step],
        turn: int,
    ) -> SampledStep:
        """As in ``StepSampler``. Raises ``ValueError`` for a signal that returns no number."""
        if self.from_step is not None:
            self._resume(len(steps))
            return self._teacher.sample(messages, actions, seed, prefill, events)
        proposal = self._student.propose(messages, actions, seed, prefill, events)
        if self._is_doubted([*steps, _draft(proposal)]):
            self._take_over(steps, turn, events)
            self.withheld, self.withheld_usage = proposal.completion.text, proposal.usage
            sampled = self._teacher.sample(messages, actions, seed, prefill, events)
            usage, timing = proposal.usage + sampled.usage, proposal.timing + sampled.timing
            return replace(sampled, usage=usage, timing=timing)
        sampled = proposal.accept()
        now = [*steps, sampled.record(0, 0, turn)]
        if not sampled.turn.is_final and self._is_doubted(now):
            self._take_over(now, turn, events)
        return sampled

    def _is_doubted(self, steps: Sequence[Step]) -> bool:
        self.value = self._rule.value(Evidence(steps))
        return self._rule.defers(self.value)

    def student_usage(self, made: Trajectory) -> Usage:
        """What the student spent of an attempt or a conversation."""
        if self.from_step is None:
            return made.usage
        return sum((step.usage for step in made.steps[: self.from_step]), self.withheld_usage)

    def _resume(self, n_steps: int) -> None:
        """A step of a conversation that was stopped before its end is in no record, nor is what it cost."""
        assert self.from_step is not None
        if n_steps <= self.from_step:
            self.from_step, self.withheld_usage = n_steps, Usage()

    def _take_over(self, steps: Sequence[Step], turn: int, events: TurnEvents | None) -> None:
        self.from_step = len(steps)
        self._turn = turn
        self._n_before = sum(step.turn == turn for step in steps)
        if events is not None:
            events.deferred()


def _draft(proposal: Proposal) -> Step:
    """What is known about a step before its action."""
    completion = proposal.completion
    return Step(
        message_index=0,
        candidates=proposal.candidates,
        candidates_saved=proposal.n_saved,
        mean_logprob=completion.mean_logprob,
        lowest_logprob=completion.lowest_logprob,
    )
