"""Tests whether the code of replies runs. The eval callback uses it during a training, so nothing here may end the
training.

In: the recipe's sandbox, tools and search engine as one record, and the code of sampled replies. Out: the share that
runs without error, or None if tools or sandbox failed; the reason is logged once. Not here: whether the answer is
right.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from understudy.agents import AgentRuntime, RuntimeConfig
from understudy.closing import Closing
from understudy.records import ExecutionStatus
from understudy.retrieval import RetrievalError
from understudy.sandbox import HostFunction, Sandbox, SandboxError
from understudy.tools import Tool, ToolError

MAX_CODE_S = 5.0
"""CPU and wall seconds of one reply's code, if the recipe does not allow less."""
MAX_TOOL_S = 10.0
"""Seconds of one tool call, if the recipe does not allow less."""
_LOG = logging.getLogger(__name__)


class CodeRunner(Closing):
    """Runs code in fresh episodes. Opens sandbox and tools when there is code for the first time."""

    def __init__(self, config: RuntimeConfig) -> None:
        limits = config.sandbox.limits
        shorter = {"cpu_s": min(limits.cpu_s, MAX_CODE_S), "wall_s": min(limits.wall_s, MAX_CODE_S)}
        sandbox = config.sandbox.model_copy(update={"limits": limits.model_copy(update=shorter)})
        self._runtime = AgentRuntime(config.model_copy(update={"sandbox": sandbox}))
        self._sandbox: Sandbox | None = None
        self._functions: dict[str, HostFunction] = {}
        self._cannot_open = False
        self._has_logged = False

    def code_runs_rate(self, codes: Sequence[str | None]) -> float | None:
        """Share of replies whose code runs without error; None in ``codes`` is a reply without code. Never raises.

        None if sandbox or tools failed, because that is not the student's mistake.
        """
        try:
            n_ran = sum(self._runs(code) for code in codes if code is not None)
        except Exception as error:  # an eval callback must not end its training
            self._log_once(error)
            return None
        return None if self._cannot_open else n_ran / len(codes)

    def close(self) -> None:
        """Close sandbox and tools. Never raises."""
        try:
            self._runtime.close()
        except Exception as error:  # as above
            self._log_once(error)

    def _runs(self, code: str) -> bool:
        if self._cannot_open:
            return False
        if self._sandbox is None:
            try:
                self._sandbox = self._opened()
            except Exception:
                self._cannot_open = True  # an index that cannot be loaded is not tried again each time
                raise
        with self._sandbox.episode(self._functions) as episode:
            return episode.run(code).status is ExecutionStatus.OK

    def _opened(self) -> Sandbox:
        tools = self._runtime.tools
        self._functions = {tool.name: HostFunction(_with_failures_apart(tool), pure=tool.pure) for tool in tools}
        return self._runtime.sandbox

    def _log_once(self, error: Exception) -> None:
        if not self._has_logged:
            _LOG.warning("the eval callback cannot say which replies' code runs: %s: %s", type(error).__name__, error)
        self._has_logged = True


def _with_failures_apart(tool: Tool) -> Callable[..., object]:
    """The tool, except that its own failures raise ``SandboxError``: they are not errors of the calling code."""
    timely = replace(tool, timeout_s=min(tool.timeout_s, MAX_TOOL_S))

    def call(*args: object, **kwargs: object) -> object:
        started = time.monotonic()
        try:
            return timely(*args, **kwargs)
        except ToolError as error:
            is_late = time.monotonic() - started >= timely.timeout_s
            if is_late or isinstance(error.__cause__, RetrievalError | OSError):
                raise SandboxError(str(error)) from error
            raise

    return call
