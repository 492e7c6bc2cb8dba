"""Context managers that close themselves.

In: a class with ``close``. Out: the same class, usable in a ``with`` statement. Not here: what is closed.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closing:
    """Leaving the context calls ``close``."""

    def close(self) -> None:
        """Release what is held; by default there is nothing. Closing twice is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
