"""A program in place of a model: the toy world's teacher, and the model of most tests.

In: requests, and a function of one request. Out: completions whose token counts are counts of white-space separated
words, since a program has no tokens. Not here: log-probabilities, token ids.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue, TypeAdapter, ValidationError

from understudy.closing import Closing
from understudy.models.calls.forms import PLAIN
from understudy.models.calls.json_calls import dump
from understudy.models.config import ScriptedConfig
from understudy.models.model import ContextFullError, ProgramError, ProviderError, Request
from understudy.models.stopping import cut_completion
from understudy.models.tool_replies import offers_tools, with_parsed, with_unique_ids
from understudy.progress import GENERATED_TOKENS
from understudy.records import Completion, FinishReason, FunctionCall, PrefixDelivery, Usage
from understudy.registry import TargetError, import_target
from understudy.runs import derive_seed

Program = Callable[[Request], str | Completion]
"""Called once for each completion. ``request.n`` is 1 and ``request.seed`` is the completion's own.

It returns a text, whose tool calls are parsed in the form ``plain`` if the request offers tools; or a ``Completion``,
of which text, reasoning, tool calls and call problem are used.
"""


class ScriptedModel(Closing):
    """Answers by calling a function.

    ``ProviderError`` and ``ContextFullError`` of the function are raised like those of a server; any other exception
    becomes a ``ProgramError``.
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
        reply = self._reply(own)
        written = reply if isinstance(reply, str) else _as_text(reply.text, reply.tool_calls)
        text, reason = _shortened(written, request.max_tokens)
        if isinstance(reply, str) or reason is FinishReason.LENGTH:
            completion = cut_completion(Completion(text=text, finish_reason=reason), request.stop)
            if offers_tools(request):
                parsed = PLAIN.parse(completion.text, request.tools)
                completion = with_parsed(completion, parsed, request.messages, request.parallel_tool_calls)
        else:
            kept = {"tool_calls": with_unique_ids(reply.tool_calls, request.messages)}
            completion = cut_completion(reply.model_copy(update=kept), request.stop)
        usage = Usage(
            prompt_tokens=sum(_n_words(m.content, m.tool_calls) for m in request.messages) if number == 0 else 0,
            completion_tokens=len(text.split()) if completion.tool_calls else len(completion.text.split()),
            requests=1 if number == 0 else 0,
        )
        GENERATED_TOKENS.add(usage.completion_tokens)
        return completion.model_copy(update={"usage": usage})

    def _reply(self, request: Request) -> str | Completion:
        try:
            reply: object = self._program(request)
        except (ProviderError, ContextFullError):
            raise
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{frame.filename}, line {frame.lineno}"
            raise ProgramError(f"the program {self.name} raised {type(error).__name__}: {error} ({where})") from error
        if isinstance(reply, str | Completion):
            return reply
        if inspect.iscoroutine(reply):
            reply.close()
        raise ProgramError(
            f"the program {self.name}: expected a Completion or a text, "
            f"it returned {type(reply).__name__}: {reply!r:.200}"
        )


def open_scripted(config: ScriptedConfig) -> ScriptedModel:
    """Raises ``TargetError``, which says which half of ``module:function`` is missing and where it was looked for."""
    program = import_target(config.program)
    if not callable(program):
        raise TargetError(f"{config.program}: expected a function of a Request; it is {type(program).__name__}")
    bound = functools.partial(program, **config.options) if config.options else program
    return ScriptedModel(bound, config.name or config.program)


def program_problem(config: ScriptedConfig) -> str:
    """Why the program cannot be called with its options, with the key; empty if it can, or does not exist."""
    try:
        program = import_target(config.program)
    except TargetError:
        return ""  # the key's own check says so
    if not callable(program):
        return f"program: expected a function of a Request; {config.program} is {type(program).__name__}"
    try:
        inspect.signature(program).bind(None, **config.options)
    except TypeError as error:
        return f"options: expected arguments of {config.program}{inspect.signature(program)}; {error}"
    except ValueError:
        return ""  # a function without a signature, such as one written in C
    return next(_wrong_options(program, config.options), "")


def _wrong_options(program: Callable[..., object], options: Mapping[str, JsonValue]) -> Iterator[str]:
    """Options whose values are not of the annotated types, as far as the types are known at run time."""
    for name, parameter in inspect.signature(program).parameters.items():
        annotation = parameter.annotation
        if name not in options or annotation is parameter.empty:
            continue
        try:
            if isinstance(annotation, str):
                annotation = eval(annotation, getattr(program, "__globals__", {}))
            TypeAdapter(annotation).validate_json(json.dumps(options[name]), strict=True)
        except ValidationError as error:
            yield f"options.{name}: expected {parameter.annotation}; got {options[name]!r} ({error.errors()[0]['msg']})"
        except Exception:  # an annotation that is imported for type checkers only, or that pydantic has no schema for
            continue


def _as_text(text: str, calls: Sequence[FunctionCall]) -> str:
    """The text with its calls, in as many words as a model would write for it."""
    if not calls:
        return text
    written = "\n".join(f"<tool_call> {call.name} {dump(call.arguments)}" for call in calls)
    return f"{text}\n{written}" if text else written


def _n_words(text: str, calls: Sequence[FunctionCall]) -> int:
    return len(_as_text(text, calls).split())


def _shortened(text: str, max_tokens: int) -> tuple[str, FinishReason]:
    """Cut a program's reply as a decoder does at the limit of new tokens."""
    words = list(re.finditer(r"\S+", text))
    if len(words) > max_tokens:
        return text[: words[max_tokens].start()].rstrip(), FinishReason.LENGTH
    return text, FinishReason.STOP
