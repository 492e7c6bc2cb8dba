"""Checks and detectors as users write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from understudy.curation.cleaning import Fault, FaultAction
from understudy.records import Trajectory


def no_refunds(trajectory: Trajectory) -> str | None:
    """Conversations about refunds are for people."""
    return "it is about a refund" if "refund" in trajectory.task.question.lower() else None


class ShortQuestions:
    """Questions of few words say little."""

    version = "1"

    class Config(BaseModel):
        """Its options."""

        fewest: int = 3

    def __init__(self, config: Config) -> None:
        self.fewest = config.fewest
        self.n = 0

    def prepare(self, trajectories: Sequence[Trajectory]) -> None:
        self.n = len(trajectories)

    def examine(self, trajectory: Trajectory) -> Iterator[Fault]:
        if len(trajectory.task.question.split()) < self.fewest:
            yield Fault("short_question", f"one of {self.n}", FaultAction.COUNT)


def raises(trajectory: Trajectory) -> bool:
    raise KeyError("gone")


def answers_oddly(trajectory: Trajectory) -> object:
    return 3.5


def changes_without(trajectory: Trajectory) -> Fault:
    return Fault("odd", action=FaultAction.CHANGE)


def first_names(text: str) -> Iterator[re.Match[str]]:
    """Names that a shop knows."""
    return re.finditer(r"\bAnna\b", text)


def beyond(text: str) -> list[tuple[int, int]]:
    return [(0, len(text) + 1)]


def broken(text: str) -> None:
    raise KeyError(text)
