"""JSON schemas of foreign tools, as Python writes and calls them.

In: the schemas of a tool's arguments and answer. Out: a signature for the prompt, and arguments bound as Python binds
them. An object is written with its fields: ``{'street': str, 'zip': NotRequired[str]}``. Not here: checking values,
which the tool's owner does.
"""

from __future__ import annotations

import inspect
import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from pydantic import JsonValue

from understudy.records import Record
from understudy.tools.base import ToolError

Schema = Mapping[str, JsonValue]
_PYTHON_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_MISSPELT = {"str": "string", "int": "integer", "float": "number", "double": "number", "bool": "boolean"} | {
    "none": "null",
    "list": "array",
    "dict": "object",
}
"""Types that JSON schema does not have, and that servers write nevertheless, also in capitals: ``STRING``."""
_MAX_DEPTH = 6


class Parameter(Record):
    """One argument of a tool."""

    name: str
    """As Python can write it."""
    key: str
    """As the server has it."""
    type: str
    is_required: bool
    about: str

    @property
    def written(self) -> str:
        return f"{self.name}: {self.type}" + ("" if self.is_required else " = ...")


def parameters_of(schema: Schema) -> dict[str, Parameter]:
    """By Python name, those that are required first."""
    body = _as_object(_resolved(schema, schema), schema)
    required, properties = body.get("required"), body.get("properties")
    keys = properties if isinstance(properties, dict) else {}
    names = _distinct(keys)
    found = [
        _parameter(names[key], key, each, schema, isinstance(required, list) and key in required)
        for key, each in keys.items()
    ]
    return {one.name: one for one in sorted(found, key=lambda one: not one.is_required)}


def _parameter(name: str, key: str, schema: JsonValue, root: Schema, is_required: bool) -> Parameter:
    facts = schema if isinstance(schema, dict) else {}
    about = " ".join(str(facts.get("description") or "").split())
    return Parameter(
        name=name,
        key=key,
        type=_type(schema, root, 0),
        is_required=is_required,
        about=about if name == key else f"({key!r}) {about}".strip(),
    )


def _distinct(keys: Iterable[str]) -> dict[str, str]:
    """A Python name for each key, no two alike. Keys that are names keep theirs."""
    names = {key: key for key in keys if identifier(key) == key}
    for key in keys:
        name, number = identifier(key), 1
        while key not in names:
            candidate = name if number == 1 else f"{name}_{number}"
            number += 1
            if candidate not in names.values():
                names[key] = candidate
    return names


def bound(
    tool: str, parameters: Mapping[str, Parameter], args: tuple[JsonValue, ...], kwargs: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Arguments as the server has them. Raises ``ToolError`` as Python would raise ``TypeError``."""
    names = list(parameters)
    if len(args) > len(names):
        raise ToolError(f"{tool} takes at most {len(names)} arguments, got {len(args)}")
    given = dict(zip(names, args, strict=False))
    by_key = {one.key: one.name for one in parameters.values()}
    for called, value in kwargs.items():
        name = called if called in parameters else by_key.get(called)
        if name is None:
            raise ToolError(f"{tool} has no parameter {called!r}; it has {', '.join(names) or 'none'}")
        if name in given:
            raise ToolError(f"{tool} got two values for {name!r}")
        given[name] = value
    missing = [name for name, one in parameters.items() if one.is_required and name not in given]
    if missing:
        raise ToolError(f"{tool} needs {', '.join(missing)}")
    return {parameters[name].key: value for name, value in given.items()}


def signature_of(parameters: Mapping[str, Parameter]) -> inspect.Signature:
    """The signature by which calls are bound and recorded; optional parameters default to None."""
    kind, empty = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    return inspect.Signature(
        [inspect.Parameter(one.name, kind, default=empty if one.is_required else None) for one in parameters.values()]
    )


def returned(schema: Schema | None) -> str:
    """Type of an answer. A value that is not an object is wrapped in an object with the key ``result``."""
    if not schema:
        return "str"
    properties = _resolved(schema, schema).get("properties")
    if isinstance(properties, dict) and set(properties) == {"result"}:
        return _type(properties["result"], schema, 0)
    return _type(dict(schema), schema, 0)


def _resolved(schema: JsonValue | Schema, root: Schema) -> Schema:
    """What a ``$ref`` within the same document leads to; {} if it leads nowhere, or round in a circle."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(schema, Mapping):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        found = _named(reference.removeprefix("#"), root) or _at(reference, root)
        schema = found if isinstance(found, Mapping) else None
    return {}


def _at(reference: str, root: Schema) -> object:
    found: object = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        key = unquote(part).replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) and key else found
    return found


def _named(name: str, root: Schema) -> Schema | None:
    """The definition that calls itself by this name (``$anchor``, ``$id``)."""
    for section in ("$defs", "definitions"):
        definitions = root.get(section)
        for one in definitions.values() if isinstance(definitions, dict) else ():
            if name and isinstance(one, dict) and name in (one.get("$anchor"), one.get("$id")):
                return one
    return None


def _as_object(body: Schema, root: Schema) -> Schema:
    """One object for parts that all apply (``allOf``), or of which one applies (``anyOf``)."""
    if isinstance(parts := body.get("allOf"), list):
        body = _merged([dict(body) | {"allOf": None}, *parts], root)
    options = body.get("anyOf") or body.get("oneOf")
    if not isinstance(options, list):
        return body
    found = [_as_object(_resolved(one, root), root) for one in options]
    properties = [each for one in (body, *found) if isinstance(each := one.get("properties"), dict)]
    required = [[str(key) for key in each] if isinstance(each := one.get("required"), list) else [] for one in found]
    own = body.get("required")
    always = [key for key in required[0] if all(key in each for each in required)] if required else []
    return {
        **body,
        "properties": {key: value for each in reversed(properties) for key, value in each.items()},
        "required": [*(own if isinstance(own, list) else []), *always],
    }


def _type(schema: JsonValue, root: Schema, depth: int) -> str:
    body = _resolved(schema, root)
    if "const" in body:
        return f"Literal[{body['const']!r}]"
    kind = _spelt(body.get("type"))
    if isinstance(choices := body.get("enum"), list) and choices:
        may_be_null = body.get("nullable") is True or (isinstance(kind, list) and "null" in kind)
        values = [*choices, None] if may_be_null and None not in choices else choices
        return f"Literal[{', '.join(map(repr, values))}]"
    if isinstance(kind, list):
        return _either([{**body, "type": one} for one in kind], root, depth)
    options = body.get("anyOf") or body.get("oneOf")
    if isinstance(options, list) and not isinstance(body.get("properties"), dict):
        return _either(options, root, depth)
    if isinstance(parts := body.get("allOf"), list):
        return _type(_merged(parts, root), root, depth)
    written = _container(kind, body, root, depth) or _PYTHON_TYPES.get(str(kind), "Any")
    return f"{written} | None" if body.get("nullable") is True else written


def _spelt(kind: JsonValue) -> JsonValue:
    if isinstance(kind, list):
        return [_spelt(one) for one in kind]
    return _MISSPELT.get(kind.lower(), kind.lower()) if isinstance(kind, str) else kind


def _either(options: list[JsonValue], root: Schema, depth: int) -> str:
    return " | ".join(dict.fromkeys(_type(one, root, depth) for one in options))


def _merged(parts: list[JsonValue], root: Schema) -> dict[str, JsonValue]:
    """One schema for a value that satisfies all of them."""
    merged: dict[str, JsonValue] = {}
    for part in (_resolved(one, root) for one in parts):
        for key, value in part.items():
            known = merged.get(key)
            if isinstance(known, dict) and isinstance(value, dict):
                merged[key] = {**known, **value}
            elif isinstance(known, list) and isinstance(value, list):
                merged[key] = [*known, *value]
            else:
                merged[key] = value
    return merged


def _container(kind: JsonValue, body: Schema, root: Schema, depth: int) -> str:
    """An array or an object; empty for everything else. One that holds itself is not written for ever."""
    properties, items, rest = body.get("properties"), body.get("items"), body.get("additionalProperties")
    if isinstance(patterns := body.get("patternProperties"), dict) and len(patterns) == 1 and not rest:
        (rest,) = patterns.values()
    if kind == "array" or "prefixItems" in body:
        firsts = items if isinstance(items, list) else body.get("prefixItems")
        if depth < _MAX_DEPTH and isinstance(firsts, list) and firsts:
            return f"tuple[{', '.join(_type(one, root, depth + 1) for one in firsts)}]"
        return f"list[{_type(items, root, depth + 1)}]" if depth < _MAX_DEPTH and isinstance(items, dict) else "list"
    if kind not in ("object", None) or (kind is None and not isinstance(properties, dict)):
        return ""
    if depth < _MAX_DEPTH and isinstance(properties, dict) and properties:
        return _fields(properties, body.get("required"), root, depth)
    return f"dict[str, {_type(rest, root, depth + 1)}]" if depth < _MAX_DEPTH and isinstance(rest, dict) else "dict"


def _fields(properties: Mapping[str, JsonValue], required: JsonValue, root: Schema, depth: int) -> str:
    needed = required if isinstance(required, list) else []
    texts = ((key, _type(each, root, depth + 1)) for key, each in properties.items())
    fields = (f"{key!r}: {text if key in needed else f'NotRequired[{text}]'}" for key, text in texts)
    return "{" + ", ".join(fields) + "}"


def identifier(name: str) -> str:
    """``get-weather`` as Python can call it, ``get_weather``; ``from`` as ``from_``."""
    written = re.sub(r"\W", "_", unicodedata.normalize("NFKC", name)) or "_"
    if not f"_{written}".isidentifier():
        written = re.sub(r"[^A-Za-z0-9_]", "_", written)
    if not written.isidentifier():
        written = f"_{written}"
    return f"{written}_" if keyword.iskeyword(written) else written
