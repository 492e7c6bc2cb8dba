"""``understudy watch``: parsing only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.running import existing_run, out, say


def watch(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="Folder of a served agent's log.")],
    run: Annotated[
        Path | None, typer.Option("--run", help="The run whose student is served; as the log states it by default.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="Its evaluation; the student's first by default.")] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only the last N conversations.")] = None,
    since: Annotated[str, typer.Option(help="Only conversations that ended since this date, such as 2026-11-01.")] = "",
    next_file: Annotated[Path | None, typer.Option("--next", help="Write the recipe of a new round here.")] = None,
    stage: Annotated[str | None, typer.Option("--stage", help="For --next: the training that is served.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Compare what an agent was asked and did in service with its evaluation, and say whether a new round pays."""
    from understudy.pipeline import recipe_of_run, watching

    window = watching.read_window(log, last, since)
    run = existing_run(run or watching.run_of_log(log))
    recipe = recipe_of_run(run)
    ref = watching.find_reference(recipe, run, window[-1], reference)
    found = watching.watch_log(run, window, ref)
    if as_json:
        out.print_json(found.model_dump_json())
        return
    from understudy.report.drift import drift_table

    out.print(drift_table(found, str(ref)))
    for line in watching.advice(found):
        say(line)
    if next_file is not None:
        from understudy.pipeline.next_round import write_next_round

        say(f"Written: {next_file}")
        for line in write_next_round(recipe, run, log, next_file, stage):
            say(f"  {line}")
    elif watching.pays(found):
        say("The recipe of a new round, from these conversations: add --next FILE.yaml")
