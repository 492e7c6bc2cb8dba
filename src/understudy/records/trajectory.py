"""One attempt: its steps, its end, its inputs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AliasChoices, Field, JsonValue, model_validator

from understudy.records.conversation import FunctionCall, Message, Role, ToolSchema, Usage, is_unused
from understudy.records.record import Record, is_empty
from understudy.records.task import Task


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
    timing: Timing = Timing()

    @property
    def failed(self) -> bool:
        return self.parse_problem is not None or self.execution_status not in (None, ExecutionStatus.OK)


class StopReason(StrEnum):
    """How an attempt ended. ``PROVIDER`` and ``SANDBOX`` are infrastructure errors, not mistakes of the model:
    they are retried on resume and never graded as an answer.
    """

    ANSWERED = "answered"
    STEP_LIMIT = "step_limit"
    TOKEN_BUDGET = "token_budget"
    CONTEXT_FULL = "context_full"
    """The conversation does not fit the model's context window."""
    CUT_BY_LENGTH = "cut_by_length"
    """A chain of thought that hit its token limit before an answer."""
    PROVIDER = "provider"
    """The model's server failed after all retries."""
    SANDBOX = "sandbox"
    """The sandbox or a tool's server failed, as opposed to code that failed in the sandbox."""
    STOPPED = "stopped"
    """Whoever asked a served agent stopped its work, or went away."""

    @property
    def is_infrastructure_error(self) -> bool:
        return self in (StopReason.PROVIDER, StopReason.SANDBOX)


class PrefixMode(StrEnum):
    """How an agent's first step uses a chain of thought (paper section 4.1, and alternatives)."""

    NONE = "none"
    PREFIX = "prefix"
    """The forced beginning of the first thought."""
    PLAN = "plan"
    """Shown as a hint in the user turn, not as the beginning of the reply."""
    QUESTION = "question"
    """The first thought must name the fact to look up; needs no chain of thought."""


class PrefixDelivery(StrEnum):
    """How a first-thought prefix reached the model."""

    CONTINUED = "continued"
    """The server continued an assistant message."""
    COMPLETION = "completion"
    """The rendered prompt went through a raw completion endpoint."""
    INSTRUCTED = "instructed"
    """The prompt asked the model to begin with it; the model may not have done so."""


class FirstThought(Record):
    """The beginning of a chain of thought, for an agent run of the same task."""

    task_id: str
    text: str
    trajectory_id: str
    """The chain-of-thought run that it was taken from."""
    correct: bool | None = None
    """Whether that run was graded correct; None if it was not graded."""


class Failure(Record):
    """An infrastructure error during an attempt."""

    kind: StopReason
    message: str


class EnvironmentRecord(Record):
    """The environment of an attempt: a world of its own, which the attempt's calls changed."""

    kind: str
    """As in the recipe."""
    before: dict[str, JsonValue] = {}
    """Its state before the first step."""
    after: dict[str, JsonValue] = {}
    """Its state after the last step."""


class Trajectory(Record):
    """The record of one attempt at one task."""

    task: Task
    attempt: int = 0
    agent: str
    """Kind of agent: ``code_agent``, ``chain_of_thought``, …"""
    model: str
    """Name of the model as the recipe or the server names it."""
    seed: int
    """Derived from (recipe seed, task id, attempt)."""
    prompt_hash: str = ""
    """Content hash of the prompts in use."""
    action_format: str = ""
    """How the replies state their actions: a kind of action format, with its options as JSON; empty: ``code_fence``."""
    tools: Annotated[tuple[ToolSchema, ...], Field(exclude_if=is_empty)] = ()
    """The tool schemas that the model was given; empty for agents whose tools stand in the prompt."""
    messages: tuple[Message, ...]
    steps: tuple[Step, ...]
    stop_reason: StopReason
    answer: str | None = None
    """The answer of the attempt; None without one. Of a dialogue: the answer that ended its last turn."""
    answer_was_asked: bool = False
    """The answer was requested once, after the step limit."""
    environment: Annotated[EnvironmentRecord | None, Field(exclude_if=is_empty)] = None
    """None for an attempt without an environment, or whose environment failed."""
    prefix_mode: PrefixMode = PrefixMode.NONE
    prefix_delivery: PrefixDelivery | None = None
    failure: Failure | None = None
    usage: Usage = Usage()
    user_usage: Annotated[Usage, Field(exclude_if=is_unused)] = Usage()
    """What the model that plays the user took; it is not part of ``usage``."""
    timing: Timing = Timing()

    @property
    def id(self) -> str:
        """Key of the attempt within its file: what scores and examples join on."""
        return trajectory_id(self.task.id, self.attempt)

    @property
    def n_cut_replies(self) -> int:
        """Replies that were cut at a stop string because the model had written beyond it."""
        return sum(bool(step.cut_at) for step in self.steps)

    def without_timing(self) -> Self:
        """The same record with all measured seconds set to zero, for comparing runs."""
        steps = tuple(step.model_copy(update={"timing": Timing()}) for step in self.steps)
        return self.model_copy(update={"steps": steps, "timing": Timing()})

    @model_validator(mode="after")
    def _steps_point_at_assistant_messages(self) -> Self:
        for number, step in enumerate(self.steps, 1):
            if not 0 <= step.message_index < len(self.messages):
                raise ValueError(
                    f"step {number} names message {step.message_index}, but there are {len(self.messages)} messages"
                )
            message = self.messages[step.message_index]
            if message.role is not Role.ASSISTANT:
                raise ValueError(f"step {number} names message {step.message_index}, a {message.role} message")
        return self


def trajectory_id(task_id: str, attempt: int) -> str:
    """The key of an attempt, for resuming, scores and examples."""
    return f"{task_id}#{attempt}"
