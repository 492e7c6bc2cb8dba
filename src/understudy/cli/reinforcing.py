"""``understudy export-rl``: parsing only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.running import recipe_and_run, say


def export_rl(
    target: Annotated[Path, typer.Argument(metavar="RECIPE|RUN", help="A recipe (YAML), or a run directory.")],
    out_dir: Annotated[Path, typer.Option("--out", help="A new folder.")],
    tasks: Annotated[
        list[str] | None, typer.Option(help="A task set of the recipe; those of its rollouts by default.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="The agent's name in the recipe.")] = None,
    run_dir: Annotated[Path | None, typer.Option(help="Where the run is; runs/NAME of the recipe by default.")] = None,
    stage: Annotated[str | None, typer.Option("--stage", help="The training with this name.")] = None,
) -> None:
    """Write a script that continues a student's training with reinforcement learning (GRPO of TRL)."""
    from understudy.pipeline import export_rl as write

    recipe, directory = recipe_and_run(target, None, run_dir)
    script = write(recipe, directory, out_dir, stage, agent, tasks or ())
    say(f"Written: {script}. It is yours to change. Run it: python {script}")
