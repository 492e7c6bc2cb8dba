"""General chat data besides the agent's, so that a student does not forget how to converse.

In: examples and a file of plain conversations. Out: both, shuffled by a seed (AgentTuning, Agent-FLAN). Not here: the
source of the conversations.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from understudy.curation.config import ChatMix
from understudy.curation.importing.foreign import ForeignMessage, ForeignRole
from understudy.datafiles import BadRow, read_rows
from understudy.records import Example, Message, Role, TrainSpan
from understudy.runs import explain

_ROLES = {
    ForeignRole.SYSTEM: Role.SYSTEM,
    ForeignRole.DEVELOPER: Role.SYSTEM,
    ForeignRole.USER: Role.USER,
    ForeignRole.ASSISTANT: Role.ASSISTANT,
}


class Conversation(BaseModel):
    """One row of a chat file; other keys beside the messages are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    messages: tuple[ForeignMessage, ...]


def mix_in(examples: Sequence[Example], mix: ChatMix, seed: int) -> list[Example]:
    """Return ``examples`` with ``mix.ratio`` chat examples for each, in an order that depends on ``seed`` alone.

    Raises ``ValueError`` for a row that is not a conversation in plain text, and if the file holds fewer
    conversations than the ratio asks for.
    """
    wanted = round(len(examples) * mix.ratio)
    conversations = list(_chat_examples(mix.path))
    if wanted > len(conversations):
        raise ValueError(
            f"{mix.path}: a ratio of {mix.ratio} to {len(examples)} examples asks for {wanted} conversations, "
            f"the file contains {len(conversations)}"
        )
    order = random.Random(seed)
    chosen = sorted(order.sample(range(len(conversations)), wanted))
    mixed = [*examples, *(conversations[index] for index in chosen)]
    order.shuffle(mixed)
    return mixed


def require_conversations(path: Path) -> None:
    """Read the first row of a chat file. Raises ``ValueError`` if that is no conversation, or there is none."""
    if next(_chat_examples(path), None) is None:
        raise ValueError(f"{path}: expected conversations, it holds no rows")


def _chat_examples(path: Path) -> Iterator[Example]:
    for index, row in enumerate(read_rows(path)):
        if isinstance(row, BadRow):
            raise ValueError(str(row))
        try:
            conversation = Conversation.model_validate(row.value)
        except ValidationError as error:
            raise ValueError(f"{row.place}: {explain(error, 'row')}") from None
        yield _example(conversation, f"chat:{path.stem}:{index}", row.place)


def _example(conversation: Conversation, name: str, place: str) -> Example:
    for message in conversation.messages:
        if message.role not in _ROLES:
            raise ValueError(f"{place}: expected plain text, got a message of role {message.role.value!r}")
    messages = tuple(Message(role=_ROLES[message.role], content=message.text) for message in conversation.messages)
    spans = tuple(
        TrainSpan(message_index=index, start=0, end=len(message.content))
        for index, message in enumerate(messages)
        if message.role is Role.ASSISTANT and message.content
    )
    if not spans:
        raise ValueError(f"{place}: expected an assistant message with text, found none")
    return Example(id=name, task_id=name, trajectory_id=name, messages=messages, spans=spans)
