"""Opens graders; their processes end with them.

In: the config of any kind of grader, a kind alone, or a function; for a judge, a model. Out: a ``Grader`` in a context
manager. Not here: judging.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from understudy.grading.config import GRADERS, AutoConfig
from understudy.grading.grader import Grader
from understudy.grading.own import own_grader
from understudy.models.model import Model
from understudy.records import Trajectory
from understudy.registry import PartConfig

OwnFunction = Callable[[Trajectory], object]
"""Returns for a trajectory: a bool, a number in [0, 1], a ``Judgement``, a ``Score``, or None if it cannot judge."""


@contextmanager
def open_grader(
    config: PartConfig | str | OwnFunction | None = None, judge_model: Model | None = None
) -> Iterator[Grader]:
    """Open the grader that the config names; None: ``auto``. The caller closes ``judge_model``. No process starts
    before the first answer that needs one. Raises ``ValueError`` for a judge without a model or a model without a
    judge, and ``TargetError`` for an unknown kind.
    """
    if config is not None and not isinstance(config, PartConfig | str):
        yield own_grader(getattr(config, "__name__", type(config).__name__), "1", config)
        return
    config = GRADERS.validate(config) if isinstance(config, str) else config or AutoConfig()
    wants_model = bool(getattr(config, "judging_model", ""))
    if wants_model != (judge_model is not None):
        missing = "a model is needed" if judge_model is None else "no model is asked for"
        raise ValueError(f"kind: got {config.kind!r}, {missing}: judge_model goes with 'judge' and 'rubric' only")
    part = GRADERS.open(config, judge_model) if wants_model else GRADERS.open(config)
    try:
        yield part if config.kind in GRADERS.builtin else own_grader(config.kind, config.part_version or "1", part)
    finally:
        close = getattr(part, "close", None)
        if close is not None:
            close()
