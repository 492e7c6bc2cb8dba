"""What a task of AgentDojo refers to, and the state that its world starts from.

In: names of suites, user tasks, injection tasks and attacks. Out: ``DojoEntry`` records and the package's objects. Not
here: tasks (``tasks.py``), importing the package (``package.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

import yaml

from understudy.records import Record, Task
from understudy.tasks.agentdojo.package import load_suite, module
from understudy.tasks.source import BadTaskError

METADATA_KEY = "agentdojo"
VERSION = "v1.2.2"
"""The version of the benchmark if none is named."""
_TARGET = "local"
"""The name of the attacked model, as the package calls a local one; some attacks address it by name."""


class DojoEntry(Record):
    """One user task in one suite, with or without an injected task."""

    suite: str
    version: str = VERSION
    user_task: str
    """Such as ``user_task_3``."""
    injection_task: str = ""
    """The task that the injected texts ask for; empty without an attack."""
    attack: str = ""
    """Name of the attack, as the package has it."""
    injections: dict[str, str] = {}
    """The injected texts, by the name of their place in the data."""

    @property
    def id(self) -> str:
        parts = (self.suite, self.user_task, self.attack, self.injection_task)
        return "-".join(part for part in parts if part)


def entry_of(task: Task) -> DojoEntry:
    """AgentDojo's entry for a task. Raises ``BadTaskError`` if the task is not from AgentDojo."""
    if METADATA_KEY not in task.metadata:
        raise BadTaskError(f"task {task.id}: expected a task of AgentDojo; its metadata hold none")
    return DojoEntry.model_validate(task.metadata[METADATA_KEY])


def user_ids(suite: str, version: str = VERSION) -> tuple[str, ...]:
    """The user tasks of a suite, by number."""
    return tuple(sorted(load_suite(suite, version).user_tasks, key=number_of))


def injection_ids(suite: str, version: str = VERSION) -> tuple[str, ...]:
    """The injection tasks of a suite, by number."""
    return tuple(sorted(load_suite(suite, version).injection_tasks, key=number_of))


def number_of(task_id: str) -> int:
    """3 for ``user_task_3``."""
    return int(task_id.rpartition("_")[2])


def user_task(entry: DojoEntry) -> Any:
    """The package's user task."""
    return load_suite(entry.suite, entry.version).user_tasks[entry.user_task]


def injection_task(entry: DojoEntry) -> Any:
    """The package's injection task."""
    return load_suite(entry.suite, entry.version).injection_tasks[entry.injection_task]


def open_state(entry: DojoEntry) -> Any:
    """The state of the world before the first call, which belongs to the caller: a ``TaskEnvironment``."""
    pristine = _pristine(entry.suite, entry.version, tuple(sorted(entry.injections.items())))
    return user_task(entry).init_environment(pristine.model_copy(deep=True))


@lru_cache(maxsize=8)
def _pristine(suite_name: str, version: str, injections: tuple[tuple[str, str], ...]) -> Any:
    """As the package's ``load_and_inject_default_environment``, which parses the same text with a slower parser."""
    suite = load_suite(suite_name, version)
    defaults = suite.get_injection_vector_defaults()
    if unknown := [name for name, _ in injections if name not in defaults]:
        raise BadTaskError(f"{suite_name}: expected injections at {', '.join(defaults)}; got one at {unknown[0]!r}")
    text = module("task_suite.task_suite").read_suite_file(suite.name, "environment.yaml", suite.data_path)
    filled = text.format(**{**defaults, **dict(injections)})
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return suite.environment_type.model_validate(yaml.load(filled, loader))


@cache
def injections_of(suite: str, version: str, attack: str, user: str, injection: str) -> Mapping[str, str]:
    """The texts that an attack injects: at each place that the correct calls of the user task show."""
    made = _attack(suite, version, attack)
    loaded = load_suite(suite, version)
    texts: dict[str, str] = made.attack(loaded.user_tasks[user], loaded.injection_tasks[injection])
    return texts


@cache
def _attack(suite: str, version: str, attack: str) -> Any:
    target = module("agent_pipeline.ground_truth_pipeline").GroundTruthPipeline(None)
    target.name = _TARGET
    known = module("attacks.attack_registry").ATTACKS
    return known[attack](_QuickSuite(load_suite(suite, version)), target)


class _QuickSuite:
    """A suite that parses the data of one set of injections once. Attacks read the same data for each user task."""

    def __init__(self, suite: Any) -> None:
        self._suite = suite
        self._loaded: dict[tuple[tuple[str, str], ...], Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._suite, name)

    def load_and_inject_default_environment(self, injections: dict[str, str]) -> Any:
        key = tuple(sorted(injections.items()))
        if key not in self._loaded:
            self._loaded[key] = self._suite.load_and_inject_default_environment(injections)
        return self._loaded[key].model_copy(deep=True)
