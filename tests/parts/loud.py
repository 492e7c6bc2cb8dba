"""Parts of a made-up group, for the registry's tests."""

from __future__ import annotations

from pydantic import BaseModel, Field

from understudy.registry import PartConfig


class LoudConfig(PartConfig):
    """Says a word loudly."""

    kind: str = "loud"
    word: str = "hey"


class Loud:
    """A built-in part."""

    def __init__(self, config: LoudConfig, suffix: str = "") -> None:
        self.says = config.word.upper() + suffix


class Quiet:
    """A user's part with options of its own."""

    version = "7"

    class Config(BaseModel):
        """Its options."""

        times: int = Field(default=1, ge=1)
        options: dict[str, int] = {}

    def __init__(self, config: Quiet.Config, suffix: str = "") -> None:
        self.says = "hm" * config.times + suffix


class Silent:
    """A user's part without options."""

    says = ""

    def __init__(self, suffix: str = "") -> None:
        self.says = suffix


def whisper(suffix: str = "") -> str:
    """A user's function."""
    return f"psst{suffix}"


NOT_A_PART = 5
