"""The user's side of an attempt: the next user turn after an answer.

In: a task, and the world of the attempt if there is one. Out: the text of the next user turn, or None after the last
one. A task may script its turns. If it does not, the user of its environment writes them, or else a user played by a
model (``user.py``). Not here: the replies of the agent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from understudy.agents.user import SimulatedUser
from understudy.environments import World
from understudy.records import Task, Usage
from understudy.tools import Tool


class Dialogue:
    """Counts the turns of one attempt."""

    def __init__(self, task: Task, world: World | None, user: SimulatedUser | None = None, seed: int = 0) -> None:
        self.turn = 0
        """The current turn, counted from 0."""
        self.user_usage = Usage()
        """What the model that plays the user took so far."""
        self._task = task
        self._world = world
        self._user = user
        self._seed = seed
        self._exchanged: list[tuple[str, str]] = []
        """What the user said, each with the agent's answer."""
        self._last = task.question

    def next_turn(self, answer: str, announced: Callable[[Sequence[Tool]], str]) -> str | None:
        """The text of the next user turn, or None. ``announced``: writes the announcement of tools that become
        available.

        Raises ``EnvironmentFailedError`` and, if a model plays the user, ``ProviderError``.
        """
        self._exchanged.append((self._last, answer))
        said = self._said(self.turn + 1, answer)
        return None if said is None else self.begin_turn(said, announced)

    def begin_turn(self, said: str, announced: Callable[[Sequence[Tool]], str]) -> str:
        """Begin the next turn of the user; returns its text, with the announcement of new tools.

        Raises ``EnvironmentFailedError``.
        """
        self.turn += 1
        self._last = said
        if self._world is None:
            return said
        before = self._world.held_back
        self._world.begin_turn(self.turn)
        new = [tool for tool in self._world.offered if tool.name in before]
        return f"{announced(new)}\n\n{said}" if new else said

    def _said(self, turn: int, answer: str) -> str | None:
        if self._task.turns:
            return self._task.turns[turn - 1] if turn <= len(self._task.turns) else None
        said = None if self._world is None else self._world.user_says(turn, answer)
        if said is None and self._user is not None:
            said, usage = self._user.says(self._task, self._exchanged, self._seed)
            self.user_usage += usage
        return said
