"""Cleaning as a function of a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from understudy import curation
from understudy.api.parts import Modelled, opened_model, read_settings
from understudy.api.results import Attempts
from understudy.curation import CleanConfig, Cleaned
from understudy.records import Score, Trajectory

_TEACHER = "teacher"


def clean(
    attempts: Attempts | Iterable[tuple[Trajectory, Score | None]],
    *,
    teacher: Modelled | None = None,
    **settings: Any,
) -> Cleaned:
    """Drop or mend faulty attempts; print ``.summary`` of the result for a table of reasons.

    Args:
        attempts: Attempts, or pairs of trajectory and score, such as ``import_trajectories(...).attempts``.
        teacher: Writes wrong last replies again; None: replies stay. A reply that was written again has no score.
        settings: Those of ``CleanConfig``, such as ``checks=["shop.checks:polite", {"kind": "loops", "times": 5}]``.

    Raises ``ValueError`` for wrong settings, ``CheckError`` for a check of your own that fails.
    """
    if teacher is not None:
        settings["relabel"] = {"model": _TEACHER, **(settings.get("relabel") or {})}
    config = read_settings("clean", CleanConfig, settings)
    with ExitStack() as stack:
        model = None if teacher is None else stack.enter_context(opened_model(_TEACHER, teacher))
        return curation.clean(attempts, config, model)
