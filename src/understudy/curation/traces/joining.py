"""Joins requests of one conversation.

In: conversations in their order in the log. Out: the longest of each chain of prefixes. An agent sends the whole
history with every request, so each line of a request log repeats the lines before it. If two conversations share
replies and then differ, both are kept (a fork).

The messages form a tree. Two messages are the same node if they have equal histories and equal role, text, calls (names
and arguments) and results. Call ids and reasoning are not compared, since programs renumber the ids and drop the
reasoning when they send a reply back. What a log says about a reply (reasoning, tokens, that it was a reply) is stored
at its node, and every conversation through the node gets it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from understudy.curation.traces.conversation import Conversation, ReplyFacts
from understudy.records import Message, Role

_Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """The joined conversations, and what happened to the others."""

    conversations: tuple[Conversation, ...]
    names: tuple[frozenset[str], ...]
    """For each conversation: the log's names for it and for its requests, and the ids of its responses."""
    n_prefixes: int
    """Conversations that are the beginning of a longer one."""
    n_repeated: int
    """Requests that equal another one, with the same reply."""
    n_forks: int
    """Conversations that share replies with another and then differ, less one for each group of them."""


@dataclass(slots=True)
class _Node:
    parent: int
    index: int
    """Index of its message in a conversation."""
    after_reply: bool
    is_end: bool = False
    n_children: int = 0
    reasoning: str = ""
    facts: ReplyFacts | None = None
    names: set[str] = field(default_factory=set)


def join(conversations: Iterable[Conversation]) -> Joined:
    """Join all conversations except those that state the facts of their attempt."""
    tree = _Tree()
    alone: dict[int, Conversation] = {}
    for number, one in enumerate(conversations):
        if one.attempt is not None or one.trajectory is not None:
            alone[number] = one
        else:
            tree.add(one, number)
    return tree.joined(alone)


class _Tree:
    """All messages, each below its history."""

    def __init__(self) -> None:
        self._nodes = [_Node(parent=-1, index=-1, after_reply=False)]
        self._child: dict[tuple[int, _Key], int] = {}
        self._ending_at: dict[int, list[tuple[int, Conversation]]] = defaultdict(list)
        self._n_repeated = 0

    def add(self, one: Conversation, number: int) -> None:
        at = 0
        for index, message in enumerate(one.messages):
            at = self._below(at, index, message)
            self._note(self._nodes[at], one, index, message)
        end = self._nodes[at]
        end.names |= {one.name} - {""}
        end.is_end = True
        if one.is_request and self._ending_at[at]:
            self._n_repeated += 1
        else:
            self._ending_at[at].append((number, one))

    def _below(self, at: int, index: int, message: Message) -> int:
        key = (at, _key(message))
        if key not in self._child:
            above = self._nodes[at]
            above.n_children += 1
            self._child[key] = len(self._nodes)
            after = above.after_reply or message.role is Role.ASSISTANT
            self._nodes.append(_Node(parent=at, index=index, after_reply=after))
        return self._child[key]

    def _note(self, node: _Node, one: Conversation, index: int, message: Message) -> None:
        node.reasoning = node.reasoning or message.reasoning
        if one.replies is None:
            node.facts = node.facts or (ReplyFacts() if message.role is Role.ASSISTANT else None)
        elif index in one.replies:
            facts = one.replies[index]
            node.facts = facts if node.facts is None or node.facts == ReplyFacts() else node.facts
            node.names |= {facts.response_id} - {""}

    def joined(self, alone: dict[int, Conversation]) -> Joined:
        whole: dict[int, tuple[Conversation, frozenset[str]]] = {
            number: (one, frozenset({one.name} - {""})) for number, one in alone.items()
        }
        n_prefixes = 0
        for at, ending in self._ending_at.items():
            if self._nodes[at].n_children:
                n_prefixes += len(ending)
            else:
                whole |= {number: self._completed(at, one) for number, one in ending}
        forks = (node.n_children - 1 for node in self._nodes if node.after_reply and node.n_children > 1)
        in_order = [whole[number] for number in sorted(whole)]
        return Joined(
            conversations=tuple(one for one, _ in in_order),
            names=tuple(names for _, names in in_order),
            n_prefixes=n_prefixes,
            n_repeated=self._n_repeated,
            n_forks=sum(forks),
        )

    def _completed(self, at: int, one: Conversation) -> tuple[Conversation, frozenset[str]]:
        """The conversation with everything that the nodes of its path know."""
        messages, replies, names = list(one.messages), dict[int, ReplyFacts](), set[str]()
        while at > 0:
            node = self._nodes[at]
            names |= node.names
            if node.reasoning:
                messages[node.index] = messages[node.index].model_copy(update={"reasoning": node.reasoning})
            if node.facts is not None:
                replies[node.index] = node.facts
            at = node.parent
        ordered = {index: replies[index] for index in sorted(replies)}
        return replace(one, messages=tuple(messages), replies=ordered), frozenset(names)


def _key(message: Message) -> _Key:
    calls = tuple(
        (call.name, call.broken_arguments or json.dumps(call.arguments, sort_keys=True, ensure_ascii=False))
        for call in message.tool_calls
    )
    return message.role, message.content.strip(), calls
