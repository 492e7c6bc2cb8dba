"""Finds the tool calls of replies: calls that a server has parsed, and calls that are still in the text.

In: completions and their requests. Out: completions with ``tool_calls`` or with a ``call_problem``. Ids are unique
within the conversation and reproducible: ``call_0``, ``call_1``, … Not here: the forms of calls (``calls``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from understudy.models.calls.form import ParsedCalls
from understudy.models.calls.forms import CALL_FORMS
from understudy.models.calls.json_calls import BrokenCallError, arguments_of, dump, read_json
from understudy.models.model import Request
from understudy.models.wire import WireCall
from understudy.records import Completion, FunctionCall, Message

if TYPE_CHECKING:
    from understudy.models.rendering import Renderer

_log = logging.getLogger(__name__)
_MARKS = {"<function=": "qwen_xml", "<tool_call>": "hermes", "functools[": "phi4_mini", "<|tool_call|>": "phi4_mini"}
"""Maps markers in the text of a server's reply to the form to parse. Without a marker, Llama's form is used."""


def offers_tools(request: Request) -> bool:
    """Whether the reply may contain calls."""
    return bool(request.tools) and request.tool_choice != "none"


def prompt_before_reply(renderer: Renderer, request: Request) -> list[int]:
    """The ids of the prompt. If the reply must call a tool, they end with the opening of a call.

    A request whose choice is ``none`` shows the model no tools.
    """
    opening = forced_opening(renderer, request)
    tools = request.tools if offers_tools(request) else ()
    if not opening:
        return renderer.prompt_ids(request.messages, request.continue_final, tools)
    text = renderer.prompt_text(request.messages, request.continue_final, tools)
    between = renderer.calls.separator if request.continue_final and request.messages[-1].content else ""
    return renderer.text_ids(text + between + opening)


def forced_opening(renderer: Renderer, request: Request) -> str:
    """The beginning of a reply that must call a tool, else empty. Raises ``ValueError`` for an unknown tool."""
    choice = request.tool_choice
    if not request.tools or choice in ("auto", "none"):
        return ""
    if choice == "required":
        return renderer.calls.form.opening(request.tools[0].name if len(request.tools) == 1 else "")
    if choice not in {tool.name for tool in request.tools}:
        raise ValueError(f"tool_choice: expected auto, none, required or one of the tools, got {choice!r}")
    return renderer.calls.form.opening(choice)


def with_calls_read(completion: Completion, renderer: Renderer, request: Request) -> Completion:
    """The completion with the calls in its text parsed, in the call form of the template."""
    if not offers_tools(request):
        return completion
    convention = renderer.calls
    opened = completion.model_copy(update={"text": forced_opening(renderer, request) + completion.text})
    may_be_several = convention.takes_parallel and request.parallel_tool_calls
    return with_parsed(opened, convention.form.parse(opened.text, request.tools), request.messages, may_be_several)


def with_parsed(
    completion: Completion, parsed: ParsedCalls, messages: Sequence[Message], may_be_several: bool = True
) -> Completion:
    """The completion with the calls found in its text."""
    if len(parsed.calls) > 1 and not may_be_several:
        problem = f"only one call per message is allowed, got {len(parsed.calls)}: make one, and wait for its result"
        parsed = ParsedCalls(completion.text, (), problem)
    return completion.model_copy(
        update={
            "text": parsed.text,
            "tool_calls": renumbered(parsed.calls, messages),
            "call_problem": parsed.problem,
        }
    )


def renumbered(calls: Iterable[FunctionCall], messages: Iterable[Message]) -> tuple[FunctionCall, ...]:
    """The calls with new ids that continue the numbering of the conversation."""
    return with_unique_ids((call.model_copy(update={"id": ""}) for call in calls), messages)


def with_unique_ids(calls: Iterable[FunctionCall], messages: Iterable[Message]) -> tuple[FunctionCall, ...]:
    """Replace ids that are missing or already used."""
    taken = {call.id for message in messages for call in message.tool_calls}
    number = len(taken)
    found = []
    for call in calls:
        own = call.id
        while not own or own in taken:
            own = f"call_{number}"
            number += 1
        taken.add(own)
        found.append(call if own == call.id else call.model_copy(update={"id": own}))
    return tuple(found)


def with_server_calls(completion: Completion, calls: Sequence[WireCall], request: Request, server: str) -> Completion:
    """The completion with its calls, which the server has parsed or left in the text.

    Arguments that are not a JSON object become ``broken_arguments``, and ``call_problem`` describes the error. White
    space at the end of the content is what a template writes before a call; vLLM leaves it there, and a template that
    reads it in the next request would write it twice.
    """
    if not calls:
        return _read_from_text(completion, request, server) if offers_tools(request) else completion
    read, problems = [], []
    for call in calls:
        one, problem = _function_call(call)
        read.append(one)
        problems += [problem] * bool(problem)
    return completion.model_copy(
        update={
            "text": completion.text.rstrip(),
            "tool_calls": with_unique_ids(read, request.messages),
            "call_problem": "; ".join(problems),
        }
    )


def _function_call(call: WireCall) -> tuple[FunctionCall, str]:
    given = call.arguments
    try:
        if isinstance(given, str) and given.strip():
            given, end = read_json(call.arguments, len(given) - len(given.lstrip()))
            if call.arguments[end:].strip():
                raise BrokenCallError(f"expected nothing after the JSON, got {call.arguments[end:].strip()[:40]!r}")
        one = FunctionCall(id=call.id, name=call.name, arguments=arguments_of(given))
    except BrokenCallError as error:
        broken = call.arguments if isinstance(call.arguments, str) else dump(call.arguments)
        broken = broken.encode(errors="replace").decode()
        problem = f"the arguments of {call.name or 'a call without a name'} cannot be read: {error}"
        return FunctionCall(id=call.id, name=call.name, broken_arguments=broken), problem
    return one, "" if call.name else "a call without the name of a tool"


def _read_from_text(completion: Completion, request: Request, server: str) -> Completion:
    """Parse calls of offered tools. JSON without markers that names other tools is an answer."""
    marked = next((name for mark, name in _MARKS.items() if mark in completion.text), "")
    form = CALL_FORMS[marked or "llama_json"]
    parsed = form.parse(completion.text, request.tools)
    known = {tool.name for tool in request.tools}
    if not marked and not known.issuperset(call.name for call in parsed.calls):
        return completion
    if parsed.calls:
        _say_once(server, form.name, form.vllm_parser)
    return with_parsed(completion, parsed, request.messages, request.parallel_tool_calls)


@lru_cache(maxsize=64)
def _say_once(server: str, form: str, vllm_parser: str) -> None:
    _log.warning(
        "%s: the server leaves tool calls in the text (form %s); they are parsed here. vLLM parses them itself if "
        "started with --enable-auto-tool-choice --tool-call-parser %s",
        server,
        form,
        vllm_parser,
    )
