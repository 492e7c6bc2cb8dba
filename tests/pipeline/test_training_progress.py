"""What the bar of a training says before its first step, in it and after it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from understudy.pipeline.trainings import _show
from understudy.progress import Progress
from understudy.training.progress import PROGRESS, ProgressFile, read_progress


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


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"step": 1}',
        b'{"step": "x", "n_steps": 2}',
        b'{"step": 1, "n_steps": 2, "x": 3}',
    ],
)
def test_a_file_of_another_version_or_a_torn_one_shows_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PROGRESS).write_bytes(content)
    assert read_progress(tmp_path) is None
    stages: list[Any] = [SimpleNamespace(folder=tmp_path)]
    with Progress("train", 4, quiet=True) as bar:
        assert _show(bar, stages, 0.0) == 0
        assert bar._count() == "0/4"


@pytest.mark.parametrize(
    ("loss", "shown"), [(float("nan"), ", loss nan"), (float("inf"), ", loss inf"), (None, ""), (0.0, ", loss 0.000")]
)
def test_every_loss_is_shown_as_it_is(tmp_path: Path, loss: float | None, shown: str) -> None:
    file = ProgressFile(tmp_path, 4, 1)
    file._written = 0.0
    file.step_done(2, loss)
    stages: list[Any] = [SimpleNamespace(folder=tmp_path)]
    with Progress("train", 4, done=1, quiet=True) as bar:
        assert _show(bar, stages, 1.0) == 2
        assert bar._rest().endswith(f"optimiser steps{shown}")


def test_a_folder_that_cannot_be_written_to_ends_no_training(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path / "gone", 4, 0)
    file.part_done(7.0)
    file.saved(4)
    assert file._now.kept == "It was at step 4 of 4; the checkpoint of step 4 is kept."
    assert read_progress(tmp_path / "gone") is None
