"""A conversation with a served agent, as the server's log keeps it beside the conversation's trajectory."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from understudy.records.record import Record, is_empty
from understudy.records.trajectory import StopReason

SERVED_LOG_VERSION = 1
"""It grows when this module can no longer read older lines. Lines of version 1 do not name it."""


class ConversationEnd(StrEnum):
    """Why a served conversation ended."""

    IDLE = "idle"
    """Nobody said anything for as long as the server waits."""
    CLOSED = "closed"
    """The client ended it."""
    DISCONNECTED = "disconnected"
    """The client went away during a turn."""
    REPLACED = "replaced"
    """It had no name, and its place was needed by a new conversation."""
    FAILED = "failed"
    """The last turn ended in an error that left no usable state."""
    SHUTDOWN = "shutdown"
    """The server ended."""
    KILLED = "killed"
    """The server was killed; the line was written when it was started again."""


class ServedTurn(Record):
    """One turn: what the user said, and how the agent's work on it ended."""

    started: str
    """UTC, ISO 8601."""
    seconds: float
    """Wall seconds from the request to the end of the work."""
    stop_reason: StopReason
    """``answered`` if the user got an answer."""
    first_step: int
    """Index of the turn's first step in ``Trajectory.steps``."""
    n_steps: int
    is_deferred: Annotated[bool, Field(exclude_if=is_empty)] = False
    """A cascade's teacher took over in this turn."""
    error: Annotated[str, Field(exclude_if=is_empty)] = ""
    """What the client was told, if the turn failed."""


class ServedConversation(Record):
    """``conversations.jsonl``: one line for each conversation that has ended."""

    version: int = SERVED_LOG_VERSION
    id: str
    """``task.id`` of its trajectories."""
    trajectories: tuple[str, ...] = ()
    """Keys of its lines in ``trajectories.jsonl``: one for the whole conversation; one for each turn if the agent knows
    single attempts only.
    """
    name: Annotated[str, Field(exclude_if=is_empty)] = ""
    """The client's name for the conversation; empty if it gave none."""
    agent: str
    """Label of the served agent."""
    started: str
    """UTC, ISO 8601."""
    ended: str
    """UTC, ISO 8601."""
    end: ConversationEnd
    turns: tuple[ServedTurn, ...] = ()
    n_earlier: Annotated[int, Field(exclude_if=is_empty)] = 0
    """Turns before the first one here: texts that the client sent. Their steps are not known."""


class ServedAgentRecord(Record):
    """``agent.json``: what was served. A server whose agent differs writes to another folder."""

    version: int = SERVED_LOG_VERSION
    label: str
    model: str
    """The model's name, as in trajectories."""
    run: str = ""
    """Folder of the run, if the agent is one of a run."""
    agent: str
    """Kind of agent."""
    prompt_hash: str = ""
    """As in trajectories."""
    tools: tuple[str, ...] = ()
    """Declarations of the tools; those of an environment are named in the trajectories."""
