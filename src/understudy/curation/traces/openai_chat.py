"""OpenAI's chat completions: rows with ``messages``, and lines of request logs.

In: ``{messages, tools?}`` as for fine-tuning, or ``{request, response}`` as recorded; the roles system, developer,
user, assistant, tool and function; calls as ``tool_calls`` or ``function_call``; reasoning as ``reasoning_content``,
``reasoning`` or ``thinking``. Out: conversations, one for each choice of a reply. A message of weight 0 is context and
never trained. Not here: plain chats without tools, which ``plain_chat`` reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from understudy.curation.importing.foreign import printed
from understudy.curation.traces.conversation import Conversation, Feedback, OtherRow, ReplyFacts
from understudy.curation.traces.log_lines import (
    feedback_of,
    is_feedback,
    is_log_line,
    is_shadow,
    log_line,
    name_of,
    references_of,
    request_and_response,
    score_of,
)
from understudy.curation.traces.node import Node, short
from understudy.curation.traces.parts import (
    call_of,
    reasoning_beside,
    text_and_reasoning,
    text_of,
    tool_schemas,
    usage_of,
)
from understudy.curation.traces.refusals import not_text, unknown_shape
from understudy.curation.traces.row_reader import RowReader
from understudy.curation.traces.turns import Turns
from understudy.records import FunctionCall, Role, ToolSchema

_BEYOND_PLAIN = frozenset(
    {"tool_calls", "function_call", "reasoning_content", "reasoning", "thinking", "refusal", "weight", "tool_call_id"}
)
_PARTS = frozenset({"thinking", "reasoning", "refusal"})
_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "human": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}


class OpenAIChatReader(RowReader):
    """OpenAI chat: rows with messages, tools, calls and results; lines of request and response."""

    def fits(self, value: object) -> bool:
        if is_feedback(value) or is_shadow(value):
            return True
        if is_log_line(value):
            request, _ = request_and_response(value)
            return request["messages"].is_list
        messages = value.get("messages") if isinstance(value, dict) else value
        if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
            return False
        has_tools = isinstance(value, dict) and bool(value.get("tools") or value.get("functions"))
        return bool(messages) and (has_tools or any(_is_beyond_plain(one) for one in messages))

    def conversations(self, value: object) -> Iterator[Conversation | Feedback | OtherRow]:
        if is_feedback(value):
            yield feedback_of(value)
        elif is_shadow(value):
            yield OtherRow("shadow")
        elif is_log_line(value):
            yield from _of_log_line(value)
        else:
            yield _of_messages(Node(value if isinstance(value, dict) else {"messages": value}))


def _is_beyond_plain(message: dict[str, object]) -> bool:
    if message.get("role") in ("tool", "function") or any(message.get(key) is not None for key in _BEYOND_PLAIN):
        return True
    content = message.get("content")
    return isinstance(content, list) and any(isinstance(one, dict) and one.get("type") in _PARTS for one in content)


def _of_messages(row: Node) -> Conversation:
    turns, unweighted = Turns(), set[int]()
    for message in row["messages"]:
        index = add_message(turns, message)
        if message["weight"].value not in (None, 1):
            unweighted.add(index)
    assistants = {index for index, one in enumerate(turns.messages) if one.role is Role.ASSISTANT}
    return Conversation(
        place="",
        messages=tuple(turns.messages),
        replies={index: ReplyFacts() for index in sorted(assistants - unweighted)},
        tools=tools_of(row),
        name=name_of(row),
        model=row.any_of("model", "model_id").text(""),
        question=row["question"].text(""),
        references=references_of(row),
        answer=printed(row["generated_answer"].value),
        score=score_of(row),
    )


def _of_log_line(value: object) -> Iterator[Conversation]:
    line = log_line(value)
    if not line.request["messages"]:
        raise line.request["messages"].error("a list of messages")
    if not line.response["choices"]:
        raise line.response["choices"].error("a list of choices")
    for choice in line.response["choices"]:
        turns = Turns()
        for message in line.request["messages"]:
            add_message(turns, message)
        facts = ReplyFacts(
            usage=usage_of(line.response["usage"]),
            is_cut=choice["finish_reason"].value == "length",
            response_id=line.response["id"].text(""),
        )
        add_message(turns, choice["message"], facts)
        yield Conversation(
            place="",
            messages=tuple(turns.messages),
            replies=dict(turns.replies),
            tools=tools_of(line.request),
            name=name_of(line.row) or name_of(line.request),
            model=line.response["model"].text("") or line.request["model"].text(""),
            references=references_of(line.row),
            score=score_of(line.row),
            is_request=True,
        )


def tools_of(held: Node) -> tuple[ToolSchema, ...]:
    """The schemas of ``tools``, or of the older ``functions``."""
    return tool_schemas(held.any_of("tools", "functions").opened())


def add_message(turns: Turns, message: Node, facts: ReplyFacts | None = None) -> int:
    """Add a message in OpenAI's form; return its index. Raises ``TraceError``."""
    name = message["role"].text().removeprefix("MessageRole.").lower()
    role = _ROLES.get(name)
    if role is None:
        raise unknown_shape(f"{message.path}.role: expected one of {', '.join(_ROLES)}, got {name!r}")
    if role is Role.TOOL:
        result = text_of(message["content"])
        return turns.result(message["tool_call_id"].text(""), result, message.path, name=message["name"].text(""))
    if message["audio"]:
        raise not_text(f"{message.path}.audio: expected text, got {short(message['audio'].value)}")
    if role is not Role.ASSISTANT:
        return turns.say(role, text_of(message["content"]), message.path)
    calls = tuple(calls_of(message))
    content = message["content"] if message["content"] or not message["refusal"] else message["refusal"]
    # A reply with calls may have no text; without calls, the text is missing.
    text, thought = ("", "") if content.value is None and calls else text_and_reasoning(content)
    reasoning = thought or reasoning_beside(message)
    return turns.reply(text, message.path, reasoning=reasoning, calls=calls, facts=facts)


def calls_of(message: Node) -> Iterable[FunctionCall]:
    """The calls of an assistant message, in either form."""
    for call in message["tool_calls"].opened():
        kind = call["type"].text("function")
        if kind != "function":
            raise unknown_shape(f"{call.path}: expected a call of a function, got type {kind!r}")
        yield call_of(call["id"], call["function"]["name"], call["function"]["arguments"])
    if message["function_call"]:
        held = message["function_call"]
        yield call_of(Node(None), held["name"], held["arguments"])
