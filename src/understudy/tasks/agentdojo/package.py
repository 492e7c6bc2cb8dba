"""Imports the suites of the package ``agentdojo`` without the clients of model providers that it also imports.

In: the name of a suite, and a version of the benchmark. Out: the package's own objects. Two things differ from a plain
import. Modules of the package that need clients of providers are replaced while the suites are imported. And the clock
of e-mails and files stands still, so that the same calls always give the same state. Not here: tasks.
"""

from __future__ import annotations

import datetime
import importlib
import importlib.util
import sys
import threading
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from understudy.extras import require

EXTRA = "agentdojo"
NOW = datetime.datetime(2024, 5, 15, 12, 0, 0)
"""The time that e-mails and files get: noon of the day on which the workspace suite takes place."""
_PIPELINE = "agentdojo.agent_pipeline"
_CLOCKS = ("email_client", "cloud_drive_client")
_LOCK = threading.Lock()


def load_suite(name: str, version: str) -> Any:
    """A ``TaskSuite`` of the package. Raises ``MissingExtraError``."""
    return _suites(version)[name]


def module(name: str) -> Any:
    """A module of the package that needs no client of a provider. Raises ``MissingExtraError``."""
    _import_suites()
    return importlib.import_module(f"agentdojo.{name}")


@cache
def _suites(version: str) -> dict[str, Any]:
    suites: dict[str, Any] = module("task_suite.load_suites").get_suites(version)
    return suites


@cache
def _import_suites() -> None:
    require(EXTRA, "AgentDojo")
    spec = importlib.util.find_spec("agentdojo")
    assert spec is not None
    assert spec.origin is not None
    with _LOCK:
        replaced = {} if _PIPELINE in sys.modules else _without_clients(Path(spec.origin).parent)
        sys.modules.update(replaced)
        try:
            importlib.import_module("agentdojo.task_suite.load_suites")
            importlib.import_module("agentdojo.attacks")
        finally:
            for name in replaced:
                sys.modules.pop(name, None)
        for name in _CLOCKS:
            tools = importlib.import_module(f"agentdojo.default_suites.v1.tools.{name}")
            tools.datetime = SimpleNamespace(datetime=_StandingClock)  # type: ignore[attr-defined]


def _without_clients(folder: Path) -> dict[str, ModuleType]:
    """Modules for the time of the import: the pipelines' package without its ``__init__``, and the one constant that
    the suites use of a provider's module.
    """
    pipeline, providers = ModuleType(_PIPELINE), ModuleType(f"{_PIPELINE}.llms")
    pipeline.__path__, providers.__path__ = [str(folder / "agent_pipeline")], []
    google: Any = ModuleType(f"{_PIPELINE}.llms.google_llm")
    google.EMPTY_FUNCTION_NAME = "<empty-function-name>"
    return {made.__name__: made for made in (pipeline, providers, google)}


class _StandingClock(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
        return NOW if tz is None else NOW.replace(tzinfo=tz)
