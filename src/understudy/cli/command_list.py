"""The command list of ``understudy --help``: the stages of a recipe and all other commands, with their full sentences.

In: the commands of the Typer app. Out: the help text. It is plain text: Typer's boxes cost 0.25 CPU-seconds of imports
(Markdown, syntax highlighting), and Typer's plain list ends each sentence after one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperGroup

from understudy.pipeline.stage_table import STAGE_TABLE

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter


class CommandList(TyperGroup):
    """A group whose help lists its commands in two sections."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002  Typer's signature
        """Write the list of commands."""
        rows = {name: " ".join((command.help or "").split()) for name, command in self.commands.items()}
        stages = [(name, rows.pop(name)) for kind in STAGE_TABLE if (name := kind.replace("_", "-")) in rows]
        for title, section in (("Commands", list(rows.items())), ("Commands for the stages of one kind", stages)):
            if section:
                with formatter.section(title):
                    formatter.write_dl(section)
