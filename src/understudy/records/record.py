"""The base of all records."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Base of all records: frozen, unknown keys refused, nothing coerced silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, ser_json_inf_nan="constants")


def is_none(value: object) -> bool:
    """As ``is_empty``, for fields whose value may be false."""
    return value is None


def is_empty(value: object) -> bool:
    """Whether a field says nothing: for fields that are then not written (``exclude_if``)."""
    return not value
