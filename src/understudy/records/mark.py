"""Verdicts that a person gave on the labelling page, and how a grader agrees with them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from understudy.records.record import Record, is_empty
from understudy.records.results import Interval


class MarkVerdict(StrEnum):
    """What a person says of an attempt."""

    RIGHT = "right"
    WRONG = "wrong"
    SKIP = "skip"
    """The person cannot or does not want to say."""
    UNDONE = "undone"
    """An earlier mark was taken back."""


class Mark(Record):
    """A line of ``marks.jsonl``. Of several marks of one attempt, the last counts."""

    stage: str
    """``imported/shop``."""
    trajectory_id: str
    verdict: MarkVerdict
    digest: str
    """Of the messages that the person read: the mark does not hold for other ones."""
    at: str = ""
    """UTC, ISO 8601."""


class MarkAgreement(Record):
    """How the verdicts of one grader agree with a person's marks."""

    stage: str
    grader: str
    n: int
    """Attempts that both judged."""
    n_same: int
    n_population: int
    """Attempts with a verdict of the grader, to which the rates refer."""
    rate: float
    """Share of equal verdicts. The marks of right and of wrong attempts are weighted by how many there are of each."""
    interval: Interval
    kappa: float | None = None
    """Cohen's kappa, weighted alike; None if the grader gave one verdict only, or all verdicts are equal."""
    kappa_interval: Interval | None = None
    counts: dict[str, int] = {}
    """``grader → person`` verdicts, such as ``right → wrong``."""
    n_not_judged: Annotated[int, Field(exclude_if=is_empty)] = 0
    """Marked attempts without a verdict of the grader."""
    unmarked: Annotated[str, Field(exclude_if=is_empty)] = ""
    """``right`` or ``wrong``, if none of the attempts with this verdict is marked: the rates leave them out."""
