"""``understudy record`` and ``understudy shadow``: parsing only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def record(
    upstream: Annotated[str, typer.Option(help="The server that your agent uses now: https://api.openai.com/v1.")],
    out: Annotated[Path, typer.Option(help="Folder of the recorded log.")] = Path("traces"),
    host: Annotated[str, typer.Option(help="A host other than loopback needs --token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8788,
    token: Annotated[
        str,
        typer.Option(
            envvar="UNDERSTUDY_RECORD_TOKEN",
            help="Sent in the header x-understudy-token or first in the path: http://host:8788/TOKEN/v1.",
        ),
    ] = "",
    max_gb: Annotated[float, typer.Option(help="Limit of the folder's size; beyond it, nothing is stored.")] = 10.0,
    shadow: Annotated[str, typer.Option(help="A second server that gets a copy of requests.")] = "",
    shadow_share: Annotated[
        float | None, typer.Option(help="Share of the conversations that are sent to it; by default 0.1.")
    ] = None,
    shadow_model: Annotated[
        str, typer.Option(help="The model's name on the second server; by default as in requests.")
    ] = "",
    shadow_key: Annotated[str, typer.Option(envvar="UNDERSTUDY_SHADOW_KEY", help="Key of the second server.")] = "",
) -> None:
    """Record an agent's requests and answers with a proxy that changes nothing. Import the folder as traces later."""
    from pydantic import SecretStr, ValidationError

    from understudy.recorder import RecorderConfig, ShadowConfig
    from understudy.recorder import record as run_recorder
    from understudy.runs import explain

    if not 0 < max_gb < float("inf"):
        raise typer.BadParameter(f"expected a number of GB above 0; got {max_gb:g}", param_hint="--max-gb")
    if not shadow and (shadow_model or shadow_share is not None):
        raise typer.BadParameter("expected the URL of the second server too", param_hint="--shadow")
    try:
        second = None
        if shadow:
            share = {} if shadow_share is None else {"share": shadow_share}
            second = ShadowConfig(url=shadow, model=shadow_model, key=SecretStr(shadow_key), **share)
        config = RecorderConfig(
            upstream=upstream,
            folder=out,
            host=host,
            port=port,
            token=SecretStr(token),
            max_bytes=round(max_gb * 2**30),
            shadow=second,
        )
    except ValidationError as error:
        raise typer.BadParameter(explain(error, "options")) from None
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    run_recorder(config, say=lambda text: errors.print(text, markup=False))


def shadow(
    traces: Annotated[Path, typer.Argument(metavar="TRACES", help="Folder that understudy record --shadow wrote.")],
    out: Annotated[Path | None, typer.Option(help="Also write one row per request, as JSONL.")] = None,
) -> None:
    """Compare the replies of a shadow with the real ones: how often its action is the same."""
    from understudy.evaluation import compare_shadow
    from understudy.report import agreement_table
    from understudy.runs import write_jsonl

    compared = compare_shadow(traces)
    screen = Console(soft_wrap=True, highlight=False)
    screen.print(agreement_table([compared.agreement]))
    screen.print(
        f"Median seconds per request: upstream {compared.upstream_s:.3g}, shadow {compared.shadow_s:.3g}", markup=False
    )
    if out is not None:
        write_jsonl(out, compared.rows)
        screen.print(f"Rows: {out}", markup=False)
