r"""What stands beside the mathematics of an answer: units, and answers that are words.

In: a raw or tidy text. Out: the text without its unit, or the words it consists of. Not here: conversion of units
(15 cm² and 15 m² are the same here, as in the protocol, which deletes units).
"""

from __future__ import annotations

import re

_TEXT = re.compile(r"\\(?:text|mbox|textrm|textbf|textit|textnormal|mathrm|hbox)\s*\{([^{}]*)\}")
_TRAILING_TEXT = re.compile(
    r"\s*\\(?:text|mbox|textrm|textbf|textnormal|hbox)\s*\{[^{}]*\}\s*(?:\^\s*\{?\s*\d\s*\}?)?\s*$"
)
_TRAILING_WORDS = re.compile(
    r"(?<=[\d)}°π%])(?:\s*(?!sqrt|sin|cos|tan|pi)[A-Za-z]{2,}|\s+[mgshLNJWVK])"
    r"(?:\s+[A-Za-z]+|\s*\^\s*\{?\d\}?|\s*/\s*[A-Za-z]+|\.)*\s*$"
)
_WORDS = re.compile(r"[A-Za-z][A-Za-z ,\-'’()\[\].&]*")
_CHOICE = re.compile(r"\(?\s*([A-Za-z])\s*\)")


def words_of(reference: str) -> list[str] | None:
    r"""The words of a reference that is words, such as ``\text{two lines}``; None where it is mathematics."""
    inner, n_wrapped = _TEXT.subn(r" \1 ", reference.strip())
    is_choice = _CHOICE.fullmatch(inner.strip()) is not None and n_wrapped > 0
    if not is_choice and not (_WORDS.fullmatch(inner.strip()) and (n_wrapped or " " in inner.strip())):
        return None
    words = _plain_words(inner)
    # Single letters without \text are variables: "p - q".
    return words if n_wrapped or all(len(word) > 1 for word in words) else None


def same_words(words: list[str], answer: str) -> bool:
    """Whether the answer consists of these words, in order, whatever brackets and quotes stand around them."""
    came = _plain_words(_TEXT.sub(r" \1 ", answer))
    if words == came:
        return True
    choice = _CHOICE.match(answer.strip().removeprefix(r"\text{"))
    return len(words) == 1 and len(words[0]) == 1 and choice is not None and [choice[1].casefold()] == words


def _plain_words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def unwrap_text(text: str) -> str:
    r"""A tidy text with what ``\text{…}`` holds in its place."""
    return _TEXT.sub(r"\1", text)


def strip_units(text: str) -> str:
    """A tidy text without the unit after it, where something mathematical stands before the unit."""
    for pattern in (_TRAILING_TEXT, _TRAILING_WORDS):
        shorter = pattern.sub("", text)
        if re.search(r"[\dπ]", shorter):
            text = shorter
    return text
