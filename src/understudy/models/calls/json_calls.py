"""Parses and writes calls as JSON objects, for the call forms that use JSON.

In: text and the position where JSON begins. Out: names with arguments, and the position where the JSON ends. Variants
are accepted if they have only one meaning: ``parameters`` for ``arguments``, arguments encoded once more as a string, a
list of calls, OpenAI's ``{"type": "function", "function": {…}}``. Everything else is a ``BrokenCallError``, whose
message tells the model what to correct.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue

from understudy.models.calls.form import UnwritableCallError
from understudy.records import FunctionCall

Call = tuple[str, dict[str, JsonValue]]
"""Name and arguments."""

_NAME = r'"name"\s*:\s*"[^"\n]*"'
_ARGUMENTS = r'"(?:arguments|parameters)"\s*:'
CALL_START = re.compile(
    rf'\{{\s*(?:"(?:type|id)"\s*:\s*"[^"\n]*"\s*,\s*)*(?:{_NAME}\s*,\s*{_ARGUMENTS}|"function"\s*:\s*\{{\s*{_NAME})'
)
"""The beginning of an object that is almost certainly a call."""
_BESIDE = frozenset({"type", "id", "index"})
"""Keys that are accepted besides name and arguments, and ignored."""


class BrokenCallError(ValueError):
    """Text looks like a call but cannot be parsed as one."""


def read_json(text: str, start: int) -> tuple[JsonValue, int]:
    """The JSON value at ``start``, and the position after its end. Line breaks within strings are allowed."""
    try:
        value, length = _DECODER.raw_decode(text[start:])
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise BrokenCallError("the JSON is nested too deeply") from None
    except UnicodeEncodeError:
        raise BrokenCallError("a string of the JSON contains half a character (a lone surrogate)") from None
    except json.JSONDecodeError as error:
        if error.pos >= len(text[start:].rstrip()) or error.msg.startswith("Unterminated string"):
            raise BrokenCallError("the JSON ends before it is complete") from None
        raise BrokenCallError(
            f"this is not JSON: {error.msg[0].lower()}{error.msg[1:]} at {_near(text, start + error.pos)}"
        ) from None
    except ValueError as error:  # a number that is too large
        raise BrokenCallError(str(error)) from None
    return value, start + length


def calls_of(value: JsonValue) -> Iterator[Call]:
    """The calls that a JSON value describes."""
    if isinstance(value, list):
        if not value:
            raise BrokenCallError("the list of calls is empty")
        for one in value:
            yield from calls_of(one)
        return
    if not isinstance(value, dict):
        raise BrokenCallError(f"expected an object with name and arguments, got {_short(value)}")
    inner = value.get("function")
    if isinstance(inner, dict):
        _refuse_unknown(value, _BESIDE | {"function"})
        value = inner
    yield _call(value)


def is_call(value: JsonValue) -> bool:
    """Whether the value is an object with a name and without keys that calls do not have."""
    return isinstance(value, dict) and "name" in value and value.keys() <= _BESIDE | {"name", "arguments", "parameters"}


def arguments_of(value: JsonValue) -> dict[str, JsonValue]:
    """Arguments as a mapping. A string must contain a JSON object; None and an empty string give an empty mapping."""
    if isinstance(value, str) and value.strip():
        decoded, end = read_json(value, len(value) - len(value.lstrip()))
        if value[end:].strip():
            raise BrokenCallError(f"expected one JSON object as arguments, got after it {_short(value[end:].strip())}")
        value = decoded
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise BrokenCallError(f"expected an object as arguments, got {_short(value)}")
    return value


def dump(value: JsonValue) -> str:
    """JSON as chat templates write it (``tojson`` of transformers)."""
    return json.dumps(value, ensure_ascii=False)


def written(call: FunctionCall, arguments_key: str = "arguments") -> str:
    """The call as templates write it: the name as it is, the arguments as JSON.

    Raises ``UnwritableCallError`` if JSON would have to escape the name, or if the arguments are not valid JSON.
    """
    if dump(call.name) != f'"{call.name}"':
        raise UnwritableCallError(f"the tool name {call.name!r} cannot be written in JSON without escapes")
    text = f'{{"name": "{call.name}", "{arguments_key}": {dump(call.arguments)}}}'
    try:
        read_json(text, 0)
    except BrokenCallError as error:
        raise UnwritableCallError(f"the arguments of {call.name} cannot be written as JSON: {error}") from error
    return text


def json_opening(name: str, arguments_key: str = "arguments") -> str:
    """How ``written`` begins, up to what the model chooses."""
    return f'{{"name": "{name}", "{arguments_key}": ' if name else '{"name": "'


def _call(value: Mapping[str, JsonValue]) -> Call:
    _refuse_unknown(value, _BESIDE | {"name", "arguments", "parameters"})
    name = value.get("name")
    if not isinstance(name, str) or not name:
        raise BrokenCallError(f'expected the tool\'s name as a string under "name", got {_short(name)}')
    if "arguments" in value and "parameters" in value:
        raise BrokenCallError("expected either arguments or parameters, got both")
    return name, arguments_of(value.get("arguments", value.get("parameters")))


def _refuse_unknown(value: Mapping[str, JsonValue], known: frozenset[str]) -> None:
    unknown = ", ".join(sorted(value.keys() - known))
    if unknown:
        raise BrokenCallError(f"expected only name and arguments in a call, got also: {unknown}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise BrokenCallError(f"the key {next(n for n in names if names.count(n) > 1)} is given twice")
    return found


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BrokenCallError(f"the number {text} is too large")
    return number


def _no_constant(text: str) -> float:
    raise BrokenCallError(f"{text} is not a JSON value")


def _near(text: str, place: int) -> str:
    return repr(text[place : place + 20]) if text[place:].strip() else "the end"


def _short(value: object) -> str:
    return f"{json.dumps(value, ensure_ascii=False):.60}" if value is not None else "nothing"


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_number)
