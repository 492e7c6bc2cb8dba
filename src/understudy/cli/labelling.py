"""``understudy label``: parsing only."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.running import existing_run, out


def label(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="Such as imported/shop; the only one by default.")] = "",
    n: Annotated[int, typer.Option("--n", min=1, help="Attempts to mark.")] = 50,
    seed: Annotated[int, typer.Option(help="Seed of the sample, which alternates right and wrong attempts.")] = 0,
    host: str = "127.0.0.1",
    port: int = 7789,
) -> None:
    """Mark a sample of attempts as right or wrong in the browser: the keys are r, w, s to skip, u to undo."""
    from understudy.extras import require
    from understudy.report import Labelling, mark_agreement_table, read_mark_agreements, serve_view, stage_to_mark

    require("serve", "understudy label")
    labelling = Labelling(existing_run(run_dir), stage_to_mark(run_dir, stage), n, seed)
    with suppress(KeyboardInterrupt):
        serve_view(run_dir, host, port, labelling)
    out.print(mark_agreement_table(read_mark_agreements(run_dir)))
    out.print(f"Marks: {labelling.path}", markup=False)
