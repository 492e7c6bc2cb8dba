"""Files of others, as records.

In: a path. Out: rows, validated but still in the words of those who wrote them. Fields that we do not use are passed
over. Not here: what they mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

_STEP_KEYS = frozenset({"step_number", "step", "model_output", "plan", "system_prompt"})
_ROW_KEYS = frozenset({"steps", "messages", "log_data", "question"})


class ForeignRole(StrEnum):
    """Roles of smolagents and of OpenAI's chat format."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    TOOL_CALL = "tool-call"
    TOOL_RESPONSE = "tool-response"


class _Foreign(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Part(_Foreign):
    type: str = "text"
    text: str = ""

    @field_validator("text", mode="before")
    @classmethod
    def _structured_output_as_text(cls, value: object) -> object:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


Words = str | tuple[_Part, ...] | None


def text_of(words: Words) -> str:
    """The text of a message; pictures are left out."""
    if words is None or isinstance(words, str):
        return words or ""
    return "\n".join(part.text for part in words if part.type == "text")


class ForeignMessage(_Foreign):
    role: ForeignRole
    content: Words = None

    @field_validator("role", mode="before")
    @classmethod
    def _role_by_value(cls, value: object) -> object:
        return str(value).removeprefix("MessageRole.").lower().replace("_", "-")

    @property
    def text(self) -> str:
        return text_of(self.content)


class _Function(_Foreign):
    name: str
    arguments: JsonValue = None


class _Call(_Foreign):
    id: str = ""
    function: _Function


class _Error(_Foreign):
    type: str = ""
    message: str = ""


class _Tokens(_Foreign):
    input_tokens: int = 0
    output_tokens: int = 0


class _Seconds(_Foreign):
    duration: float | None = None


class ForeignStep(_Foreign):
    """A step of smolagents' memory. Which kind it is, is said by what it has."""

    system_prompt: str | None = None
    task: str | None = None
    plan: str | None = None
    model_output: Words = None
    model_input_messages: tuple[ForeignMessage, ...] | None = None
    code_action: str | None = None
    tool_calls: tuple[_Call, ...] | None = None
    observations: str | None = None
    error: _Error | None = None
    action_output: JsonValue = None
    is_final_answer: bool | None = None
    """None in memories of versions that do not say it."""
    token_usage: _Tokens | None = None
    timing: _Seconds | None = None
    duration: float | None = None
    """Where versions before 1.18 say it."""

    @model_validator(mode="before")
    @classmethod
    def _is_a_step(cls, value: object) -> object:
        if not isinstance(value, dict) or not _looks_like_step(value):
            came = ", ".join(map(str, value)) if isinstance(value, dict) else repr(value)[:60]
            raise ValueError(f"expected a step of smolagents' memory (task, plan, model_output, …); came {came}")
        return value


class _Log(_Foreign):
    messages: tuple[ForeignMessage, ...]


class ForeignRow(_Foreign):
    """One row of any shape; what the shape has not is None."""

    question: str | None = None
    true_answer: str | None = Field(default=None, coerce_numbers_to_str=True)
    answer: str | None = Field(default=None, coerce_numbers_to_str=True)
    generated_answer: str | None = Field(default=None, coerce_numbers_to_str=True)
    output: JsonValue = None
    """What a ``RunResult`` calls its answer."""
    score: float | bool | None = None
    log_data: _Log | None = None
    messages: tuple[ForeignMessage, ...] | None = None
    steps: tuple[ForeignStep, ...] | None = None
    model: str = ""

    @model_validator(mode="before")
    @classmethod
    def _dump_without_a_row(cls, value: object) -> object:
        """A bare list, and steps under ``messages`` as a ``RunResult`` before 1.22 has them."""
        if isinstance(value, list):
            value = {"messages": value}
        if isinstance(value, dict) and _are_steps(value.get("messages")):
            value = {**value, "steps": value["messages"], "messages": None}
        return value

    @field_validator("log_data", mode="before")
    @classmethod
    def _log_from_text(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) and value else value or None


def rows_of(path: Path) -> Iterator[object]:
    """One value an attempt. Raises ``ValueError`` with file and line for what is not JSON."""
    if path.suffix == ".jsonl":
        yield from _lines(path)
        return
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {error.lineno}: is not JSON: {error.msg}") from None
    yield from whole if isinstance(whole, list) and not _is_dump(whole) else [whole]


def _lines(path: Path) -> Iterable[object]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except json.JSONDecodeError as error:
                    raise ValueError(f"{path}, line {number}: is not JSON: {error.msg}") from None


def _is_dump(values: list[object]) -> bool:
    """Whether a list is one attempt, and not a list of them."""
    return _are_steps(values) or any(isinstance(one, dict) and "role" in one for one in values)


def _are_steps(values: object) -> bool:
    return isinstance(values, list) and any(isinstance(one, dict) and _looks_like_step(one) for one in values)


def _looks_like_step(value: dict[str, object]) -> bool:
    keys = value.keys()
    return "role" not in keys and not keys & _ROW_KEYS and bool(keys & _STEP_KEYS or "task" in keys)
