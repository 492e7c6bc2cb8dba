"""Results that are errors. In: results of calls and of code. Out: the fault ``errors_in_results``.

A result is an error if the trajectory says so, or if its text looks like one. Some errors are worth learning from,
because the agent recovers; so a share of them is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, field_validator

from understudy.curation.cleaning.calls import results_of
from understudy.curation.cleaning.check import Check, CheckConfig
from understudy.curation.cleaning.faults import Fault
from understudy.records import Trajectory

LOOKS_LIKE_ERROR = (
    r"^\s*(?:[\w.]*(?:error|exception))\s*[:(]",
    r"^\s*(?:an )?error (?:occurred|executing|invoking|calling|running|while|in)\b",
    r"^\s*traceback \(most recent call last\)",
    r"^\s*\{\s*\"errors?\"\s*:(?!\s*(?:null|false|\[\s*\]|\"\"|\{\s*\}|0\b))",
    r"^\s*\{[^{}]*\"(?:is_error|isError)\"\s*:\s*true",
    r"^\s*\{[^{}]*\"(?:ok|success)\"\s*:\s*false",
    r"^\s*\{[^{}]*\"status\"\s*:\s*\"(?:error|failed|failure)\"",
    r"^\s*HTTP(?:/[\d.]+)?\s+[45]\d\d\b",
)
_SEEN_CHARS = 2_000
"""The beginning of a result decides."""


class ResultsConfig(CheckConfig):
    """Drops trajectories with too many results that are errors."""

    kind: str = "results"
    max_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the results that may be errors. 0: none may."""
    patterns: tuple[str, ...] = LOOKS_LIKE_ERROR
    """Regular expressions, without regard to case: a result that matches one is an error."""

    @field_validator("patterns")
    @classmethod
    def _are_expressions(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"expected a regular expression, got {pattern!r}: {error}") from None
        return patterns


class ResultsCheck(Check):
    """Counts results that are errors."""

    def __init__(self, config: ResultsConfig) -> None:
        self._config = config
        self._patterns = [re.compile(one, re.IGNORECASE) for one in config.patterns]

    def examine(self, trajectory: Trajectory) -> Iterator[Fault]:
        """The faults of one trajectory."""
        results = list(results_of(trajectory))
        wrong = [one for one in results if one.is_error or self._looks_wrong(one.text)]
        if len(wrong) > self._config.max_share * len(results):
            detail = f"{len(wrong)} of {len(results)} results, first in message {wrong[0].message_index + 1}"
            yield Fault("errors_in_results", detail, self._config.action, len(wrong))

    def _looks_wrong(self, text: str) -> bool:
        return any(one.search(text[:_SEEN_CHARS]) for one in self._patterns)
