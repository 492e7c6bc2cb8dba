"""A program that plays a model: the toy world's teacher, and the model of most tests.

In: requests, a function of one. Out: completions whose token counts are white-space separated
words, since a program has no tokens. Not here: log-probabilities, token ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from understudy.models.model import Request
from understudy.models.stopping import cut_completion
from understudy.progress import GENERATED_TOKENS
from understudy.records import Completion, FinishReason, PrefixDelivery, Usage
from understudy.runs import derive_seed

Program = Callable[[Request], str]
"""Called once for each completion. ``request.n`` is 1 and ``request.seed`` is the completion's own."""


class ScriptedModel:
    """Answers by calling a function. What the function raises is raised."""

    is_program = True
    prefix_delivery = PrefixDelivery.CONTINUED

    def __init__(self, program: Program, name: str) -> None:
        self.name = name
        self._program = program

    def complete(self, request: Request) -> tuple[Completion, ...]:
        """``request.n`` replies; a request without a seed has the seed 0."""
        return tuple(self._complete_one(request, number) for number in range(request.n))

    def _complete_one(self, request: Request, number: int) -> Completion:
        own = replace(request, n=1, seed=derive_seed("scripted", request.seed or 0, number))
        text, reason = _shortened(self._program(own), request.max_tokens)
        completion = cut_completion(Completion(text=text, finish_reason=reason), request.stop)
        usage = Usage(
            prompt_tokens=sum(len(m.content.split()) for m in request.messages) if number == 0 else 0,
            completion_tokens=len(completion.text.split()),
            requests=1 if number == 0 else 0,
        )
        GENERATED_TOKENS.add(usage.completion_tokens)
        return completion.model_copy(update={"usage": usage})

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _shortened(text: str, max_tokens: int) -> tuple[str, FinishReason]:
    """Do to a program's reply what a decoder does at the limit of new tokens."""
    words = list(re.finditer(r"\S+", text))
    if len(words) > max_tokens:
        return text[: words[max_tokens].start()].rstrip(), FinishReason.LENGTH
    return text, FinishReason.STOP
