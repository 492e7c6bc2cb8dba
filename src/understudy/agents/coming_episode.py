"""An episode that is born while the model thinks.

In: a sandbox's way to make an episode. Out: the episode, once code has to run. Births queue at the sandbox: with many
attempts in flight they would otherwise stand between each attempt and its first request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from understudy.sandbox import Episode


class ComingEpisode:
    """A context manager; leaving it waits for the birth and ends the episode."""

    def __init__(self, make: Callable[[], Episode]) -> None:
        self._make = make
        self._episode: Episode | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._bear, name="episode-birth", daemon=True)

    def get(self) -> Episode:
        """The episode, as soon as it is there. Raises what its birth raised."""
        self._thread.join()
        if self._episode is None:
            raise self._error or RuntimeError("the episode's birth ended without an episode")
        return self._episode

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join()
        if self._episode is not None:
            self._episode.close()

    def _bear(self) -> None:
        try:
            self._episode = self._make()
        except Exception as error:  # raised again, in the thread that wants the episode
            self._error = error
