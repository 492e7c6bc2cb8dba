"""The public entry point: makes the worlds of many attempts from one config.

In: the config of an environment, and a task for each attempt. Out: ``World`` objects. Not here: the actions of an
attempt.
"""

from __future__ import annotations

from understudy.closing import Closing
from understudy.environments.config import ENVIRONMENTS, EnvironmentConfig
from understudy.environments.environment import Action, Environment, actions_of
from understudy.environments.isolated import Zygote
from understudy.environments.local import LocalBackend, make_environment
from understudy.environments.world import World
from understudy.records import Task
from understudy.registry import PartConfig


class Worlds(Closing):
    """Makes the worlds of one config. A context manager. Safe to call from many threads."""

    def __init__(self, config: PartConfig | str) -> None:
        """Raises ``pydantic.ValidationError`` for an unknown kind or key. Starts nothing."""
        self.config = ENVIRONMENTS.validate(config)
        is_isolated = isinstance(self.config, EnvironmentConfig) and self.config.isolated
        self._zygote = Zygote(self.config) if is_isolated else None

    def make(self, task: Task) -> World:
        """The world of one attempt, before its first turn; the caller closes it. Raises ``EnvironmentFailedError``."""
        if self._zygote is None:
            backend = LocalBackend(self.config.kind, make_environment(self.config, task))
            world = World(self.config.kind, backend.actions, backend)
        else:
            actions = self._actions(task)
            world = World(self.config.kind, actions, self._zygote.make(task, actions))
        world.begin_turn(0)
        return world

    def _actions(self, task: Task) -> tuple[Action, ...]:
        """The actions: from the class if it marks them, else from an object in this process."""
        kind = ENVIRONMENTS.part(self.config.kind)
        if kind.actions is Environment.actions:
            return actions_of(kind)
        made = LocalBackend(self.config.kind, make_environment(self.config, task))
        made.close()
        return made.actions

    def close(self) -> None:
        """End the processes. Closing twice is allowed."""
        if self._zygote is not None:
            self._zygote.close()
