"""Signals: how sure a student was, as a number, from the facts of its attempt.

In: the steps of an attempt, and how it ended. Out: a number; the lower, the less sure; None if the attempt does not
say. A signal is one small function here, or a user's ``package.module:function``. Whether one tells right attempts from
wrong ones is measured by the stage ``signals``, never assumed. Not here: thresholds, and what a cascade does with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated, TypeVar

from understudy.records import Step, StopReason, Trajectory
from understudy.registry import Builtin, Group, PartConfig


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about an attempt of the student when it is asked how sure it was."""

    steps: Sequence[Step]
    stop_reason: StopReason | None = None
    """None before the attempt has ended."""
    answer: str | None = None

    @classmethod
    def of(cls, attempt: Trajectory) -> Evidence:
        """The evidence of a whole attempt."""
        return cls(attempt.steps, attempt.stop_reason, attempt.answer)


Signal = Callable[[Evidence], float | None]
"""A function with the attribute ``at_step = True`` never rises during an attempt: it may decide at each step."""
SignalT = TypeVar("SignalT", bound=Signal)


class SignalConfig(PartConfig):
    """A signal, by its name."""


def at_step(signal: SignalT) -> SignalT:
    """Mark a signal that may decide at each step."""
    signal.at_step = True  # type: ignore[attr-defined]
    return signal


@at_step
def lowest_action_logprob(evidence: Evidence) -> float | None:
    """The mean log-probability of a token, of the step where it is lowest."""
    return min(_known(step.mean_logprob for step in evidence.steps), default=None)


def mean_action_logprob(evidence: Evidence) -> float | None:
    """The mean log-probability of a token, as a mean over the steps."""
    known = _known(step.mean_logprob for step in evidence.steps)
    return fmean(known) if known else None


@at_step
def lowest_token_logprob(evidence: Evidence) -> float | None:
    """The log-probability of the least probable token of all replies."""
    return min(_known(step.lowest_logprob for step in evidence.steps), default=None)


@at_step
def vote_share(evidence: Evidence) -> float | None:
    """The share of candidates that agree with the chosen one, of the step where it is lowest."""
    return min((share for step in evidence.steps if (share := _share(step)) is not None), default=None)


@at_step
def failed_steps(evidence: Evidence) -> float:
    """Minus the number of steps whose reply could not be parsed or whose action failed."""
    return 0.0 - sum(step.failed for step in evidence.steps)


def step_limit(evidence: Evidence) -> float:
    """-1 if the attempt was stopped by a limit of steps, tokens or context, else 0."""
    return 0.0 if evidence.stop_reason in (StopReason.ANSWERED, None) else -1.0


def no_answer(evidence: Evidence) -> float:
    """-1 if the attempt has no answer, or an empty one, else 0."""
    return 0.0 if (evidence.answer or "").strip() else -1.0


def _about(signal: Signal) -> Builtin:
    name, about = signal.__name__, (signal.__doc__ or "").strip()
    return Builtin(part=f"{__name__}:{name}", config=f"{__name__}:SignalConfig", about=about)


_ALL: tuple[Signal, ...] = (
    lowest_action_logprob,
    mean_action_logprob,
    lowest_token_logprob,
    vote_share,
    failed_steps,
    step_limit,
    no_answer,
)
SIGNALS: Group[Signal] = Group(
    "signals",
    "says how sure a student was",
    {signal.__name__: _about(signal) for signal in _ALL},
    adapt=lambda function: function,  # type: ignore[arg-type,return-value]
)
AnySignal = Annotated[PartConfig, SIGNALS]


def open_signal(config: PartConfig) -> Signal:
    """The function that a config names. Raises ``TargetError``."""
    signal: Signal = SIGNALS.part(config.kind)
    return signal


def may_decide_at_step(config: PartConfig) -> bool:
    """Whether the signal is known before an attempt has ended, and only falls."""
    return bool(getattr(open_signal(config), "at_step", False))


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _share(step: Step) -> float | None:
    """None for a step without candidates; 0 if all of them failed."""
    chosen = next((one for one in step.candidates if one.chosen), None)
    if chosen is None:
        return None
    same = sum(one.vote == chosen.vote for one in step.candidates) if chosen.vote is not None else 0
    return same / (len(step.candidates) + step.candidates_saved)
