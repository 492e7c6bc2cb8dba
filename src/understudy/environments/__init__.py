"""Worlds with state that agents act in. Each attempt has its own world, with tools, copies and a graded state.

In: the config of an environment, and a task. Out: a ``World``: tools bound to it, forks for the candidates of a vote,
and its state before and after. Your own class inherits from ``Environment`` and marks its tools with ``action``. Not
promised: copies of state outside of the objects, unless the environment is ``isolated``.
"""

from understudy.environments.config import ENVIRONMENTS, AnyEnvironment
from understudy.environments.environment import Action, Environment, EnvironmentFailedError, action
from understudy.environments.world import World
from understudy.environments.worlds import Worlds

__all__ = [
    "ENVIRONMENTS",
    "Action",
    "AnyEnvironment",
    "Environment",
    "EnvironmentFailedError",
    "World",
    "Worlds",
    "action",
]
