"""``understudy demo``, ``init`` and ``kinds``, for new users. Parsing and copying only."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from understudy.cli.running import out, recipe_and_run, run_and_show


def demo(
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...")] = None,
    run_dir: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/demo"),
    seed: Annotated[int | None, typer.Option(help="Short for seed=N.")] = None,
) -> None:
    """Distil a small agent on this machine's CPU, from teacher to report, in a few minutes."""
    recipe, directory = recipe_and_run(Path(str(files("understudy") / "demo" / "demo.yaml")), overrides, run_dir, seed)
    run_and_show(recipe, directory, None, restart=False)


def init(
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")] = Path("my-agent"),
) -> None:
    """Write a commented recipe and a small package with tools, tasks, grader and teacher."""
    if folder.exists():
        raise typer.BadParameter(f"{folder} exists already; name a folder that does not", param_hint="FOLDER")
    shutil.copytree(_template(), folder, ignore=shutil.ignore_patterns("__pycache__", "runs", "shop.db*"))
    out.print(f"Written: {folder}. Read its README.md, then: cd {folder} && understudy run recipe.yaml")


def kinds() -> None:
    """List the kinds of every exchangeable part, one per line, and the package of each."""
    from understudy.pipeline.kinds import groups
    from understudy.report.visible import plain

    for group in groups():
        out.print(f"[bold]{group.name}[/bold]: a part that {group.about}")
        table = Table(box=None, show_header=False, padding=(0, 2))
        for kind in group.kinds():
            table.add_row(kind.name, plain(kind.about), kind.origin)
        out.print(table)
        out.print()
    out.print("Any other kind is written as package.module:Class; docs/extend.md shows how to make one.")


def _template() -> Path:
    """The template of an installed package; in a checkout, the example itself."""
    packaged = Path(str(files("understudy") / "template"))
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "examples" / "own_agent"
