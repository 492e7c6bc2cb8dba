"""Spellings of the same word → one spelling, for a tokenizer that knows Latin letters only.

In: a text. Out: the same text without invisible characters, in Unicode's compatibility form (NFKC), with one form of
each letter where writers leave its marks out: Greek accents and final sigma, the Russian ё, vowel signs of Arabic and
Hebrew, the alefs and yehs of Arabic, Persian and Urdu; decimal digits of any script as 0 to 9. The choices are those of
Lucene's analyzers for these languages. Not here: Latin accents, which the tokenizer removes.
"""

from __future__ import annotations

import unicodedata
from functools import cache

_ARABIC = str.maketrans(
    {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ے": "ي", "ک": "ك", "ة": "ه", "ہ": "ه", "ۃ": "ه"}
)
_OTHER = str.maketrans({"ς": "σ", "ё": "е", "Ё": "Е", "İ": "I"})
_MARKS = (range(0x0591, 0x05C8), range(0x0610, 0x061B), range(0x064B, 0x0660), range(0x06D6, 0x06EE), (0x0640, 0x0670))
"""Of Hebrew and Arabic, with the stroke that lengthens Arabic words."""
_GREEK = (range(0x0370, 0x0400), range(0x1F00, 0x2000))
_ZERO_WIDTH_SPACE = 0x200B
_FRACTIONS = (*range(0xBC, 0xBF), *range(0x2150, 0x215F))
_INVISIBLE = (0xAD, 0xFEFF, *range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070))


def folded(text: str) -> str:
    """The text in one spelling; ASCII stays as it is."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", text.translate(_before())).translate(_after())


@cache
def _before() -> dict[int, str | None]:
    """What NFKC would join to its neighbours, or keep although nobody sees it."""
    invisible: dict[int, str | None] = dict.fromkeys(_INVISIBLE)
    fractions = {code: f" {unicodedata.normalize('NFKC', chr(code))} " for code in _FRACTIONS}
    return {**invisible, **fractions, _ZERO_WIDTH_SPACE: " "}


@cache
def _after() -> dict[int, str | None]:
    table: dict[int, str | None] = {code: None for part in _MARKS for code in part if unicodedata.combining(chr(code))}
    table[0x0640] = None
    for code in (code for part in _GREEK for code in part):
        base = unicodedata.normalize("NFD", chr(code))[0]
        if base != chr(code) and base.isalpha():
            table[code] = "σ" if base == "ς" else base
    digits = (code for code in range(0x80, 0x1_0000) if unicodedata.category(chr(code)) == "Nd")
    return {**table, **{code: str(unicodedata.decimal(chr(code))) for code in digits}, **_ARABIC, **_OTHER}
