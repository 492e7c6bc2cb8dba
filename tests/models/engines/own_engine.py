"""An engine of a user: this package's own server, with a merged adapter for each student."""

from __future__ import annotations

import sys

from understudy.models.engines.engine import Launch, ServerConfig, ServerEngine, Weights


class OwnConfig(ServerConfig):
    """The settings of the engine."""

    always: str = ""
    """Weights that are served in place of all others, as by a fault."""


class OwnServer(ServerEngine):
    """Starts ``understudy serve-model --local``."""

    Config = OwnConfig
    config: OwnConfig
    converts_weights = True

    def command(self, weights: Weights, launch: Launch) -> list[str]:
        """Our server merges the adapter itself."""
        name = self.client(weights, ["http://127.0.0.1"]).model
        command = [sys.executable, "-m", "understudy", "serve-model", self.config.always or launch.base, "--local"]
        if launch.adapters:
            command += ["--adapter", launch.adapters[0].path]
        return [*command, "--name", name, "--host", self.config.host, "--port", str(launch.port)]
