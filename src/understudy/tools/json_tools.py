"""Tools for JSON calls: each has a schema for the model and is called with a JSON object.

In: a ``Tool``. Out: a ``JsonTool``. The schema of a Python function is built from its type hints and its docstring. The
schema of an MCP tool is that of the server, unchanged. Not here: the loop that makes the calls.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from understudy.records import ToolSchema
from understudy.tools.arguments import Arguments
from understudy.tools.base import Tool
from understudy.tools.docstrings import read_docstring
from understudy.tools.types import hints_of, plain

JsonArguments = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class JsonTool:
    """A tool that a model calls by name with a JSON object."""

    schema: ToolSchema
    bind: Callable[[JsonArguments], Callable[[], object]]
    """Checks the arguments and returns a function that makes the call. Both raise ``ToolError``."""
    pure: bool = False
    """As in ``Tool``."""
    is_search: bool = False
    argument_chars: int = 2_000
    """As in ``Tool``."""

    @property
    def name(self) -> str:
        return self.schema.name

    def call(self, arguments: JsonArguments) -> object:
        """Raises ``ToolError``."""
        return self.bind(arguments)()


def json_tool(tool: Tool, like: Tool | None = None) -> JsonTool:
    """A tool for JSON calls. Raises ``ToolConfigError`` if the arguments cannot be represented in JSON.

    ``like``: a tool with the same description that was read before, so that this one need not be read.
    """
    if tool.schema is not None:
        own = tool.schema
        return JsonTool(
            own, lambda arguments: partial(tool, **arguments), tool.pure, tool.is_search, tool.argument_chars
        )
    schema, arguments = _described(tool) if like is None else _described_once(like)

    def bind(given: JsonArguments) -> Callable[[], object]:
        bound = arguments.bind(given)
        return lambda: tool(*bound.args, **bound.kwargs)

    return JsonTool(schema, bind, tool.pure, tool.is_search, tool.argument_chars)


def _described(tool: Tool) -> tuple[ToolSchema, Arguments]:
    signature = _signature(tool.function)
    text = read_docstring(tool.description, tuple(signature.parameters))
    arguments = Arguments(tool.name, signature, text.arguments)
    return ToolSchema(name=tool.name, description=text.description, parameters=arguments.schema), arguments


_described_once = lru_cache(maxsize=1024)(_described)


def result_text(value: object) -> str:
    """The result of a tool as text for a model: a string unchanged, anything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(to_jsonable_python(plain(value), fallback=_fallback), ensure_ascii=False)


def _signature(function: Callable[..., object]) -> inspect.Signature:
    """The signature with resolved type hints, or without hints if they cannot be resolved."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        anything = inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)
        return inspect.Signature([anything])
    written = function if hasattr(function, "__name__") else type(function).__call__
    hints = {} if hasattr(function, "__signature__") else hints_of(written)
    return signature.replace(
        parameters=[one.replace(annotation=hints.get(key, one.annotation)) for key, one in signature.parameters.items()]
    )


def _fallback(value: Any) -> object:
    """Converts arrays to lists and everything else to text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
