"""Training examples, and the trajectories that became none."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from understudy.records.conversation import Message, ToolSchema
from understudy.records.record import Record, is_empty


class SpanPart(StrEnum):
    """The part of an assistant message that a span covers."""

    CONTENT = "content"
    """A range of characters of the content."""
    CALLS = "calls"
    """All that the chat template writes for the message's tool calls, and the end-of-turn token. ``start`` and ``end``
    are 0 and need not be passed.
    """


class TrainSpan(Record):
    """A part of one message that is trained."""

    message_index: int
    start: int
    end: int
    """One past the last character. A span that ends where the content ends also trains the end-of-turn token, if the
    message has no tool calls.
    """
    part: Annotated[SpanPart, Field(exclude_if=lambda part: part is SpanPart.CONTENT)] = SpanPart.CONTENT
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _calls_have_no_range(cls, value: object) -> object:
        if isinstance(value, Mapping) and value.get("part") == SpanPart.CALLS:
            return {"start": 0, "end": 0, **value}
        return value


class Example(Record):
    """Messages and which parts of them are trained."""

    id: str
    """The trajectory's id, with a number added if another stage has a trajectory with that id."""
    task_id: str
    trajectory_id: str
    stage: str = ""
    """The stage of the trajectory: ``rollout/<name>`` or ``repair/<name>``; empty outside a run."""
    messages: tuple[Message, ...]
    spans: tuple[TrainSpan, ...]
    """In order, not overlapping. Text outside all spans is read, not trained."""
    action_format: str = ""
    """As in ``Trajectory``."""
    tools: Annotated[tuple[ToolSchema, ...], Field(exclude_if=is_empty)] = ()
    """The tool schemas that the chat template is given."""


class DropReason(StrEnum):
    """Why a trajectory did not become an example."""

    INCORRECT = "incorrect"
    NOT_SCORED = "not_scored"
    INFRASTRUCTURE_ERROR = "infrastructure_error"
    UNPARSEABLE_STEP = "unparseable_step"
    TURN_WITHOUT_CODE = "turn_without_code"
    """A turn with neither code nor answer."""
    STEP_LIMIT = "step_limit"
    """Did not answer before the step limit."""
    TOO_LONG = "too_long"
    UNGROUNDED = "ungrounded"
    """A factual answer that no observation contains."""
    NO_SEARCH = "no_search"
    NOT_SELECTED = "not_selected"
    """Another attempt at the same task was kept."""
    NEAR_DUPLICATE = "near_duplicate"
    CONTAMINATED = "contaminated"
    NOTHING_TRAINED = "nothing_trained"
    OTHER_FORM = "other_form"
    """Its replies call tools and the student writes code, or the other way round."""
    NOT_DEFERRED = "not_deferred"
    """A cascade's student made it alone."""
    SEVERAL_CALLS = "several_calls"
    """A reply calls several tools, which the student's may not."""


_FORMER_REASONS = {
    "program_failure": DropReason.INFRASTRUCTURE_ERROR,
    "unsupported": DropReason.UNGROUNDED,
    "void_turn": DropReason.TURN_WITHOUT_CODE,
}


def _reason(value: object) -> object:
    """The reason as plain text. Records with an earlier name of a reason are still read."""
    return str(_FORMER_REASONS.get(value, value)) if isinstance(value, str) else value


class Dropped(Record):
    """One trajectory that was not kept, and why."""

    trajectory_id: str
    stage: str = ""
    """As in ``Example``."""
    reason: Annotated[str, BeforeValidator(_reason)]
    """One of ``DropReason``."""
    detail: str = ""
