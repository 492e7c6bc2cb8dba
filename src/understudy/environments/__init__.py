"""Worlds with state that agents act in: made for each attempt, with tools, copies and a state that is graded.

In: the config of an environment, and a task. Out: a ``World``: tools bound to it, forks for the candidates of a vote,
its state before and after. A class of one's own inherits from ``Environment`` and marks its tools with ``action``. Not
promised: that a class which keeps state outside of its objects is copied, unless it is ``isolated``.
"""

from understudy.environments.config import ENVIRONMENTS, AnyEnvironment, EnvironmentConfig
from understudy.environments.environment import Action, Environment, EnvironmentFailedError, action
from understudy.environments.world import World
from understudy.environments.worlds import Worlds

__all__ = [
    "ENVIRONMENTS",
    "Action",
    "AnyEnvironment",
    "Environment",
    "EnvironmentConfig",
    "EnvironmentFailedError",
    "World",
    "Worlds",
    "action",
]
