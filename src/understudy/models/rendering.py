"""Renders messages as token ids and loss weights; acting and training share this code.

In: messages and, for training, the spans of characters that are trained. Out: the token ids that are sent to the model
at a step, or training sequences in which each token has a loss weight as a target.

No marker strings are searched for. The messages before a turn are rendered by themselves, which gives the position
where the turn begins. The tokenizer reports which characters each token covers, which gives the tokens of the reply. So
a sequence satisfies, by construction, at the step of message ``k``::

    ids[:turn.start] == renderer.prompt_ids(messages[:k])

Some templates rewrite history: Qwen3 removes the thinking of earlier turns, Llama 3 trims white space. The prompt of a
later step then does not extend the earlier sequence, and ``training_sequences`` returns one sequence for each run of
turns that does extend. The prompt of a step is always rendered and tokenized as a whole, as servers do it.

Tool calls are part of the reply: they follow the content, in the call form of the template. Tool results and tool
schemas have no loss.

Not here: the input that templates expect (``template``), truncation, packing, padding, pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from understudy.models.calls.form import UnwritableCallError
from understudy.models.template import ChatTemplate, RenderingError
from understudy.models.template_calls import CallConvention, content_before_calls
from understudy.records import Message, Role, SpanPart, ToolSchema, TrainSpan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "IGNORED_LABEL",
    "ParallelCallsError",
    "Rendered",
    "Renderer",
    "RenderingError",
    "RewrittenHistoryError",
    "TrainedTurn",
    "open_renderer",
]

IGNORED_LABEL = -100
"""Label of a target that has no loss, as torch and transformers have it."""


class ParallelCallsError(RenderingError):
    """A trained message has several calls, and the template accepts only one."""


class RewrittenHistoryError(RenderingError):
    """The template rewrites earlier turns, so one sequence cannot contain all trained turns."""


@dataclass(frozen=True, slots=True)
class TrainedTurn:
    """The position of one trained assistant message in a sequence."""

    message_index: int
    start: int
    """Number of prompt ids at this step: the model's first token is ``ids[start]``."""
    end: int
    """One past the end-of-turn token."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One training sequence."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    """Loss weight of each token as a target, one for each of ``ids``. A token of weight 0 has no loss."""
    turns: tuple[TrainedTurn, ...]
    """In order. A sequence may be cut at any ``turn.end``."""

    @property
    def n_trained(self) -> int:
        return sum(weight > 0 for weight in self.weights)

    @property
    def labels(self) -> list[int]:
        """The ids where they are trained, ``IGNORED_LABEL`` elsewhere."""
        return [i if w > 0 else IGNORED_LABEL for i, w in zip(self.ids, self.weights, strict=True)]


@dataclass(frozen=True, slots=True)
class _Turn:
    """The model's reply at one step, including the end-of-turn token."""

    message_index: int
    prompt_ids: list[int]
    ids: list[int]
    weights: list[float]


class Renderer:
    """Renders conversations for one tokenizer and its chat template. Safe to use from many threads."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Raises ``RenderingError`` if template or token offsets are missing, or the template omits messages."""
        self._template = ChatTemplate(tokenizer)
        if not tokenizer.is_fast:
            raise RenderingError(f"{self._template.name}: expected a fast tokenizer, which knows character offsets")
        self.tokenizer = tokenizer
        self.content_in_parts = self._template.content_in_parts
        self.folds_system = self._template.folds_system
        self.end_of_turn_ids: tuple[int, ...] = self._find_end_of_turn()
        """The tokens that end a turn of the model."""

    @property
    def calls(self) -> CallConvention:
        """How the template receives tools, and the form in which its model calls them."""
        return self._template.calls

    def prompt_text(
        self, messages: Sequence[Message], continue_final: bool = False, tools: Sequence[ToolSchema] = ()
    ) -> str:
        """The prompt as text.

        With ``continue_final`` the last message must be an assistant message: its content is the
        beginning of the model's reply, unchanged.
        """
        if not continue_final:
            return self._template.text(messages, tools, add_generation_prompt=True)
        if not messages or messages[-1].role is not Role.ASSISTANT or messages[-1].tool_calls:
            got = "no message" if not messages else messages[-1].role + " with calls" * bool(messages[-1].tool_calls)
            raise RenderingError(f"continue_final: expected an assistant message at the end, got {got}")
        return self._template.text(messages[:-1], tools, add_generation_prompt=True) + messages[-1].content

    def prompt_ids(
        self, messages: Sequence[Message], continue_final: bool = False, tools: Sequence[ToolSchema] = ()
    ) -> list[int]:
        """Token ids of ``prompt_text``. An agent sends these."""
        return self._encode(self.prompt_text(messages, continue_final, tools))

    def text_ids(self, text: str) -> list[int]:
        """Token ids of text that has already been rendered."""
        return self._encode(text)

    def training_ids(
        self, messages: Sequence[Message], spans: Sequence[TrainSpan], tools: Sequence[ToolSchema] = ()
    ) -> Rendered:
        """All trained turns in one sequence. Raises ``RewrittenHistoryError`` if that is impossible."""
        sequences = self.training_sequences(messages, spans, tools)
        if len(sequences) != 1:
            turns = [[turn.message_index for turn in sequence.turns] for sequence in sequences]
            raise RewrittenHistoryError(
                f"the template rewrites earlier turns: expected one sequence, got messages {turns}; "
                "use training_sequences"
            )
        return sequences[0]

    def training_sequences(
        self, messages: Sequence[Message], spans: Sequence[TrainSpan], tools: Sequence[ToolSchema] = ()
    ) -> list[Rendered]:
        """Sequences that together train each span exactly once; a single sequence if the template allows it.

        A token has the weight of a span if it covers any of its characters. The end-of-turn token also has this weight
        if the span reaches the end of its message: the end of the calls or, without calls, of the content. Raises
        ``RenderingError`` for spans that are empty, overlap, are out of order, or do not lie in an assistant message,
        and for calls that the template's form cannot write. Raises ``ParallelCallsError`` for several calls in one
        message if the template accepts only one.
        """
        _check_spans(messages, spans)
        sequences: list[Rendered] = []
        for index, group in groupby(spans, key=lambda span: span.message_index):
            turn = self._turn(messages, index, list(group), tools)
            if sequences and tuple(turn.prompt_ids[: len(sequences[-1].ids)]) == sequences[-1].ids:
                sequences.append(_extended(sequences.pop(), turn))
            else:
                sequences.append(_extended(Rendered((), (), ()), turn))
        if not sequences:
            raise RenderingError("no span is trained: expected at least one")
        return sequences

    def _turn(
        self, messages: Sequence[Message], index: int, spans: list[TrainSpan], tools: Sequence[ToolSchema]
    ) -> _Turn:
        before = self.prompt_text(messages[:index], tools=tools)
        reply, spans = self._reply_of(messages[index], spans)
        prompt_ids = self._encode(before)
        ids, offsets = self._encode_with_offsets(before + reply)
        shift = len(before)
        if ids[: len(prompt_ids)] == prompt_ids:
            ids, offsets = ids[len(prompt_ids) :], offsets[len(prompt_ids) :]
        else:  # the first characters would merge with the prompt's last token
            shift = 0
            ids, offsets = self._encode_with_offsets(reply)
        weights = [_weight_of(start - shift, end - shift, spans) for start, end in offsets]
        last = spans[-1]
        end_weight = last.weight if last.end == len(reply) else 0.0
        end_ids = self.end_of_turn_ids
        return _Turn(index, prompt_ids, [*ids, *end_ids], [*weights, *[end_weight] * len(end_ids)])

    def _reply_of(self, message: Message, spans: list[TrainSpan]) -> tuple[str, list[TrainSpan]]:
        """The text of the reply, and the spans as ranges of it. Calls begin where the content ends."""
        if not message.tool_calls:
            return message.content, spans
        if len(message.tool_calls) > 1 and not self.calls.takes_parallel:
            raise ParallelCallsError(
                f"the chat template of {self._template.name} accepts one call per message, got "
                f"{len(message.tool_calls)}: {', '.join(call.name for call in message.tool_calls)}"
            )
        try:
            calls = self.calls.form.render(message.tool_calls)
        except UnwritableCallError as error:
            raise RenderingError(f"the call form {self.calls.form.name} cannot write this call: {error}") from error
        reply = content_before_calls(message, self.calls) + calls
        whole = {"start": len(message.content), "end": len(reply)}
        return reply, [span if span.part is SpanPart.CONTENT else span.model_copy(update=whole) for span in spans]

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return list(encoded["input_ids"]), list(encoded["offset_mapping"])

    def _find_end_of_turn(self) -> tuple[int, ...]:
        """The tokens that follow an assistant message, up to the first special token.

        Two renderings that differ only in the message end in the same text: this text is returned. If a template writes
        no special token there, the end-of-text token is used.
        """
        user = Message(role=Role.USER, content="u")
        one, two = (
            self._template.text([user, Message(role=Role.ASSISTANT, content=content)], add_generation_prompt=False)
            for content in "ab"
        )
        length = 0
        while length < min(len(one), len(two)) and one[-1 - length] == two[-1 - length]:
            length += 1
        ids = self._encode(one[len(one) - length :])
        special = {i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        for position, token_id in enumerate(ids):
            if token_id in special:
                return tuple(ids[: position + 1])
        if self.tokenizer.eos_token_id is None:
            raise RenderingError("neither the chat template nor the tokenizer has a token that ends a turn")
        return (int(self.tokenizer.eos_token_id),)


def open_renderer(path: str) -> Renderer:
    """The renderer of a checkpoint's folder or Hub id. Only its tokenizer is loaded."""
    from understudy.models.loading import load_tokenizer

    return Renderer(load_tokenizer(path))


def _extended(sequence: Rendered, turn: _Turn) -> Rendered:
    start = len(turn.prompt_ids)
    padding = (0.0,) * (start - len(sequence.ids))
    return Rendered(
        ids=(*turn.prompt_ids, *turn.ids),
        weights=(*sequence.weights, *padding, *turn.weights),
        turns=(*sequence.turns, TrainedTurn(turn.message_index, start, start + len(turn.ids))),
    )


def _weight_of(start: int, end: int, spans: Sequence[TrainSpan]) -> float:
    """Weight of a token that covers the characters [start, end) of its message."""
    return max((span.weight for span in spans if start < span.end and max(end, start + 1) > span.start), default=0.0)


def _check_spans(messages: Sequence[Message], spans: Sequence[TrainSpan]) -> None:
    before = (-1, 0)
    for span in spans:
        if not 0 <= span.message_index < len(messages) or messages[span.message_index].role is not Role.ASSISTANT:
            raise RenderingError(f"{span!r}: expected the index of an assistant message among {len(messages)} messages")
        message = messages[span.message_index]
        length = len(message.content)
        if span.part is SpanPart.CALLS:
            if not message.tool_calls or span.start or span.end:
                raise RenderingError(f"{span!r}: expected a message with tool calls, and no range")
            start, end = length, length + 1
        else:
            start, end = span.start, span.end
            if not 0 <= start < end <= length:
                raise RenderingError(f"{span!r}: expected 0 <= start < end <= {length}")
        if (span.message_index, start) < before:
            raise RenderingError(f"{span!r}: expected spans in order that do not overlap")
        before = (span.message_index, end)
