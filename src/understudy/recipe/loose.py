"""Values that YAML and a typed config read differently: ``on`` for a number, infinity. In: a file's data and the config
that was made of it. Out: a line for each such value, beginning with its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite

from understudy.records import Record


def loose_values(data: object, config: object, key: str = "") -> Iterator[str]:
    """Compare the written with the parsed values, at every depth."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from loose_values(value, _below(config, name), f"{key}.{name}" if key else str(name))
    elif isinstance(data, list) and isinstance(config, tuple | list):
        for number, (value, typed) in enumerate(zip(data, config, strict=False)):
            yield from loose_values(value, typed, f"{key}.{number}")
    elif isinstance(config, int | float) and not isinstance(config, bool):
        if isinstance(data, bool):
            yield f"{key}: expected a number; got {str(data).lower()} (YAML reads on, yes and true alike)"
        elif not isfinite(config):
            yield f"{key}: expected a finite number; got {data}"


def _below(config: object, name: object) -> object:
    if isinstance(config, Mapping):
        return config.get(name)
    if isinstance(config, Record):
        inner = getattr(config, str(name), None)
        return inner if inner is not None else _below(getattr(config, "stages", None), name)
    return None
