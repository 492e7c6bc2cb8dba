"""``understudy push`` and ``understudy rerun``: parsing and printing only."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from understudy.cli.running import out, recipe_and_run, run_and_show, say

if TYPE_CHECKING:
    from understudy.pipeline import Prepared

_SHOWN = 20


class RefusedError(ValueError):
    """Something must not be published. The message lists it."""


def push(
    target: Annotated[Path, typer.Argument(metavar="RECIPE|RUN", help="A recipe (YAML), or a run directory.")],
    model: Annotated[str, typer.Option(help="NAMESPACE/NAME of the student's repository.")] = "",
    data: Annotated[str, typer.Option(help="NAMESPACE/NAME of a data set: examples, and attempts with scores.")] = "",
    upload: Annotated[bool, typer.Option("--upload", help="Send the files. Without it, nothing is sent.")] = False,
    public: Annotated[bool, typer.Option("--public", help="New repositories are public.")] = False,
    merged: Annotated[bool, typer.Option("--merged", help="Publish whole weights, not an adapter.")] = False,
    licence: Annotated[str, typer.Option("--license", help="The Hub's name of a licence, such as apache-2.0.")] = "",
    base_model: Annotated[str, typer.Option(help="Hub id of the base, if the recipe does not name it.")] = "",
    allow: Annotated[list[str] | None, typer.Option(help="A value that may be published; may be repeated.")] = None,
    stage: Annotated[str | None, typer.Option("--stage", help="The training with this name.")] = None,
    agent: Annotated[str | None, typer.Option(help="The agent's name in the recipe.")] = None,
    out_dir: Annotated[Path | None, typer.Option("--out", help="Keep the files in this new folder.")] = None,
    run_dir: Annotated[Path | None, typer.Option(help="Where the run is; runs/NAME of the recipe by default.")] = None,
) -> None:
    """Show what of a run would be published on the Hugging Face Hub, and publish it with --upload."""
    if out_dir is not None and out_dir.exists():
        raise typer.BadParameter(f"{out_dir} exists already; name a new folder", param_hint="--out")
    recipe, directory = recipe_and_run(target, None, run_dir)
    from understudy.pipeline import PushOptions, prepare_push

    options = PushOptions(
        model_id=model,
        data_id=data,
        stage=stage,
        agent=agent,
        merged=merged,
        licence=licence,
        base_model=base_model,
        allowed=tuple(allow or ()),
    )
    with tempfile.TemporaryDirectory() as temporary:
        prepared = prepare_push(recipe, directory, options, out_dir or Path(temporary))
        _show(prepared)
        if out_dir is not None:
            say(f"The files are in {out_dir}")
        if prepared.refusals:
            raise RefusedError(_refused(prepared))
        if not upload:
            say("Nothing was sent. To send these files, add --upload.")
            return
        from understudy.publishing import upload as send

        for repository in prepared.repositories:
            for line in send(repository, private=not public):
                say(f"Sent: {line}")


def rerun(
    card: Annotated[str, typer.Argument(help="README.md, its folder, or a Hub id (datasets/… for a data set).")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...")] = None,
    run_dir: Annotated[Path | None, typer.Option(help="Folder of the run; runs/NAME-rerun by default.")] = None,
) -> None:
    """Run the recipe of a published card again, and compare examples and accuracy with the card."""
    from understudy.pipeline import compare_with_card, recipe_of_card
    from understudy.publishing import read_card

    published = read_card(card)
    recipe = recipe_of_card(published, tuple(overrides or ()))
    directory = run_dir or Path("runs") / f"{recipe.name}-rerun"
    run_and_show(recipe, directory, None, restart=False)
    for line in compare_with_card(published, recipe, directory):
        say(line)


def _show(prepared: Prepared) -> None:
    for repository in prepared.repositories:
        files = repository.files()
        out.print(f"[bold]{repository.id}[/bold] ({repository.kind}), {sum(files.values()) / 1e6:.2f} MB")
        table = Table(box=None, show_header=False, padding=(0, 2))
        table.add_column(overflow="fold")
        table.add_column(justify="right")
        for name, size in files.items():
            table.add_row(name, f"{size:,} bytes")
        out.print(table)


def _refused(prepared: Prepared) -> str:
    found = prepared.refusals
    lines = [f"Nothing was sent: {len(found)} place{'s' if len(found) > 1 else ''} must not be published."]
    lines += [f"  {one}" for one in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"  and {len(found) - _SHOWN} more")
    lines.append(
        "A stage `clean` with the check personal_data masks personal data before they are trained on; "
        "--allow VALUE lets a value pass that is none."
    )
    return "\n".join(lines)
