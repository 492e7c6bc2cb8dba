"""The end of a reply: the cut at a stop string, and which sampled tokens may complete a stop string.

In: a reply and the stop strings of its request. Out: the reply up to the first stop string. Servers may ignore stop
strings, so replies are cut on our side too, once in the model and once in the agent. Servers that hide no special
tokens return ``<|im_end|>`` and what the model then wrote for the user: such a reply is cut there.

Decoding a reply at each token to look for stop strings would cost more than running a small model. A stop string can
only be completed by a token that contains its last character; ``StopStrings`` knows those tokens.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.models.reasoning import reasoning_spans
from understudy.records import Completion, FinishReason

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedTokenizerBase

_OTHER_TURN = re.compile(
    r"(?:<\|(?:im_end|eot_id|eom_id|end|endoftext|end_of_text|return|eot|END_OF_TURN_TOKEN)\|>|<end_of_turn>|<turn\|>|</s>|"
    r"<｜end▁of▁sentence｜>)\s*(?=\Z|<[|｜]|<start_of_turn>|<\|turn>|<s>|\[INST\]|</?s>)|<\|im_start\|>(?=user|system|tool)|"
    r"<\|start_header_id\|>(?=user|system|tool|ipython)|<start_of_turn>(?=user)"
)
"""The end of a turn by a chat template, before the end of the reply or before another turn."""
_UNDECODABLE = "\N{REPLACEMENT CHARACTER}"
"""Occurs in the text of a token that contains a part of a character."""


def end_ids(
    end_of_turn_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase, settings: GenerationConfig | None
) -> frozenset[int]:
    """The tokens that end a reply: the template's end of turn, and the end tokens of tokenizer and checkpoint."""
    configured = settings.eos_token_id if settings else None
    ids = {end_of_turn_ids[-1], tokenizer.eos_token_id}
    ids.update(configured if isinstance(configured, list) else [configured])
    return frozenset(int(i) for i in ids if i is not None)


def cut_text(text: str, stop: Sequence[str]) -> tuple[str, str]:
    """The text before the first stop string, and that string; the whole text and "" if none occurs.

    A stop string inside closed reasoning does not count. Of two that begin at the same place the longer one counts.
    """
    drafts = list(reasoning_spans(text))
    first: tuple[int, int, str] | None = None
    for string in stop:
        start = _find_outside(text, string, drafts)
        if string and start >= 0 and (first is None or (start, -len(string)) < first[:2]):
            first = (start, -len(string), string)
    return (text, "") if first is None else (text[: first[0]], first[2])


def cut_reply(text: str, stop: Sequence[str]) -> tuple[str, str]:
    """As ``cut_text``, for a whole reply of a model, with the string as it is written.

    A reply also ends where a chat template's token ends the turn, at a tag such as ``<END_CODE >``, and at a label such
    as ``**observation:**`` that begins a line after a block of code.
    """
    kept, string = cut_text(text, stop)
    drafts = list(reasoning_spans(text))
    for match in _loose_stops(tuple(stop)).finditer(text, 0, len(kept) + len(string)):
        is_draft = any(start <= match.start() < end for start, end in drafts)
        is_early = match.lastgroup == "label" and not any(sign in text[: match.start()] for sign in ("```", "<code>"))
        if match.start() < len(kept) and not is_draft and not is_early:
            return text[: match.start()], match[0]
    if string and (end := _OTHER_TURN.search(kept.rstrip())) is not None and end.end() == len(kept.rstrip()):
        return kept[: end.start()], kept[end.start() :] + string
    return kept, string


@functools.lru_cache(maxsize=64)
def _loose_stops(stop: tuple[str, ...]) -> re.Pattern[str]:
    """Ends of a turn, and other spellings of the stop strings that are tags or labels."""
    names = [match[0] for string in stop if (match := re.fullmatch(r"</?\w+>", string))]
    tags = "|".join(re.sub(r"(/?)(\w+)", r"\\s*\1\\s*\2\\s*", name) for name in names)
    words = "|".join(re.escape(string[:-1]) for string in stop if re.fullmatch(r"[A-Za-z ]+:", string))
    label = rf"^[ \t]*(?:[#>*_-][ \t]*)*(?:{words})[*_ \t]*:[*_]*|^[ \t]*(?:#+[ \t]*|\*\*)(?:{words})[*_ \t]*$"
    parts = [f"(?:{_OTHER_TURN.pattern})"]
    parts += [f"(?i:{tags})"] if tags else []
    parts += [f"(?P<label>(?im:{label}))"] if words else []
    return re.compile("|".join(parts))


def cut_completion(completion: Completion, stop: Sequence[str]) -> Completion:
    """The completion up to the first stop string; ``cut_at`` names the stop string if the model had continued after it.

    The token ids and log-probabilities of a completion that was cut cover more text than is kept, so they are dropped.
    """
    text, string = cut_reply(completion.text, stop)
    if not string:
        return completion
    changes: dict[str, object] = {"text": text, "finish_reason": FinishReason.STOP}
    if completion.text[len(text) + len(string) :].strip():
        changes |= {"cut_at": string.strip(), "token_ids": None, "logprobs": None}
    return completion.model_copy(update=changes)


def _find_outside(text: str, string: str, spans: Sequence[tuple[int, int]]) -> int:
    start = text.find(string)
    while start >= 0:
        around = next((end for begin, end in spans if begin <= start < end), None)
        if around is None:
            return start
        start = text.find(string, around)
    return -1


class StopStrings:
    """Knows a tokenizer's vocabulary; used by one thread."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._enders: dict[tuple[str, ...], frozenset[int] | None] = {(): frozenset()}

    def may_end(self, token_id: int, stop: tuple[str, ...]) -> bool:
        """False if no string of ``stop`` can end with this token."""
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
