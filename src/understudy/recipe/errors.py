"""Error messages about a recipe. In: pydantic's errors. Out: one line per problem: the place in the file, the key as
written, the expected and the given value, and for an unknown key the known keys that look like it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from understudy.recipe.renamed import RENAMED
from understudy.recipe.text import Key, RecipeText
from understudy.registry import Group, TargetError
from understudy.runs import short

SectionClass = Callable[[str], type[BaseModel] | None]
"""The config of the entries of a section that is not a field of the recipe; None if there is no such section."""


def describe(
    error: ValidationError,
    text: RecipeText,
    model: type[BaseModel],
    section_class: SectionClass,
    sections: Sequence[str],
) -> list[str]:
    """One line per problem, without duplicates. ``sections``: the keys that may stand at the top."""
    schema = _Schema(model, section_class, sections)
    found: dict[Key, dict[str, None]] = {}
    for problem in error.errors(include_url=False):
        key = _as_written(problem, text.data)
        if not key and problem["type"] == "value_error":
            for line in str(problem["ctx"]["error"]).splitlines():
                found.setdefault(tuple(line.partition(":")[0].split(".")), {})[line.partition(": ")[2]] = None
        else:
            found.setdefault(key, {})[_say(problem, key, text, schema)] = None
    lines = [(key, line) for key, said in found.items() for line in _joined(key, list(said), found)]
    return [f"{_origin(key, text)}{'.'.join(key)}: {line}" for key, line in lines]


def _joined(key: Key, said: list[str], found: Mapping[Key, object]) -> list[str]:
    """What is said of one key: the alternatives of a union in one line, nothing that its parts have caused."""
    if any(len(other) > len(key) and other[: len(key)] == key for other in found):
        return [line for line in said if not line.startswith(("expected string; ", "expected at least "))]
    halves = [line.removeprefix("expected ").partition("; got ") for line in said]
    if len(said) > 1 and len({got for _, _, got in halves}) == 1 and all(one.startswith("expected ") for one in said):
        return [f"expected {' or '.join(wanted for wanted, _, _ in halves)}; got {halves[0][2]}"]
    return said


@dataclass(frozen=True, slots=True)
class _Schema:
    """Which keys a recipe may have."""

    model: type[BaseModel]
    section_class: SectionClass
    sections: Sequence[str]

    def at_top(self, part: str) -> object:
        """The type of a key at the top of the recipe."""
        if part in self.model.model_fields:
            return _type_below(self.model, part)
        config = self.section_class(part)
        return None if config is None else dict[str, config]  # type: ignore[valid-type]


def _say(problem: ErrorDetails, key: Key, text: RecipeText, schema: _Schema) -> str:
    match problem["type"]:
        case "extra_forbidden":
            return f"unknown key{_suggest(key, text, schema)}"
        case "missing":
            name = str(problem["loc"][-1])
            return "is missing" if key[-1:] == (name,) else f"`{name}` is missing"
        case "union_tag_not_found":
            return f"`kind` is missing: expected one of {_tags(problem)}"
        case "union_tag_invalid":
            return f"kind: expected one of {_tags(problem)}; got {problem['ctx']['tag']!r}"
        case "value_error":
            return str(problem["ctx"]["error"])
        case "kind":
            return problem["msg"]
        case _:
            return f"expected {_expectation(problem)}; got {short(problem['input'], 60)}"


def _expectation(problem: ErrorDetails) -> str:
    match problem["type"]:
        case "string_too_long":
            return f"at most {problem['ctx']['max_length']} characters"
        case "tuple_type":
            return "a list"
        case "too_short" | "too_long":
            at, bound = ("least", "min_length") if problem["type"] == "too_short" else ("most", "max_length")
            return f"at {at} {problem['ctx'][bound]} in the list"
        case "path_type":
            return "a path"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "a mapping"
        case "string_pattern_mismatch" if problem["ctx"]["pattern"] == "^https?://":
            return "a URL that begins with http:// or https://"
        case "string_pattern_mismatch":
            return f"text of the form {problem['ctx']['pattern']}"
        case _:
            return problem["msg"].removeprefix("Input should be ").removeprefix("a valid ")


def _tags(problem: ErrorDetails) -> str:
    ctx = problem.get("ctx", {})
    return str(ctx.get("expected_tags") or "the kinds in the documentation")


def _suggest(key: Key, text: RecipeText, schema: _Schema) -> str:
    if key[-1] in RENAMED:
        return f": it is {RENAMED[key[-1]]} now"
    owner = _model_at(key[:-1], text.data, schema)
    if owner is None:
        return ""
    known = list(schema.sections if owner is schema.model else owner.model_fields)
    close = difflib.get_close_matches(key[-1], known, n=1, cutoff=0.5)
    hint = f": did you mean `{close[0]}`?" if close else ""
    return f"{hint} (known here: {', '.join(known)})"


def _as_written(problem: ErrorDetails, data: object) -> Key:
    """The path of a problem without the tags of unions, which pydantic adds."""
    loc, key = problem["loc"], list[str]()
    place = data
    for number, part in enumerate(loc):
        below = _below(place, part)
        is_missing = problem["type"] == "missing" and isinstance(place, dict) and part != place.get("kind")
        is_wanted = is_missing and number == len(loc) - 1
        if below is None and not is_wanted:
            continue
        place = place if below is None else below[0]
        key.append(str(part))
    return tuple(key)


def _below(place: object, part: int | str) -> tuple[object] | None:
    """The value at a key or an index, wrapped; None if there is none."""
    if isinstance(place, dict) and part in place:
        return (place[part],)
    if isinstance(place, list) and isinstance(part, int) and part < len(place):
        return (place[part],)
    return None


def _model_at(key: Key, data: object, schema: _Schema) -> type[BaseModel] | None:
    """The config class that describes the mapping at ``key``."""
    kind: object = schema.model
    place = data
    for depth, part in enumerate(key):
        if isinstance(place, dict):
            place = place.get(part)
        elif isinstance(place, list) and part.isdecimal():
            place = place[int(part)]
        kind = _choose(_type_below(kind, part) if depth else schema.at_top(part), place)
        if kind is None:
            return None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _type_below(kind: object, part: str) -> object:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(part)
        if field is None:
            return None
        annotation: Any = field.annotation
        return Annotated[annotation, *field.metadata] if field.metadata else annotation
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    if get_origin(kind) in (list, tuple):
        return get_args(kind)[0]
    return None


def _choose(kind: object, place: object) -> object:
    """Remove annotations; from a union or a group of kinds, take the member that the mapping's ``kind`` names."""
    while get_origin(kind) is Annotated:
        group = next((mark for mark in get_args(kind) if isinstance(mark, Group)), None)
        if group is not None:
            return _config_named(group, place)
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        members = [_choose(member, place) for member in get_args(kind) if member is not type(None)]
        models = [m for m in members if isinstance(m, type) and issubclass(m, BaseModel)]
        tag = place.get("kind") if isinstance(place, dict) else None
        named = [m for m in models if "kind" in m.model_fields and m.model_fields["kind"].default == tag]
        if not named and isinstance(place, dict):
            models.sort(key=lambda model: -len(model.model_fields.keys() & place.keys()))  # the one meant, most likely
        return (named or models or members or [None])[0]
    return kind


def _config_named(group: Group[Any], place: object) -> object:
    try:
        return group.config_class(str(group.kind_in(place))) if isinstance(place, Mapping) else None
    except TargetError:
        return None


def _origin(key: Key, text: RecipeText) -> str:
    for length in range(len(key), 0, -1):
        if origin := text.origins.get(key[:length]):
            return f"{origin}: "
    below = (origin for other, origin in text.origins.items() if key and other[: len(key)] == key)
    return next((f"{origin}: " for origin in below), "")


def with_origin(line: str, text: RecipeText) -> str:
    """Add the place of the key before a line that begins with the key."""
    key = tuple(line.partition(":")[0].split("."))
    return f"{_origin(key, text)}{line}"
