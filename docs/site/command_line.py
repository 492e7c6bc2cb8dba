"""The reference of the command line. In: the command line's own definition. Out: a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from understudy.cli.app import app


def command_line_page() -> str:
    """All commands with their arguments and options."""
    group = typer.main.get_command(app)
    parts = [
        "# Command line",
        "Made from the code. `understudy COMMAND --help` prints the same. Exit codes: 0 done, 1 the work failed, 2 the "
        "command or the recipe is wrong, 130 Ctrl-C.",
        *_commands(group, "understudy"),
    ]
    return "\n\n".join(parts) + "\n"


def _commands(group: Any, above: str) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        whole = f"{above} {name}"
        if hasattr(command, "commands"):
            yield from _commands(command, whole)
            continue
        yield f"## {whole.removeprefix('understudy ')}"
        yield " ".join((command.help or "").split())
        yield f"```text\n{_usage(command, whole)}\n```"
        if rows := [_row(one) for one in command.params if one.name != "help"]:
            yield "| | default | |\n|---|---|---|\n" + "\n".join(rows)


def _usage(command: Any, name: str) -> str:
    arguments = [_argument(one) for one in command.params if one.param_type_name == "argument"]
    return " ".join([name, "[OPTIONS]", *arguments])


def _argument(one: Any) -> str:
    return str(one.metavar or one.name.upper())


def _row(one: Any) -> str:
    is_argument = one.param_type_name == "argument"
    name = _argument(one) if is_argument else ", ".join([*one.opts, *one.secondary_opts])
    shown = "required" if one.required else _default(one.default)
    return f"| `{_cell(name)}` | {shown} | {_cell(getattr(one, 'help', '') or '')} |"


def _default(value: object) -> str:
    """Empty for flags that are off, and for values that are left out."""
    return "" if value in (None, False, (), [], "") or callable(value) else f"`{value}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
