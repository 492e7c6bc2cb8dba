r"""The answer in what an attempt gave: the boxed part, or what stands there bare, or the last expression of a text.

In: text. Out: text. Not here: what the answer means.
"""

from __future__ import annotations

import re

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s*")
_SAID = re.compile(r"(?:answer|result)\s*(?:is|are|:|=)\s*:?\s*", re.IGNORECASE)
_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?%?")
_PROSE = re.compile(r"(?<![\\{A-Za-z])[A-Za-z]{2,}(?:\s+[A-Za-z]{2,}){3,}")
"""Four plain words in a row are a sentence, not an answer."""

MAX_TEXT_CHARS = 20_000
"""Only the end of a longer text is searched for an answer: that is where it stands."""


def last_boxed(text: str) -> str | None:
    r"""What the last complete ``\boxed{…}`` of the text holds; None where there is none. One pass, in linear time."""
    text = text[-MAX_TEXT_CHARS:]
    starts = {match.end() for match in _BOX.finditer(text)}
    found: tuple[int, int] | None = None
    opened: list[int] = []
    for index, sign in enumerate(text):
        if sign not in "{}" or text[index - 1 : index] == "\\":
            continue
        if sign == "{":
            opened.append(index)
        elif opened:
            start = opened.pop()
            if start in starts and (found is None or start > found[0]):
                found = start, index
    return None if found is None else text[found[0] + 1 : found[1]].strip()


def boxed_or_text(text: str) -> str:
    r"""A factual answer: the boxed part, else all of it, without quotes and ``\text``."""
    given = last_boxed(text)
    given = text.strip() if given is None else given
    if wrapped := re.fullmatch(r"\\(?:text|mathrm|textbf|mbox)\{(.*)\}", given, re.DOTALL):
        given = wrapped[1].strip()
    if len(given) >= 2 and given[0] == given[-1] and given[0] in "'\"":
        given = given[1:-1].strip()
    return given


def mathematical_answer(text: str) -> str:
    """A mathematical answer: the boxed part; else the whole text where it is bare; else its last expression.

    In prose that is what follows the last "answer is", then the last formula, then the last number.
    """
    boxed = last_boxed(text)
    if boxed is not None:
        return boxed
    text = text.strip()[-MAX_TEXT_CHARS:]
    if "\n" not in text and not _PROSE.search(text) and not _SAID.search(text):
        return text
    if said := list(_SAID.finditer(text)):
        text = text[said[-1].end() :].split("\n")[0].strip()
        if not _PROSE.search(text):
            return text.rstrip(".")
    if formulas := list(_FORMULA.finditer(text)):
        return next(group for group in formulas[-1].groups() if group is not None).strip()
    if numbers := _NUMBER.findall(text):
        return str(numbers[-1])
    return text
