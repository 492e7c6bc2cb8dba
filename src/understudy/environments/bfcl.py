"""The worlds of BFCL's multi-turn tasks: an environment made of the package's own classes.

In: a task of BFCL. Out: an environment whose actions are the functions of the task's classes, with BFCL's schemas for
JSON calls and short Python signatures for code. A function that is missing at first is held back until its turn. Not
here: checking calls (``understudy.grading.bfcl``).
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import JsonValue

from understudy.environments.config import BfclConfig
from understudy.environments.environment import Action, Environment, as_json
from understudy.records import Task, ToolSchema
from understudy.tasks.bfcl import entry_of
from understudy.tasks.bfcl.data import function_docs
from understudy.tools import Tool
from understudy.tools.schemas import parameters_of, returned

_TYPES = {"dict": "object", "float": "number", "tuple": "array"}
"""BFCL's names of types that have another name in JSON Schema."""
_MAX_DEPTH = 30
_MAX_CHARS = 200_000
"""Maximum length of a result. The set ``long_context`` has long results on purpose, and the model must handle them."""


class BfclEnvironment(Environment):
    """The objects of one task's classes."""

    def __init__(self, config: BfclConfig, task: Task) -> None:  # noqa: ARG002
        entry = entry_of(task)
        self._entry = entry
        self._turn = 0
        self._objects = {
            name: _opened(name, entry.config, is_long=entry.set == "long_context") for name in entry.classes
        }

    def actions(self) -> tuple[Action, ...]:
        """The functions of the task's classes, except those that BFCL excludes."""
        every = [one for name in self._entry.classes for one in class_actions(name)]
        return tuple(one for one in every if one.name not in self._entry.excluded)

    def held_back(self) -> frozenset[str]:
        """The functions that are not yet available in this turn."""
        later = [names for turn, names in self._entry.missing.items() if turn > self._turn]
        return frozenset(name for names in later for name in names)

    def begin_turn(self, turn: int) -> None:
        """Store the number of the turn."""
        self._turn = turn

    def object_of(self, class_name: str) -> Any:
        """The object of a class."""
        return self._objects[class_name]

    def state(self) -> Mapping[str, JsonValue]:
        """All public attributes by class, and the current directory of the file system."""
        return as_json({name: _state(one) for name, one in self._objects.items()})

    def snapshot(self) -> Any:
        """The objects. The task itself never changes."""
        return self._turn, copy.deepcopy(self._objects)

    def restore(self, snapshot: Any) -> None:
        """A new environment has no task yet, so ``fork`` gives it."""
        self._turn, self._objects = snapshot[0], copy.deepcopy(snapshot[1])

    def fork(self) -> BfclEnvironment:
        """A copy of the objects only, because copying the task would cost more."""
        made = BfclEnvironment.__new__(BfclEnvironment)
        made._entry = self._entry
        made._turn, made._objects = self._turn, copy.deepcopy(self._objects)
        return made


@functools.cache
def class_actions(class_name: str) -> tuple[Action, ...]:
    """The functions of a class, in BFCL's order. Raises ``MissingExtraError``."""
    return tuple(Action(_tool(class_name, doc)) for doc in function_docs(class_name))


def _tool(class_name: str, doc: Mapping[str, Any]) -> Tool:
    parameters = json_schema(doc["parameters"])
    shown = ", ".join(one.written for one in parameters_of(parameters).values())
    return Tool(
        name=doc["name"],
        signature=f"({shown}) -> {returned(json_schema(doc['response'], is_whole=True))}",
        schema=ToolSchema(name=doc["name"], description=doc["description"], parameters=parameters),
        description=doc["description"].rpartition("Tool description:")[2].strip(),
        function=_function(class_name, doc["name"]),
        max_chars=_MAX_CHARS,
    )


def _function(class_name: str, name: str) -> Callable[..., object]:
    method = getattr(_class(class_name), name)

    @functools.wraps(method, updated=())
    def call(environment: BfclEnvironment, *args: object, **kwargs: object) -> object:
        result = getattr(environment.object_of(class_name), name)(*args, **kwargs)
        return as_json({"result": result})["result"]

    signature = inspect.signature(method)
    own = signature.replace(parameters=list(signature.parameters.values())[1:])
    call.__signature__ = own  # type: ignore[attr-defined]
    return call


def _class(class_name: str) -> Any:
    from bfcl_eval.constants.executable_backend_config import CLASS_FILE_PATH_MAPPING

    return getattr(importlib.import_module(CLASS_FILE_PATH_MAPPING[class_name]), class_name)


def _opened(class_name: str, config: Mapping[str, Any], *, is_long: bool) -> Any:
    """An object, created in the same way as in BFCL's own checker."""
    from bfcl_eval.constants.executable_backend_config import STATELESS_CLASSES

    made = _class(class_name)()
    if class_name not in STATELESS_CLASSES:
        made._load_scenario(copy.deepcopy(config.get(class_name, {})), long_context=is_long)
    return made


def json_schema(schema: Any, *, is_whole: bool = False) -> Any:
    """BFCL's schema as a JSON schema. ``is_whole``: all fields are required, as in return values."""
    if isinstance(schema, list):
        return [json_schema(one, is_whole=is_whole) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {key: json_schema(value, is_whole=is_whole) for key, value in schema.items()}
    kind = made.get("type")
    if is_whole and kind == "dict" and isinstance(made.get("properties"), dict):
        made["required"] = list(made["properties"])
    if kind == "any":
        del made["type"]
    elif isinstance(kind, str):
        made["type"] = _TYPES.get(kind, kind)
    return made


def _state(one: Any) -> object:
    public = {name: _plain(value) for name, value in vars(one).items() if not name.startswith("_")}
    here = getattr(one, "_current_dir", None)
    return public if here is None else {**public, "current_directory": _path(here)}


def _plain(value: Any, depth: int = 0) -> object:
    """Files as their content, directories by name: directories refer to their parents, so they are cyclic."""
    contents = getattr(value, "contents", None)
    if isinstance(contents, dict) and depth < _MAX_DEPTH:
        return {name: _plain(each, depth + 1) for name, each in contents.items()}
    return value.content if type(value).__name__ == "File" else value


def _path(directory: Any) -> str:
    names: list[str] = []
    while directory is not None and len(names) < _MAX_DEPTH:
        names.append(directory.name)
        directory = directory.parent
    return "/".join(reversed(names))
