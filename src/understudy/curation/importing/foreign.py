"""Foreign rows as typed records, with the field names of their authors.

In: the value of a row. Out: a ``ForeignRow``. Fields that we do not use are ignored; none of them contains part of the
conversation (see ``plain_text``). Not here: files, and the meaning of the fields.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from understudy.curation.importing.plain_text import message_text, not_plain_text, plain_text
from understudy.datafiles import parse_json, texts

ODD_SCORE = "odd_score"
"""Type of the pydantic errors for a score that is not a verdict."""
_STEP_KEYS = frozenset({"step_number", "step", "model_output", "plan", "system_prompt"})
_ROW_KEYS = frozenset({"steps", "messages", "log_data", "question"})
_PICTURES = ("task_images", "observations_images")
_VERDICTS = dict.fromkeys(("true", "t", "yes", "y", "correct", "right", "pass", "passed"), 1.0) | dict.fromkeys(
    ("false", "f", "no", "n", "incorrect", "wrong", "fail", "failed"), 0.0
)
_BLANK = frozenset({"", "none", "null", "nan", "n/a"})


class ForeignRole(StrEnum):
    """Roles of smolagents and of OpenAI's chat format."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL_CALL = "tool-call"
    TOOL_RESPONSE = "tool-response"


class _Foreign(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, value: object) -> object:
        """Tables such as Parquet contain null for a missing field."""
        return {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value


class ForeignMessage(_Foreign):
    role: ForeignRole
    text: str

    @model_validator(mode="before")
    @classmethod
    def _as_plain_text(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        role = value.get("role")
        known = {"role": str(role).removeprefix("MessageRole.").lower().replace("_", "-")} if role is not None else {}
        return {**known, "text": message_text({**value, **known})}


class _Function(_Foreign):
    name: str = ""
    arguments: JsonValue = None


class _Call(_Foreign):
    id: str = ""
    function: _Function = _Function()


class _Error(_Foreign):
    type: str = ""
    message: str = ""


class _Tokens(_Foreign):
    input_tokens: int = 0
    output_tokens: int = 0


class _Seconds(_Foreign):
    duration: float | None = None


class ForeignStep(_Foreign):
    """A step of smolagents' memory. Its fields decide the kind of step."""

    system_prompt: str | None = None
    task: str | None = None
    plan: str | None = None
    model_output: Annotated[str, BeforeValidator(plain_text)] = ""
    model_input_messages: tuple[ForeignMessage, ...] = ()
    """Only the first one: the steps hold the others."""
    code_action: str | None = None
    tool_calls: tuple[_Call, ...] = ()
    observations: str | None = None
    error: _Error | None = None
    action_output: JsonValue = None
    is_final_answer: bool | None = None
    """None in memories of versions without this field."""
    token_usage: _Tokens | None = None
    timing: _Seconds | None = None
    duration: float | None = None
    """The field of versions before 1.18."""

    @field_validator("model_input_messages", mode="before")
    @classmethod
    def _first_only(cls, value: object) -> object:
        return value[:1] if isinstance(value, list | tuple) else value

    @model_validator(mode="before")
    @classmethod
    def _is_a_step(cls, value: object) -> object:
        if not isinstance(value, dict) or not _looks_like_step(value):
            got = ", ".join(map(str, value)) if isinstance(value, dict) else repr(value)[:60]
            raise ValueError(f"expected a step of smolagents' memory (task, plan, model_output, …); got {got}")
        for key in _PICTURES:
            if value.get(key):
                raise not_plain_text(f"{key}: {len(value[key])} pictures")
        return value


class _Log(_Foreign):
    messages: tuple[ForeignMessage, ...]


def _reference(value: object) -> object:
    """The reference answer and its aliases; empty for null and blank."""
    read = texts(value)
    if read is None:
        raise ValueError("expected a text, a number or a list of them")
    return read


def verdict(value: Any) -> float | None:
    """A score as a number from 0 to 1; None for a blank, which means that nobody judged.

    Raises a pydantic error for anything else.
    """
    if isinstance(value, str):
        value = value.strip().casefold()
        value = None if value in _BLANK else _VERDICTS.get(value, value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= 1:
        expected = "expected a number from 0 to 1, true, false or a blank"
        raise PydanticCustomError(ODD_SCORE, "{expected}", {"expected": expected})
    return number


def printed(value: object) -> str | None:
    """An answer as Python prints it; lists and mappings as JSON; None for NaN, which tables have for a blank."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


Reference = Annotated[tuple[str, ...], BeforeValidator(_reference)]
Printed = Annotated[str | None, BeforeValidator(printed)]


class ForeignRow(_Foreign):
    """One row of any shape; fields that the shape lacks are None or empty."""

    question: str | None = None
    true_answer: Reference = ()
    answer: Reference = ()
    generated_answer: Printed = None
    output: Printed = None
    """The answer of a ``RunResult``."""
    score: Annotated[float | None, BeforeValidator(verdict)] = None
    log_data: _Log | None = None
    messages: tuple[ForeignMessage, ...] | None = None
    steps: tuple[ForeignStep, ...] | None = None
    model: str = Field(default="", validation_alias=AliasChoices("model", "model_id"))

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
        return parse_json(value.encode()) if isinstance(value, str) and value.strip() else value or None


def is_dump(values: list[object]) -> bool:
    """Whether a list is one attempt, and not a list of them."""
    return _are_steps(values) or any(isinstance(one, dict) and "role" in one for one in values)


def _are_steps(values: object) -> bool:
    return isinstance(values, list) and any(isinstance(one, dict) and _looks_like_step(one) for one in values)


def _looks_like_step(value: dict[str, object]) -> bool:
    keys = value.keys()
    return "role" not in keys and not keys & _ROW_KEYS and bool(keys & _STEP_KEYS or "task" in keys)
