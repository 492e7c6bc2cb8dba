r"""Fenced blocks of a reply, in the variants that models write.

In: the text of a reply. Out: its blocks of Python, with their places in the text. A fence may have more than three
backticks, or tildes; it may be indented, share its line with code, or end in a cut stop string, and the closing fence
may be missing. A line of backticks inside a string of the code does not close the block: the closing fence is the one
after which the code parses. Not here: which block is the action.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from understudy.agents.formats.python_code import readable, syntax_error

MAX_TRIES = 12
"""Closing fences that are tried for one block."""
MAX_OPENINGS = 64
"""Fences that are tried in one reply."""
MAX_LABEL = 60
"""Characters before a fence that are looked at for the label of code."""

CODE_LABEL = r"[ \t]*(?:[#>*-]{1,4}[ \t]{0,2})?[*_]{0,3}Code[*_]{0,3}[ \t]?:[*_]{0,3}[ \t]*"
_LABEL_LINE = re.compile(rf"^{CODE_LABEL}$", re.IGNORECASE)
_OPENING = re.compile(r"^(?P<before>[^`~\n]*)(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
_LABEL_BEFORE = re.compile(rf"(?:^|.*\s){CODE_LABEL}$", re.IGNORECASE)
_CLOSING = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?:<.*)?$")
_SAME_LINE = re.compile(r"(?<![`~])(?P<fence>`{3,}|~{3,})[ \t]*(?:<[^`~]*)?$")
_INFO = re.compile(r"^\{?\.?(?P<name>[A-Za-z_][\w+-]*(?:\.\d+)*)(?:\}|(?<=\w)[:,]\S*|(?=\s)|$)[ \t]*(?P<rest>.*)$")
_PYTHON = re.compile(r"i?py(?:thon)?[\d.]*|python_?(?:code|repl)|tool_code|code", re.IGNORECASE)
_CUT_TAG = re.compile(r"(?:\n[ \t]*[`~]{1,2})?\s*<[|｜]?[\w/▁]*[|｜]?>?$|\n[ \t]*[`~]{1,2}\s*$")
"""What is left of a stop string or a fence that was cut, or a token of the model that ends its turn."""
_ATTRIBUTES = re.compile(r"[\w.:{}#-]*|(?:(?:title|file|filename|name|linenums|hl_lines)=\S+(?:\s+|\Z))+")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of Python."""

    start: int
    """Where its fence begins."""
    end: int
    """One past its closing fence."""
    code: str
    has_name: bool
    """The fence says that it is Python."""
    after_label: bool
    """It follows ``Code:`` directly."""
    is_closed: bool = True


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    seen: str
    """The line without reasoning, which is blank."""
    text: str


@dataclass(frozen=True, slots=True)
class _Opening:
    fence: str
    at: int
    is_python: bool
    has_name: bool
    rest: str
    """Code on the line of the fence."""
    is_weak: bool
    """Prose may look like such a fence: it counts only if the code after it parses."""


@dataclass(frozen=True, slots=True)
class _Found:
    code: str
    last: int
    """Number of its last line."""
    end: int
    is_closed: bool = True


def python_blocks(text: str, seen: str) -> Iterator[Block]:
    """Yield the blocks of Python. ``seen`` is the text with blanks for what no fence can stand in."""
    lines = list(_lines(text, seen))
    number, n_openings, follows_label = 0, 0, False
    while number < len(lines):
        line = lines[number]
        opening = _opening(line) if n_openings < MAX_OPENINGS else None
        n_openings += opening is not None
        found = _read(lines, number, opening) if opening else None
        if opening is None or found is None:
            follows_label = bool(_LABEL_LINE.match(line.seen)) or (follows_label and not line.seen.strip())
            number += 1
            continue
        if opening.is_python:
            after_label = follows_label or _ends_in_label(line.seen[: opening.at])
            start = line.start + opening.at
            yield Block(start, found.end, found.code, opening.has_name, after_label, found.is_closed)
        number, follows_label = found.last + 1, False


def without_cut_tag(code: str) -> str:
    """The code without a tag, or the beginning of one, at its end, if it parses only without it."""
    return readable(_CUT_TAG.sub("", code) if syntax_error(code) else code)


def _lines(text: str, seen: str) -> Iterator[_Line]:
    start = 0
    for line in text.split("\n"):
        yield _Line(start, seen[start : start + len(line)].rstrip("\r"), line.rstrip("\r"))
        start += len(line) + 1


def _ends_in_label(before: str) -> bool:
    return bool(_LABEL_BEFORE.match(before[-MAX_LABEL:]))


def _opening(line: _Line) -> _Opening | None:
    found = _OPENING.match(line.seen)
    if found is None:
        return None
    before, info = found["before"], found["info"].strip()
    if found["fence"][0] in info and not _SAME_LINE.search(info):
        return None
    named = _INFO.match(info)
    name, rest = (named["name"], named["rest"]) if named else ("", "" if info.startswith("<") else info)
    if name and not _PYTHON.fullmatch(name) and rest and not syntax_error(_without_fence(info)):
        name, rest = "", info
    is_python = not name or bool(_PYTHON.fullmatch(name))
    has_prose_before = bool(before.strip(" \t>*-")) and not _ends_in_label(before)
    if has_prose_before and not (name and is_python):
        return None
    if _ATTRIBUTES.fullmatch(rest):
        rest = ""
    return _Opening(found["fence"], len(before), is_python, bool(name), rest, has_prose_before or bool(rest))


def _read(lines: list[_Line], number: int, opening: _Opening) -> _Found | None:
    """The block that an opening fence begins; None if there is no such block."""
    closings = list(islice(_closings(lines, number, opening), MAX_TRIES))
    if not opening.is_python:
        return closings[0] if closings else None
    for first in dict.fromkeys((opening.rest, "")):
        for closing in closings:
            code = readable(_joined(first, closing.code, is_same_line=closing.last == number))
            if (code.strip() or closing.last > number) and not syntax_error(code):
                return replace(closing, code=code)
    if closings:
        return None if opening.is_weak else closings[0]
    return _unclosed(lines, number, opening)


def _unclosed(lines: list[_Line], number: int, opening: _Opening) -> _Found | None:
    """The block of a fence that is never closed: all following text, or all text up to the next opening fence."""
    following = (at for at in range(number + 1, len(lines)) if _opening(lines[at]))
    until = next(following, len(lines))
    code = _joined(opening.rest, "\n".join(line.text for line in lines[number + 1 : until])).rstrip()
    code = without_cut_tag(code)
    if until < len(lines) and not opening.has_name:
        return None
    if opening.is_weak and syntax_error(code):
        return None
    last = lines[until - 1]
    return _Found(code, until - 1, last.start + len(last.text), is_closed=False)


def _closings(lines: list[_Line], number: int, opening: _Opening) -> Iterator[_Found]:
    """Candidates for the code, most reliable first: closed by a fence of the same length, by any fence, at the end of a
    line.
    """
    mark, length = opening.fence[0], len(opening.fence)
    shorter = []
    for at in range(number + 1, len(lines)):
        closing = _CLOSING.match(lines[at].text)
        if closing is None or closing["fence"][0] != mark:
            continue
        code = "\n".join(line.text for line in lines[number + 1 : at])
        found = _Found(code, at, lines[at].start + closing.end("fence"))
        if len(closing["fence"]) >= length:
            yield found
        else:
            shorter.append(found)
    yield from shorter
    for at in range(number, len(lines)):
        line = lines[at].text
        same = _SAME_LINE.search(line, opening.at + length if at == number else 0)
        if same and same["fence"][0] == mark and line[: same.start()].strip():
            between = [] if at == number else [*(one.text for one in lines[number + 1 : at]), line[: same.start()]]
            yield _Found("\n".join(between), at, lines[at].start + same.end("fence"))


def _joined(first: str, code: str, *, is_same_line: bool = False) -> str:
    if is_same_line:
        return _without_fence(first)
    return "\n".join(part for part in (first, code) if part)


def _without_fence(text: str) -> str:
    same = _SAME_LINE.search(text)
    return (text[: same.start()] if same else text).strip()
