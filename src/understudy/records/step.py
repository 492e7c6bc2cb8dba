"""One step of an attempt: its reply, its action, its calls, its candidates."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AliasChoices, Field, model_validator

from understudy.records.conversation import FunctionCall, Usage
from understudy.records.record import Record, is_empty, is_none


class ParseProblem(StrEnum):
    """Why a reply contains no action that can be run."""

    NO_CODE = "no_code"
    SEVERAL_BLOCKS = "several_blocks"
    CUT_BY_LENGTH = "cut_by_length"
    """The token limit ended the reply within its action; this is not a format error."""
    SYNTAX_ERROR = "syntax_error"
    EMPTY = "empty"
    """Neither thought nor code."""
    BROKEN_CALL = "broken_call"
    """Text that begins a tool call and is none, or arguments that are not a JSON object."""


class ExecutionStatus(StrEnum):
    """How one run of code ended."""

    OK = "ok"
    ERROR = "error"
    """The code raised; the episode's state is kept."""
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    """A signal that no limit explains killed the process."""
    VIOLATION = "violation"
    """The code tried what isolation forbids."""


def sounds_like_search(name: object) -> bool:
    """Whether a tool of this name counts as a search by default: ``web_search``, ``search_notes``."""
    return "search" in str(name).lower()


class ToolCall(Record):
    """One call that a step made, by its code or as a JSON tool call."""

    name: str
    arguments: str
    """The arguments as JSON, cut to 2,000 characters."""
    error: str | None = None
    """The error that the code received instead of a value; None without an error."""
    cached: bool = False
    """The answer was cached, so the function was not called again."""
    is_search: bool = False
    """The tool looks something up. In records without this field (before 0.5), the tool's name decides."""

    @model_validator(mode="before")
    @classmethod
    def _fill_is_search_of_old_records(cls, data: object) -> object:
        if isinstance(data, dict) and "is_search" not in data:
            return {**data, "is_search": sounds_like_search(data.get("name"))}
        return data


class Candidate(Record):
    """One of the N replies that were sampled at a step with self-consistent actions."""

    reply: str
    tool_calls: Annotated[tuple[FunctionCall, ...], Field(exclude_if=is_empty)] = ()
    """As in ``Message``."""
    parse_problem: ParseProblem | None = None
    execution_status: ExecutionStatus | None = None
    """None if the reply did not parse, so nothing was run."""
    cut_at: str = ""
    """As in ``Step``."""
    observation: str = ""
    """The outcome of this candidate's code."""
    vote: int | None = None
    """Index of its group of equal outcomes; None if it failed."""
    mean_logprob: float | None = None
    completion_tokens: int = 0
    chosen: bool = False


class Timing(Record):
    """Measured seconds. Comparisons between runs ignore them."""

    model_s: float = 0.0
    code_s: float = 0.0

    def __add__(self, other: Timing) -> Timing:
        return Timing(model_s=self.model_s + other.model_s, code_s=self.code_s + other.code_s)


class Step(Record):
    """Facts about one thought, one action and one observation; their text is in the messages."""

    message_index: int
    """Index in ``Trajectory.messages`` of the assistant message of this step."""
    turn: Annotated[int, Field(ge=0, exclude_if=is_empty)] = 0
    """The turn of the dialogue that the step belongs to, counted from 0."""
    parse_problem: ParseProblem | None = None
    execution_status: ExecutionStatus | None = None
    """None if no code was run."""
    error_name: str = ""
    """Class of the exception that the code raised, such as ``ZeroDivisionError``."""
    is_final: bool = False
    """The step gave the final answer: by ``final_answer``, or as a reply without tool calls. In a dialogue, that of its
    turn.
    """
    prefilled_chars: Annotated[int, Field(validation_alias=AliasChoices("prefilled_chars", "given_chars"))] = 0
    """Leading characters of the message that were prefilled (first-thought prefix)."""
    cut_at: str = ""
    """The stop string at which the reply was cut, if the model had written beyond it; else empty."""
    tool_calls: tuple[ToolCall, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    """All N candidates, the chosen one too; empty without self-consistent actions."""
    candidates_saved: int = 0
    """Candidates that adaptive sampling did not request, because they could not change the vote."""
    usage: Usage = Usage()
    mean_logprob: float | None = None
    """Mean natural log-probability of a token of the reply; None if the model does not return it."""
    lowest_logprob: Annotated[float | None, Field(exclude_if=is_none)] = None
    """That of the least probable token of the reply."""
    timing: Timing = Timing()

    @property
    def failed(self) -> bool:
        return self.parse_problem is not None or self.execution_status not in (None, ExecutionStatus.OK)
