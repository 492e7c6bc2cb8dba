"""OpenAI's Responses: rows with items, and lines of request logs.

In: ``{input, output?, instructions?, tools?}`` or ``{request, response}``; the items ``message``, ``function_call``,
``function_call_output`` and ``reasoning``. Out: conversations. Adjacent items of the model are one reply. A request
that names its predecessor (``previous_response_id``) is appended to it; if no row contains the predecessor, the request
is refused. Not here: items of tools that OpenAI's server runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from understudy.curation.traces.conversation import Conversation, ReplyFacts
from understudy.curation.traces.log_lines import (
    is_log_line,
    log_line,
    name_of,
    references_of,
    request_and_response,
    score_of,
)
from understudy.curation.traces.node import Node
from understudy.curation.traces.parts import call_of, text_of, tool_schemas, usage_of
from understudy.curation.traces.refusals import RefusalReason, TraceError, hosted_tool, unknown_shape
from understudy.curation.traces.row_reader import RowReader
from understudy.curation.traces.turns import Turns
from understudy.records import FunctionCall, Role
from understudy.registry import PartConfig

_ITEMS = frozenset({"message", "function_call", "function_call_output", "reasoning"})
_ROLES = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}
ENCRYPTED = "encrypted_reasoning"


class OpenAIResponsesReader(RowReader):
    """OpenAI Responses: rows with items; lines of request and response."""

    def __init__(self, config: PartConfig | None = None) -> None:
        super().__init__(config)
        self._items_of: dict[str, list[Node]] = {}
        """By response id: all items up to that response. Instructions apply to one response only."""

    def fits(self, value: object) -> bool:
        if is_log_line(value):
            request, response = request_and_response(value)
            is_response = response.is_object and response["object"].value == "response"
            return is_response or request["input"].is_text or _holds_items(request["input"])
        row = Node(value)
        if row.is_object:
            has_output = row["object"].value == "response" or row["output"].is_list
            return _holds_items(row["input"]) or _holds_items(row["items"]) or has_output
        return row.is_list and any(one.is_object and one["type"].value in _ITEMS - {"message"} for one in row)

    def conversations(self, value: object) -> Iterator[Conversation]:
        if is_log_line(value):
            yield self._of_log_line(value)
        else:
            yield _of_items(Node(value if isinstance(value, dict) else {"input": value}))

    def _of_log_line(self, value: object) -> Conversation:
        line = log_line(value)
        if line.response["status"].value == "failed":
            raise TraceError(RefusalReason.PROVIDER_ERROR, "response.status: the response failed")
        items = [*self._before(line.request), *_items(line.request["input"])]
        output = list(line.response["output"])
        response_id = line.response["id"].text("")
        self._items_of[response_id] = [*items, *output]
        facts = ReplyFacts(
            usage=usage_of(line.response["usage"]),
            is_cut=line.response["status"].value == "incomplete",
            response_id=response_id,
        )
        building = _Building()
        building.instruct(line.request["instructions"])
        building.add_all(items)
        building.add_all(output, facts)
        return Conversation(
            place="",
            messages=tuple(building.turns.messages),
            replies=dict(building.turns.replies),
            tools=tool_schemas(line.request["tools"]),
            name=name_of(line.row) or name_of(line.request),
            model=line.response["model"].text("") or line.request["model"].text(""),
            references=references_of(line.row),
            score=score_of(line.row),
            is_request=True,
            notes=tuple(building.notes),
        )

    def _before(self, request: Node) -> list[Node]:
        previous = request["previous_response_id"].text("")
        if not previous:
            if request["conversation"]:
                raise TraceError(RefusalReason.MISSING_HISTORY, "request.conversation: only the provider stores it")
            return []
        if previous not in self._items_of:
            detail = f"request.previous_response_id: no earlier row contains the response {previous!r}"
            raise TraceError(RefusalReason.MISSING_HISTORY, detail)
        return self._items_of[previous]


def _holds_items(held: Node) -> bool:
    return held.is_list and all(one.is_object and ("type" in one.mapping() or "role" in one.mapping()) for one in held)


def _items(held: Node) -> list[Node]:
    return [Node({"role": "user", "content": held.value}, held.path)] if held.is_text else list(held)


def _of_items(row: Node) -> Conversation:
    building = _Building()
    building.instruct(row["instructions"])
    building.add_all([*_items(row.any_of("input", "items")), *row["output"]])
    return Conversation(
        place="",
        messages=tuple(building.turns.messages),
        tools=tool_schemas(row["tools"]),
        name=name_of(row),
        model=row["model"].text(""),
        question=row["question"].text(""),
        references=references_of(row),
        score=score_of(row),
        notes=tuple(building.notes),
    )


@dataclass(slots=True)
class _Building:
    """Items as they become messages; those of one reply are gathered until another item comes."""

    turns: Turns = field(default_factory=Turns)
    notes: list[str] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _thoughts: list[str] = field(default_factory=list)
    _calls: list[FunctionCall] = field(default_factory=list)
    _begun_at: str = ""

    def instruct(self, instructions: Node) -> None:
        if instructions:
            self.turns.say(Role.SYSTEM, text_of(instructions), instructions.path)

    def add_all(self, items: list[Node], facts: ReplyFacts | None = None) -> None:
        """Add items. With ``facts``, they are one reply."""
        for item in items:
            self._add(item)
        self._end_reply(facts)

    def _add(self, item: Node) -> None:
        kind = item["type"].text("message")
        if kind == "message" and _role(item) is not Role.ASSISTANT:
            self._end_reply()
            self.turns.say(_role(item), text_of(item["content"]), item.path)
        elif kind == "function_call_output":
            self._end_reply()
            self.turns.result(item["call_id"].text(), _output_text(item["output"]), item.path)
        else:
            self._add_to_reply(kind, item)

    def _add_to_reply(self, kind: str, item: Node) -> None:
        self._begun_at = self._begun_at or item.path
        if kind == "message":
            self._texts.append(text_of(item["content"]))
        elif kind == "function_call":
            self._calls.append(call_of(item["call_id"], item["name"], item["arguments"]))
        elif kind == "reasoning":
            self._think(item)
        else:
            raise hosted_tool(f"{item.path}: expected one of {', '.join(sorted(_ITEMS))}, got an item of type {kind!r}")

    def _think(self, item: Node) -> None:
        thought = [text_of(part["text"]) for key in ("content", "summary") if item[key] for part in item[key]]
        if thought:
            self._thoughts.append("\n".join(thought))
        elif item["encrypted_content"]:
            self.notes.append(ENCRYPTED)

    def _end_reply(self, facts: ReplyFacts | None = None) -> None:
        if not self._begun_at:
            return
        if not self._texts and not self._calls:
            raise unknown_shape(f"{self._begun_at}: expected a message or a call after the reasoning")
        self.turns.reply(
            "\n".join(self._texts),
            self._begun_at,
            reasoning="\n".join(self._thoughts),
            calls=tuple(self._calls),
            facts=facts,
        )
        self._texts, self._thoughts, self._calls, self._begun_at = [], [], [], ""


def _role(item: Node) -> Role:
    name = item["role"].text()
    if name not in _ROLES:
        raise unknown_shape(f"{item.path}.role: expected one of {', '.join(_ROLES)}, got {name!r}")
    return _ROLES[name]


def _output_text(output: Node) -> str:
    if isinstance(output.value, Mapping):
        return text_of(Node([output.value], output.path))
    return text_of(output)
