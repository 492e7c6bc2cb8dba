"""How a served agent's conversations differ from those by which it was measured.

In: trajectories of a reference and of a window of the log. Out: a ``Watched``: rates and lengths of both, the
differences with intervals, tools that the reference never called. Nothing is graded, since what users ask has no
reference answers: a drift says that something has changed, not that answers are wrong. Not here: which trajectories
(``understudy.pipeline.watching``).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from statistics import NormalDist, fmean, variance

from understudy.evaluation.statistics import clustered_wilson, wilson
from understudy.records import ExecutionStatus, Interval, Record, StopReason, Trajectory

LEVEL = 0.95
"""Of all intervals together: each has a higher level, so that few windows show a drift by chance."""
FEWEST = 30
"""Conversations below which nothing is concluded."""

Trials = Callable[[Trajectory], Sequence[bool]]


class Signal(StrEnum):
    """What is compared. Those in ``RATES`` are shares, and a rise is bad."""

    DEFERRED = "deferred"
    """Conversations that a cascade gave to the teacher."""
    NO_ANSWER = "no answer"
    """Conversations that ended without one: step limit, token limit."""
    PARSE_FAILURE = "parse failure"
    """Steps whose reply holds no action that can be run."""
    CODE_ERROR = "code error"
    """Steps whose code failed."""
    TOOL_ERROR = "tool error"
    """Calls of tools that raised an error."""
    INFRASTRUCTURE = "infrastructure error"
    """Conversations that a failure of a server or of the sandbox ended."""
    ANSWER_LENGTH = "answer length"
    """Characters of the answer."""
    STEPS = "steps"
    """Steps of a conversation."""


class Verdict(StrEnum):
    """What an interval says about a difference."""

    NOT_SEEN = "not seen"
    """The interval holds zero."""
    ROSE = "rose"
    FELL = "fell"
    UNKNOWN = "unknown"
    """One side has nothing to compare."""


class Drift(Record):
    """One signal in the reference and in the window."""

    signal: Signal
    unit: str
    n_reference: int
    n_window: int
    reference: float
    """A share, or a mean."""
    window: float
    low: float
    """Bounds of the window's value minus the reference's."""
    high: float

    @property
    def difference(self) -> float:
        return self.window - self.reference

    @property
    def verdict(self) -> Verdict:
        if not self.n_reference or not self.n_window:
            return Verdict.UNKNOWN
        return Verdict.ROSE if self.low > 0 else Verdict.FELL if self.high < 0 else Verdict.NOT_SEEN


class Watched(Record):
    """The comparison of a window with a reference."""

    n_reference: int
    n_window: int
    drifts: tuple[Drift, ...]
    level: float
    """Of each interval."""
    new_tools: dict[str, int] = {}
    """Tools that no attempt of the reference called or was given: conversations that called them."""

    def drift(self, signal: Signal) -> Drift:
        """One of the comparisons."""
        return next(one for one in self.drifts if one.signal is signal)


def is_deferred(trajectory: Trajectory) -> bool:
    """Whether a cascade's teacher took over."""
    return trajectory.cascade is not None and trajectory.cascade.is_deferred


RATES: dict[Signal, tuple[str, Trials]] = {
    Signal.DEFERRED: ("conversations", lambda one: [is_deferred(one)]),
    Signal.NO_ANSWER: (
        "conversations",
        lambda one: [] if one.stop_reason.is_infrastructure_error else [one.stop_reason is not StopReason.ANSWERED],
    ),
    Signal.PARSE_FAILURE: ("steps", lambda one: [step.parse_problem is not None for step in one.steps]),
    Signal.CODE_ERROR: (
        "steps with code",
        lambda one: [
            step.execution_status is not ExecutionStatus.OK for step in one.steps if step.execution_status is not None
        ],
    ),
    Signal.TOOL_ERROR: (
        "calls",
        lambda one: [call.error is not None for step in one.steps for call in step.tool_calls],
    ),
    Signal.INFRASTRUCTURE: ("conversations", lambda one: [one.stop_reason.is_infrastructure_error]),
}
"""The unit of each rate, and the trials of one conversation."""
_MEANS: dict[Signal, tuple[str, Callable[[Trajectory], float | None]]] = {
    Signal.ANSWER_LENGTH: ("characters", lambda one: None if one.answer is None else float(len(one.answer))),
    Signal.STEPS: ("steps", lambda one: None if one.stop_reason.is_infrastructure_error else float(len(one.steps))),
}


def watch(reference: Sequence[Trajectory], window: Sequence[Trajectory]) -> Watched:
    """Compare a window of served conversations with the attempts of the reference.

    Intervals of rates are Newcombe's of two Wilson intervals that are clustered by conversation; those of means are
    Welch's, with normal quantiles. Raises ``ValueError`` if one side is empty.
    """
    if not reference or not window:
        raise ValueError(f"expected conversations on both sides, got {len(reference)} and {len(window)}")
    level = 1 - (1 - LEVEL) / (len(RATES) + len(_MEANS))
    drifts = [_rate(signal, reference, window, level) for signal in RATES]
    drifts += [_mean(signal, reference, window, level) for signal in _MEANS]
    return Watched(
        n_reference=len(reference),
        n_window=len(window),
        drifts=tuple(drifts),
        level=level,
        new_tools=new_tools(reference, window),
    )


def new_tools(reference: Iterable[Trajectory], window: Iterable[Trajectory]) -> dict[str, int]:
    """Tools called in the window that the reference neither called nor was given, with the conversations of each."""
    known = {name for one in reference for name in (*_called(one), *(tool.name for tool in one.tools))}
    return dict(Counter(name for one in window for name in _called(one) if name not in known).most_common())


def _called(trajectory: Trajectory) -> set[str]:
    return {call.name for step in trajectory.steps for call in step.tool_calls}


def _rate(signal: Signal, reference: Sequence[Trajectory], window: Sequence[Trajectory], level: float) -> Drift:
    unit, trials = RATES[signal]
    sides = [[found for one in side if (found := list(trials(one)))] for side in (reference, window)]
    counts = [(sum(map(len, side)), sum(map(sum, side))) for side in sides]
    before, after = (n_true / n if n else 0.0 for n, n_true in counts)
    low, high = _newcombe(before, after, *(clustered_wilson(side, level) for side in sides))
    return Drift(
        signal=signal,
        unit=unit,
        n_reference=counts[0][0],
        n_window=counts[1][0],
        reference=before,
        window=after,
        low=low,
        high=high,
    )


def _newcombe(before: float, after: float, of_before: Interval, of_after: Interval) -> tuple[float, float]:
    """Bounds of the difference of two shares (Newcombe 1998, method 10)."""
    difference = after - before
    low = difference - math.hypot(after - of_after.low, of_before.high - before)
    high = difference + math.hypot(of_after.high - after, before - of_before.low)
    return low, high


def _mean(signal: Signal, reference: Sequence[Trajectory], window: Sequence[Trajectory], level: float) -> Drift:
    unit, value = _MEANS[signal]
    before, after = ([found for one in side if (found := value(one)) is not None] for side in (reference, window))
    means = [fmean(side) if side else 0.0 for side in (before, after)]
    spread = NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt(sum(_variance_of_mean(side) for side in (before, after)))
    return Drift(
        signal=signal,
        unit=unit,
        n_reference=len(before),
        n_window=len(after),
        reference=means[0],
        window=means[1],
        low=means[1] - means[0] - spread,
        high=means[1] - means[0] + spread,
    )


def _variance_of_mean(values: Sequence[float]) -> float:
    return variance(values) / len(values) if len(values) > 1 else 0.0


def smallest_visible_rise(drift: Drift, level: float) -> float:
    """The smallest rise of a share that a window of this size would show, in about half of all windows."""
    n, before = drift.n_window, drift.reference
    reference = _even(before, drift.n_reference, level)
    for percent in range(1, 101):
        after = before + percent / 100
        if after > 1:
            break
        if _newcombe(before, after, reference, _even(after, n, level))[0] > 0:
            return percent / 100
    return 1.0


def _even(share: float, n: int, level: float) -> Interval:
    """The interval of a share of n independent trials."""
    return wilson(share * n, n, level)
