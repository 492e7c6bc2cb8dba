"""Anthropic's messages: rows with content blocks, and lines of request logs.

In: ``{messages, system?, tools?}`` or ``{request, response}``, with blocks ``text``, ``thinking``, ``tool_use`` and
``tool_result``. Out: conversations. Anthropic puts results into user messages; here each result is its own message.
Encrypted thinking is noted. Not here: tools that Anthropic's server runs, and the sessions of Claude Code.
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.curation.traces.conversation import Conversation, ReplyFacts
from understudy.curation.traces.log_lines import (
    is_log_line,
    log_line,
    name_of,
    references_of,
    request_and_response,
    score_of,
)
from understudy.curation.traces.node import Node, short
from understudy.curation.traces.parts import call_of, part_text, text_of, tool_schemas, usage_of
from understudy.curation.traces.refusals import hosted_tool, not_text, unknown_shape
from understudy.curation.traces.row_reader import RowReader
from understudy.curation.traces.turns import Turns
from understudy.records import FunctionCall, Role

_BLOCKS = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking"})
ENCRYPTED = "encrypted_reasoning"


class AnthropicReader(RowReader):
    """Anthropic messages: rows with content blocks; lines of request and response."""

    def fits(self, value: object) -> bool:
        if is_log_line(value):
            request, response = request_and_response(value)
            said = response.is_object and response["type"].value == "message" and response["content"].is_list
            return said or (request.is_object and request.has("messages", "max_tokens") and _has_blocks(request))
        row = Node(value if isinstance(value, dict) else {"messages": value})
        return row["messages"].is_list and _has_blocks(row)

    def conversations(self, value: object) -> Iterator[Conversation]:
        if is_log_line(value):
            yield _of_log_line(value)
            return
        row = Node(value if isinstance(value, dict) else {"messages": value})
        building = Blocks()
        building.add_all(row)
        yield Conversation(
            place="",
            messages=tuple(building.turns.messages),
            tools=tool_schemas(row["tools"]),
            name=name_of(row),
            model=row["model"].text(""),
            errors=dict(building.turns.errors),
            question=row["question"].text(""),
            references=references_of(row),
            score=score_of(row),
            notes=tuple(building.notes),
        )


class Blocks:
    """A conversation that is built from content blocks."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.notes: list[str] = []

    def add_all(self, request: Node) -> None:
        """Add the system prompt and the messages of a request."""
        if request["system"]:
            self.turns.say(Role.SYSTEM, text_of(request["system"]), request["system"].path)
        for message in request["messages"]:
            self.add(message["role"].text(), message["content"])

    def add(self, role: str, content: Node, facts: ReplyFacts | None = None) -> None:
        """Add one message. Raises ``TraceError``."""
        if role == "assistant":
            self._reply(content, facts)
        elif role in ("user", "system"):
            self._hear(Role(role), content)
        else:
            raise unknown_shape(f"{content.path}: expected a message of user or assistant, got role {role!r}")

    def _reply(self, content: Node, facts: ReplyFacts | None) -> None:
        texts: list[str] = []
        thoughts: list[str] = []
        calls: list[FunctionCall] = []
        for block in _blocks(content):
            kind = block["type"].text("text")
            if kind == "tool_use":
                calls.append(call_of(block["id"], block["name"], block["input"]))
            elif kind == "thinking":
                thoughts.append(block["thinking"].text())
            elif kind == "redacted_thinking":
                self.notes.append(ENCRYPTED)
            else:
                texts.append(_text_block(block, kind))
        if not texts and not calls:
            raise not_text(f"{content.path}: expected a text or a call, got {short(content.value)}")
        self.turns.reply(
            "\n".join(texts), content.path, reasoning="\n".join(t for t in thoughts if t), calls=calls, facts=facts
        )

    def _hear(self, role: Role, content: Node) -> None:
        texts: list[str] = []
        for block in _blocks(content):
            kind = block["type"].text("text")
            if kind == "tool_result":
                self._result(block)
            else:
                texts.append(_text_block(block, kind))
        if texts:
            self.turns.say(role, "\n".join(texts), content.path)

    def _result(self, block: Node) -> None:
        # A result may be empty, and then it has no content at all.
        text = text_of(block["content"]) if block["content"] else ""
        failed = block["is_error"].value is True
        self.turns.result(block["tool_use_id"].text(), text, block.path, error=text or "failed" if failed else "")


def _of_log_line(value: object) -> Conversation:
    line = log_line(value)
    building = Blocks()
    building.add_all(line.request)
    facts = ReplyFacts(
        usage=usage_of(line.response["usage"]),
        is_cut=line.response["stop_reason"].value == "max_tokens",
        response_id=line.response["id"].text(""),
    )
    building.add("assistant", line.response["content"], facts)
    return Conversation(
        place="",
        messages=tuple(building.turns.messages),
        replies=dict(building.turns.replies),
        tools=tool_schemas(line.request["tools"]),
        name=name_of(line.row),
        model=line.response["model"].text("") or line.request["model"].text(""),
        errors=dict(building.turns.errors),
        references=references_of(line.row),
        score=score_of(line.row),
        is_request=True,
        notes=tuple(building.notes),
    )


def _has_blocks(row: Node) -> bool:
    if row["system"] or any(tool.is_object and tool["input_schema"] for tool in row["tools"] if row["tools"].is_list):
        return True
    return any(
        block.is_object and block["type"].value in _BLOCKS
        for message in row["messages"]
        if message.is_object and message["content"].is_list
        for block in message["content"]
    )


def _blocks(content: Node) -> list[Node]:
    if content.is_text:
        return [Node({"type": "text", "text": content.value}, content.path)]
    if not content.is_list or not content:
        raise not_text(f"{content.path}: expected a text or a list of blocks, got {short(content.value)}")
    return list(content)


def _text_block(block: Node, kind: str) -> str:
    if kind.startswith("server_tool") or kind.endswith("_tool_result"):
        raise hosted_tool(f"{block.path}: expected text, a call or a result, got a block of type {kind!r}")
    return part_text(block)
