"""How much a cascade's signals are worth, and accuracy against cost as more or fewer attempts go to the teacher."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from understudy.records.record import Record, is_empty
from understudy.records.results import Interval


class DeferralPoint(Record):
    """The outcome if a certain share of the tasks goes to the teacher. Means are over tasks."""

    label: Annotated[str, Field(exclude_if=is_empty)] = ""
    """Of a cascade that was run; empty for a point that was computed from both ends."""
    at: Annotated[str, Field(exclude_if=is_empty)] = ""
    """Where the teacher of such a cascade begins: ``start`` or ``step``."""
    threshold: float | None = None
    """None for a point that no threshold gives."""
    share: float
    accuracy: float
    interval: Interval
    random_accuracy: float
    """Expected if the same share of tasks, drawn at random, goes to the teacher: on the line between both ends."""
    gain: float
    """``accuracy`` minus ``random_accuracy``."""
    gain_interval: Interval
    """Bootstrap over tasks; ``low`` and ``high`` are in [-1, 1]. It contains 0: no better than chance."""
    student_tokens: float
    """Per task, prompts included."""
    teacher_tokens: float
    cost_usd: float | None = None
    """Per task, of the models whose prices are known; None without prices."""


class DeferralCurve(Record):
    """Accuracy against cost of one student and one teacher on the same tasks, by one signal."""

    name: str
    """What it is a curve of: a stage, or the systems."""
    student: str
    teacher: str
    teacher_is_program: bool = False
    signal: str
    n_tasks: int
    points: tuple[DeferralPoint, ...]
    """By share: the student alone first, the teacher alone last."""
    runs: tuple[DeferralPoint, ...] = ()
    """Cascades that were run on these tasks."""


class SignalFigures(Record):
    """What one signal says about the student's attempts."""

    signal: str
    n: int
    """Attempts with a value."""
    n_without_value: Annotated[int, Field(exclude_if=is_empty)] = 0
    auroc: float | None
    """Probability that a right attempt has a higher value than a wrong one; None if it cannot be computed."""
    interval: Interval | None = None
    threshold: float | None = None
    """The teacher takes over below it; None if the signal has no value at all."""
    share: float = 0.0
    """Share of these attempts that the threshold defers; attempts without a value are deferred always."""

    @property
    def tells(self) -> bool:
        """Whether the signal tells right attempts from wrong ones: its whole interval is above one half."""
        return self.interval is not None and self.interval.low > 0.5


class SignalReport(Record):
    """``signals.json``: every signal on development tasks, and the threshold for each."""

    student: str
    """Key of the stage with the student's attempts, as ``teacher``."""
    teacher: str = ""
    model: str
    """Name of the student's model."""
    n: int
    """Attempts of the student."""
    n_right: int
    questions: tuple[str, ...] = ()
    """Digests of the development questions: no test may ask one of them."""
    bound: str
    """What the thresholds were set for, such as ``share 0.2``."""
    chosen: str
    """The signal that a cascade uses if it names none."""
    signals: tuple[SignalFigures, ...]
    """The best first."""
    curve: DeferralCurve | None = None
    """By the chosen signal, if the teacher's attempts were given."""
