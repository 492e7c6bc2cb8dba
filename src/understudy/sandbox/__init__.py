"""Runs model-written code: real CPython in processes that can reach only the host's functions.

In: code, and functions of the host that it may call. Out: ``Execution`` records: what was printed, the last
expression's value, the final answer, how it ended. ``Sandbox`` gives episodes; an ``Episode`` runs code, branches its
state and continues from the best branch.

Not promised: protection against bugs of the kernel, side channels, or tools that do harm when used as intended (see
SECURITY.md).
"""

from understudy.sandbox.config import PAPER_IMPORTS, STANDARD_IMPORTS, Level, Rollback, SandboxConfig
from understudy.sandbox.episode import Episode
from understudy.sandbox.execution import Execution, HostFunction, HostState, IsolationError, Limits, SandboxError, Usage
from understudy.sandbox.report import IsolationReport, Protection
from understudy.sandbox.sandbox import Sandbox, open_sandbox, sandbox_report, why_no_function_name

__all__ = [
    "PAPER_IMPORTS",
    "STANDARD_IMPORTS",
    "Episode",
    "Execution",
    "HostFunction",
    "HostState",
    "IsolationError",
    "IsolationReport",
    "Level",
    "Limits",
    "Protection",
    "Rollback",
    "Sandbox",
    "SandboxConfig",
    "SandboxError",
    "Usage",
    "open_sandbox",
    "sandbox_report",
    "why_no_function_name",
]
