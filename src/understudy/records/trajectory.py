"""One attempt: its steps, its end, its inputs, and what a cascade did."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from understudy.records.conversation import Message, Role, ToolSchema, Usage, is_unused
from understudy.records.record import Record, is_empty
from understudy.records.step import Step, Timing
from understudy.records.task import Task


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


class CascadeRecord(Record):
    """How a cascade made an attempt: its student alone, or its teacher from some point on."""

    signal: str
    """The signal that decided, as in the recipe."""
    value: float | None
    """How sure the student was, by the signal; None if the attempt has no value."""
    threshold: float
    """The teacher takes over if the value is lower, or if there is none."""
    teacher: str
    """Name of the teacher's model."""
    teacher_is_program: bool = False
    is_deferred: bool = False
    """The teacher took over."""
    from_step: int = 0
    """Index of the teacher's first step in ``Trajectory.steps``, if it took over."""
    student_usage: Usage = Usage()
    """The student's part of ``Trajectory.usage``, replies that were withheld included."""
    teacher_usage: Usage = Usage()
    withheld: str = ""
    """The student's last reply, if the teacher replied in its place: it was not acted on."""
    student: Trajectory | None = None
    """The student's whole attempt, if the teacher made an attempt of its own."""


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
    cascade: Annotated[CascadeRecord | None, Field(exclude_if=is_empty)] = None
    """None for an attempt that is not a cascade's."""
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
