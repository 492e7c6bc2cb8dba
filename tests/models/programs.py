"""Programs that stand in for models in the processes of these tests."""

from __future__ import annotations

from pydantic import JsonValue

from understudy.models import Request
from understudy.records import Completion, FinishReason, FunctionCall, Role


def shout(request: Request) -> str:
    """What was said last, louder."""
    return request.messages[-1].content.upper()


def two_tools(request: Request) -> Completion:
    """Ask for a city's population, double it, say what came. Every framework can be told of such tools."""
    results = [message.content for message in request.messages if message.role is Role.TOOL] or _observations(request)
    if len(results) == 0:
        return _calls("I look it up.", "population", city="Zürich")
    if len(results) == 1:
        return _calls("", "double", number=int(results[0]))
    answer = f"Twice the population is {results[1]}."
    if any(tool.name == "final_answer" for tool in request.tools):
        return _calls("", "final_answer", answer=answer)
    return Completion(text=answer, finish_reason=FinishReason.STOP)


def _observations(request: Request) -> list[str]:
    """Results as smolagents sends them: user messages."""
    begin = "Observation:\n"
    return [message.content.removeprefix(begin) for message in request.messages if message.content.startswith(begin)]


def both_at_once(request: Request) -> Completion:
    """Make two calls in one message, then say both results."""
    results = [message.content for message in request.messages if message.role is Role.TOOL]
    if results:
        return Completion(text=" and ".join(results), finish_reason=FinishReason.STOP)
    calls = (_call("population", city="Bern"), _call("double", number=4))
    return Completion(text="", tool_calls=calls, finish_reason=FinishReason.STOP)


def calls_in_text(request: Request) -> str:
    """Write a call as text."""
    del request
    return 'Look.\n<tool_call>\n{"name": "population", "arguments": {"city": "Bern"}}\n</tool_call>'


def _calls(text: str, name: str, **given: JsonValue) -> Completion:
    return Completion(text=text, tool_calls=(_call(name, **given),), finish_reason=FinishReason.STOP)


def _call(name: str, **given: JsonValue) -> FunctionCall:
    return FunctionCall(id="", name=name, arguments=given)
