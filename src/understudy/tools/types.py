"""Types of tools as Python shows them to a model, and values in the plain form that agents' code gets.

In: type hints and values of a user's functions. Out: text for signatures; dicts, lists and scalars. A record (pydantic
model, dataclass, named tuple, attrs class) is a dict in the agent's code, and its signature says so: ``{'id': int,
'lines': list[{'name': str}]}``. An enum is its value, a date its ISO text. Not here: JSON schemas (``schemas.py``).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import inspect
import pathlib
import sys
import types
import typing
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Literal, get_args, get_origin

import typing_extensions
from pydantic import BaseModel, TypeAdapter

_TEXTS = (dt.datetime, dt.date, dt.time, dt.timedelta, uuid.UUID, pathlib.PurePath)
_SCALARS = (bool, int, float, str, bytes, bytearray, type(None))
_WRAPPERS = (typing.Annotated, typing.Required, typing.NotRequired)
_MAX_DEPTH = 6
_MAX_NESTING = 40
_NAMES = {Any: "Any", None: "None", type(None): "None", Ellipsis: "...", decimal.Decimal: "float"}
_GENERIC: tuple[tuple[type, str], ...] = (
    (dict, "dict"),
    (Mapping, "dict"),
    (tuple, "tuple"),
    (frozenset, "frozenset"),
    (Set, "set"),
    (str, "str"),
    (bytes, "bytes"),
    (Iterable, "list"),
)


def type_text(hint: Any, depth: int = 0) -> str:
    """A type as the agent's code meets it."""
    if isinstance(hint, str):
        return hint  # a postponed annotation whose names are unknown
    if _is_named(hint):
        return _NAMES[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in _WRAPPERS or isinstance(hint, (typing.TypeVar, typing.NewType)):
        inner = arguments[0] if arguments else getattr(hint, "__supertype__", getattr(hint, "__bound__", None))
        return type_text(Any if inner is None else inner, depth)
    if origin is Literal:
        return f"Literal[{', '.join(repr(plain(each)) for each in arguments)}]"
    if origin in (typing.Union, types.UnionType):
        return " | ".join(dict.fromkeys(type_text(each, depth) for each in arguments))
    if isinstance(origin, type):
        return _generic(origin, arguments, depth)
    return _class(hint, depth) if isinstance(hint, type) else inspect.formatannotation(hint)


def _is_named(hint: object) -> bool:
    try:
        return hint in _NAMES
    except TypeError:  # not hashable
        return False


def _is_numpy(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "numpy"


def _generic(origin: type, arguments: tuple[Any, ...], depth: int) -> str:
    if (fields := fields_of(origin)) is not None:
        return _shape(fields, depth)
    name = next((name for kind, name in _GENERIC if issubclass(origin, kind)), origin.__name__)
    if name == "list":
        arguments = arguments[:1]  # a generator has three
    return f"{name}[{', '.join(type_text(each, depth) for each in arguments)}]" if arguments else name


def _class(hint: type, depth: int) -> str:
    if issubclass(hint, enum.Enum):
        return f"Literal[{', '.join(repr(plain(each)) for each in hint)}]"
    if (fields := fields_of(hint)) is not None:
        return _shape(fields, depth)
    if hint in (bool, int, float, object):
        return hint.__name__
    return next((name for kind, name in _GENERIC if issubclass(hint, kind)), "list" if _is_numpy(hint) else "str")


def _shape(fields: Mapping[str, Any], depth: int) -> str:
    if depth >= _MAX_DEPTH:  # a record that holds itself
        return "dict"
    return "{" + ", ".join(f"{name!r}: {type_text(hint, depth + 1)}" for name, hint in fields.items()) + "}"


def fields_of(hint: Any) -> dict[str, Any] | None:
    """Fields and their types, if ``hint`` is a record."""
    if not isinstance(hint, type):
        return None
    if issubclass(hint, BaseModel):
        return {name: field.annotation for name, field in hint.model_fields.items()}
    if dataclasses.is_dataclass(hint):
        hints = hints_of(hint)
        return {field.name: hints.get(field.name, field.type) for field in dataclasses.fields(hint)}
    if hasattr(hint, "__attrs_attrs__"):
        return {field.name: field.type or Any for field in hint.__attrs_attrs__}
    if typing.is_typeddict(hint) or (issubclass(hint, tuple) and hasattr(hint, "_fields")):
        hints = hints_of(hint)
        return hints if typing.is_typeddict(hint) else {name: hints.get(name, Any) for name in vars(hint)["_fields"]}
    return None


def hints_of(owner: Any) -> dict[str, Any]:
    """Type hints, those that are written as text looked up; as they are written if a name is unknown."""
    try:
        return typing.get_type_hints(owner, include_extras=True)
    except Exception:  # whatever evaluating a foreign annotation raises: then one by one
        space = getattr(owner, "__globals__", None) or vars(sys.modules.get(owner.__module__, typing))
        return {name: _looked_up(hint, space) for name, hint in getattr(owner, "__annotations__", {}).items()}


def _looked_up(hint: Any, space: dict[str, Any]) -> Any:
    try:
        return eval(hint, space) if isinstance(hint, str) else hint
    except Exception:  # such as a name that only type checkers import
        return hint


def plain(value: Any, depth: int = 0) -> Any:
    """A value that the sandbox can pass on, records as dicts. Other objects become their text."""
    if isinstance(value, enum.Enum):
        return plain(value.value, depth)
    if isinstance(value, _SCALARS) or _is_numpy(type(value)):
        return value
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    fields = fields_of(type(value))
    if fields is not None and not isinstance(value, dict):
        value = {name: getattr(value, name) for name in fields}
    return _plain_container(value, depth + 1) if depth < _MAX_NESTING else str(value)


def _plain_container(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {_key(key, depth): plain(each, depth) for key, each in value.items()}
    if isinstance(value, Set):
        members = [_key(each, depth) for each in value]
        return frozenset(members) if isinstance(value, frozenset) else set(members)
    if isinstance(value, (Sequence, Iterator)):
        members = [plain(each, depth) for each in value]
        return tuple(members) if isinstance(value, tuple) else members
    return str(value)


def _key(value: Any, depth: int) -> Any:
    """What cannot be hashed, such as a record as a dict, cannot be a key: its text is."""
    made = plain(value, depth)
    return str(value) if isinstance(made, (dict, list, set)) else made


def adapter_of(hint: Any) -> TypeAdapter[Any] | None:
    """What makes the argument that a function wants of the plain data that comes; None if plain data is wanted."""
    return TypeAdapter(hint) if _holds_record(hint) else None


def with_readable_mappings(hint: Any) -> Any:
    """The same type with each ``typing.TypedDict`` as pydantic can read it, which it cannot before Python 3.12."""
    if typing.is_typeddict(hint) and type(hint).__module__ == "typing" and sys.version_info < (3, 12):
        required = hint.__required_keys__
        fields = {
            name: (typing.Required if name in required else typing.NotRequired)[with_readable_mappings(bare)]
            for name, bare in typing.get_type_hints(hint).items()
        }
        make: Any = typing_extensions.TypedDict
        made = make(hint.__name__, fields)
        made.__doc__, made.__module__ = hint.__doc__, hint.__module__
        return made
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is None or origin is Literal or not any(_holds_mapping(each) for each in arguments):
        return hint
    if origin is typing.Annotated:
        return typing.Annotated[(with_readable_mappings(arguments[0]), *hint.__metadata__)]
    readable = tuple(with_readable_mappings(each) for each in arguments)
    return typing.Union[readable] if origin is types.UnionType else origin[readable]  # noqa: UP007  made at run time


def _holds_mapping(hint: Any) -> bool:
    return typing.is_typeddict(hint) or any(_holds_mapping(each) for each in get_args(hint))


def _holds_record(hint: Any) -> bool:
    if isinstance(hint, type) and get_origin(hint) is None:
        is_text = issubclass(hint, (*_TEXTS, enum.Enum, decimal.Decimal))
        return is_text or (fields_of(hint) is not None and not typing.is_typeddict(hint))
    return get_origin(hint) is not Literal and any(_holds_record(each) for each in get_args(hint))
