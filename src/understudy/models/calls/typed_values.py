"""Determines the types of unquoted values from the tool's JSON schema.

In: the text of an argument, and the JSON schema of the tool's arguments. Out: the value. A text that matches none of
the allowed types stays a string: the agent checks whether arguments fit a schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from understudy.models.calls.json_calls import BrokenCallError, read_json

_WORDS: dict[str, JsonValue] = {"true": True, "false": False, "none": None, "null": None}


def typed_value(text: str, parameters: Mapping[str, JsonValue] | None, name: str) -> JsonValue:
    """``parameters`` is the JSON schema of all arguments, or None for an unknown tool."""
    properties = (parameters or {}).get("properties")
    schema = properties.get(name) if isinstance(properties, dict) else None
    types = set(_types(schema, parameters or {}, depth=0))
    if types == {"string"}:
        return text
    value = _literal(text)
    if not types or _type_of(value) in types or (_type_of(value) == "integer" and "number" in types):
        return value
    return text


def _literal(text: str) -> JsonValue:
    stripped = text.strip()
    if stripped.lower() in _WORDS:
        return _WORDS[stripped.lower()]
    try:
        value, end = read_json(stripped, 0)
    except BrokenCallError:
        return text
    return value if end == len(stripped) and not isinstance(value, str) else text


def _type_of(value: JsonValue) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names: dict[type, str] = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return names[type(value)]


def _types(schema: JsonValue, root: Mapping[str, JsonValue], depth: int) -> Iterator[str]:
    """The types that a schema allows; empty if the schema names none."""
    if not isinstance(schema, dict) or depth > 8:
        return
    named = schema.get("type")
    yield from (one for one in (named if isinstance(named, list) else [named]) if isinstance(one, str))
    if "const" in schema:
        yield _type_of(schema["const"])
    values = schema.get("enum")
    yield from (_type_of(value) for value in values if named is None) if isinstance(values, list) else ()
    reference = schema.get("$ref")
    if isinstance(reference, str):
        yield from _types(_resolved(reference, root), root, depth + 1)
    for key in ("anyOf", "oneOf", "allOf"):
        options = schema.get(key)
        for option in options if isinstance(options, list) else ():
            yield from _types(option, root, depth + 1)


def _resolved(reference: str, root: Mapping[str, JsonValue]) -> JsonValue:
    found: JsonValue = dict(root)
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    return found
