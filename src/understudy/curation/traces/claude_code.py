"""Sessions of Claude Code: one JSONL file per session, one entry per line. Each entry names its predecessor.

In: entries with ``uuid``, ``parentUuid``, ``type`` and, for messages, ``message`` in Anthropic's form. Out: one
conversation for each leaf of the tree: returning to an earlier message makes a second one, and so does a subagent. The
pieces of one reply, which have separate lines, are joined; the results of parallel calls are moved behind their reply.
A session contains neither the system prompt nor the tool schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from understudy.curation.traces.anthropic import Blocks
from understudy.curation.traces.conversation import Conversation, Found, OtherRow, ReplyFacts
from understudy.curation.traces.node import Node
from understudy.curation.traces.parts import usage_of
from understudy.curation.traces.refusals import TraceError
from understudy.curation.traces.row_reader import refused
from understudy.datafiles import Row
from understudy.registry import PartConfig

_SPEAKING = frozenset({"user", "assistant"})
_MARKS = frozenset({"parentUuid", "sessionId", "leafUuid", "snapshot", "isSidechain"})
FAILED_REQUEST = "failed_request"


@dataclass(slots=True)
class _Entry:
    node: Node
    place: str
    uuid: str
    parent: str

    @property
    def speaks(self) -> bool:
        return self.node["type"].value in _SPEAKING and self.node["message"].is_object

    @property
    def results(self) -> list[str]:
        """The calls whose results the entry contains."""
        if self.node["type"].value != "user" or not self.node["message"].is_object:
            return []
        content = self.node["message"]["content"]
        blocks = content if content.is_list else ()
        return [block["tool_use_id"].text("") for block in blocks if block.is_object and block["tool_use_id"]]

    @property
    def calls(self) -> list[str]:
        content = self.node["message"]["content"]
        if self.node["type"].value != "assistant" or not content.is_list:
            return []
        return [block["id"].text("") for block in content if block["type"].value == "tool_use"]


@dataclass(slots=True)
class _Session:
    entries: dict[str, _Entry] = field(default_factory=dict)
    result_of: dict[str, _Entry] = field(default_factory=dict)
    """By call: the entry with the call's result."""


class ClaudeCodeReader:
    """Claude Code: the JSONL files of its sessions."""

    def __init__(self, config: PartConfig | None = None) -> None:
        self.config = config

    def fits(self, value: object) -> bool:
        """Whether a row is an entry of a session."""
        return isinstance(value, dict) and isinstance(value.get("type"), str) and bool(_MARKS & value.keys())

    def read(self, rows: Iterable[Row]) -> Iterator[Found]:
        """Read the sessions. Entries are collected up to the last one."""
        sessions: dict[str, _Session] = {}
        for row in rows:
            node = Node(row.value)
            try:
                entry = _Entry(node, row.place, node["uuid"].text(""), node["parentUuid"].text(""))
                if not entry.speaks:
                    yield OtherRow(node["type"].text())
                if entry.uuid:
                    session = sessions.setdefault(node["sessionId"].text(""), _Session())
                    session.entries[entry.uuid] = entry
                    session.result_of |= dict.fromkeys(entry.results, entry)
            except TraceError as error:
                yield refused(row.place, error)
        for name, session in sessions.items():
            yield from _conversations(name, session)


def _conversations(name: str, session: _Session) -> Iterator[Found]:
    parents = {entry.parent for entry in session.entries.values()}
    ends = [entry for entry in session.entries.values() if entry.uuid not in parents]
    paths = [_path(entry, session) for entry in ends]
    used: set[str] = set()
    for path in sorted(paths, key=len, reverse=True):
        spoken = _with_results([entry for entry in path if entry.speaks], session)
        # The results of parallel calls are leaves of the tree, and parts of a longer path.
        if not spoken or spoken[-1].uuid in used:
            continue
        used |= {entry.uuid for entry in spoken}
        if any(entry.node["type"].value == "assistant" for entry in spoken):
            yield _conversation(name, spoken)


def _path(end: _Entry, session: _Session) -> list[_Entry]:
    """From the first entry to the end."""
    path, seen = [end], {end.uuid}
    while (parent := session.entries.get(path[-1].parent)) and parent.uuid not in seen:
        path.append(parent)
        seen.add(parent.uuid)
    return path[::-1]


def _with_results(path: list[_Entry], session: _Session) -> list[_Entry]:
    """The path, with the results of each reply right after the last piece of the reply."""
    spoken: list[_Entry] = []
    for index, entry in enumerate(path):
        if entry.results:
            continue
        spoken.append(entry)
        following = path[index + 1] if index + 1 < len(path) else None
        if following is None or not _is_same_reply(entry, following):
            pieces = [one for one in spoken if _is_same_reply(one, entry)] if entry.calls else []
            asked = [call for piece in pieces for call in piece.calls]
            results = [session.result_of[call] for call in asked if call in session.result_of]
            spoken += _unique(results)
    return spoken


def _unique(entries: list[_Entry]) -> list[_Entry]:
    return list({entry.uuid: entry for entry in entries}.values())


def _is_same_reply(one: _Entry, other: _Entry) -> bool:
    """Whether two entries are pieces of one reply."""
    ids = [entry.node["message"]["id"].text("") for entry in (one, other)]
    return ids[0] != "" and ids[0] == ids[1]


def _conversation(name: str, spoken: list[_Entry]) -> Found:
    place = spoken[0].place
    try:
        building, model = Blocks(), ""
        for pieces in _replies(spoken):
            place = pieces[0].place
            message = pieces[0].node["message"]
            if any(entry.node["isApiErrorMessage"].value for entry in pieces):
                building.notes.append(FAILED_REQUEST)  # text of the program, not of the model
                continue
            role = message["role"].text()
            facts = None
            if role == "assistant":
                model = message["model"].text("") or model
                last = pieces[-1].node["message"]
                facts = ReplyFacts(usage_of(last["usage"]), last["stop_reason"].value == "max_tokens")
            building.add(role, _content(pieces), facts)
    except TraceError as error:
        return refused(place, error)
    turns = building.turns
    return Conversation(
        place=spoken[0].place,
        messages=tuple(turns.messages),
        replies=dict(turns.replies),
        name=name,
        model=model,
        errors=dict(turns.errors),
        notes=tuple(building.notes),
    )


def _replies(spoken: list[_Entry]) -> Iterator[list[_Entry]]:
    """Entries one by one; the pieces of one reply together."""
    gathered: list[_Entry] = []
    for entry in spoken:
        if gathered and not _is_same_reply(gathered[-1], entry):
            yield gathered
            gathered = []
        gathered.append(entry)
    if gathered:
        yield gathered


def _content(pieces: list[_Entry]) -> Node:
    first = pieces[0].node["message"]["content"]
    if len(pieces) == 1:
        return first
    blocks: list[object] = []
    for piece in pieces:
        content = piece.node["message"]["content"]
        blocks += [{"type": "text", "text": content.value}] if content.is_text else [one.value for one in content]
    return Node(blocks, first.path)
