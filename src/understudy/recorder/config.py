"""What a recorder is told.

In: options of the command line. Out: a checked ``RecorderConfig``. Not here: serving.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from understudy.records import Record


class ShadowConfig(Record):
    """A second model that is asked what the upstream was asked."""

    url: str
    """Its server's URL, with or without ``/v1``."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Of all conversations; which ones follows from their names, or from their first messages."""
    model: str = ""
    """What its server calls it; empty: as the request does."""
    key: SecretStr = SecretStr("")
    """Of its server. The client's keys never go there."""
    timeout_s: Annotated[float, Field(gt=0)] = 120.0
    at_once: Annotated[int, Field(ge=1)] = 8
    """Requests under way."""
    waiting: Annotated[int, Field(ge=1)] = 256
    """Requests that wait; what comes beyond is dropped and counted."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        return http_url(value)


class RecorderConfig(Record):
    """A recorder before one server."""

    upstream: str
    """The server's URL, with or without ``/v1``: ``https://api.openai.com/v1``."""
    folder: Path = Path("traces")
    """Where log lines go."""
    host: str = "127.0.0.1"
    """Reachable from this machine only; any other host needs a token."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8788
    """0 takes a free one."""
    token: SecretStr = SecretStr("")
    """What clients must show, by the header ``x-understudy-token`` or as the first part of the path, so that an agent
    whose base URL alone can be changed has it there: ``http://host:8788/TOKEN/v1``.
    """
    max_bytes: Annotated[int, Field(gt=0)] = 10 * 2**30
    """Bound of the folder's size. When it is reached, answers still pass and nothing more is stored."""
    segment_bytes: Annotated[int, Field(gt=0)] = 64 * 2**20
    """Size at which a new file begins; the old one is compressed."""
    patience_s: Annotated[float, Field(gt=0)] = 1.0
    """How long the last byte of an answer waits for its line to be written, if the disk is slow."""

    shadow: ShadowConfig | None = None

    @field_validator("upstream")
    @classmethod
    def _is_http(cls, value: str) -> str:
        return http_url(value)

    @model_validator(mode="after")
    def _others_need_a_token(self) -> Self:
        if not is_loopback(self.host) and not self.token.get_secret_value():
            raise ValueError(
                f"host: {self.host} can be reached from other machines; give a token too, or they may use the recorder"
            )
        return self


def http_url(value: str) -> str:
    """The URL without a slash at its end. Raises ``ValueError``."""
    if not value.startswith(("http://", "https://")):
        raise ValueError(f"expected a URL that begins with http:// or https://, got {value!r}")
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
