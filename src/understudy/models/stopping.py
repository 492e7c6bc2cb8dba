"""Which sampled token may complete a stop string.

Decoding a reply at each token to look for stop strings would cost more than a small model does. A stop
string can only be completed by a token that contains its last character; this module knows those.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_UNDECODABLE = "\N{REPLACEMENT CHARACTER}"
"""In the text of a token that holds part of a character."""


class StopStrings:
    """Knows a tokenizer's vocabulary; used by one thread."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._enders: dict[tuple[str, ...], frozenset[int] | None] = {(): frozenset()}

    def may_end(self, token_id: int, stop: tuple[str, ...]) -> bool:
        """False where no string of ``stop`` can end with this token."""
        if stop not in self._enders:
            self._enders[stop] = self._find_enders(stop)
        enders = self._enders[stop]
        return enders is None or token_id in enders

    def _find_enders(self, stop: tuple[str, ...]) -> frozenset[int] | None:
        """None: any token may, because white space at a token's edge does not always show when it is decoded alone."""
        last = {string[-1] for string in stop if string}
        if any(character.isspace() for character in last):
            return None
        last.add(_UNDECODABLE)
        return frozenset(number for number, text in enumerate(self._token_texts) if not last.isdisjoint(text))

    @functools.cached_property
    def _token_texts(self) -> list[str]:
        ids = [[number] for number in range(len(self._tokenizer))]
        return list(self._tokenizer.batch_decode(ids, clean_up_tokenization_spaces=False))
