"""How servers return tool calls: one row per behaviour. ``docs/tool-calls.md`` shows the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue


@dataclass(frozen=True)
class CallManner:
    """The message of a 200, and how it is read."""

    server: str
    behaviour: str
    message: dict[str, Any]
    calls: tuple[tuple[str, str, dict[str, JsonValue]], ...] = (("a1", "search", {"query": "x"}),)
    """Id, name and arguments of each."""
    text: str = ""
    problem: str = ""
    broken: str = ""
    """What the first call's ``broken_arguments`` hold."""
    finish_reason: str = "tool_calls"
    more: dict[str, Any] = field(default_factory=dict)


def one(arguments: object = '{"query": "x"}', **changes: object) -> dict[str, Any]:
    """A call as OpenAI sends it, with some fields changed."""
    return {"id": "a1", "type": "function", "function": {"name": "search", "arguments": arguments}, **changes}


def message(*calls: object, content: object = None, **changes: object) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls), **changes}


_SECOND = one('{"query": "y"}', id="a2")
_TWO = (("a1", "search", {"query": "x"}), ("a2", "search", {"query": "y"}))
_NUMBERED = (("call_0", "search", {"query": "x"}),)
_TEXT = '<tool_call>\n{"name": "search", "arguments": {"query": "x"}}\n</tool_call>'
_BROKEN = '{"query": "x'

TOOL_BEHAVIOURS = (
    CallManner("OpenAI", "`content: null` beside a call", message(one())),
    CallManner("OpenAI", "content and a call", message(one(), content="I look."), text="I look."),
    CallManner("OpenAI", "two calls", message(one(), _SECOND), calls=_TWO),
    CallManner("OpenAI", "empty arguments (an empty string)", message(one("")), calls=(("a1", "search", {}),)),
    CallManner(
        "OpenAI's older API",
        "`function_call`",
        {"content": None, "function_call": {"name": "search", "arguments": '{"query": "x"}'}},
        calls=_NUMBERED,
        finish_reason="function_call",
    ),
    CallManner(
        "vLLM",
        "the line break before a call, at the end of the content",
        message(one(), content="I look.\n"),
        text="I look.",
    ),
    CallManner("Ollama", "arguments as an object", message(one({"query": "x"}), content="")),
    CallManner("Ollama", "`finish_reason: stop` beside calls", message(one()), finish_reason="stop"),
    CallManner(
        "Ollama",
        "no ids",
        message(one(id=None), one('{"query": "y"}', id="")),
        calls=(("call_0", "search", {"query": "x"}), ("call_1", "search", {"query": "y"})),
    ),
    CallManner(
        "Gemini", '`id: ""` and additional fields', message(one(id="", extra_content={"google": {}})), calls=_NUMBERED
    ),
    CallManner(
        "Gemini",
        "the same id for two calls",
        message(one(), one('{"query": "y"}')),
        calls=(("a1", "search", {"query": "x"}), ("call_0", "search", {"query": "y"})),
    ),
    CallManner("Groq", "`reasoning` beside a call", message(one(), reasoning="hm")),
    CallManner("Mistral", "no `type`, an `index`", message({"id": "a1", "index": 0, "function": one()["function"]})),
    CallManner(
        "Mistral",
        "`tool_calls: null`",
        {"content": "hello", "tool_calls": None},
        calls=(),
        text="hello",
        finish_reason="stop",
    ),
    CallManner("proxies", "one call instead of a list", {"content": None, "tool_calls": one()}),
    CallManner(
        "proxies",
        "name and arguments without `function`",
        message({"id": "a1", "name": "search", "arguments": '{"query": "x"}'}),
    ),
    CallManner("Anthropic behind a proxy", "`finish_reason: tool_use`", message(one()), finish_reason="tool_use"),
    CallManner("llama.cpp", "arguments encoded twice", message(one('"{\\"query\\": \\"x\\"}"'))),
    CallManner(
        "vLLM",
        "arguments that were cut",
        message(one(_BROKEN)),
        calls=(("a1", "search", {}),),
        broken=_BROKEN,
        problem="the arguments of search cannot be read: the JSON ends before it is complete",
    ),
    CallManner(
        "vLLM",
        "arguments that are a list",
        message(one("[1]")),
        calls=(("a1", "search", {}),),
        broken="[1]",
        problem="expected an object as arguments, got [1]",
    ),
    CallManner(
        "DeepSeek",
        "two JSON objects as arguments",
        message(one('{"query": "x"}{"query": "y"}')),
        calls=(("a1", "search", {}),),
        broken='{"query": "x"}{"query": "y"}',
        problem="after the JSON",
    ),
    CallManner(
        "OpenAI",
        "one of two calls has broken arguments",
        message(one(), one("{", id="a2")),
        calls=(("a1", "search", {"query": "x"}), ("a2", "search", {})),
        problem="the JSON ends before it is complete",
    ),
    CallManner(
        "proxies",
        "a call without a name",
        message(one(function={"arguments": "{}"})),
        calls=(("a1", "", {}),),
        problem="a call without the name of a tool",
    ),
    CallManner(
        "proxies",
        "a string instead of a call",
        message("search"),
        calls=(("call_0", "", {}),),
        broken="search",
        problem="this is not JSON",
    ),
    CallManner(
        "vLLM without a parser",
        "the call is in the content",
        {"content": f"I look.\n{_TEXT}"},
        text="I look.",
        calls=_NUMBERED,
        finish_reason="stop",
    ),
    CallManner(
        "vLLM without a parser",
        "a broken call is in the content",
        {"content": _TEXT[:30]},
        text=_TEXT[:30],
        calls=(),
        problem="the call after <tool_call> cannot be read: the JSON ends",
        finish_reason="stop",
    ),
    CallManner(
        "llama.cpp without a template",
        "Llama's JSON is in the content",
        {"content": '{"name": "search", "parameters": {"query": "x"}}'},
        calls=_NUMBERED,
        finish_reason="stop",
    ),
    CallManner(
        "any",
        "JSON of a tool that was not offered stays text",
        {"content": '{"name": "Ann", "parameters": {}}'},
        calls=(),
        text='{"name": "Ann", "parameters": {}}',
        finish_reason="stop",
    ),
)
