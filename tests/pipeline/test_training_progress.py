"""What the bar of a training says before its first step, in it and after it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from understudy.pipeline.trainings import _show
from understudy.progress import Progress
from understudy.training.progress import ProgressFile


def test_the_bar_says_what_is_done_before_the_first_step(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    stages: list[Any] = [SimpleNamespace(folder=folder) for folder in folders]
    with Progress("train", None, quiet=True) as bar:
        assert _show(bar, stages, 0.0) == 0
        assert bar._rest() == "reading the model and the examples"
        written = [ProgressFile(folder, 10, 0) for folder in folders]
        _show(bar, stages, 0.0)
        assert bar._count() == "0/20"
        written[0]._written = 0.0
        written[0].part_done(0.5)
        assert _show(bar, stages, 0.0) == 0.5
        assert bar._rest().endswith("optimiser steps")
        written[0]._written = 0.0
        written[0].step_done(1, 2.5)
        assert _show(bar, stages, 0.5) == 1
        assert bar._rest().endswith("optimiser steps, loss 2.500")
        assert bar._count() == "1/20"
