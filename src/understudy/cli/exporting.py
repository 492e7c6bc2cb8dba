"""``understudy export``: parsing only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.running import recipe_and_run, say

if TYPE_CHECKING:
    from understudy.export import ExporterConfig


def export(
    target: Annotated[Path, typer.Argument(metavar="RECIPE|RUN", help="A recipe (YAML), or a run directory.")],
    out_dir: Annotated[Path, typer.Option("--out", help="A new folder.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...")] = None,
    to: Annotated[str, typer.Option(help="folder, gguf, ollama, container, or package.module:Class.")] = "folder",
    precision: Annotated[str | None, typer.Option(help="Of a GGUF file: f16 or q8_0 (the default).")] = None,
    check: Annotated[bool, typer.Option(help="Check the file with a real llama.cpp.")] = True,
    agent: Annotated[str | None, typer.Option(help="The agent's name in the recipe.")] = None,
    run_dir: Annotated[Path | None, typer.Option(help="Where the run is; runs/NAME of the recipe by default.")] = None,
    stage: Annotated[str | None, typer.Option("--stage", help="The training with this name.")] = None,
) -> None:
    """Write a trained student as a folder of weights, a GGUF file, an Ollama model or a container of its agent."""
    from understudy.pipeline import export_student

    recipe, directory = recipe_and_run(target, overrides, run_dir)
    for line in export_student(recipe, directory, export_form(to, precision, check=check), out_dir, stage, agent):
        say(line)


def export_form(kind: str, precision: str | None, *, check: bool) -> ExporterConfig:
    """The form that the options describe. Raises ``typer.BadParameter``."""
    from pydantic import ValidationError

    from understudy.export import EXPORTERS
    from understudy.registry import TargetError
    from understudy.runs import explain

    options: dict[str, object] = {}
    if precision is not None:
        options["precision"] = precision
    if not check:
        options["check"] = False
    try:
        known = EXPORTERS.config_class(kind).model_fields
        if unused := [name for name in options if name not in known]:
            raise typer.BadParameter(
                f"--to {kind} has none", param_hint="--no-check" if "check" in unused else "--precision"
            )
        return EXPORTERS.validate({"kind": kind, **options})
    except TargetError as error:
        raise typer.BadParameter(str(error), param_hint="--to") from None
    except ValidationError as error:
        raise typer.BadParameter(explain(error, "--to")) from None
