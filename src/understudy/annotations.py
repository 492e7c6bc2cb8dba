"""What a config field means beyond its type: stated at the field, and derived from there.

In: records whose fields carry these marks. Out: the settings that results depend on, and the names that a config refers
to. So fingerprints, inputs of stages and the check of names follow from the fields themselves. A user's own options are
plain data: nothing inside them is ever left out or taken for a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, get_args, get_origin

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from understudy.records import Record


@dataclass(frozen=True, slots=True)
class Neutral:
    """Marks a field that changes no result; it stays out of fingerprints."""

    reason: str


SpeedOnly = Neutral("speed")
"""The field decides only how fast results come, or where from."""
DisplayOnly = Neutral("display")
"""The field decides only how results are shown."""


class Target(StrEnum):
    """What a name in a recipe can refer to."""

    MODEL = "model"
    """An entry of ``models``, or a stage that trains one, as ``kind/name``."""
    AGENT = "agent"
    TASK_SET = "task set"
    ATTEMPTS = "attempts"
    """A stage with trajectories and scores."""
    FIRST_THOUGHTS = "first thoughts"
    EXAMPLES = "examples"


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks a field whose text names something else in the recipe."""

    to: Target
    kinds: tuple[str, ...] = ()
    """Kinds that are accepted of what is named in the recipe; empty: all."""


ModelRef = Annotated[str, Refers(Target.MODEL)]
LocalModelRef = Annotated[str, Refers(Target.MODEL, kinds=("local",))]
AgentRef = Annotated[str, Refers(Target.AGENT)]
TaskSetRef = Annotated[str, Refers(Target.TASK_SET)]
AttemptsRef = Annotated[str, Refers(Target.ATTEMPTS)]
FirstThoughtsRef = Annotated[str, Refers(Target.FIRST_THOUGHTS)]
ExamplesRef = Annotated[str, Refers(Target.EXAMPLES)]


@dataclass(frozen=True, slots=True)
class Reference:
    """One name that a config refers to."""

    key: str
    """Where it stands in the config, such as ``tasks.0``."""
    name: str
    mark: Refers


def references(config: Record) -> Iterator[Reference]:
    """All names that a config refers to, in the order of its fields."""
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        marks = [mark for mark in field.metadata if isinstance(mark, Refers)]
        yield from _named(name, value, marks[0] if marks else _inner_mark(field.annotation))
        if isinstance(value, Record):
            for inner in references(value):
                yield Reference(f"{name}.{inner.key}", inner.name, inner.mark)


def result_settings(value: object) -> JsonValue:
    """A config as plain JSON without the fields that change no result."""
    if isinstance(value, Record):
        kept = (name for name, field in type(value).model_fields.items() if not _is_neutral(field.metadata))
        return {name: result_settings(getattr(value, name)) for name in kept}
    if isinstance(value, Mapping):
        return {str(key): result_settings(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [result_settings(inner) for inner in value]
    plain: JsonValue = to_jsonable_python(value, inf_nan_mode="strings")
    return plain


def _is_neutral(metadata: list[object]) -> bool:
    return any(isinstance(mark, Neutral) for mark in metadata)


def _named(key: str, value: object, mark: Refers | None) -> Iterator[Reference]:
    if mark is None or value is None:
        return
    if isinstance(value, str):
        yield Reference(key, value, mark)
    elif isinstance(value, tuple | list):
        for number, inner in enumerate(value):
            yield from _named(f"{key}.{number}", inner, mark)


def _inner_mark(annotation: object) -> Refers | None:
    """The mark inside ``tuple[TaskSetRef, ...]`` or ``ModelRef | None``."""
    if get_origin(annotation) is Annotated:
        return next((mark for mark in get_args(annotation)[1:] if isinstance(mark, Refers)), None)
    return next((mark for inner in get_args(annotation) if (mark := _inner_mark(inner)) is not None), None)
