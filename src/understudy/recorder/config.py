"""The settings of a recorder.

In: options of the command line. Out: a validated ``RecorderConfig``. Not here: serving.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from understudy.access import require_token, server_address
from understudy.records import Record


class ShadowConfig(Record):
    """A second model that gets a copy of requests."""

    url: str
    """Its server's URL, with or without ``/v1``."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of all conversations. The choice depends on their names, or on their first messages."""
    model: str = ""
    """The model's name on its server; empty: the name in the request."""
    key: SecretStr = SecretStr("")
    """The key of its server. The client's keys are never sent to it."""
    timeout_s: Annotated[float, Field(gt=0)] = 120.0
    at_once: Annotated[int, Field(ge=1)] = 8
    """Requests that run at the same time."""
    waiting: Annotated[int, Field(ge=1)] = 256
    """Requests that wait; further ones are dropped and counted."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        return http_url(value)


class RecorderConfig(Record):
    """A recorder before one server."""

    upstream: str
    """The server's URL, with or without ``/v1``: ``https://api.openai.com/v1``."""
    folder: Path = Path("traces")
    """The folder of the log."""
    host: str = "127.0.0.1"
    """Reachable from this machine only; any other host needs a token."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8788
    """0 takes a free port."""
    token: SecretStr = SecretStr("")
    """The token that clients must send, in the header ``x-understudy-token`` or as the first part of the path. The path
    serves agents of which only the base URL can be changed: ``http://host:8788/TOKEN/v1``.
    """
    max_bytes: Annotated[int, Field(gt=0)] = 10 * 2**30
    """Limit of the folder's size. When it is reached, answers are still forwarded and nothing more is stored."""
    segment_bytes: Annotated[int, Field(gt=0)] = 64 * 2**20
    """Size at which a new file begins; the old one is compressed."""
    patience_s: Annotated[float, Field(gt=0)] = 1.0
    """How long the last byte of an answer waits for its line to be written if the disk is slow."""

    shadow: ShadowConfig | None = None

    @field_validator("upstream")
    @classmethod
    def _is_http(cls, value: str) -> str:
        return http_url(value)

    @model_validator(mode="after")
    def _others_need_a_token(self) -> Self:
        require_token(self.host, self.token.get_secret_value(), "recorder")
        return self


def http_url(value: str) -> str:
    """The URL without a slash at its end. Raises ``ValueError``."""
    return server_address(value).rstrip("/")
