"""Docstrings of tools, taken apart: what the tool does, and what each argument is.

In: a docstring in Google's, numpy's or Sphinx's style, or with lines such as ``query: what to look for``. Out: the
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
    """What a docstring says."""

    description: str
    arguments: dict[str, str]
    """By the argument's name."""


def read_docstring(text: str, names: Collection[str]) -> ToolText:
    """``names``: of the tool's arguments. A docstring that cannot be read is a description as a whole."""
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
    """All that a docstring says beside its arguments: what comes back, errors, examples."""
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
