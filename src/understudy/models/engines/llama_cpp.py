"""llama.cpp as an engine: one server for each student, of a GGUF file that is made of its weights.

In: local models. Out: the command of the server, the client's config. Weights are stored in 16 bits, or 32: mean
differences of log-probabilities to this process are then about 0.001 nat, so an engine stays a matter of speed. In
eight bits they are 20 times as large and greedy tokens change: that is another model, which a recipe names by URL. A
quantised GGUF file is dequantised, as in this process. Not here: making the file (``gguf_writing``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import PositiveInt, field_validator

from understudy.models.cache_size import machine_bytes, numbers_per_token
from understudy.models.config import OpenAIChatConfig
from understudy.models.engines.engine import Launch, ServerConfig, ServerEngine, Weights, version_of
from understudy.models.gguf_writing import Precision, gguf_of
from understudy.models.llama_cpp_process import SAMPLING, LlamaCppOptions, server_command, server_program
from understudy.models.process import ServerMissingError

_SET_OTHERWISE = {
    "--host": "the key `host`",
    "--port": "the run",
    **dict.fromkeys(("--model", "-m"), "the key `path` of the model"),
    **dict.fromkeys(("--alias", "-a"), "the run"),
    **dict.fromkeys(("--ctx-size", "-c"), "the model's window and `n_parallel`"),
    **dict.fromkeys(("--parallel", "-np"), "the key `n_parallel`"),
    **dict.fromkeys(("--threads", "-t"), "the key `n_threads`"),
}


class LlamaCppConfig(ServerConfig):
    """llama.cpp, from ``llama-server`` or the package xllamacpp: one server for each student."""

    kind: Literal["llama_cpp"] = "llama_cpp"
    set_otherwise: ClassVar[Mapping[str, str]] = _SET_OTHERWISE
    runs_on_nodes: ClassVar[bool] = False  # the converted weights lie on this machine
    precision: Precision = Precision.F16
    """How weights are stored: f16 or f32."""
    n_parallel: PositiveInt = 8
    """Replies that are computed at the same time; fewer if the share of memory does not hold their keys and values."""
    n_threads: PositiveInt | None = None
    """None: OMP_NUM_THREADS, else as llama.cpp chooses."""

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("export",)

    @field_validator("precision")
    @classmethod
    def _is_speed_only(cls, precision: Precision) -> Precision:
        if precision is Precision.Q8_0:
            raise ValueError(
                "expected f16 or f32, got q8_0: eight bits change replies, and an engine must not. Export the student "
                "(understudy export --to gguf), serve the file with llama-server, and name the server as kind: "
                "openai_chat"
            )
        return precision


class LlamaCpp(ServerEngine):
    """Starts and asks llama.cpp's server."""

    config: LlamaCppConfig
    converts_weights = True
    gives_prompt_logprobs = False

    def require(self) -> None:
        """Raises ``ServerMissingError``, also if only xllamacpp is there, which takes no ``extra_arguments``."""
        program = server_program(self.config.executable)
        if self.config.extra_arguments and len(program) > 1:
            raise ServerMissingError("extra_arguments need the executable llama-server; here is only xllamacpp")

    def command(self, weights: Weights, launch: Launch) -> list[str]:
        """The GGUF file is made before the first start."""
        adapter = weights.adapter.path if weights.adapter else None
        versions = (version_of(weights.base), version_of(adapter or ""))
        context_tokens, n_parallel = self._room(weights, launch)
        options = LlamaCppOptions(
            model=str(gguf_of(weights.base, adapter, versions, self.config.precision)),
            served_name=self.client(weights, ["http://127.0.0.1"]).model,
            host=launch.host,
            context_tokens=context_tokens,
            n_parallel=n_parallel,
            n_threads=self.config.n_threads,
            executable=self.config.executable,
            extra_arguments=self.config.extra_arguments,
        )
        return server_command(options, launch.port)

    def client(self, weights: Weights, urls: Sequence[str]) -> OpenAIChatConfig:
        """Replies are sampled as in this process."""
        return super().client(weights, urls).model_copy(update={"extra_body": dict(SAMPLING), "token_ids": False})

    def _room(self, weights: Weights, launch: Launch) -> tuple[int, int]:
        """The model's window, and for how many of them the share of the machine's memory suffices."""
        from understudy.models.loading import load_settings

        settings = load_settings(weights.base)
        window = int(settings.max_position_embeddings)
        token_bytes = numbers_per_token(settings) * 2  # of 16 bits
        memory = machine_bytes() * launch.memory_share
        return window, max(1, min(self.config.n_parallel, int(memory / 2 / (token_bytes * window))))
