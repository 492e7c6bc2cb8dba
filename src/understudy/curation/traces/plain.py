"""Rows whose replies are text: rows of the paper's authors, and plain chats.

In: rows with ``question``, ``log_data`` and ``score``, or with ``messages`` without tools. Out: conversations that
state the facts of their attempt; for a code agent, the facts are derived from its replies. Not here: how, see
``understudy.curation.importing.chats``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from understudy.curation.importing.chats import read_chat
from understudy.curation.importing.foreign import ForeignRow
from understudy.curation.importing.normalised import NormalisedAttempt
from understudy.curation.traces.conversation import Conversation
from understudy.curation.traces.row_reader import RowReader
from understudy.registry import PartConfig

_ROW_KEYS = frozenset({"messages", "question", "score", "answer", "true_answer", "generated_answer"})


class AuthorsConfig(PartConfig):
    """The data sets of the paper's authors: rows with question, score and log_data."""

    kind: Literal["authors"] = "authors"
    agent: Literal["code_agent", "chain_of_thought"] = "code_agent"


class PlainChatConfig(PartConfig):
    """Plain chats: rows with messages and no tools."""

    kind: Literal["plain_chat"] = "plain_chat"
    agent: Literal["code_agent", "chain_of_thought"] = "code_agent"
    """What the replies are: actions that are code, or chains of thought."""


class PlainChatReader(RowReader):
    """Plain chats."""

    def __init__(self, config: PlainChatConfig | AuthorsConfig | None = None) -> None:
        super().__init__(config)
        self._acts = config is None or config.agent == "code_agent"

    def fits(self, value: object) -> bool:
        if isinstance(value, list):
            return bool(value) and all(isinstance(one, dict) and "role" in one for one in value)
        return isinstance(value, dict) and bool(_ROW_KEYS & value.keys())

    def conversations(self, value: object) -> Iterator[Conversation]:
        row = ForeignRow.model_validate(value)
        yield of_attempt(row, read_chat(row, acts=self._acts))


class AuthorsReader(PlainChatReader):
    """Rows of the paper's authors."""

    def fits(self, value: object) -> bool:
        return isinstance(value, dict) and "log_data" in value


def of_attempt(row: ForeignRow, attempt: NormalisedAttempt) -> Conversation:
    """A conversation whose facts are known. Raises ``ValueError`` without a question."""
    if not attempt.question:
        raise ValueError("expected a question or a user message, found neither")
    return Conversation(
        place="",
        messages=attempt.messages,
        model=row.model,
        question=attempt.question,
        references=row.true_answer or row.answer,
        answer=attempt.answer,
        score=row.score,
        attempt=attempt,
    )
