"""The stored states at which a student acts, and the check that student and teacher render them equally.

In: examples, both renderers. Out: prefixes of token ids, one before each trained turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.records import Example, Message, Role, ToolSchema
from understudy.training.encoding import UNLIMITED, ModelLimits, NothingToTrainError
from understudy.training.on_policy.config import OnPolicyConfig

if TYPE_CHECKING:
    from understudy.models.rendering import Renderer


class TokenizersDifferError(ValueError):
    """Student and teacher tokenize or render text differently, so their token probabilities cannot be compared."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """A stored state, right before an action."""

    ids: tuple[int, ...]
    """What acting sends."""
    messages: tuple[Message, ...]
    weight: float
    example_id: str
    tools: tuple[ToolSchema, ...] = ()


def stored_prefixes(
    examples: Iterable[Example],
    student: Renderer,
    teacher: Renderer,
    config: OnPolicyConfig,
    limits: ModelLimits = UNLIMITED,
) -> list[Prefix]:
    """What acting sends before each trained turn, rendered by both tokenizers, which must agree on every id.

    Prefixes that are too long for ``max_prefix_tokens``, or that leave no place in the model's window for an action,
    are left out. Raises ``TokenizersDifferError``, ``VocabularyError``, and ``NothingToTrainError`` if none is left.
    """
    _check_tokenizers(student, teacher)
    longest = min(config.max_prefix_tokens, limits.longest(2**31) - config.max_new_tokens)
    found: list[Prefix] = []
    for example in examples:
        for index in sorted({span.message_index for span in example.spans}):
            before = example.messages[:index]
            ids = student.prompt_ids(before, tools=example.tools)
            if ids != teacher.prompt_ids(before, tools=example.tools):
                raise TokenizersDifferError(f"example {example.id}: message {index} has other ids for the teacher")
            limits.check_ids(ids, student, example.id)
            if len(ids) <= longest:
                n_acted = sum(message.role is Role.ASSISTANT for message in before)
                found.append(Prefix(tuple(ids), before, config.step_decay**n_acted, example.id, example.tools))
    if not found:
        raise NothingToTrainError(f"expected a prefix of at most {longest} tokens, found none")
    return found


def _check_tokenizers(student: Renderer, teacher: Renderer) -> None:
    if student.tokenizer.get_vocab() != teacher.tokenizer.get_vocab():
        raise TokenizersDifferError("the vocabularies of student and teacher differ")
    if student.end_of_turn_ids != teacher.end_of_turn_ids:
        raise TokenizersDifferError(f"ends of turn differ: {student.end_of_turn_ids}, {teacher.end_of_turn_ids}")
