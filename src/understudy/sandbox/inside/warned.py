"""Warnings and ignored exceptions as the code's standard error shows them: the text, not the place.

In: what the interpreter reports. Out: one line on standard error for each different warning of an action. The line of
source is left out, because candidates that differ in nothing but their text must print the same.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any, TextIO


class Warned:
    """What an action has been warned of so far."""

    def __init__(self) -> None:
        self._shown: set[str] = set()
        warnings.showwarning = self._show
        sys.unraisablehook = self._ignored

    def begin(self, namespace: dict[str, object]) -> None:
        """Start an action. What earlier actions were warned of is shown again."""
        self._shown.clear()
        namespace.pop("__warningregistry__", None)

    def _show(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,  # noqa: ARG002
        lineno: int,  # noqa: ARG002
        file: TextIO | None = None,
        line: str | None = None,  # noqa: ARG002
    ) -> None:
        text = f"{category.__name__}: {message}\n"
        if text not in self._shown:
            self._shown.add(text)
            (file or sys.stderr).write(text)

    def _ignored(self, unraisable: Any) -> None:
        sys.stderr.write(f"Exception ignored: {unraisable.exc_type.__name__}: {unraisable.exc_value}\n")
