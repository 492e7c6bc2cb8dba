"""How the actions that a model chooses at stored steps compare with the stored actions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from understudy.records.conversation import FunctionCall, Usage
from understudy.records.record import Record, is_empty
from understudy.records.results import Interval


class ActionKind(StrEnum):
    """What a reply does."""

    CALL = "call"
    """It calls tools, or runs code that gives no final answer."""
    STOP = "stop"
    """It gives the final answer."""
    NONE = "none"
    """No action can be read from it."""


class Action(Record):
    """What a reply does, apart from its wording."""

    kind: ActionKind
    calls: Annotated[tuple[FunctionCall, ...], Field(exclude_if=is_empty)] = ()
    """Without ids. Of code: the calls of known tools; arguments by position are named ``0``, ``1``, …, and one that is
    no literal is its source text.
    """
    code: Annotated[str, Field(exclude_if=is_empty)] = ""
    """Code in a normal layout, without comments."""
    text: Annotated[str, Field(exclude_if=is_empty)] = ""
    """The final answer; of a reply without an action, why none can be read."""


class StepAgreement(Record):
    """One stored step, and what the model would have done there."""

    conversation: str
    """The trajectory's id, or the name of a recorded conversation; intervals treat its steps as one cluster."""
    step: str
    """The step within its conversation."""
    stored: Action
    chosen: Action | None = None
    """None if the model could not be asked."""
    same_kind: bool = False
    same_tools: bool | None = None
    """None if the stored action calls no tool, as in the fields below."""
    same_arguments: bool | None = None
    """Tools and all arguments are the same."""
    arguments: Annotated[dict[str, bool], Field(exclude_if=is_empty)] = {}
    """``tool.argument`` → whether the model gave the stored value, in every call of that tool."""
    same_text: bool | None = None
    """None if the stored action is not a final answer."""
    same_action: bool = False
    """Kind, tools, arguments and final answer are the same."""
    usage: Usage = Usage()
    failure: Annotated[str, Field(exclude_if=is_empty)] = ""
    """The infrastructure error because of which there is no answer. Such a step counts in no rate."""


class AgreementRate(Record):
    """How often one thing is the same."""

    name: str
    n: int
    """Steps to which it applies."""
    n_same: int
    rate: float
    interval: Interval
    """Clustered by conversation."""


class Agreement(Record):
    """How a model's actions compare with stored ones: ``agreement.json``."""

    system: str
    model: str
    is_program: bool = False
    n_conversations: int
    n_steps: int
    """Steps that were compared."""
    n_failed: Annotated[int, Field(exclude_if=is_empty)] = 0
    """Steps without a reply, because of an infrastructure error."""
    n_skipped: Annotated[int, Field(exclude_if=is_empty)] = 0
    """Stored steps without a readable action."""
    rates: tuple[AgreementRate, ...]
    arguments: tuple[AgreementRate, ...] = ()
    """By ``tool.argument``."""
    kinds: dict[str, int] = {}
    """``stored → chosen`` kinds of actions."""
    usage: Usage = Usage()
