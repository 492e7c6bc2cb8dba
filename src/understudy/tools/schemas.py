"""JSON schemas of foreign tools, as Python writes and calls them.

In: the schemas of a tool's arguments and answer. Out: a signature for the prompt, and arguments bound as Python binds
them. Not here: checking values, which the tool's owner does.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping

from pydantic import JsonValue

from understudy.records import Record
from understudy.tools.tool import ToolError

_PYTHON_TYPES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "object": "dict",
    "array": "list",
    "null": "None",
}


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
        return f"{self.name}: {self.type}" if self.is_required else f"{self.name}: {self.type} = ..."


def parameters_of(schema: Mapping[str, JsonValue]) -> dict[str, Parameter]:
    """By Python name, those that are required first."""
    required = schema.get("required") or []
    properties = schema.get("properties") or {}
    assert isinstance(required, list)
    assert isinstance(properties, dict)
    found = [
        Parameter(
            name=identifier(key),
            key=key,
            type=_python_type(each),
            is_required=key in required,
            about=" ".join(str(each.get("description", "")).split()) if isinstance(each, dict) else "",
        )
        for key, each in properties.items()
    ]
    return {one.name: one for one in sorted(found, key=lambda one: not one.is_required)}


def bound(
    tool: str, parameters: Mapping[str, Parameter], args: tuple[JsonValue, ...], kwargs: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Arguments as the server has them. Raises ``ToolError`` as Python would raise ``TypeError``."""
    names = list(parameters)
    if len(args) > len(names):
        raise ToolError(f"{tool} takes at most {len(names)} arguments, got {len(args)}")
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in parameters:
            raise ToolError(f"{tool} has no parameter {name!r}; it has {', '.join(names) or 'none'}")
        if name in given:
            raise ToolError(f"{tool} got two values for {name!r}")
        given[name] = value
    missing = [name for name, one in parameters.items() if one.is_required and name not in given]
    if missing:
        raise ToolError(f"{tool} needs {', '.join(missing)}")
    return {parameters[name].key: value for name, value in given.items()}


def _python_type(schema: JsonValue) -> str:
    if not isinstance(schema, dict):
        return "object"
    if isinstance(choices := schema.get("enum"), list):
        return f"Literal[{', '.join(map(repr, choices))}]"
    if isinstance(options := schema.get("anyOf") or schema.get("oneOf"), list):
        return " | ".join(dict.fromkeys(_python_type(one) for one in options))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_PYTHON_TYPES.get(str(one), "object") for one in kind)
    if kind == "array" and "items" in schema:
        return f"list[{_python_type(schema['items'])}]"
    return _PYTHON_TYPES.get(str(kind), "object")


def returned(schema: Mapping[str, JsonValue] | None) -> str:
    if not schema:
        return "str"
    properties = schema.get("properties")
    if isinstance(properties, dict) and set(properties) == {"result"}:
        return _python_type(properties["result"])
    return _python_type(dict(schema))


def identifier(name: str) -> str:
    """``get-weather`` as Python can call it: ``get_weather``."""
    written = re.sub(r"\W", "_", name)
    return f"_{written}" if written[:1].isdigit() or keyword.iskeyword(written) else written
