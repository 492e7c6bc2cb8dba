"""What agents run on: opened when it is needed, shared, closed; and agents of a user's own."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.agents.scripts import TASK, action, in_order
from understudy.agents import (
    AGENTS,
    AgentConfig,
    AgentRuntime,
    ChainOfThoughtConfig,
    CodeAgentConfig,
    PassagesConfig,
    RuntimeConfig,
    behaviour_hash,
    open_agent,
)
from understudy.agents.own_agent import AgentError
from understudy.models import ContextFullError, ProviderError, Request, ScriptedModel
from understudy.records import Completion, StopReason
from understudy.retrieval import RetrievalError
from understudy.sandbox import SandboxConfig, SandboxError
from understudy.tools import FunctionToolConfig, ToolConfigError, ToolsConfig

CONFIG: TypeAdapter[AgentConfig] = TypeAdapter(AgentConfig)
NO_SANDBOX = SandboxConfig(preload=("json.no_such_module",))
CONVERT = ToolsConfig(search=None, functions=(FunctionToolConfig(function="tests.tools.functions:convert"),))
OWN = "tests.agents.own_agents"


def says(text: str) -> ScriptedModel:
    return ScriptedModel(lambda request: text, "m")


def test_a_runtime_is_a_record_that_travels() -> None:
    config = RuntimeConfig(tools=CONVERT, sandbox=SandboxConfig(preload=()))
    assert pickle.loads(pickle.dumps(config)) == config
    assert RuntimeConfig.model_validate_json(config.model_dump_json()) == config


def test_what_an_agent_does_not_need_is_not_opened() -> None:
    with AgentRuntime(RuntimeConfig(sandbox=NO_SANDBOX)) as runtime:
        agent = runtime.open_agent(ChainOfThoughtConfig(), says(r"\boxed{42}"))
        assert agent.solve(TASK).answer == "42"
        assert runtime.initial_messages(CodeAgentConfig(), TASK)
        with pytest.raises(SandboxError, match="no_such_module"):
            runtime.open_agent(CodeAgentConfig(), says("x"))


def test_agents_share_what_is_open_and_it_ends_with_the_runtime() -> None:
    with AgentRuntime(RuntimeConfig(tools=CONVERT, sandbox=SandboxConfig(preload=()))) as runtime:
        first, second = (runtime.open_agent(CodeAgentConfig(), in_order(action("final_answer(42)"))) for _ in range(2))
        assert (first.solve(TASK).answer, second.solve(TASK).answer) == ("42", "42")
        assert runtime.sandbox is runtime.sandbox
        assert "def convert(" in runtime.initial_messages(CodeAgentConfig(), TASK)[0].content  # type: ignore[index]
    assert first.solve(TASK).stop_reason == "sandbox"


def test_the_messages_without_a_model_are_those_with_one() -> None:
    config = CodeAgentConfig()
    with AgentRuntime(RuntimeConfig(tools=CONVERT, sandbox=SandboxConfig(preload=()))) as runtime:
        trajectory = runtime.open_agent(config, in_order(action("final_answer(42)"))).solve(TASK)
        assert runtime.initial_messages(config, TASK) == trajectory.messages[:2]


def test_a_missing_part_is_named() -> None:
    with pytest.raises(ValueError, match="needs a sandbox"):
        open_agent(CodeAgentConfig(), says("x"))
    with pytest.raises(ValueError, match="needs a retriever"):
        open_agent(ChainOfThoughtConfig(passages=PassagesConfig()), says("x"))
    with AgentRuntime(RuntimeConfig(tools=ToolsConfig())) as runtime, pytest.raises(ToolConfigError, match="retriever"):
        _ = runtime.tools


# --- a user's own agent -------------------------------------------------------------------------


def test_a_users_agent_has_options_and_the_runtime() -> None:
    config = CONFIG.validate_python({"kind": f"{OWN}:Direct", "shout": True})
    with AgentRuntime(RuntimeConfig(tools=CONVERT)) as runtime:
        agent = runtime.open_agent(config, says("forty-two"))
        assert agent.solve(TASK).answer == "FORTY-TWO"
        assert (agent.facts.agent, agent.facts.model, agent.facts.prompt_hash) == (config, "m", "3")
        assert "def convert(" in agent.facts.tools[0]
        assert [each.content for each in runtime.initial_messages(config, TASK) or ()] == [TASK.question]


def test_a_users_agent_may_leave_out_options_and_messages() -> None:
    config = CONFIG.validate_python(f"{OWN}:Bare")
    with AgentRuntime(RuntimeConfig()) as runtime:
        assert runtime.open_agent(config, says("x")).solve(TASK).answer is None
        assert runtime.initial_messages(config, TASK) is None
    assert len(behaviour_hash(config)) == 16


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ProviderError("503"), StopReason.PROVIDER),
        (RetrievalError("no route"), StopReason.PROVIDER),
        (SandboxError("gone"), StopReason.SANDBOX),
        (ContextFullError("9000"), StopReason.CONTEXT_FULL),
    ],
)
def test_what_fails_around_a_users_agent_is_a_record(error: Exception, reason: StopReason) -> None:
    def fails(request: Request) -> str:
        raise error

    config = CONFIG.validate_python(f"{OWN}:Direct")
    with AgentRuntime(RuntimeConfig()) as runtime:
        agent = runtime.open_agent(config, _Failing(fails))
        trajectory = agent.solve(TASK, attempt=2, seed=5)
    assert (trajectory.stop_reason, trajectory.attempt, trajectory.seed) == (reason, 2, 5)
    assert (trajectory.failure is None) == (reason is StopReason.CONTEXT_FULL)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("raise", "raised ZeroDivisionError: division by zero .*own_agents.py, line"),
        ("none", "expected solve to return a Trajectory; got None"),
        ("other task", "expected the record of attempt 0 at this task; got 'other', attempt 0"),
        ("other attempt", "expected the record of attempt 0 at this task; got 't', attempt 7"),
    ],
)
def test_a_mistake_of_a_users_agent_is_named(mistake: str, words: str) -> None:
    config = CONFIG.validate_python({"kind": f"{OWN}:Mistaken", "mistake": mistake})
    with AgentRuntime(RuntimeConfig()) as runtime, pytest.raises(AgentError, match=f"Mistaken, task 't': {words}"):
        runtime.open_agent(config, says("x")).solve(TASK)


def test_a_class_without_solve_is_refused() -> None:
    with pytest.raises(ValidationError, match="NoAgent: expected a class with the method solve"):
        CONFIG.validate_python(f"{OWN}:NoAgent")


def test_a_class_that_cannot_be_made_is_named() -> None:
    config = CONFIG.validate_python(f"{OWN}:NeedsMore")
    with AgentRuntime(RuntimeConfig()) as runtime, pytest.raises(AgentError, match="NeedsMore: making it raised"):
        runtime.open_agent(config, says("x"))


class _Failing(ScriptedModel):
    """A model whose server, or what is around it, fails."""

    def __init__(self, program: Callable[[Request], str]) -> None:
        super().__init__(program, "failing")
        self._fails = program

    def complete(self, request: Request) -> tuple[Completion, ...]:
        self._fails(request)
        raise AssertionError("the program raises")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"kind": "code_agnet"}, "expected one of code_agent, tool_calling, chain_of_thought"),
        ({"kind": f"{OWN}:Gone"}, "has no 'Gone'"),
        ({"kind": f"{OWN}:Direct", "shuot": True}, "shuot"),
        ({"kind": "code_agent", "max_stops": 3}, "max_stops"),
        ({"max_steps": 3}, "`kind` is missing"),
    ],
)
def test_wrong_agents_are_refused(value: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CONFIG.validate_python(value)


def test_the_kinds_are_listed() -> None:
    assert [(kind.name, kind.origin) for kind in AGENTS.kinds()] == [
        ("code_agent", "understudy"),
        ("tool_calling", "understudy"),
        ("chain_of_thought", "understudy"),
        ("cascade", "understudy"),
    ]
