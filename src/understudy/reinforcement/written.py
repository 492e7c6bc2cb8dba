"""What the model itself wrote in an attempt, as opposed to text that the agent or the chat format adds.

In: the completions of an attempt's requests, in order. Out: for each step, the text that was sampled and whether the
model ended its turn. Not here: the mask that is made of it (``rollouts.py``).

Two kinds of text belong to a reply's message and were not sampled. A code agent puts the end of its action format back
(``<end_code>``) if the model ended its turn without it. And the chat template ends each turn of the model, also one
that a stop string or the limit of tokens ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from understudy.models import Model, Request
from understudy.records import Completion, PrefixDelivery


@dataclass(frozen=True, slots=True)
class Written:
    """What the model wrote in one reply, after a prefill."""

    text: str
    """With the stop string that ended it, if one did."""
    ended_turn: bool
    """The last sampled tokens are the template's end of turn."""


class ListeningModel(Model):
    """Passes the requests of one attempt on, and keeps the replies."""

    def __init__(self, model: Model) -> None:
        self.name = model.name
        self.is_program = model.is_program
        self.replies: list[Completion] = []
        self._model = model

    @property
    def prefix_delivery(self) -> PrefixDelivery:
        """That of the model."""
        return self._model.prefix_delivery

    def complete(self, request: Request) -> tuple[Completion, ...]:
        """Raises what the model raises."""
        made = self._model.complete(request)
        self.replies += made
        return made


def written_in(completion: Completion, tokenizer: Any, end_of_turn: tuple[int, ...]) -> Written:
    """What the sampled ids say. ``end_of_turn``: the ids that the template ends a turn with.

    Raises ``ValueError`` for a completion without ids.
    """
    if completion.token_ids is None:
        raise ValueError("expected the sampled ids of each reply; the model returned a reply without them")
    text = tokenizer.decode(completion.token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Written(text, completion.token_ids[-len(end_of_turn) :] == end_of_turn)
