"""The parts that the stages of a run share: task sets, sandbox, search engine, grader, models.

In: a recipe and a run directory. Out: opened parts. Each is opened when it is first needed and closed with the run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from understudy.agents import Agent, AgentConfig, AgentRuntime, RuntimeConfig
from understudy.agents.user import UserConfig
from understudy.closing import Closing
from understudy.grading import Grader, open_grader
from understudy.models import MODELS, LocalConfig, Model, ModelConfig, OpenAIChatConfig
from understudy.models.engines.checking import N_PROMPTS, check_served
from understudy.models.engines.engine import Weights, serving_engine
from understudy.models.engines.pool import ServedAt, ServerPool
from understudy.pipeline.cascades import resolved
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.run_directory import RunDirectory
from understudy.records import Message, SignalReport, StageRef, Target, Task
from understudy.retrieval import MemoryConfig, RetrievalConfig
from understudy.rollouts import AgentSpec, Engine
from understudy.run_layout import CHECKPOINT, CORPUS, SIGNALS_FILE
from understudy.runs import read_record
from understudy.tasks import combine_task_sets, load_tasks
from understudy.tasks.encyclopedias import is_world, write_world
from understudy.tools import ToolsConfig
from understudy.training import read_card


class RunContext(Closing):
    """The recipe, the directory and the open parts of one run."""

    def __init__(
        self, recipe: Recipe, directory: RunDirectory, *, say: Callable[[str], None] = print, quiet: bool = False
    ) -> None:
        """``say``: prints a line for the user. ``quiet``: show no progress."""
        self.recipe = recipe
        self.directory = directory
        self.say = say
        self.quiet = quiet
        self._open = contextlib.ExitStack()
        self.servers = self._open.enter_context(ServerPool(self._check_served))
        self.for_training = self._open.enter_context(contextlib.ExitStack())
        """Servers that trainings ask; closed when they have ended."""
        self._shared = self._open.enter_context(contextlib.ExitStack())
        """Runtime and grader."""
        self._tasks: dict[str, tuple[Task, ...]] = {}
        self._runtime: AgentRuntime | None = None
        self._grader: Grader | None = None

    def close(self) -> None:
        """Close the agents, servers and graders that are open."""
        self._open.close()

    def tasks(self, name: str) -> tuple[Task, ...]:
        """The tasks of a set that the recipe names."""
        if name not in self._tasks:
            self._tasks[name] = load_tasks(self.recipe.tasks[name]).tasks
        return self._tasks[name]

    def all_tasks(self, names: Sequence[str]) -> list[Task]:
        """The tasks of several sets, one set after the other; each knows the sets that hold it."""
        return combine_task_sets({name: self.tasks(name) for name in names})

    @contextlib.contextmanager
    def build_agent(self, model: str, agent: str, engine: Engine) -> Iterator[Agent | AgentSpec]:
        """An agent of the recipe with one of its models; for Ray, the spec from which each worker opens its own
        agent.
        """
        config = self.agent_config(agent)
        if engine is Engine.RAY:
            spec = AgentSpec(agent=config, model=self.model_config(model), **dict(self.acting()))
            with contextlib.ExitStack() as stack:
                yield spec.model_copy(update={"servers": tuple(self._leased(spec, stack))})
            return
        with contextlib.closing(self.open_model(model)) as opened:
            yield self.agent_with(agent, opened)

    def _leased(self, spec: AgentSpec, stack: contextlib.ExitStack) -> Iterator[ServedAt]:
        """Where the workers of another process ask the local models of an agent, as long as ``stack`` is open."""
        for config in (spec.model, getattr(spec.agent, "teacher_model", None), spec.user and spec.user.model):
            if isinstance(config, LocalConfig) and (client := stack.enter_context(self.servers.lease(config))):
                yield ServedAt(model=config, client=client)

    def open_model(self, name: str) -> Model:
        """A model of the recipe, in this process or in a server of this run; the caller closes it."""
        return self.servers.open(self.model_config(name))

    def agent_with(self, agent: str, model: Model) -> Agent:
        """An agent of the recipe with an opened model."""
        return self.runtime().open_agent(self.agent_config(agent), model)

    def initial_messages(self, agent: str, task: Task) -> tuple[Message, ...] | None:
        """What an agent of the recipe shows its model first; None if a user's agent does not say it."""
        return self.runtime().initial_messages(self.agent_config(agent), task)

    def agent_config(self, name: str) -> AgentConfig:
        """An agent of the recipe as a runtime opens it: a cascade has its agents, its teacher and its threshold."""
        return resolved(self.recipe.agents[name], self.recipe, self.model_config, self.signal_report)

    def signal_report(self, ref: StageRef) -> SignalReport:
        """What a ``signals`` stage of this run measured. Raises ``FileNotFoundError`` if it was not run."""
        return read_record(self.directory.folder(ref) / SIGNALS_FILE, SignalReport)

    def model_config(self, name: str) -> ModelConfig:
        """The model that ``name`` refers to: an entry of ``models``, or a student that a stage of this run trained."""
        ref = self.recipe.names(Target.MODEL)[name]
        if ref is None:
            return self.recipe.models[name]
        checkpoint = self.checkpoint(ref)
        card = read_card(checkpoint)
        changes = {"path": card.base, "adapter": str(checkpoint)} if card.is_adapter else {"path": str(checkpoint)}
        return self._first_base(ref).model_copy(update={**changes, "name": name})

    def _check_served(self, weights: Weights, client: OpenAIChatConfig) -> None:
        """Compare a served student with its checkpoint, on prompts of its training if this run trained it."""
        ref = self.recipe.names(Target.MODEL).get(weights.model.name or "")
        if ref is None:
            check_served(weights, client)
            return
        stage: Any = self.recipe.stage_class(ref)
        prompts = list(islice(stage(self, ref, self.recipe.config(ref)).prompts(), N_PROMPTS))
        card = read_card(self.checkpoint(ref))
        check_served(weights, client, prompts, None if card.is_adapter else card.base)

    def is_program(self, name: str) -> bool:
        """Whether a program stands in for a model, which tables state. A user's kind of model says so itself."""
        kind = self.model_config(name).kind
        return kind == "scripted" or (kind not in MODELS.builtin and bool(getattr(MODELS.part(kind), "is_program", 0)))

    def stage_named(self, target: Target, name: str) -> StageRef:
        """The stage that a config refers to. Raises ``LookupError`` for a name that is not a stage's."""
        ref = self.recipe.names(target)[name]
        if ref is None:
            raise LookupError(f"{name!r} is an entry of the recipe, not a stage")
        return ref

    def trained(self, name: str) -> StageRef | None:
        """The stage that trains the model of a name; None for an entry of ``models``."""
        return self.recipe.names(Target.MODEL)[name]

    def trained_checkpoint(self, ref: StageRef) -> Path:
        """The checkpoint of a training. Raises ``FileNotFoundError`` if there is none."""
        checkpoint = self.checkpoint(ref)
        if not checkpoint.is_dir():
            raise FileNotFoundError(f"{ref} has not been trained: there is no {checkpoint}")
        return checkpoint

    def checkpoint(self, ref: StageRef) -> Path:
        """Folder of the student that a training left."""
        return self.directory.folder(ref) / CHECKPOINT

    def _first_base(self, ref: StageRef) -> LocalConfig:
        """The recipe's model with which a chain of trainings began: the student has its device and number format."""
        name = getattr(self.recipe.config(ref), self.recipe.stage_class(ref).starts_from)
        before = self.trained(name)
        return self.local_config(name) if before is None else self._first_base(before)

    def local_config(self, name: str) -> LocalConfig:
        """The config of a model that must be in this process. Raises ``ValueError`` for any other."""
        config = self.model_config(name)
        if not isinstance(config, LocalConfig):
            raise ValueError(f"{name}: expected a local model; got one of kind {config.kind!r}")
        return config

    def base_path(self, name: str) -> str:
        """Folder or Hub id of the weights that a training starts from."""
        config = self.local_config(name)
        if config.adapter is not None:
            raise ValueError(f"{name}: a training starts from whole weights; merge the adapter first")
        return config.path

    def weights(self, name: str) -> str:
        """As ``base_path``, but the model may be an adapter that this run trained: then the folder of its
        checkpoint.
        """
        ref = self.trained(name)
        return self.base_path(name) if ref is None else str(self.checkpoint(ref))

    def teacher(self, name: str) -> str | OpenAIChatConfig:
        """A model that returns log-probabilities of tokens: its weights, or the config of its server."""
        config = self.model_config(name)
        if isinstance(config, OpenAIChatConfig):
            return config
        if isinstance(config, LocalConfig) and (engine := serving_engine(config)) and engine.gives_prompt_logprobs:
            return self.for_training.enter_context(self.servers.lease(config)) or self.weights(name)
        return self.weights(name)

    def stop_servers(self) -> None:
        """Stop the servers of this run, before a training needs their memory. They are started again when needed."""
        if self.servers.are_in_use:  # by a judge, a simulated user, or another model that agents ask
            self._shared.close()
            self._runtime = self._grader = None
        self.servers.stop_unused()

    def runtime(self) -> AgentRuntime:
        """What the recipe's agents run on."""
        if self._runtime is None:
            self._runtime = self._shared.enter_context(AgentRuntime(self.acting(), opens=self.servers.open))
        return self._runtime

    def acting(self) -> RuntimeConfig:
        """The config of the runtime, for another process."""
        return RuntimeConfig(
            sandbox=self.recipe.sandbox,
            tools=self._tools_config(),
            retrieval=self._retrieval_config(),
            environment=self.recipe.environment,
            user=self._user_config(),
        )

    def _user_config(self) -> UserConfig | None:
        if (user := self.recipe.user) is None:
            return None
        return UserConfig(model=self.model_config(user.model), **user.model_dump(exclude={"model"}))

    def _tools_config(self) -> ToolsConfig:
        if self.recipe.retrieval is None:
            return self.recipe.tools.model_copy(update={"search": None})
        return self.recipe.tools

    def _retrieval_config(self) -> RetrievalConfig | None:
        """The recipe's search engine; the encyclopedia of a generated world becomes a corpus file first."""
        config = self.recipe.retrieval
        if not isinstance(config, MemoryConfig) or not is_world(config.corpus):
            return config
        corpus = self.directory.path / CORPUS
        if not corpus.exists():
            write_world(config.corpus, corpus)
        return config.model_copy(update={"corpus": corpus})

    def grader(self) -> Grader:
        if self._grader is None:
            config = self.recipe.grading
            judge = None
            if judging := getattr(config, "judging_model", ""):
                judge = self._shared.enter_context(contextlib.closing(self.open_model(judging)))
            self._grader = self._shared.enter_context(open_grader(config, judge))
        return self._grader
