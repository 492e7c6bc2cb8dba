"""Messages to token ids and weights: the one function that acting and training share.

In: messages, and for training the spans of characters that are learnt. Out: the ids that are sent to
the model at a step, or sequences of ids with one weight for each token as a target.

Nothing is found by searching for marker strings. Where a turn begins is known because everything
before it was rendered by itself; which tokens its words are, because the tokenizer says which
characters each token covers. So a sequence holds, by construction, at the step of message ``k``::

    ids[:turn.start] == renderer.prompt_ids(messages[:k])

Some templates rewrite history: Qwen3 drops the thinking of former turns, Llama 3 trims white space.
Then the prompt of a later step is no extension of what came before, and ``training_sequences`` gives
one sequence for each run of turns that does extend. The prompt of a step is always rendered and cut
into tokens as a whole, as servers do it.

Not here: truncation, packing, padding. Templates' own tools and pictures are not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from jinja2.exceptions import TemplateError

from understudy.records import Message, Role, TrainSpan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED_LABEL = -100
"""Label of a target that has no loss, as torch and transformers have it."""


class RenderingError(ValueError):
    """The messages, the spans or the chat template do not go together; the message says how."""


class RewrittenHistoryError(RenderingError):
    """The template rewrites former turns, so that one sequence cannot hold all trained turns."""


@dataclass(frozen=True, slots=True)
class TrainedTurn:
    """Where one trained assistant message lies in a sequence."""

    message_index: int
    start: int
    """Number of ids that acting sends at this step: the model's first token is ``ids[start]``."""
    end: int
    """One past the end-of-turn token."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One training sequence."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    """Loss weight of each token as a target; 0 is read, not learnt. As long as ``ids``."""
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
    """The model's words at one step, end-of-turn token included."""

    message_index: int
    prompt_ids: list[int]
    ids: list[int]
    weights: list[float]


class Renderer:
    """Renders conversations for one tokenizer and its chat template. Safe to use from many threads."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Raises ``RenderingError`` if there is no chat template, one that shows no words, or no offsets."""
        if not getattr(tokenizer, "chat_template", None):
            raise RenderingError(f"{tokenizer.name_or_path or 'the tokenizer'} has no chat template")
        if not tokenizer.is_fast:
            raise RenderingError(f"{tokenizer.name_or_path}: expected a fast tokenizer, which knows character offsets")
        self.tokenizer = tokenizer
        self.content_in_parts = self._wants_parts()
        """The template reads content as a list of parts and shows no word of a plain text."""
        self.folds_system = not self._takes_system()
        """The template has no system role: its text goes before the first user message."""
        self.end_of_turn_ids: tuple[int, ...] = self._find_end_of_turn()
        """What the model says to end its turn."""

    def prompt_text(self, messages: Sequence[Message], continue_final: bool = False) -> str:
        """What the model reads before it speaks.

        With ``continue_final`` the last message must be an assistant message: its content stands,
        unchanged, where the model's reply begins.
        """
        if not continue_final:
            return self._apply(messages, add_generation_prompt=True)
        if not messages or messages[-1].role is not Role.ASSISTANT:
            came = messages[-1].role if messages else "no message"
            raise RenderingError(f"continue_final: expected an assistant message at the end, got {came}")
        return self._apply(messages[:-1], add_generation_prompt=True) + messages[-1].content

    def prompt_ids(self, messages: Sequence[Message], continue_final: bool = False) -> list[int]:
        """Token ids of ``prompt_text``: what acting sends."""
        return self._encode(self.prompt_text(messages, continue_final))

    def training_ids(self, messages: Sequence[Message], spans: Sequence[TrainSpan]) -> Rendered:
        """All trained turns in one sequence. Raises ``RewrittenHistoryError`` if that cannot be."""
        sequences = self.training_sequences(messages, spans)
        if len(sequences) != 1:
            turns = [[turn.message_index for turn in sequence.turns] for sequence in sequences]
            raise RewrittenHistoryError(
                f"the template rewrites former turns: expected one sequence, got messages {turns}; "
                "use training_sequences"
            )
        return sequences[0]

    def training_sequences(self, messages: Sequence[Message], spans: Sequence[TrainSpan]) -> list[Rendered]:
        """Sequences that together train each span exactly once, one wherever the template allows it.

        A token that any character of a span belongs to has the span's weight. The end-of-turn token
        has it too where the span reaches the end of its message. Raises ``RenderingError`` for spans
        that are empty, overlap, are out of order, or do not lie in an assistant message.
        """
        _check_spans(messages, spans)
        sequences: list[Rendered] = []
        for index, group in groupby(spans, key=lambda span: span.message_index):
            turn = self._turn(messages, index, list(group))
            if sequences and tuple(turn.prompt_ids[: len(sequences[-1].ids)]) == sequences[-1].ids:
                sequences.append(_extended(sequences.pop(), turn))
            else:
                sequences.append(_extended(Rendered((), (), ()), turn))
        if not sequences:
            raise RenderingError("no span is trained: expected at least one")
        return sequences

    def _turn(self, messages: Sequence[Message], index: int, spans: list[TrainSpan]) -> _Turn:
        before, content = self.prompt_text(messages[:index]), messages[index].content
        prompt_ids = self._encode(before)
        ids, offsets = self._encode_with_offsets(before + content)
        shift = len(before)
        if ids[: len(prompt_ids)] == prompt_ids:
            ids, offsets = ids[len(prompt_ids) :], offsets[len(prompt_ids) :]
        else:  # the first characters would merge with the prompt's last token, which acting has sent already
            shift = 0
            ids, offsets = self._encode_with_offsets(content)
        weights = [_weight_of(start - shift, end - shift, spans) for start, end in offsets]
        last = spans[-1]
        end_weight = last.weight if last.end == len(content) else 0.0
        end_ids = self.end_of_turn_ids
        return _Turn(index, prompt_ids, [*ids, *end_ids], [*weights, *[end_weight] * len(end_ids)])

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return list(encoded["input_ids"]), list(encoded["offset_mapping"])

    def _apply(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        if self.folds_system and messages and messages[0].role is Role.SYSTEM:
            messages = _fold_system(messages)
        return self._apply_template(messages, add_generation_prompt)

    def _apply_template(self, messages: Sequence[Message], add_generation_prompt: bool) -> str:
        plain = [{"role": message.role.value, "content": self._content(message)} for message in messages]
        try:
            text = self.tokenizer.apply_chat_template(
                plain, tokenize=False, add_generation_prompt=add_generation_prompt
            )
        except TemplateError as error:
            roles = ", ".join(message.role for message in messages)
            raise RenderingError(
                f"the chat template of {self.tokenizer.name_or_path or 'the tokenizer'} refuses "
                f"messages with the roles {roles}: {error}"
            ) from error
        return str(text)

    def _content(self, message: Message) -> object:
        return [{"type": "text", "text": message.content}] if self.content_in_parts else message.content

    def _wants_parts(self) -> bool:
        """Raises ``RenderingError`` if two different user texts render alike, whichever form they have."""
        for in_parts in (False, True):
            self.content_in_parts = in_parts
            if self._shows_words():
                return in_parts
        raise RenderingError(
            f"the chat template of {self.tokenizer.name_or_path or 'the tokenizer'} does not show what a user says: "
            "two different texts render alike, as plain text and as a list of parts"
        )

    def _shows_words(self) -> bool:
        try:
            texts = {self._apply_template([Message(role=Role.USER, content=text)], True) for text in ("a", "b")}
        except (RenderingError, TypeError):  # a template that joins a list to a text
            return False
        return len(texts) == 2

    def _takes_system(self) -> bool:
        """Whether a system message shows: two different ones must render differently."""
        user = Message(role=Role.USER, content="u")
        try:
            texts = {self._apply_template([Message(role=Role.SYSTEM, content=c), user], True) for c in "ab"}
        except RenderingError:
            return False
        return len(texts) == 2

    def _find_end_of_turn(self) -> tuple[int, ...]:
        """What follows an assistant message, up to its first special token.

        It is what two renderings that differ in nothing but the message have in common at their ends.
        A template that writes no special token there leaves the end of the text token.
        """
        user = Message(role=Role.USER, content="u")
        one, two = (
            self._apply_template([user, Message(role=Role.ASSISTANT, content=content)], False) for content in "ab"
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


def _fold_system(messages: Sequence[Message]) -> list[Message]:
    if len(messages) < 2 or messages[1].role is not Role.USER:
        came = messages[1].role if len(messages) > 1 else "nothing"
        raise RenderingError(f"the template has no system role: expected a user message after the system's, got {came}")
    content = f"{messages[0].content}\n\n{messages[1].content}"
    return [Message(role=Role.USER, content=content), *messages[2:]]


def _check_spans(messages: Sequence[Message], spans: Sequence[TrainSpan]) -> None:
    before = (-1, 0)
    for span in spans:
        if not 0 <= span.message_index < len(messages) or messages[span.message_index].role is not Role.ASSISTANT:
            raise RenderingError(f"{span!r}: expected the index of an assistant message among {len(messages)} messages")
        length = len(messages[span.message_index].content)
        if not 0 <= span.start < span.end <= length or span.weight < 0:
            raise RenderingError(f"{span!r}: expected 0 <= start < end <= {length} and a weight of at least 0")
        if (span.message_index, span.start) < before:
            raise RenderingError(f"{span!r}: expected spans in order that do not overlap")
        before = (span.message_index, span.end)
