"""Judgements of trajectories."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field

from understudy.records.record import Record, is_none


class Score(Record):
    """One judgement of one trajectory."""

    trajectory_id: str
    grader: str
    """Name of the grader: ``math``, ``exact_match``, ``judge`` …"""
    grader_version: str
    correct: bool | None
    """None if the grader could not judge, which is not the same as wrong."""
    value: float | None = None
    """Graded value in [0, 1], such as token F1, if there is one besides right and wrong."""
    answer: str | None = None
    """The answer as extracted from the trajectory."""
    explanation: str = ""
    attack_succeeded: Annotated[bool | None, Field(exclude_if=is_none)] = None
    """The agent did what the attack in its world wanted; None without an attack, or if the grader does not judge it."""
    grounded: Annotated[bool | None, Field(validation_alias=AliasChoices("grounded", "supported"))] = None
    """Whether an observation of the trajectory contains the reference answer; None if this does not apply."""
