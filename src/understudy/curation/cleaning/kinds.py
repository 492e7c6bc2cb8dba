"""The kinds of checks, in the order in which they run.

In: keys of a recipe. Out: a typed config, then the check. A package announces checks by an entry point in the group
``understudy.checks``; a recipe names a user's check as ``package.module:name``.
"""

from __future__ import annotations

from typing import Annotated

from understudy.curation.cleaning.check import Check, FunctionCheck
from understudy.registry import Builtin, Group, PartConfig

_HERE = "understudy.curation.cleaning"


def _builtin(module: str, name: str) -> Builtin:
    return Builtin(f"{_HERE}.{module}:{name}Check", f"{_HERE}.{module}:{name}Config")


CHECKS: Group[Check] = Group(
    "checks",
    "looks for faults in trajectories",
    {
        "tools": _builtin("tools", "Tools"),
        "arguments": _builtin("arguments", "Arguments"),
        "results": _builtin("results", "Results"),
        "loops": _builtin("loops", "Loops"),
        "truncated": _builtin("truncated", "Truncated"),
        "near_duplicates": _builtin("near_duplicates", "NearDuplicates"),
        "personal_data": _builtin("personal.check", "PersonalData"),
        "topics": _builtin("topics", "Topics"),
    },
    methods=("examine",),
    adapt=FunctionCheck,
)

AnyCheck = Annotated[PartConfig, CHECKS]
"""The config of any kind of check."""
