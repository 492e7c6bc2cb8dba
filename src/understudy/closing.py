"""Context managers that close themselves.

In: a class with ``close``. Out: the same class, usable in a ``with`` statement. Not here: the resources that are
closed.
"""

from __future__ import annotations

from typing import Self


class Closing:
    """A context manager that calls ``close`` at its end."""

    def close(self) -> None:
        """Release all resources; the default does nothing. Closing twice is allowed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
