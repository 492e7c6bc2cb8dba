"""``understudy record``: parsing only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def record(
    upstream: Annotated[str, typer.Option(help="The server that your agent uses now: https://api.openai.com/v1.")],
    out: Annotated[Path, typer.Option(help="Folder of the recorded log.")] = Path("traces"),
    host: Annotated[str, typer.Option(help="Another than loopback needs --token.")] = "127.0.0.1",
    port: int = 8788,
    token: Annotated[
        str,
        typer.Option(
            envvar="UNDERSTUDY_RECORD_TOKEN",
            help="Clients show it in the header x-understudy-token or first in the path: http://host:8788/TOKEN/v1.",
        ),
    ] = "",
    max_gb: Annotated[float, typer.Option(help="Bound of the folder's size; beyond it, answers only pass.")] = 10.0,
) -> None:
    """Record what an agent and its model say: a proxy that changes nothing. Import the folder as traces later."""
    from pydantic import SecretStr, ValidationError

    from understudy.recorder import RecorderConfig
    from understudy.recorder import record as run_recorder
    from understudy.runs import explain

    try:
        config = RecorderConfig(
            upstream=upstream,
            folder=out,
            host=host,
            port=port,
            token=SecretStr(token),
            max_bytes=round(max_gb * 2**30),
        )
    except ValidationError as error:
        raise typer.BadParameter(explain(error, "options")) from None
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    run_recorder(config, say=lambda text: errors.print(text, markup=False))
