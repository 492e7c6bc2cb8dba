"""Options of ``understudy export``: parsing only."""

from __future__ import annotations

import typer
from pydantic import ValidationError

from understudy.export import EXPORTERS, ExporterConfig
from understudy.runs import explain


def export_form(kind: str, precision: str | None, *, check: bool) -> ExporterConfig:
    """The form that the options describe. Raises ``typer.BadParameter``."""
    options: dict[str, object] = {"kind": kind}
    if precision is not None:
        options["precision"] = precision
    if not check:
        options["check"] = False
    try:
        return EXPORTERS.validate(options)
    except ValidationError as error:
        raise typer.BadParameter(explain(error, "--to")) from None
