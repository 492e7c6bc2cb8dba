"""``understudy serve-model``: parsing only."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def serve_model(
    model: Annotated[str, typer.Argument(help="Folder or Hub id; also the folder of a training stage.")],
    local: Annotated[bool, typer.Option("--local", help="Use this package's own server instead of vLLM.")] = False,
    adapter: Annotated[str | None, typer.Option(help="LoRA adapter: folder or Hub id.")] = None,
    name: Annotated[str, typer.Option(help="Name of the model in requests.")] = "student",
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
) -> None:
    """Serve a model over OpenAI's protocol until Ctrl-C."""
    from understudy.extras import require
    from understudy.models import LocalConfig
    from understudy.models.engines.engine import Adapter, rank_of
    from understudy.models.locating import CARD, locate
    from understudy.models.serving import serve_model as serve_here
    from understudy.models.vllm_process import VllmOptions, vllm_served
    from understudy.run_layout import CHECKPOINT
    from understudy.training import read_card

    if (Path(model) / CHECKPOINT).is_dir():  # a training's folder
        model = str(Path(model) / CHECKPOINT)
    if adapter is None and (Path(model) / CARD).is_file() and (card := read_card(Path(model))).is_adapter:
        model, adapter = card.base, model
    if local:
        require("local", "serve-model --local")
        require("serve", "serve-model --local")
        serve_here(LocalConfig(path=model, adapter=adapter, name=name), host=host, port=port)
        return
    options = VllmOptions(model=locate(model), served_name=name, host=host, port=port)
    if adapter is not None:  # the base gets another name, so that nobody uses it instead of the student by mistake
        adapters = (Adapter(name, adapter, rank_of(adapter)),)
        options = options.model_copy(update={"served_name": f"{name}-base", "adapters": adapters})
    with vllm_served(options) as url:
        Console(soft_wrap=True, highlight=False).print(f"{name} is served at {url}; Ctrl-C stops it", markup=False)
        signal.pause()
