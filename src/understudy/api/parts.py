"""A caller's arguments become open parts; parts that are already open are used as they are and stay open. In: opened
parts, functions, config objects, mappings, kinds. Out: configs, and context managers of opened parts. Mappings and
kinds are read by the registry groups. Raises ``ValueError`` that names the argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from understudy.agents import AGENTS, Agent, AgentRuntime, RuntimeConfig
from understudy.annotations import result_settings
from understudy.api.results import Student
from understudy.grading import GRADERS, Grader, open_grader
from understudy.models import MODELS, LocalConfig, Model, open_model
from understudy.models.scripted import ScriptedModel
from understudy.records import Task, Trajectory
from understudy.registry import Group, PartConfig
from understudy.retrieval import RETRIEVERS, MemoryConfig, Retriever, open_retriever
from understudy.retrieval.functions import FunctionRetriever
from understudy.run_layout import CORPUS
from understudy.runs import digest, explain
from understudy.sandbox import Sandbox, SandboxConfig
from understudy.tasks import TaskSet, load_tasks
from understudy.tasks.encyclopedias import is_world, write_world
from understudy.tools import FunctionToolConfig, McpConfig, SearchConfig, Tool, ToolsConfig, open_tools

ConfigT = TypeVar("ConfigT", bound=BaseModel)
Function = Callable[..., object]
Said = Mapping[str, object] | str
"""As in a recipe: the keys of a part, or its kind alone."""
Tasks = Iterable[Task | Mapping[str, object]] | TaskSet | PartConfig | Said
Modelled = Model | PartConfig | Said | Path | Function | Student
"""A path, or a text without a colon, is a folder with weights or a Hub id; a function writes the replies itself."""
_JUDGES = ("judge", "rubric")
DEFAULTS: Mapping[str, object] = MappingProxyType({})
Searched = Retriever | PartConfig | Said | Function


def read_settings(name: str, config: type[ConfigT], settings: object) -> ConfigT:
    """Settings as a config. ``name``: of the argument or function, for the message."""
    if isinstance(settings, config):
        return settings
    try:
        return config.model_validate(settings)
    except ValidationError as error:
        raise ValueError(f"{name}: {explain(error, name)}") from None


def read_part(name: str, group: Group[Any], part: object) -> PartConfig:
    """The config of a part's kind, from what a recipe would say."""
    try:
        return group.validate(part)
    except ValidationError as error:
        raise ValueError(f"{name}: {explain(error, name)}") from None


def tasks_of(tasks: Tasks) -> list[Task]:
    """The given tasks, or tasks that are loaded now."""
    if isinstance(tasks, PartConfig | Mapping | str):
        try:
            tasks = load_tasks(tasks)
        except ValidationError as error:
            raise ValueError(f"tasks: {explain(error, 'tasks')}") from None
    if isinstance(tasks, Task) or not isinstance(tasks, TaskSet | Iterable):
        raise ValueError(f"tasks: expected several Task records, as in [Task(question=…)]; got {tasks!r:.80}")
    return [_task_of(one) for one in (tasks.tasks if isinstance(tasks, TaskSet) else tasks)]


def _task_of(one: object) -> Task:
    if isinstance(one, Mapping):
        return read_settings("tasks", Task, dict(one))
    if not isinstance(one, Task):
        raise ValueError(
            f"tasks: expected Task records, or mappings with a question; got {one!r:.80}, a {type(one).__name__}"
        )
    return one


def model_config(name: str, model: Modelled) -> PartConfig:
    """The config of a model that is not open."""
    if isinstance(model, Student):
        return model.model
    if isinstance(model, Path) or (isinstance(model, str) and ":" not in model):
        model = {"kind": "local", "path": str(model)}
    return read_part(name, MODELS, model)


def local_config(name: str, model: Modelled) -> LocalConfig:
    """The config of a model that has to be in this process."""
    config = model_config(name, model)
    if not isinstance(config, LocalConfig):
        raise ValueError(f"{name}: expected a local model; got one of kind {config.kind!r}")
    return config


@contextmanager
def opened_model(name: str, model: Modelled) -> Iterator[Model]:
    """A model to complete messages with."""
    if hasattr(model, "complete"):
        yield cast(Model, model)
    elif callable(model):
        yield ScriptedModel(cast(Any, model), getattr(model, "__name__", type(model).__name__))
    else:
        with closing(open_model(model_config(name, model))) as opened:
            yield opened


@contextmanager
def opened_grader(
    grader: Grader | PartConfig | Said | Callable[[Trajectory], object], judge: Modelled | None
) -> Iterator[Grader]:
    """A grader. The config of a judge need not name a model, because it is passed."""
    with ExitStack() as stack:
        judging = None if judge is None else stack.enter_context(opened_model("judge", judge))
        if isinstance(grader, Mapping | str):
            keys = {"kind": grader} if isinstance(grader, str) else grader
            named = {"model": "judge"} if judge is not None and keys.get("kind") in _JUDGES else {}
            grader = read_part("grader", GRADERS, {**named, **keys})
        yield stack.enter_context(open_grader(cast(Any, grader), judging))


@contextmanager
def opened_agent(agent: Agent | PartConfig | Said, model: Modelled | None, runtime: AgentRuntime) -> Iterator[Agent]:
    """An agent with its model; an opened agent has one already."""
    if hasattr(agent, "solve"):
        if model is not None:
            raise ValueError("model: an opened agent was passed, which has its model; leave this one out")
        yield cast(Agent, agent)
        return
    config = read_part("agent", AGENTS, agent)
    if model is None:
        raise ValueError("model: is missing; name the model that acts")
    with opened_model("model", model) as opened:
        acting = runtime.open_agent(config, opened)
        if not (hasattr(model, "complete") or callable(model)):
            settings = digest(result_settings(model_config("model", model)))
            acting.facts = acting.facts.model_copy(update={"model_settings": settings})
        yield acting


@contextmanager
def opened_runtime(
    tools: Iterable[Tool | Function | Said],
    retriever: Searched | None,
    search: SearchConfig | Mapping[str, object] | None,
    sandbox: Sandbox | SandboxConfig | Mapping[str, object] | None,
) -> Iterator[AgentRuntime]:
    """The runtime of agents. The sandbox is opened when an agent first needs it."""
    with ExitStack() as stack:
        engine = None if retriever is None else stack.enter_context(_opened_retriever(retriever))
        config, functions = _tools(tools, None if engine is None else search)
        has_sandbox = isinstance(sandbox, Sandbox)
        limits = SandboxConfig() if has_sandbox or sandbox is None else read_settings("sandbox", SandboxConfig, sandbox)
        yield stack.enter_context(
            AgentRuntime(
                RuntimeConfig(sandbox=limits),
                sandbox=cast(Sandbox, sandbox) if has_sandbox else None,
                tools=stack.enter_context(open_tools(config, engine, functions)),
                retriever=engine,
            )
        )


def _tools(
    tools: Iterable[Tool | Function | Said], search: SearchConfig | Mapping[str, object] | None
) -> tuple[ToolsConfig, list[Tool | Function]]:
    """Configs of tools that a recipe could name, and tools of this program."""
    if isinstance(tools, Tool | Mapping | str) or not isinstance(tools, Iterable):
        raise ValueError(f"tools: expected several, as in tools=[{tools!r:.60}]; got one")
    named: list[FunctionToolConfig] = []
    servers: list[McpConfig] = []
    functions: list[Tool | Function] = []
    for one in tools:
        if isinstance(one, str) or (isinstance(one, Mapping) and "function" in one):
            keys = {"function": one} if isinstance(one, str) else one
            named.append(read_settings("tools", FunctionToolConfig, keys))
        elif isinstance(one, Mapping):
            servers.append(read_settings("tools", McpConfig, one))
        else:
            functions.append(one)
    found = None if search is None else read_settings("search", SearchConfig, search)
    return ToolsConfig(search=found, functions=tuple(named), mcp=tuple(servers)), functions


@contextmanager
def _opened_retriever(retriever: Searched) -> Iterator[Retriever]:
    if hasattr(retriever, "search"):
        yield cast(Retriever, retriever)
        return
    if not isinstance(retriever, PartConfig | Mapping | str):
        yield FunctionRetriever(retriever)
        return
    config = read_part("retriever", RETRIEVERS, retriever)
    with TemporaryDirectory() as folder:
        if isinstance(config, MemoryConfig) and is_world(config.corpus):
            config = config.model_copy(update={"corpus": write_world(config.corpus, Path(folder) / CORPUS)})
        with closing(open_retriever(config)) as opened:
            yield opened
