"""Made-up agent conversations, for tests of training and curation."""

from __future__ import annotations

import random
from pathlib import Path

from understudy.records import Example, Message, Role, TrainSpan
from understudy.runs import write_jsonl


def conversation(numbers: random.Random, n_steps: int) -> tuple[Message, ...]:
    messages = [
        Message(role=Role.SYSTEM, content="You write Python code."),
        Message(role=Role.USER, content=f"What is {numbers.randint(1, 99)} times {numbers.randint(1, 99)}?"),
    ]
    for step in range(n_steps):
        code = f"result = {numbers.randint(1, 999)}\nprint(result)"
        messages.append(
            Message(role=Role.ASSISTANT, content=f"Thought: step {step}.\nCode:\n```py\n{code}\n```<end_code>")
        )
        messages.append(
            Message(role=Role.USER, content=f"Observation: {numbers.randint(1, 10 ** numbers.randint(1, 9))}")
        )
    return tuple(messages[:-1])


def example(number: int, n_steps: int, *, weight: float = 1.0) -> Example:
    messages = conversation(random.Random(number), n_steps)
    spans = tuple(
        TrainSpan(message_index=index, start=0, end=len(message.content), weight=weight)
        for index, message in enumerate(messages)
        if message.role is Role.ASSISTANT
    )
    name = f"t{number}#0"
    return Example(id=name, task_id=f"t{number}", trajectory_id=name, messages=messages, spans=spans)


def write_examples(path: Path, n: int) -> Path:
    write_jsonl(path, [example(number, 1 + number % 3) for number in range(n)])
    return path
