"""Whether a run is running, done, failed or killed.

In: a run directory and its stages. Out: the stages and the run with their true states. A killed process cannot record
its end: a stage whose file says "running" while no process holds the run's lock was stopped. Not here: writing the
states.
"""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from pathlib import Path

from understudy.records import StageState
from understudy.report.data import Stage
from understudy.runs import LOCK_NAME

_ORDER = (StageState.RUNNING, StageState.FAILED, StageState.STOPPED)


def with_true_states(run_dir: Path, stages: Sequence[Stage]) -> tuple[tuple[Stage, ...], StageState]:
    """The stages as they are now, and the state of the whole run."""
    is_held = is_running(run_dir)
    if is_held is False:
        stages = [
            one.model_copy(update={"state": StageState.STOPPED}) if one.state is StageState.RUNNING else one
            for one in stages
        ]
    states = {one.state for one in stages}
    if is_held or (is_held is None and not stages):
        return tuple(stages), StageState.RUNNING
    if not stages:
        return (), StageState.STOPPED
    return tuple(stages), next((state for state in _ORDER if state in states), StageState.DONE)


def is_running(run_dir: Path) -> bool | None:
    """Whether a process holds the run for writing. None if unknown, such as without a lock file."""
    try:
        with (run_dir / LOCK_NAME).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return None
