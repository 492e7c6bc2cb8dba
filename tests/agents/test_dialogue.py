"""Dialogues of several turns, each attempt in its own world: for agents that write code and agents that call tools."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from tests.agents.calling import Replies, calls, says
from tests.agents.scripts import Candidates, action, in_order
from understudy.agents import Agent, AgentRuntime, CodeAgentConfig, RuntimeConfig, ToolCallingConfig
from understudy.agents.config import SelfConsistencyConfig
from understudy.agents.user import END, SimulatedUser, UserConfig, UserOptions
from understudy.environments import ENVIRONMENTS, Environment, Worlds
from understudy.environments import action as act
from understudy.evaluation import measure
from understudy.models import Model, ProviderError, Request, ScriptedConfig, ScriptedModel
from understudy.records import Completion, Role, StopReason, Task, Trajectory, Usage
from understudy.sandbox import Sandbox

YARD = "tests.environments.yard:Yard"
TASK = Task(
    id="yard",
    question="Move a box to pile 1.",
    turns=("And another one.", "How many moves were that?"),
    metadata={"boxes": ["a", "b", "c"]},
)
CODE = [
    action("print(move(0, 1))"),
    action('final_answer("Moved.")'),
    action("x = move(0, 1)\nprint(x)"),
    action('final_answer("Moved too.")'),
    action("print(look(1), x)"),
    action("final_answer(2)"),
]


def code_agent(sandbox: Sandbox, model: Model, kind: Any = YARD, **settings: Any) -> Agent:
    runtime = AgentRuntime(sandbox=sandbox, worlds=Worlds(kind))
    return runtime.open_agent(CodeAgentConfig(prompts="minimal", **settings), model)


def call_agent(model: Model, kind: Any = YARD, **settings: Any) -> Agent:
    return AgentRuntime(worlds=Worlds(kind)).open_agent(ToolCallingConfig(prompts="minimal", **settings), model)


def piles(trajectory: Trajectory) -> Any:
    assert trajectory.environment is not None
    return trajectory.environment.after["piles"]


def test_code_goes_through_the_turns(sandbox: Sandbox) -> None:
    trajectory = code_agent(sandbox, in_order(*CODE)).solve(TASK)
    assert trajectory.stop_reason is StopReason.ANSWERED
    assert trajectory.answer == "2"
    assert [(step.turn, step.is_final) for step in trajectory.steps] == [
        (turn, is_final) for turn in range(3) for is_final in (False, True)
    ]
    said = [message.content for message in trajectory.messages if message.role is Role.USER]
    assert said[-4:] == [TASK.turns[0], "b", TASK.turns[1], "['c', 'b'] b"]
    assert trajectory.environment is not None
    assert trajectory.environment.before["piles"] == [["a", "b", "c"], [], []]
    assert piles(trajectory) == [["a"], ["c", "b"], []]
    assert Trajectory.model_validate_json(trajectory.model_dump_json()) == trajectory


MOVE = ("move", {"source": 0, "target": 1})


def test_calls_go_through_the_turns() -> None:
    model = Replies([[calls(MOVE)], [says("Moved.")], [calls(MOVE, MOVE)], [says("Moved.")], [says("3")]])
    trajectory = call_agent(model).solve(TASK)
    assert (trajectory.stop_reason, trajectory.answer) == (StopReason.ANSWERED, "3")
    assert [step.turn for step in trajectory.steps] == [0, 0, 1, 1, 2]
    assert piles(trajectory) == [[], ["c", "b", "a"], []]
    assert [schema.name for schema in trajectory.tools] == ["look", "move", "add", "drop", "explode"]
    assert all(request.tools == trajectory.tools for request in model.requests)


def test_an_error_is_a_result_that_the_model_sees(sandbox: Sandbox) -> None:
    task = Task(id="t", question="?")
    model = Replies([[calls(("look", {"pile": 9}))], [calls(("drop", {}))], [says("no")]])
    trajectory = call_agent(model).solve(task)
    results = [message.content for message in trajectory.messages if message.role is Role.TOOL]
    assert "there is no pile 9" in results[0]
    assert "the crane is stuck" in results[1]
    assert trajectory.stop_reason is StopReason.ANSWERED
    trajectory = code_agent(sandbox, in_order(action("look(9)"), action("final_answer(1)"))).solve(task)
    assert "there is no pile 9" in trajectory.messages[-2].content


def test_an_environment_that_fails_is_an_infrastructure_error(sandbox: Sandbox) -> None:
    task = Task(id="t", question="?")
    for trajectory in (
        call_agent(Replies([[calls(("explode", {}))]])).solve(task),
        code_agent(sandbox, in_order(action("explode()"))).solve(task),
        call_agent(Replies([]), "tests.environments.yard:Broken").solve(task),
    ):
        assert trajectory.stop_reason is StopReason.SANDBOX
        assert trajectory.failure is not None
        assert trajectory.environment is None
        assert trajectory.stop_reason.is_infrastructure_error


def test_a_process_that_dies_or_hangs_ends_its_own_attempt_only() -> None:
    task = Task(id="t", question="?")
    config = RuntimeConfig(
        environment=ENVIRONMENTS.validate({"kind": "tests.environments.yard:Careless", "isolated": True})
    )
    with AgentRuntime(config) as runtime:
        for name in ("die", "sleep"):
            agent = runtime.open_agent(ToolCallingConfig(), Replies([[calls((name, {}))]]))
            assert agent.solve(task).stop_reason is StopReason.SANDBOX
        model = Replies([[calls(("put", {"what": "a"}))], [says("done")]])
        trajectory = runtime.open_agent(ToolCallingConfig(), model).solve(task)
    assert trajectory.stop_reason is StopReason.ANSWERED
    assert trajectory.environment is not None
    assert trajectory.environment.after == {"shelf": ["a"]}


def test_limits_of_a_turn_and_of_a_task(sandbox: Sandbox) -> None:
    idle = action("print(1)")
    end = action("final_answer(0)")
    within_turns = code_agent(sandbox, in_order(idle, end, idle, end, idle, end), max_steps=2).solve(TASK)
    assert within_turns.stop_reason is StopReason.ANSWERED
    one_turn = code_agent(sandbox, in_order(idle, end, idle, idle, idle), max_steps=2).solve(TASK)
    assert (one_turn.stop_reason, [step.turn for step in one_turn.steps]) == (StopReason.STEP_LIMIT, [0, 0, 1, 1])
    assert one_turn.answer is None
    limited = code_agent(sandbox, in_order(idle, end, idle, end), max_steps=2, max_task_steps=3).solve(TASK)
    assert (limited.stop_reason, len(limited.steps)) == (StopReason.STEP_LIMIT, 3)


class Talkative(Environment):
    """Has a user of its own, and a tool that appears in the second turn."""

    def __init__(self, task: Task) -> None:
        self.turn = -1
        self.heard: list[str] = []

    def held_back(self) -> frozenset[str]:
        return frozenset({"late"} if self.turn < 1 else ())

    def begin_turn(self, turn: int) -> None:
        self.turn = turn

    def user_says(self, turn: int, answer: str) -> str | None:
        self.heard.append(answer)
        return f"Why {answer}?" if turn < 3 else None

    @act
    def late(self, n: int) -> int:
        """Double a number."""
        return 2 * n


def test_the_user_of_an_environment_replies_if_the_task_scripts_no_turns(sandbox: Sandbox) -> None:
    task = Task(id="t", question="Say a number.")
    kind = f"{__name__}:Talkative"
    agent = code_agent(sandbox, in_order(action("final_answer(1)"), action("final_answer(late(2))"), CODE[-1]), kind)
    trajectory = agent.solve(task)
    said = [message.content for message in trajectory.messages if message.role is Role.USER]
    assert "def late" not in trajectory.messages[0].content
    assert said[1:] == ['def late(n: int) -> int:\n    """Double a number."""\n\nWhy 1?', "Why 4?"]
    assert trajectory.environment is not None
    assert trajectory.environment.after == {"turn": 2, "heard": ["1", "4", "2"]}
    model = Replies([[says("1")], [calls(("late", {"n": 2}))], [says("4")], [says("2")]])
    trajectory = call_agent(model, kind).solve(task)
    assert trajectory.tools == ()
    assert '"name":"late"' in [message.content for message in trajectory.messages if message.role is Role.USER][1]
    assert [call.name for step in trajectory.steps for call in step.tool_calls] == ["late"]


def vote(n: int = 8) -> SelfConsistencyConfig:
    return SelfConsistencyConfig(n_candidates=n)


def test_candidates_of_code_act_in_copies_of_the_world(sandbox: Sandbox) -> None:
    """Effects are seen before the vote: candidates agree by what they printed and by the world that they leave."""
    moves = [action("move(0, 1)")] * 3 + [action("move(0, 2)")] * 4 + [action("move(9, 1)")]
    ends = [action("final_answer(len(look(2)))")] * 8
    model = Candidates(moves, ends)
    trajectory = code_agent(sandbox, model, self_consistency=vote()).solve(TASK.model_copy(update={"turns": ()}))
    assert trajectory.answer == "1"
    assert piles(trajectory) == [["a", "b"], [], ["c"]]
    votes = [candidate.vote for candidate in trajectory.steps[0].candidates]
    assert votes == [0, 0, 0, 1, 1, 1, 1, None]
    assert [call.name for call in trajectory.steps[0].tool_calls] == ["move"]


def test_candidates_of_calls_act_in_copies_of_the_world() -> None:
    other = ("move", {"source": 0, "target": 2})
    first = [calls(MOVE)] * 2 + [calls(other, ("look", {"pile": 2}))] * 3 + [calls(("look", {"pile": 9}))] * 3
    model = Replies([first, [says("done")] * 8])
    trajectory = call_agent(model, self_consistency=vote()).solve(TASK.model_copy(update={"turns": ()}))
    assert piles(trajectory) == [["a", "b"], [], ["c"]]
    assert trajectory.environment is not None
    assert trajectory.environment.after["log"] == {"moves": 1}
    assert [candidate.vote for candidate in trajectory.steps[0].candidates] == [0, 0, 1, 1, 1, None, None, None]
    results = [message.content for message in trajectory.messages if message.role is Role.TOOL]
    assert results == ["c", '["c"]']


@pytest.mark.parametrize("form", ["code", "calls"])
def test_the_kept_candidates_alone_make_the_world(form: str, sandbox: Sandbox) -> None:
    """Random candidates of random calls over three steps: the world is that of the kept ones, played by themselves."""
    for seed in range(6 if form == "code" else 60):
        rng = random.Random(seed)
        steps = [[_random_calls(rng) for _ in range(8)] for _ in range(3)]
        task = TASK.model_copy(update={"turns": ()})
        if form == "code":
            written = [[action(_as_code(made)) for made in step] for step in steps]
            model: Any = Candidates(*written, [action("final_answer(0)")] * 8)
            trajectory = code_agent(sandbox, model, self_consistency=vote()).solve(task, seed=seed)
        else:
            replies = [[calls(*made) for made in step] for step in steps]
            trajectory = call_agent(Replies([*replies, [says("0")] * 8]), self_consistency=vote()).solve(
                task, seed=seed
            )
        kept = [
            made
            for step, candidates in zip(trajectory.steps, steps, strict=False)
            for made in candidates[[one.chosen for one in step.candidates].index(True)]
        ]
        recorded = [call.name for step in trajectory.steps for call in step.tool_calls]
        assert recorded == [name for name, _ in kept]
        alone = call_agent(Replies([[calls(*kept)], [says("0")]])).solve(task)
        assert trajectory.environment is not None
        assert alone.environment is not None
        assert trajectory.environment == alone.environment


def _random_calls(rng: random.Random) -> list[tuple[str, dict[str, object]]]:
    choices: list[tuple[str, dict[str, object]]] = [
        ("look", {"pile": rng.randrange(3)}),
        ("add", {"pile": rng.randrange(3), "box": f"box{rng.randrange(3)}"}),
        ("add", {"pile": rng.randrange(3)}),
    ]
    return [rng.choice(choices) for _ in range(rng.randrange(1, 5))]


def _as_code(made: Sequence[tuple[str, dict[str, object]]]) -> str:
    written = [f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})" for name, given in made]
    return "\n".join(f"print({one})" for one in written)


def test_what_a_recipe_names_is_what_an_agent_states() -> None:
    config = ENVIRONMENTS.validate({"kind": YARD, "n_piles": 4})
    agent = call_agent(Replies([[says("0")]]), config)
    assert agent.facts.environment == config
    assert agent.solve(Task(id="t", question="?")).environment is not None


class Counting(Replies):
    """Says how often it was asked."""

    def complete(self, request: Request) -> tuple[Completion, ...]:
        self.requests.append(request)
        return (says(str(len(self.requests))),)


def test_a_dialogue_needs_no_world() -> None:
    agent = AgentRuntime().open_agent(ToolCallingConfig(), Counting([]))
    trajectory = agent.solve(Task(id="t", question="One.", turns=("Two.", "Three.")))
    assert (trajectory.answer, [step.turn for step in trajectory.steps]) == ("3", [0, 1, 2])
    assert trajectory.environment is None


def opinionated(request: Request) -> str:
    """A user that asks once more, and then is content."""
    assert request.messages[0].role is Role.SYSTEM
    assert "wants two moves" in request.messages[0].content
    said = [message.content for message in request.messages if message.role is Role.ASSISTANT]
    return "And another one." if len(said) < 2 else f"{END} Thank you."


def test_a_model_plays_the_user(sandbox: Sandbox) -> None:
    task = Task(id="t", question="Move a box.", metadata={"user": "The user wants two moves.", "boxes": ["a", "b"]})
    config = RuntimeConfig(
        environment=ENVIRONMENTS.validate(YARD),
        user=UserConfig(model=ScriptedConfig(program=f"{__name__}:opinionated", name="user")),
    )
    with AgentRuntime(config, sandbox=sandbox) as runtime:
        agent = runtime.open_agent(CodeAgentConfig(prompts="minimal"), in_order(*CODE[:4]))
        trajectory = agent.solve(task)
        said = [message.content for message in trajectory.messages if message.role is Role.USER]
        assert said[0].endswith("Move a box.")
        assert said[2] == "And another one."
        assert "wants two moves" not in "".join(said)
        assert (trajectory.answer, [step.turn for step in trajectory.steps]) == ("Moved too.", [0, 0, 1, 1])
        assert piles(trajectory) == [[], ["b", "a"], []]
        assert agent.facts.user == config.user
        nobody = agent.solve(task.model_copy(update={"metadata": {}}))
        assert [step.turn for step in nobody.steps] == [0, 0]
    # The user's model was asked twice; its tokens are counted apart.
    assert (trajectory.usage.requests, trajectory.user_usage.requests) == (4, 2)
    assert trajectory.user_usage.prompt_tokens > 0
    assert trajectory.user_usage.completion_tokens > 0
    assert nobody.user_usage == Usage()
    assert "user_usage" not in nobody.model_dump_json()
    (found,) = measure("S", "m", "a", [trajectory, nobody.model_copy(update={"attempt": 1})], []).task_sets
    assert found.user_usage == trajectory.user_usage
    assert found.usage == trajectory.usage + nobody.usage


def test_a_user_whose_model_fails_is_an_infrastructure_error() -> None:
    def unreachable(request: Request) -> str:
        raise ProviderError("no route")

    user = SimulatedUser(ScriptedModel(unreachable, "user"), UserOptions())
    task = Task(id="t", question="Hello.", metadata={"user": "Somebody."})
    agent = AgentRuntime(user=user).open_agent(ToolCallingConfig(), Replies([[says("Hello.")]]))
    assert agent.solve(task).stop_reason is StopReason.PROVIDER
    limited = SimulatedUser(ScriptedModel(lambda request: "Go on.", "user"), UserOptions(max_turns=3))
    agent = AgentRuntime(user=limited).open_agent(ToolCallingConfig(), Counting([]))
    assert [step.turn for step in agent.solve(task).steps] == [0, 1, 2]
