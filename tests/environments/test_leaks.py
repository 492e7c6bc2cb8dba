"""State never leaks between candidates, attempts or tasks: each of many concurrent attempts, compared with it alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from understudy.agents import Agent, AgentConfig, AgentRuntime, CodeAgentConfig, RuntimeConfig, ToolCallingConfig
from understudy.agents.config import SelfConsistencyConfig
from understudy.environments import ENVIRONMENTS
from understudy.models import Request
from understudy.records import Completion, FinishReason, FunctionCall, PrefixDelivery, Role, Task, Trajectory
from understudy.sandbox import SandboxConfig

N_BRANCHES = 8
N_STEPS = 2
"""Steps with calls in each of the two turns."""
Call = tuple[str, dict[str, Any]]


def random_calls(rng: Random) -> list[Call]:
    """One to three calls, of which some fail."""
    choices: list[Call] = [
        ("look", {"pile": rng.randrange(4)}),
        ("move", {"source": rng.randrange(3), "target": rng.randrange(3)}),
        ("add", {"pile": rng.randrange(3), "box": f"box{rng.randrange(3)}"}),
        ("drop", {}),
    ]
    return [rng.choice(choices) for _ in range(rng.randrange(1, 4))]


def as_completion(made: list[Call], form: str, number: int) -> Completion:
    """A reply with the calls; without calls it ends the turn."""
    if form == "calls":
        called = tuple(
            FunctionCall(id=f"c{number}x{index}", name=name, arguments=given)
            for index, (name, given) in enumerate(made)
        )
        return Completion(text="" if made else "Done.", finish_reason=FinishReason.STOP, tool_calls=called)
    lines = [f"print({name}(**{given!r}))" for name, given in made] or ['final_answer("Done.")']
    return Completion(
        text=f"Thought: I act.\nCode:\n```py\n{chr(10).join(lines)}\n```", finish_reason=FinishReason.STOP
    )


class Program:
    """Random calls for each candidate; equal requests get equal replies."""

    is_program = True
    name = "random"
    prefix_delivery = PrefixDelivery.CONTINUED

    def __init__(self, form: str) -> None:
        self.form = form

    def complete(self, request: Request) -> tuple[Completion, ...]:
        n_said = sum(message.role is Role.ASSISTANT for message in request.messages)
        is_end = n_said % (N_STEPS + 1) == N_STEPS
        rng = Random(f"{request.seed} {n_said} {request.messages[-1].content}")
        return tuple(
            as_completion([] if is_end else random_calls(rng), self.form, 100 * n_said + number)
            for number in range(request.n)
        )

    def close(self) -> None: ...


class Kept(Program):
    """Says again what another attempt kept, without candidates."""

    def __init__(self, trajectory: Trajectory) -> None:
        super().__init__("")
        self._said = [message for message in trajectory.messages if message.role is Role.ASSISTANT]

    def complete(self, request: Request) -> tuple[Completion, ...]:
        said = self._said[sum(message.role is Role.ASSISTANT for message in request.messages)]
        text = said.content.removesuffix("<end_code>")
        return (Completion(text=text, finish_reason=FinishReason.STOP, tool_calls=said.tool_calls),)


def opened(runtime: AgentRuntime, form: str, model: Any, **settings: Any) -> Agent:
    config: AgentConfig = (ToolCallingConfig if form == "calls" else CodeAgentConfig)(prompts="minimal", **settings)
    return runtime.open_agent(config, model)


def leaks(form: str, n_attempts: int, *, isolated: bool = False) -> None:
    """Four attempts at once on one runtime; each is then made by itself on another runtime, with the kept replies."""
    environment = ENVIRONMENTS.validate({"kind": "tests.environments.yard:Yard", "isolated": isolated})
    config = RuntimeConfig(environment=environment, sandbox=SandboxConfig(preload=()))
    tasks = [Task(id=f"t{n}", question="Act.", turns=("Go on.",), metadata={"boxes": list("ab" * n)}) for n in range(3)]
    vote = SelfConsistencyConfig(n_candidates=N_BRANCHES)
    with AgentRuntime(config) as shared, AgentRuntime(config) as other, ThreadPoolExecutor(4) as pool:
        agent = opened(shared, form, Program(form), self_consistency=vote)
        made = list(pool.map(lambda seed: agent.solve(tasks[seed % 3], seed // 3, seed), range(n_attempts)))
        for trajectory in made:
            assert [step.turn for step in trajectory.steps] == [0] * (N_STEPS + 1) + [1] * (N_STEPS + 1)
            alone = opened(other, form, Kept(trajectory)).solve(trajectory.task)
            assert trajectory.environment is not None
            assert trajectory.environment == alone.environment
            assert trajectory.messages == alone.messages
    changed = [one.environment for one in made if one.environment and one.environment.before != one.environment.after]
    assert len(changed) > n_attempts / 2


def test_state_never_leaks_where_agents_call_tools() -> None:
    leaks("calls", 200)


def test_state_never_leaks_where_agents_write_code() -> None:
    leaks("code", 6)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("form", "isolated", "n_attempts"), [("code", False, 200), ("calls", True, 40)])
def test_state_never_leaks_long(form: str, isolated: bool, n_attempts: int) -> None:
    leaks(form, n_attempts, isolated=isolated)
