"""Which parts of an example are trained: in the student's tokens, or in characters if there is no tokenizer.

In: an ``Example``; the tokenizer of the checkpoint that was trained on it, if it can be read. Out: ``Mask``,
``TextAmount``. Tokens and weights come from the function that training uses (``understudy.models.rendering``), so the
colours show the actual loss weights. Not here: the drawing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.agents.formats import ActionFormat, PartName, recorded_format, reply_parts
from understudy.records import Example, FunctionCall, Message, Role, SpanPart
from understudy.report.data import Mask, TextAmount, Unit
from understudy.report.stage_files import StageFile
from understudy.run_layout import CHECKPOINT, STAGE
from understudy.runs import read_record

if TYPE_CHECKING:
    from understudy.models.rendering import Renderer

PARTS = ("system", "question", "observation", "thought", "code")
BROKEN = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class MaskMaker:
    """How the examples of one curation are cut and counted."""

    renderer: Renderer | None = None
    """None: there is no trained checkpoint with a readable tokenizer, so characters are shown."""

    @property
    def unit(self) -> Unit:
        return Unit.TOKENS if self.renderer else Unit.CHARACTERS

    def masks(self, example: Example) -> tuple[Mask, ...]:
        """One mask a training sequence: several if the chat template rewrites former turns."""
        if self.renderer is None:
            return (character_mask(example),)
        from understudy.models.rendering import RenderingError

        try:
            sequences = self.renderer.training_sequences(example.messages, example.spans, example.tools)
        except RenderingError:
            return (character_mask(example),)
        return tuple(_token_mask(self.renderer, one.ids, one.weights) for one in sequences)

    def amounts(self, examples: Iterable[Example]) -> tuple[TextAmount, ...]:
        """Add up how much of the examples is read and trained, by kind of text."""
        return text_amounts(examples, self._count() if self.renderer else len)

    def _count(self) -> Callable[[str], int]:
        assert self.renderer is not None
        tokenizer = self.renderer.tokenizer

        @lru_cache(maxsize=1024)
        def count(text: str) -> int:
            return len(tokenizer(text, add_special_tokens=False)["input_ids"])

        return count


def open_mask_maker(run_dir: Path, stage: str) -> MaskMaker:
    """The mask maker of one curation: with the tokenizer of the first checkpoint trained on it, if there is one.

    ``stage``: its name, or ``kind/name`` for a kind of a user's own.
    """
    key = stage if "/" in stage else f"curate/{stage}"
    checkpoints = sorted(run_dir.glob(f"*/*/{CHECKPOINT}"), key=lambda path: path.parts[-3] != "train")
    for folder in checkpoints:
        if (folder / "tokenizer.json").is_file() and _was_trained_on(folder.parent, key):
            return MaskMaker(_open_renderer(folder))
    return MaskMaker()


def character_mask(example: Example) -> Mask:
    """Cut an example where its spans begin and end, roles standing before the messages. Needs no tokenizer."""
    pieces: list[tuple[str, float]] = []
    for index, message in enumerate(example.messages):
        cut = [(message.content[start:end], weight) for start, end, weight in _cut_at_spans(example, index, message)]
        called = [(f"\n{call_text(call)}", _calls_weight(example, index)) for call in message.tool_calls]
        pieces += [(f"{message.role.value}\n", 0.0), *cut, *called, ("\n", 0.0)]
    texts, weights = zip(*pieces, strict=True) if pieces else ((), ())
    return Mask(texts=texts, weights=weights, unit=Unit.CHARACTERS)


def text_amounts(examples: Iterable[Example], count: Callable[[str], int] = len) -> tuple[TextAmount, ...]:
    """Add up how much of the examples is read and trained, by kind of text. ``count`` gives the length of a text."""
    trained: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for example in examples:
        for index, message in enumerate(example.messages):
            parts = _parts(example, index, message)
            for start, end, weight in _cut_at_spans(example, index, message):
                for part, part_start, part_end in parts:
                    piece = message.content[max(start, part_start) : min(end, part_end)]
                    (trained if weight > 0 else read)[part] += count(piece) if piece else 0
            n_called = sum(count(call_text(call)) for call in message.tool_calls)
            (trained if _calls_weight(example, index) > 0 else read)["code"] += n_called
    return tuple(TextAmount(part=part, trained=trained[part], read=read[part]) for part in PARTS)


def call_text(call: FunctionCall) -> str:
    """A tool call as pages and the terminal show it: its name, then its arguments as JSON."""
    return f"{call.name} {call.broken_arguments or json.dumps(call.arguments, ensure_ascii=False)}"


def _calls_weight(example: Example, index: int) -> float:
    spans = (one for one in example.spans if one.message_index == index and one.part is SpanPart.CALLS)
    return next((one.weight for one in spans), 0.0)


def _was_trained_on(stage_dir: Path, curation: str) -> bool:
    path = stage_dir / STAGE
    return path.is_file() and curation in read_record(path, StageFile).inputs


@lru_cache(maxsize=4)
def _open_renderer(checkpoint: Path) -> Renderer | None:
    """None if transformers is not installed or cannot read this tokenizer; characters are then shown."""
    try:
        from understudy.models.rendering import open_renderer

        return open_renderer(str(checkpoint))
    except (ImportError, OSError, ValueError):
        return None


def _token_mask(renderer: Renderer, ids: tuple[int, ...], weights: tuple[float, ...]) -> Mask:
    """Cut where tokens end; tokens that together make one character stay together and take the larger weight."""
    texts: list[str] = []
    kept: list[float] = []
    waiting: list[int] = []
    heaviest = 0.0
    for token_id, weight in zip(ids, weights, strict=True):
        waiting.append(token_id)
        heaviest = max(heaviest, weight)
        text = _decoded(renderer, tuple(waiting))
        if BROKEN in text and len(waiting) < 4:  # a character of UTF-8 has four bytes at most
            continue
        texts.append(text)
        kept.append(heaviest)
        waiting, heaviest = [], 0.0
    if waiting:
        texts.append(_decoded(renderer, tuple(waiting)))
        kept.append(heaviest)
    return Mask(texts=tuple(texts), weights=tuple(kept), unit=Unit.TOKENS)


@lru_cache(maxsize=100_000)
def _decoded(renderer: Renderer, ids: tuple[int, ...]) -> str:
    """Text of tokens within a sentence: decoded after a word, because some tokenizers drop the first space."""
    anchor, text = _anchor(renderer)
    return str(renderer.tokenizer.decode([*anchor, *ids], clean_up_tokenization_spaces=False))[len(text) :]


@lru_cache(maxsize=4)
def _anchor(renderer: Renderer) -> tuple[list[int], str]:
    ids = list(renderer.tokenizer("a", add_special_tokens=False)["input_ids"])
    return ids, str(renderer.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def _cut_at_spans(example: Example, index: int, message: Message) -> Iterator[tuple[int, int, float]]:
    """Start, end and weight of each piece of a message."""
    done = 0
    for span in (one for one in example.spans if one.message_index == index and one.part is SpanPart.CONTENT):
        if span.start > done:
            yield done, span.start, 0.0
        yield span.start, span.end, span.weight
        done = span.end
    if done < len(message.content):
        yield done, len(message.content), 0.0


def _parts(example: Example, index: int, message: Message) -> list[tuple[str, int, int]]:
    """The kind, the start and the end of each part of a message."""
    if message.role is Role.ASSISTANT:
        parts = reply_parts(message, format_of(example.action_format))
        return [("thought" if part.name is PartName.THOUGHT else "code", part.start, part.end) for part in parts]
    has_reply = any(one.role is Role.ASSISTANT for one in example.messages[:index])
    name = "system" if message.role is Role.SYSTEM else "observation" if has_reply else "question"
    return [(name, 0, len(message.content))]


def format_of(record: str) -> ActionFormat:
    """The format that a record names; ``code_fence`` if a user's format is not installed here."""
    try:
        return recorded_format(record)
    except ValueError:
        return recorded_format("")
