"""Records as JSON that a browser reads.

In: a record. Out: its JSON without defaults. Records may contain NaN and infinities, such as the log-probability of an
impossible token. JSON lacks them and ``JSON.parse`` refuses Python's notation, so they become null.
"""

from __future__ import annotations

import json
from math import isfinite

from pydantic import BaseModel


def as_json(record: BaseModel) -> str:
    """The record as one line of JSON; fields at their defaults are left out."""
    text = record.model_dump_json(exclude_defaults=True)
    if "NaN" not in text and "Infinity" not in text:
        return text
    return json.dumps(_finite(json.loads(text)), ensure_ascii=False, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, list):
        return [_finite(one) for one in value]
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return value
