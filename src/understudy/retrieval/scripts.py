"""Texts of any language → texts for a tokenizer that splits at spaces.

In: a passage or a query. Out: the same text in Unicode's composed form (NFC), in which runs of Chinese, Japanese,
Korean, Thai, Lao, Khmer and Burmese are replaced by n-grams: single letters and pairs for a passage, pairs for a query.
So any part of a sentence is found without a dictionary, as with Lucene's CJK analyzer. A letter is a character with the
marks that belong to it. Text in other scripts stays as it is. Not here: stemming, dictionaries of words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

_SPACELESS = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"  # Korean. It has spaces, but attaches particles to words.
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u312f\u31a0-\u31bf\u31f0-\u31ff\uff66-\uff9f"  # Kana, Bopomofo
    "]+"
)


def passage_text(text: str) -> str:
    """A passage as it is indexed."""
    return _spaced(text, lambda letters: [*letters, *_pairs(letters)])


def query_text(text: str) -> str:
    """A query as it is searched for. A single letter is looked for as such."""
    return _spaced(text, lambda letters: list(_pairs(letters)) if len(letters) > 1 else letters)


def has_spaceless_script(text: str) -> bool:
    """Whether a part of the text is searched for by n-grams."""
    return not text.isascii() and _SPACELESS.search(unicodedata.normalize("NFC", text)) is not None


def _spaced(text: str, grams: Callable[[list[str]], Sequence[str]]) -> str:
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFC", text)
    return _SPACELESS.sub(lambda run: f" {' '.join(map(_as_word, grams(_letters(run[0]))))} ", composed)


def _letters(run: str) -> list[str]:
    letters: list[str] = []
    for char in unicodedata.normalize("NFKC", run):  # half-width kana and Chinese in compatibility forms
        if letters and unicodedata.category(char).startswith("M"):
            letters[-1] += char
        else:
            letters.append(char)
    return letters


def _pairs(letters: Sequence[str]) -> Iterator[str]:
    return (first + second for first, second in pairwise(letters))


def _as_word(gram: str) -> str:
    """A gram in letters that no tokenizer separates, as it would at some marks of Thai and Burmese."""
    return "".join(f"{ord(char):x}" for char in gram)
