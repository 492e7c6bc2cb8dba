"""An episode that starts while the model writes its first reply.

In: a function that starts an episode. Out: the episode, when code has to run. Starts queue at the sandbox: with many
attempts in flight, waiting for them would delay each attempt's first request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

from understudy.sandbox import Episode


class PrestartedEpisode:
    """A context manager; leaving it waits for the start and ends the episode."""

    def __init__(self, start: Callable[[], Episode]) -> None:
        self._start_episode = start
        self._episode: Episode | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._start, name="episode-start", daemon=True)

    def get(self) -> Episode:
        """The episode, as soon as it has started. Raises what its start raised."""
        self._thread.join()
        if self._episode is None:
            raise self._error or RuntimeError("the start returned no episode")
        return self._episode

    def interrupt(self) -> None:
        """Kill the code that runs now, if any; from any thread."""
        if self._episode is not None:
            self._episode.interrupt()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        if self._episode is not None:
            self._episode.close()

    def _start(self) -> None:
        try:
            self._episode = self._start_episode()
        except Exception as error:  # raised again, in the thread that needs the episode
            self._error = error
