"""The settings of a served agent.

In: options of the command line. Out: a validated ``ServeAgentConfig``. Not here: which agent is served.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, JsonValue, SecretStr, model_validator

from understudy.access import require_token
from understudy.records import Record

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ConversationsConfig(Record):
    """How many conversations there may be, and for how long."""

    max_turns: Count = 16
    """Turns that run at the same time; further ones are refused with 429."""
    max_conversations: Count = 256
    """Conversations whose state is kept. If a new one needs room, the longest idle one without a name ends; if all have
    names or are busy, the new one is refused with 429.
    """
    idle_s: Seconds = 600.0
    """A conversation ends, and its state is freed, if nobody says anything for this long."""
    turn_s: Seconds = 600.0
    """A turn that takes longer is stopped."""
    seed: int = 0
    """Each conversation derives its own from it."""
    metadata: dict[str, JsonValue] = {}
    """``Task.metadata`` of each conversation, which describe its world. A client may add keys, but not replace any."""
    log: Path | None = None
    """Folder of the log; None: nothing is logged."""


class ServeAgentConfig(ConversationsConfig):
    """An agent behind an endpoint."""

    host: str = "127.0.0.1"
    """Reachable from this machine only; any other host needs a token."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8790
    """0 takes a free port."""
    token: SecretStr = SecretStr("")
    """The bearer token that clients must send; empty: none."""
    steps: bool = True
    """Replies show the agent's steps, unless a client asks for the answer alone."""
    mcp: bool = False
    """Also serve the agent as an MCP tool, at ``/mcp``."""
    grace_s: Seconds = 20.0
    """How long running turns may take after Ctrl-C or SIGTERM; meanwhile new ones are refused with 503."""

    @model_validator(mode="after")
    def _others_need_a_token(self) -> Self:
        require_token(self.host, self.token.get_secret_value(), "agent")
        return self
