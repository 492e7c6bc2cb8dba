"""General chat data beside the agent's, so that a student does not forget how to converse.

In: examples and a file of plain conversations. Out: both, shuffled by a seed (AgentTuning, Agent-FLAN). Not here:
where the conversations come from.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from understudy.curation.config import ChatMix
from understudy.records import Example, Message, Record, Role, TrainSpan
from understudy.runs import read_jsonl


class Conversation(Record):
    """One line of a chat file."""

    messages: tuple[Message, ...]


def mix_in(examples: Sequence[Example], mix: ChatMix, seed: int) -> list[Example]:
    """Return ``examples`` with ``mix.ratio`` chat examples for each, in an order that depends on ``seed`` alone.

    Raises ``ValueError`` where the file holds fewer conversations than the ratio asks for.
    """
    wanted = round(len(examples) * mix.ratio)
    conversations = list(read_jsonl(mix.path, Conversation))
    if wanted > len(conversations):
        raise ValueError(
            f"{mix.path}: a ratio of {mix.ratio} to {len(examples)} examples asks for {wanted} conversations, "
            f"the file holds {len(conversations)}"
        )
    order = random.Random(seed)
    chosen = sorted(order.sample(range(len(conversations)), wanted))
    mixed = [*examples, *(_example(conversations[line], line, mix.path) for line in chosen)]
    order.shuffle(mixed)
    return mixed


def _example(conversation: Conversation, line: int, path: Path) -> Example:
    spans = tuple(
        TrainSpan(message_index=index, start=0, end=len(message.content))
        for index, message in enumerate(conversation.messages)
        if message.role is Role.ASSISTANT and message.content
    )
    if not spans:
        raise ValueError(f"{path}, line {line + 1}: expected an assistant message with words, found none")
    name = f"chat:{path.stem}:{line}"
    return Example(id=name, task_id=name, trajectory_id=name, messages=conversation.messages, spans=spans)
