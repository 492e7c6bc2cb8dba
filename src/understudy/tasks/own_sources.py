"""Task sources that users write: a function or a class, named in a recipe as ``package.module:name``.

In: what the user's code returns or yields: ``Task`` records, or mappings with the fields of one, of which only
``question`` is required. Out: rows with their tasks. Parameters of a function, and the fields of a class's nested
``Config``, are keys of the recipe:

    def refunds(database: str = "orders.db"):
        yield {"question": "How many refunds were there in May?", "answer": "12"}

Not here: the built-in sources.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, cast, get_type_hints

from pydantic import ValidationError, create_model

from understudy.records import Task
from understudy.registry import Group, PartConfig
from understudy.runs import explain
from understudy.tasks.source import BadTaskError, Found, SourceFacts, TaskSource, TaskSourceConfig


class OwnSource:
    """A user's source: whatever yields tasks or mappings when it is called."""

    def __init__(self, name: str, make: Callable[[], object]) -> None:
        self.facts = SourceFacts(name)
        self._make = make

    def find(self) -> Iterator[Found]:
        name = self.facts.name
        for number, one in enumerate(self._made(), 1):
            place = f"{name}, task {number}"
            task = _task(one, place)
            yield Found(place, task if task.source else task.model_copy(update={"source": name}))

    def _made(self) -> Iterator[object]:
        """What the user's code yields; what it raises becomes an error that names it."""
        name = self.facts.name
        try:
            made = self._make()
            if isinstance(made, str | Mapping) or not isinstance(made, Iterable):
                raise BadTaskError(f"{name}: expected an iterable of tasks, got {type(made).__name__}")
            yield from made
        except BadTaskError:
            raise
        except Exception as error:
            raise BadTaskError(f"{name} raised {type(error).__name__}: {error}") from error


class TaskSourceGroup(Group[TaskSource]):
    """The kinds of task sources. Users' own kinds have the keys that all sources have, beside their options."""

    def config_class(self, kind: str) -> type[PartConfig]:
        """The config of a kind. Raises ``TargetError`` for a kind that is not there."""
        config = super().config_class(kind)
        if not issubclass(config, TaskSourceConfig):
            options: Any = {} if inspect.isclass(self.part(kind)) else _options(self.part(kind))
            made = create_model(config.__name__, __base__=(config, TaskSourceConfig), __doc__=config.__doc__, **options)
            config = self._configs[kind] = cast(type[PartConfig], made)
        return config

    def open(self, config: PartConfig, *args: object, **named: object) -> TaskSource:
        """Make the source that a config describes. Raises ``TargetError``, ``BadTaskError``."""
        if config.kind in self.builtin:
            return super().open(config, *args, **named)
        target = self.part(config.kind)
        if not inspect.isclass(target):
            options = {name: getattr(config, name) for name in _options(target)}
            return OwnSource(config.kind, partial(target, **options))
        return OwnSource(config.kind, lambda: super(TaskSourceGroup, self).open(config, *args, **named))


def function_source(function: Callable[..., object]) -> TaskSource:
    """A source of what a function without options returns or yields."""
    return OwnSource(f"{function.__module__}:{function.__name__}", function)


def _options(function: Callable[..., object]) -> dict[str, tuple[Any, Any]]:
    """The parameters of a function as fields of a config."""
    hints = get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return {one.name: (hints.get(one.name, Any), ... if one.default is one.empty else one.default) for one in named}


def _task(value: object, place: str) -> Task:
    if isinstance(value, Task):
        return value
    if not isinstance(value, Mapping):
        raise BadTaskError(f"{place}: expected a Task or a mapping with a question, got {type(value).__name__}")
    try:
        return Task.model_validate(value)
    except ValidationError as error:
        raise BadTaskError(f"{place}: {explain(error, 'task')}") from None
