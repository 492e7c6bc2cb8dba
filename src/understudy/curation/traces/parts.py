"""Parts that formats share: text, reasoning, calls with their arguments, tool schemas.

In: nodes. Out: values of our records. Not here: the roles and the order of messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from understudy.curation.traces.node import Node, short
from understudy.curation.traces.refusals import hosted_tool, not_text
from understudy.records import FunctionCall, ToolSchema, Usage

_TEXT = frozenset({"text", "input_text", "output_text", "summary_text", "reasoning_text"})
_REASONING = frozenset({"thinking", "reasoning"})
_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")


def text_of(content: Node) -> str:
    """The text of a content, which is a string or a list of text parts. Raises ``TraceError`` for anything else."""
    return "\n".join(part_text(part) for part in _parts(content))


def text_and_reasoning(content: Node) -> tuple[str, str]:
    """As ``text_of``, with the reasoning parts returned separately."""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in _parts(content):
        is_thought = part.is_object and part["type"].value in _REASONING
        (thoughts if is_thought else texts).append(_thought(part) if is_thought else part_text(part))
    return "\n".join(texts), "\n".join(thoughts)


def part_text(part: Node) -> str:
    """The text of one part. Raises ``TraceError`` for a picture, a sound, a file or an unknown part."""
    if part.is_text:
        return part.text()
    kind = part["type"].text("text")
    if kind == "refusal" and part["refusal"].is_text:
        return part["refusal"].text()
    if kind not in _TEXT:
        raise not_text(f"{part.path}: expected text, got a part of type {kind!r}: {short(part.value)}")
    if not part["text"].is_text:
        raise not_text(f"{part.path}: expected a string, got {short(part.value)}")
    return part["text"].text()


def reasoning_beside(message: Node) -> str:
    """The reasoning of a message that has it in a separate field."""
    return next((text_of(message[key]) for key in _REASONING_KEYS if message[key].is_text and message[key]), "")


def call_of(call_id: Node, name: Node, arguments: Node) -> FunctionCall:
    """One call. Arguments that are not a JSON object are kept as they came."""
    named = {"id": call_id.text(""), "name": name.text()}
    if arguments.is_object:
        return FunctionCall(**named, arguments=arguments.mapping())
    if arguments.value is None or arguments.value == "":
        return FunctionCall(**named)
    text = arguments.text() if arguments.is_text else json.dumps(arguments.value, ensure_ascii=False)
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        return FunctionCall(**named, arguments=parsed)
    return FunctionCall(**named, broken_arguments=text)


def tool_schemas(tools: Iterable[Node]) -> tuple[ToolSchema, ...]:
    """The schemas of a list of tools in the form of OpenAI (both APIs), Anthropic or MCP.

    Raises ``TraceError`` for a tool that the provider's server runs.
    """
    return tuple(_schemas(tools))


def _schemas(tools: Iterable[Node]) -> Iterator[ToolSchema]:
    for tool in tools:
        inner = tool["function"] if tool["function"].is_object else tool
        kind = tool["type"].text("function")
        if kind not in ("function", "custom") or not inner["name"].is_text:
            raise hosted_tool(f"{tool.path}: expected a function with a name, got a tool of type {kind!r}")
        parameters = inner.any_of("parameters", "input_schema", "inputSchema").opened()
        if kind == "custom" and not parameters.is_object:
            raise hosted_tool(f"{tool.path}: expected a function with parameters, got a custom tool without a schema")
        shape = {"parameters": parameters.mapping()} if parameters.is_object else {}
        yield ToolSchema(name=inner["name"].text(), description=inner["description"].text(""), **shape)


def usage_of(usage: Node) -> Usage:
    """Tokens of one request, by the names of OpenAI or Anthropic."""
    if not usage.is_object:
        return Usage()
    return Usage(
        prompt_tokens=usage.any_of("prompt_tokens", "input_tokens").count(),
        completion_tokens=usage.any_of("completion_tokens", "output_tokens").count(),
        requests=1,
    )


def _parts(content: Node) -> Iterator[Node]:
    if content.is_text:
        yield content
        return
    if not content.is_list or not content:
        raise not_text(f"{content.path}: expected a string or a list of text parts, got {short(content.value)}")
    yield from content


def _thought(part: Node) -> str:
    held = part.any_of("thinking", "reasoning", "text", "content")
    return text_of(held)
