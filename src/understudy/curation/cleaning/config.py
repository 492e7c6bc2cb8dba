"""The settings of a cleaning: which checks run with which options, and whether a model writes replies again.

In: keys of a recipe. Out: ``CleanConfig``. Not here: where the trajectories come from.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from understudy.annotations import ModelRef, SpeedOnly
from understudy.curation.cleaning.kinds import CHECKS, AnyCheck
from understudy.records import Record
from understudy.registry import PartConfig


class Relabelled(StrEnum):
    """Whose last reply is written again."""

    WRONG = "wrong"
    NOT_RIGHT = "not_right"
    """The wrong ones, and those without a verdict."""
    ALL = "all"


class RelabelConfig(Record):
    """A model that writes last replies again. Originals are kept in ``relabelled.jsonl``."""

    model: ModelRef
    """The teacher."""
    which: Relabelled = Relabelled.WRONG
    max_tokens: Annotated[int, Field(ge=1)] = 1024
    temperature: Annotated[float, Field(ge=0)] = 0.0
    in_flight: Annotated[int, Field(ge=1), SpeedOnly] = 8
    """Concurrent requests."""


class CleanConfig(Record):
    """One cleaning. All built-in checks run; ``checks`` changes their options and adds checks of your own."""

    checks: tuple[AnyCheck, ...] = ()
    """A built-in check with other options, which runs in its usual place, or a check of your own, which runs last."""
    skip: tuple[str, ...] = ()
    """Built-in checks that do not run."""
    relabel: RelabelConfig | None = None

    @property
    def ordered_checks(self) -> tuple[PartConfig, ...]:
        """All checks that run, in their order."""
        named = {one.kind: one for one in self.checks}
        builtin = [named.get(kind) or CHECKS.validate(kind) for kind in CHECKS.builtin if kind not in self.skip]
        return (*builtin, *(one for one in self.checks if one.kind not in CHECKS.builtin))

    @model_validator(mode="after")
    def _names_are_known_and_single(self) -> Self:
        kinds = [one.kind for one in self.checks]
        if twice := {kind for kind in kinds if kinds.count(kind) > 1 and kind in CHECKS.builtin}:
            raise ValueError(f"checks: expected each built-in check once; got {', '.join(sorted(twice))} twice")
        if unknown := [name for name in self.skip if name not in CHECKS.builtin]:
            raise ValueError(f"skip: expected some of {', '.join(CHECKS.builtin)}; got {unknown[0]!r}")
        if both := [kind for kind in kinds if kind in self.skip]:
            raise ValueError(f"skip: {both[0]} is also in checks")
        return self
