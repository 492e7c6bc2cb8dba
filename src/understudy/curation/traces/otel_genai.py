"""OpenTelemetry's conventions for generative AI, from version 1.37: messages as attributes of spans.

In: spans whose ``gen_ai.input.messages`` and ``gen_ai.output.messages`` contain messages with ``parts``. Out: one
conversation per request, to be joined later. Other spans are counted. Spans of older versions, whose messages are
events or numbered attributes, are refused. The conventions are still marked as in development: other names that tracers
are known to use are read too. Not here: containers of spans.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from understudy.curation.traces.conversation import Conversation, OtherRow, ReplyFacts
from understudy.curation.traces.node import Node
from understudy.curation.traces.parts import call_of, part_text, tool_schemas
from understudy.curation.traces.refusals import RefusalReason, TraceError, hosted_tool, not_text, unknown_shape
from understudy.curation.traces.row_reader import RowReader
from understudy.curation.traces.spans import Span, spans_of
from understudy.curation.traces.turns import Turns
from understudy.records import FunctionCall, Role, Usage

CONVENTION = "1.37"
_INPUT, _OUTPUT, _SYSTEM = "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"
_REQUESTS = frozenset({"chat", "text_completion", "generate_content", "responses"})
_OLDER = ("gen_ai.prompt", "gen_ai.completion")
_ROLES = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}


class OtelGenAIReader(RowReader):
    """OpenTelemetry GenAI: spans with gen_ai.input.messages (conventions from 1.37)."""

    def fits(self, value: object) -> bool:
        try:
            spans = list(spans_of(value))
        except TraceError:
            return False
        return any(key.startswith("gen_ai.") for span in spans for key in span.attributes.mapping())

    def conversations(self, value: object) -> Iterator[Conversation | OtherRow]:
        for span in spans_of(value):
            operation = span.attributes["gen_ai.operation.name"].text("")
            if operation not in _REQUESTS:
                yield OtherRow(operation or "span")
            else:
                yield _of_span(span)


def _of_span(span: Span) -> Conversation:
    held = span.attributes
    _refuse_without_messages(span)
    turns = Turns()
    for part in held[_SYSTEM].opened():
        turns.say(Role.SYSTEM, _text(part), part.path)
    for message in held[_INPUT].opened():
        _add(turns, message)
    facts = ReplyFacts(
        usage=Usage(
            prompt_tokens=held["gen_ai.usage.input_tokens"].count(),
            completion_tokens=held["gen_ai.usage.output_tokens"].count(),
            requests=1,
        ),
        is_cut="length" in str(held["gen_ai.response.finish_reasons"].value),
        response_id=held["gen_ai.response.id"].text(""),
    )
    replies = list(held[_OUTPUT].opened())
    if len(replies) != 1:
        raise unknown_shape(f"{_OUTPUT}: expected one reply, got {len(replies)}")
    _add(turns, replies[0], facts)
    return Conversation(
        place="",
        messages=tuple(turns.messages),
        replies=dict(turns.replies),
        tools=tool_schemas(held["gen_ai.tool.definitions"].opened()),
        name=held["gen_ai.conversation.id"].text(""),
        model=held.any_of("gen_ai.response.model", "gen_ai.request.model").text(""),
        is_request=True,
    )


def _refuse_without_messages(span: Span) -> None:
    held = span.attributes
    if span.failed or held["error.type"]:
        raise TraceError(RefusalReason.PROVIDER_ERROR, f"span {span.name!r}: the request failed")
    if held.has(_INPUT, _OUTPUT):
        return
    keys = [key for key in held.mapping() if key.startswith(_OLDER)]
    events = [name for name in span.event_names if name.startswith("gen_ai.")]
    if keys or events:
        detail = f"span {span.name!r}: expected {_INPUT} (conventions from {CONVENTION}), got {(keys + events)[0]}"
        raise TraceError(RefusalReason.OLD_CONVENTION, detail)
    raise not_text(f"span {span.name!r}: expected {_INPUT} and {_OUTPUT}; the tracer did not capture the messages")


def _add(turns: Turns, message: Node, facts: ReplyFacts | None = None) -> None:
    name = message["role"].text()
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[FunctionCall] = []
    for part in message["parts"]:
        kind = part["type"].text()
        if kind == "tool_call":
            calls.append(call_of(part["id"], part["name"], part["arguments"]))
        elif kind == "tool_call_response":
            turns.result(part["id"].text(""), _response(part), part.path, name=part["name"].text(""))
        elif kind in ("reasoning", "thinking"):
            thoughts.append(part.any_of("content", "text").text(""))
        else:
            texts.append(_text(part))
    if name == "assistant":
        if not texts and not calls:
            raise not_text(f"{message.path}.parts: expected a text or a call")
        reasoning = "\n".join(thought for thought in thoughts if thought)
        turns.reply("\n".join(texts), message.path, reasoning=reasoning, calls=calls, facts=facts)
    elif texts:
        if name not in _ROLES:
            raise unknown_shape(f"{message.path}.role: expected one of {', '.join(_ROLES)}, got {name!r}")
        turns.say(_ROLES[name], "\n".join(texts), message.path)


def _text(part: Node) -> str:
    kind = part["type"].text("text")
    if kind.startswith("server_tool"):
        raise hosted_tool(f"{part.path}: expected text, a call or a result, got a part of type {kind!r}")
    return part_text(Node({"type": kind, "text": part.any_of("content", "text").value}, part.path))


def _response(part: Node) -> str:
    held = part.any_of("response", "result", "content")
    if held.is_text:
        return held.text()
    if held.is_object and held.has("content") and held["content"].is_text:
        return held["content"].text()
    if held.value is None:
        return ""
    return json.dumps(held.value, ensure_ascii=False)
