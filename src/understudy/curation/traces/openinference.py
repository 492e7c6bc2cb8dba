"""OpenInference: spans whose attributes are numbered messages, ``llm.input_messages.0.message.role``.

In: spans of kind ``LLM``. Out: one conversation per request, to be joined later. Other spans are counted. The
attributes are assembled to messages in OpenAI's form, which are then read as such. Not here: containers of spans.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from understudy.curation.traces.conversation import Conversation, OtherRow, ReplyFacts
from understudy.curation.traces.node import Node
from understudy.curation.traces.openai_chat import add_message
from understudy.curation.traces.parts import tool_schemas
from understudy.curation.traces.refusals import RefusalReason, TraceError, not_text, unknown_shape
from understudy.curation.traces.row_reader import RowReader
from understudy.curation.traces.spans import Span, spans_of
from understudy.curation.traces.turns import Turns
from understudy.records import Usage

_KIND = "openinference.span.kind"


class OpenInferenceReader(RowReader):
    """OpenInference: spans with llm.input_messages and llm.output_messages."""

    def fits(self, value: object) -> bool:
        try:
            return any(_KIND in span.attributes.mapping() for span in spans_of(value))
        except TraceError:
            return False

    def conversations(self, value: object) -> Iterator[Conversation | OtherRow]:
        for span in spans_of(value):
            kind = span.attributes[_KIND].text("")
            yield _of_span(span) if kind == "LLM" else OtherRow(kind or "span")


def _of_span(span: Span) -> Conversation:
    if span.failed:
        raise TraceError(RefusalReason.PROVIDER_ERROR, f"span {span.name!r}: the request failed")
    llm = Node(unflattened(span.attributes.mapping()).get("llm"), "llm")
    if not llm.is_object or not llm["input_messages"] or not llm["output_messages"]:
        raise not_text(f"span {span.name!r}: expected llm.input_messages and llm.output_messages")
    turns = Turns()
    for message in llm["input_messages"]:
        add_message(turns, _chat_message(message["message"]))
    replies = list(llm["output_messages"])
    if len(replies) != 1:
        raise unknown_shape(f"llm.output_messages: expected one reply, got {len(replies)}")
    counts = llm["token_count"] if llm["token_count"].is_object else Node({})
    usage = Usage(prompt_tokens=counts["prompt"].count(), completion_tokens=counts["completion"].count(), requests=1)
    facts = ReplyFacts(usage=usage, is_cut=llm["finish_reason"].value == "length")
    add_message(turns, _chat_message(replies[0]["message"]), facts)
    return Conversation(
        place="",
        messages=tuple(turns.messages),
        replies=dict(turns.replies),
        tools=tool_schemas(_tool(one["tool"]) for one in llm["tools"]),
        name=span.attributes["session.id"].text(""),
        model=llm["model_name"].text(""),
        is_request=True,
    )


def unflattened(attributes: Mapping[str, object]) -> dict[str, object]:
    """Dotted keys as nested objects; objects whose keys are 0, 1, 2 … as lists."""
    tree: dict[str, object] = {}
    for key, value in attributes.items():
        *parents, last = key.split(".")
        below = tree
        for name in parents:
            held = below.setdefault(name, {})
            if not isinstance(held, dict):  # a value and a branch of the same name
                below[name] = held = {"": held}
            below = held
        below[last] = value
    return {key: _listed(value) for key, value in tree.items()}


def _listed(value: object) -> object:
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(one) for key, one in value.items()}
    if inner and all(key.isdecimal() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def _chat_message(message: Node) -> Node:
    """A message in OpenAI's form."""
    calls = [call["tool_call"].mapping() for call in message["tool_calls"]]
    content = message["content"].value
    thoughts: list[str] = []
    if message["contents"]:
        parts = [part["message_content"] for part in message["contents"]]
        thoughts = [part["text"].text("") for part in parts if part["type"].value == "reasoning"]
        content = [part.mapping() for part in parts if part["type"].value != "reasoning"] or None
    made = {
        "role": message["role"].value,
        "content": content,
        "tool_calls": calls,
        "tool_call_id": message["tool_call_id"].value,
        "name": message["name"].value,
        "reasoning_content": "\n".join(thoughts) or None,
        "function_call": _function_call(message),
    }
    return Node(made, message.path)


def _function_call(message: Node) -> object:
    if not message["function_call_name"]:
        return None
    return {"name": message["function_call_name"].value, "arguments": message["function_call_arguments_json"].value}


def _tool(tool: Node) -> Node:
    schema = tool["json_schema"].opened()
    if not schema.is_object:
        raise schema.error("a tool's JSON schema")
    named = {key: tool[key].value for key in ("name", "description") if tool[key]}
    if schema["function"].is_object or schema["name"]:
        return schema
    # Some tracers write the schema of the parameters alone, with the name beside it.
    return Node(
        {**named, "parameters": schema.mapping()} if "properties" in schema.mapping() else schema.value, schema.path
    )
