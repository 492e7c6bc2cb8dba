"""Which environment a recipe's agents act in: the kinds and their keys.

In: keys of a recipe. Out: a typed config of one kind. Not here: making environments (``worlds.py``).
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Literal, cast

from pydantic import create_model

from understudy.environments.environment import Environment
from understudy.registry import Builtin, Group, PartConfig, TargetError


class EnvironmentConfig(PartConfig):
    """The keys of all environments, including a user's own."""

    isolated: bool = False
    """Run each attempt's environment in its own process: for classes that keep state outside of their objects or that
    may be used from one thread only.
    """


class BfclConfig(EnvironmentConfig):
    """The worlds of BFCL's multi-turn tasks: files, cars, trading, travel, messages, posts, tickets, calculations."""

    kind: Literal["bfcl"] = "bfcl"

    @property
    def extras(self) -> tuple[str, ...]:
        """The extras of this package that this environment needs."""
        return ("bfcl",)


class AgentDojoConfig(EnvironmentConfig):
    """The worlds of AgentDojo's suites: an office's mail and files, a journey, a bank account, a chat."""

    kind: Literal["agentdojo"] = "agentdojo"

    @property
    def extras(self) -> tuple[str, ...]:
        """The extras of this package that this environment needs."""
        return ("agentdojo",)


class EnvironmentGroup(Group[Environment]):
    """The kinds of environments. Users' own kinds have the common keys in addition to their options."""

    def config_class(self, kind: str) -> type[PartConfig]:
        """The config of a kind. Raises ``TargetError`` if the kind does not exist or is not an environment."""
        config = super().config_class(kind)
        if not issubclass(config, EnvironmentConfig):
            target = self.part(kind)
            if not (inspect.isclass(target) and issubclass(target, Environment)):
                raise TargetError(
                    f"{kind}: expected a subclass of understudy.environments.Environment; it is {target!r}"
                )
            bases: Any = (config, EnvironmentConfig)
            made = create_model(config.__name__, __base__=bases, __doc__=config.__doc__)
            config = self._configs[kind] = cast(type[PartConfig], made)
        return config


ENVIRONMENTS = EnvironmentGroup(
    "environments",
    "is a world with state that an agent acts in",
    {
        "bfcl": Builtin("understudy.environments.bfcl:BfclEnvironment", "understudy.environments.config:BfclConfig"),
        "agentdojo": Builtin(
            "understudy.environments.agentdojo:AgentDojoEnvironment", "understudy.environments.config:AgentDojoConfig"
        ),
    },
)
AnyEnvironment = Annotated[PartConfig, ENVIRONMENTS]
"""The config of any kind of environment."""
