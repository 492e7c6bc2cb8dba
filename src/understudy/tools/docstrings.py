"""Splits the docstring of a tool into the description of the tool and those of its arguments.

In: a docstring in the style of Google, numpy or Sphinx, or with lines such as ``query: what to look for``. Out: the
description without the arguments, and a text for each argument. Not here: type hints.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docstring_parser import Docstring

_LINE = re.compile(r"^[-*]?\s*`{0,2}(\w+)`{0,2}\s*:\s+(\S.*)$")


@dataclass(frozen=True, slots=True)
class ToolText:
    """The parts of a docstring."""

    description: str
    arguments: dict[str, str]
    """By the argument's name."""


def read_docstring(text: str, names: Collection[str]) -> ToolText:
    """``names``: the names of the tool's arguments. If a docstring cannot be parsed, all of it is the description."""
    import docstring_parser

    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return ToolText(text.strip(), {})
    documented = {one.arg_name.lstrip("*"): " ".join((one.description or "").split()) for one in parsed.params}
    arguments = {name: about for name, about in documented.items() if name in names and about}
    if arguments:
        return ToolText(_without_arguments(parsed), arguments)
    return _by_lines(text, names)


def _without_arguments(parsed: Docstring) -> str:
    """Everything in a docstring except the arguments: return value, errors, examples."""
    parts = [parsed.short_description, parsed.long_description]
    if parsed.returns is not None and parsed.returns.description:
        parts.append(f"Returns: {parsed.returns.description}")
    parts += [f"Raises {one.type_name or 'an error'}: {one.description}" for one in parsed.raises if one.description]
    parts += [f"Example:\n{one.snippet or one.description}" for one in parsed.examples]
    return "\n".join(part.strip() for part in parts if part and part.strip())


def _by_lines(text: str, names: Collection[str]) -> ToolText:
    kept: list[str] = []
    arguments: dict[str, str] = {}
    for line in text.strip().splitlines():
        found = _LINE.match(line.strip())
        if found and found[1] in names:
            arguments[found[1]] = found[2].strip()
        else:
            kept.append(line)
    return ToolText("\n".join(kept).strip(), arguments)
