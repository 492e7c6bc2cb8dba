"""A program that stands in for a model: the toy world's teacher, and the model of most tests.

In: requests, a function of one. Out: completions whose token counts are white-space separated
words, since a program has no tokens. Not here: log-probabilities, token ids.
"""

from __future__ import annotations

import functools
import inspect
import re
import traceback
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from understudy.models.config import ScriptedConfig
from understudy.models.model import ContextFullError, ProgramError, ProviderError, Request
from understudy.models.stopping import cut_completion
from understudy.progress import GENERATED_TOKENS
from understudy.records import Completion, FinishReason, PrefixDelivery, Usage
from understudy.registry import TargetError, import_target
from understudy.runs import derive_seed

Program = Callable[[Request], str]
"""Called once for each completion. ``request.n`` is 1 and ``request.seed`` is the completion's own."""


class ScriptedModel:
    """Answers by calling a function.

    ``ProviderError`` and ``ContextFullError`` of the function are raised as a server's would be; all else that goes
    wrong in it is a ``ProgramError``.
    """

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
        text, reason = _shortened(self._reply(own), request.max_tokens)
        completion = cut_completion(Completion(text=text, finish_reason=reason), request.stop)
        usage = Usage(
            prompt_tokens=sum(len(m.content.split()) for m in request.messages) if number == 0 else 0,
            completion_tokens=len(completion.text.split()),
            requests=1 if number == 0 else 0,
        )
        GENERATED_TOKENS.add(usage.completion_tokens)
        return completion.model_copy(update={"usage": usage})

    def _reply(self, request: Request) -> str:
        try:
            reply: object = self._program(request)
        except (ProviderError, ContextFullError):
            raise
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{frame.filename}, line {frame.lineno}"
            raise ProgramError(f"the program {self.name} raised {type(error).__name__}: {error} ({where})") from error
        if isinstance(reply, str):
            return reply
        if inspect.iscoroutine(reply):
            reply.close()
        raise ProgramError(
            f"the program {self.name}: expected text, the reply; it returned {type(reply).__name__}: {reply!r:.200}"
        )

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_scripted(config: ScriptedConfig) -> ScriptedModel:
    """Raises ``TargetError``, which says which half of ``module:function`` is missing and where it was searched."""
    program = import_target(config.program)
    if not callable(program):
        raise TargetError(f"{config.program}: expected a function of a Request; it is {type(program).__name__}")
    bound = functools.partial(program, **config.options) if config.options else program
    return ScriptedModel(bound, config.name or config.program)


def _shortened(text: str, max_tokens: int) -> tuple[str, FinishReason]:
    """Do to a program's reply what a decoder does at the limit of new tokens."""
    words = list(re.finditer(r"\S+", text))
    if len(words) > max_tokens:
        return text[: words[max_tokens].start()].rstrip(), FinishReason.LENGTH
    return text, FinishReason.STOP
