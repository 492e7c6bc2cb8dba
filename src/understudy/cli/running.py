"""Shared by several commands: read a recipe, run it, print its table and the path of its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from understudy.pipeline import Recipe
    from understudy.records import StageRef

out = Console(soft_wrap=True, highlight=False)


def recipe_and_run(
    target: Path, overrides: Sequence[str] | None, run_dir: Path | None, seed: int | None = None
) -> tuple[Recipe, Path]:
    """The recipe of a file or a run directory, with overrides, and the directory in which it runs."""
    from understudy.pipeline import load_recipe, recipe_of_run

    changes = (*(overrides or ()), *(() if seed is None else (f"seed={seed}",)))
    if target.is_dir():
        return recipe_of_run(target, changes), run_dir or target
    recipe = load_recipe(target, changes)
    return recipe, run_dir or Path("runs") / recipe.name


def existing_run(folder: Path) -> Path:
    """The folder, if it is a run's. Raises ``ValueError``, which names the runs inside it instead."""
    from understudy.run_layout import MANIFEST

    if (folder / MANIFEST).is_file():
        return folder
    if not folder.is_dir():
        what = "it is a file" if folder.is_file() else "it does not exist"
        raise ValueError(f"{folder}: expected a run directory; {what}")
    runs = sorted(str(path.parent) for path in folder.glob(f"*/{MANIFEST}"))
    hint = f"; did you mean {' or '.join(runs[:3])}?" if runs else ""
    raise ValueError(f"{folder}: expected a run directory; there is no {MANIFEST} in it{hint}")


def run_and_show(recipe: Recipe, run_dir: Path, only: Sequence[StageRef] | None, *, restart: bool) -> None:
    """Run a recipe, or some of its stages, then print its table."""
    from understudy.pipeline import run_recipe
    from understudy.report import terminal_table

    run_recipe(recipe, run_dir, only=only, restart=restart, say=say)
    out.print()
    out.print(terminal_table(run_dir))
    out.print(f"\nReport: {run_dir / 'report.html'}", markup=False)


def say(line: str) -> None:
    """Print a line of results above the bars."""
    from understudy.progress import print_above_bars

    print_above_bars(line, out)
