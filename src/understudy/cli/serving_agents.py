"""``understudy serve-agent`` and ``understudy chat``: parsing only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console

from understudy.cli.running import recipe_and_run

if TYPE_CHECKING:
    from understudy.records import Record

ConfigT = TypeVar("ConfigT", bound="Record")
Target = Annotated[Path, typer.Argument(metavar="RUN|RECIPE", help="A run directory, or a recipe (YAML).")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Overrides, such as sandbox.level=rlimits.")
]
Label = Annotated[
    str | None,
    typer.Option("--agent", help="Label of an evaluation of the recipe; by default, the student that was evaluated."),
]
RunDir = Annotated[Path | None, typer.Option(help="Folder of the run; runs/NAME of the recipe by default.")]
LogDir = Annotated[Path | None, typer.Option("--log", help="Folder of the log; served/LABEL in the run by default.")]
NoLog = Annotated[bool, typer.Option("--no-log", help="Store nothing.")]
Metadata = Annotated[
    Path | None, typer.Option(help="A JSON file that describes the world of each conversation, as a task's metadata.")
]


def serve_agent(
    target: Target,
    overrides: Overrides = None,
    agent: Label = None,
    run_dir: RunDir = None,
    host: Annotated[str, typer.Option(help="A host other than loopback needs --token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8790,
    token: Annotated[
        str, typer.Option(envvar="UNDERSTUDY_SERVE_TOKEN", help="Clients send it as Authorization: Bearer TOKEN.")
    ] = "",
    max_turns: Annotated[int, typer.Option(min=1, help="Turns at the same time; more get 429.")] = 16,
    max_conversations: Annotated[int, typer.Option(min=1, help="Conversations whose state is kept.")] = 256,
    idle_s: Annotated[float, typer.Option(help="Seconds after which an idle conversation ends.")] = 600.0,
    turn_s: Annotated[float, typer.Option(help="Seconds after which a turn is stopped.")] = 600.0,
    answer_only: Annotated[bool, typer.Option("--answer-only", help="Replies do not show the steps.")] = False,
    mcp: Annotated[
        str, typer.Option(help="http: also serve the agent as an MCP tool, at /mcp. stdio: only that, without HTTP.")
    ] = "",
    metadata: Metadata = None,
    log: LogDir = None,
    no_log: NoLog = False,
) -> None:
    """Serve an agent of a run, with its tools, sandbox and state, over OpenAI's protocol and as a chat page."""
    from pydantic import SecretStr, ValidationError

    from understudy.pipeline import served_agent
    from understudy.runs import explain
    from understudy.serving import ServeAgentConfig, serve_agent_over_stdio
    from understudy.serving import serve_agent as serve

    if mcp not in ("", "http", "stdio"):
        raise typer.BadParameter(f"expected http or stdio; got {mcp!r}", param_hint="--mcp")
    try:
        config = ServeAgentConfig(
            host=host,
            port=port,
            token=SecretStr(token),
            max_turns=max_turns,
            max_conversations=max_conversations,
            idle_s=idle_s,
            turn_s=turn_s,
            steps=not answer_only,
            mcp=mcp == "http",
            metadata=_metadata(metadata),
        )
    except ValidationError as error:
        raise typer.BadParameter(explain(error, "options")) from None
    recipe, directory = recipe_and_run(target, overrides, run_dir)
    with served_agent(recipe, directory, agent) as served:
        config = _with_log(config, log, served.label, directory, no_log=no_log)
        if mcp == "stdio":
            serve_agent_over_stdio(served, config, say=_say)
        else:
            serve(served, config, say=_say)


def chat(
    target: Target,
    overrides: Overrides = None,
    agent: Label = None,
    run_dir: RunDir = None,
    steps: Annotated[str, typer.Option(help="How steps are shown: short, full or none.")] = "short",
    metadata: Metadata = None,
    log: LogDir = None,
    no_log: NoLog = False,
) -> None:
    """Chat with an agent of a run in the terminal. Ctrl-C stops a turn; a second one ends the chat."""
    from understudy.cli.interrupts import each_interrupt_raises
    from understudy.pipeline import served_agent
    from understudy.serving import ConversationsConfig, StepView, chat_in_terminal

    if steps not in tuple(StepView):
        raise typer.BadParameter(f"expected one of {', '.join(StepView)}; got {steps!r}", param_hint="--steps")
    recipe, directory = recipe_and_run(target, overrides, run_dir)
    with served_agent(recipe, directory, agent) as served:
        config = ConversationsConfig(metadata=_metadata(metadata), idle_s=10**9)
        config = _with_log(config, log, f"{served.label}-chat", directory, no_log=no_log)
        each_interrupt_raises()
        chat_in_terminal(served, config, StepView(steps))


def _metadata(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except ValueError as error:
        raise typer.BadParameter(f"{path}: expected JSON; {error}", param_hint="--metadata") from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{path}: expected a JSON object; got {found!r:.80}", param_hint="--metadata")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"got {name}")


def _with_log(config: ConfigT, log: Path | None, label: str, run_dir: Path, *, no_log: bool) -> ConfigT:
    from understudy.run_layout import SERVED

    if no_log:
        return config
    safe = "".join(char if char.isalnum() or char in "-_." else "-" for char in label).strip("-.") or "agent"
    return config.model_copy(update={"log": log or run_dir / SERVED / safe})


def _say(line: str) -> None:
    """Standard output may be the transport of MCP."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(line, markup=False)
