"""Trajectories that were made elsewhere.

In: one of three published shapes. Out: (trajectory, score) pairs like our own, so that a user without a teacher
starts from data that exists. Not here: downloading.

* the data sets of the paper's authors. A row has ``question``, ``true_answer``,
  ``generated_answer``, ``score`` and ``log_data``, JSON text or an object with ``messages`` in smolagents' roles.
* smolagents' memory: rows with ``question``, ``answer`` and ``messages``, as ``agent.memory`` writes them.
* OpenAI's chat format: rows with ``messages`` of roles system, user, assistant and tool.

What such data does not say stays empty: which tools were called, how long it took, how a step's code ended.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from understudy.records import Message, ParseProblem, Role, Score, Step, StopReason, Task, TaskKind, Trajectory
from understudy.runs import digest, explain

STEP_LIMIT_MARK = "Reached max steps"
PARSE_ERROR_MARK = "Error in code parsing"
HIDDEN_REFERENCE = re.compile(r"<reference>.*?</reference>", re.DOTALL)
"""Notes that the authors' loader takes out of the question before training."""


class ForeignRole(StrEnum):
    """Roles of smolagents and of OpenAI's chat format."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    TOOL_CALL = "tool-call"
    TOOL_RESPONSE = "tool-response"


OUR_ROLE = {
    ForeignRole.SYSTEM: Role.SYSTEM,
    ForeignRole.DEVELOPER: Role.SYSTEM,
    ForeignRole.USER: Role.USER,
    ForeignRole.ASSISTANT: Role.ASSISTANT,
    ForeignRole.TOOL: Role.USER,
    ForeignRole.TOOL_RESPONSE: Role.USER,
}
"""A tool-call message only repeats the code of the assistant message before it: it is left out."""


class _Foreign(BaseModel):
    """Data of others: fields we do not use are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Part(_Foreign):
    type: str = "text"
    text: str = ""


class _ForeignMessage(_Foreign):
    role: ForeignRole
    content: str | tuple[_Part, ...] | None = None

    @field_validator("role", mode="before")
    @classmethod
    def _role_by_value(cls, value: object) -> object:
        return str(value).removeprefix("MessageRole.").lower().replace("_", "-")

    @property
    def text(self) -> str:
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "\n".join(part.text for part in self.content if part.type == "text")


class _Log(_Foreign):
    messages: tuple[_ForeignMessage, ...]


class _Row(_Foreign):
    """One row of any of the three shapes; what the shape has not is None."""

    question: str | None = None
    true_answer: str | None = Field(default=None, coerce_numbers_to_str=True)
    answer: str | None = Field(default=None, coerce_numbers_to_str=True)
    generated_answer: str | None = Field(default=None, coerce_numbers_to_str=True)
    score: float | bool | None = None
    log_data: _Log | None = None
    messages: tuple[_ForeignMessage, ...] | None = None
    model: str = ""

    @field_validator("log_data", mode="before")
    @classmethod
    def _log_from_text(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) and value else value or None


def import_trajectories(
    path: Path, kind: TaskKind, source: str, agent: str = "code_agent"
) -> Iterator[tuple[Trajectory, Score | None]]:
    """Yield the trajectories of a JSONL file, or of a JSON file with one object or a list of them.

    ``kind`` and ``source`` are what the file does not say about its tasks. A row without messages is a trajectory that
    failed in the program. Raises ``ValueError`` with file and row for a row that has none of the shapes.
    """
    attempts: dict[str, int] = {}
    for number, value in enumerate(_rows(path), 1):
        try:
            row = _Row.model_validate(value)
        except ValidationError as error:
            raise ValueError(f"{path}, row {number}: {explain(error, 'row')}") from error
        messages = _our_messages(row.log_data.messages if row.log_data else row.messages or ())
        question = row.question or next((one.content for one in messages if one.role is Role.USER), "")
        if not question:
            raise ValueError(f"{path}, row {number}: expected a question or a user message, found neither")
        attempt = attempts.get(question, 0)
        attempts[question] = attempt + 1
        task = Task(
            id=f"{source}-{digest(question)}",
            question=question,
            answer=row.true_answer or row.answer or "unknown",
            kind=kind,
            source=source,
        )
        trajectory = _trajectory(task, attempt, agent, row, messages)
        yield trajectory, _score(trajectory, row)


def _rows(path: Path) -> Iterable[object]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    whole = json.loads(text)
    return whole if isinstance(whole, list) else [whole]


def _our_messages(foreign: Iterable[_ForeignMessage]) -> tuple[Message, ...]:
    """Our roles; neighbours of one role become one message, since chat templates want roles to alternate."""
    messages: list[Message] = []
    for one in foreign:
        role = OUR_ROLE.get(one.role)
        if role is None:
            continue
        text = HIDDEN_REFERENCE.sub("", one.text) if role is Role.USER else one.text
        if messages and messages[-1].role is role:
            text = f"{messages.pop().content}\n{text}"
        messages.append(Message(role=role, content=text))
    return tuple(messages)


def _trajectory(task: Task, attempt: int, agent: str, row: _Row, messages: tuple[Message, ...]) -> Trajectory:
    replies = [index for index, message in enumerate(messages) if message.role is Role.ASSISTANT]
    steps = tuple(_step(messages, index, is_last=index == replies[-1]) for index in replies)
    limit = any(STEP_LIMIT_MARK in message.content for message in messages if message.role is Role.USER)
    stop = StopReason.STEP_LIMIT if limit else StopReason.ANSWERED
    return Trajectory(
        task=task,
        attempt=attempt,
        agent=agent,
        model=row.model,
        seed=0,
        messages=messages,
        steps=steps,
        stop_reason=stop if replies else StopReason.PROVIDER,
        answer=row.generated_answer,
    )


def _step(messages: tuple[Message, ...], index: int, *, is_last: bool) -> Step:
    following = messages[index + 1].content if index + 1 < len(messages) else ""
    problem = ParseProblem.NO_CODE if PARSE_ERROR_MARK in following else None
    return Step(
        message_index=index, parse_problem=problem, is_final=is_last and "final_answer(" in messages[index].content
    )


def _score(trajectory: Trajectory, row: _Row) -> Score | None:
    if row.score is None:
        return None
    return Score(
        trajectory_id=trajectory.id,
        grader="imported",
        grader_version="1",
        correct=float(row.score) >= 1.0,
        answer=row.generated_answer,
    )
