"""The agent that calls tools: its loop, its results, its mistakes, its vote, its first thoughts."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from tests.agents.calling import Replies, World, calls, says
from tests.agents.scripts import TASK
from understudy.agents import AgentRuntime, ToolCallingConfig, open_agent
from understudy.grading import normal_form
from understudy.models import ContextFullError, ProviderError, Request, ScriptedModel
from understudy.records import (
    Completion,
    ExecutionStatus,
    FinishReason,
    FirstThought,
    FunctionCall,
    Message,
    ParseProblem,
    PrefixDelivery,
    PrefixMode,
    Role,
    StopReason,
    Task,
    TaskKind,
    Trajectory,
)
from understudy.sandbox import Sandbox
from understudy.tasks.toy import ToyTeacher, toy_passages, toy_tasks
from understudy.tools import ToolConfigError, ToolUnavailableError, tool

SEARCH_A = ("look_up", {"name": "a"})
SEARCH_B = ("look_up", {"name": "b"})
SEND = ("send", {"to": "x"})
FACT = Task(id="f", question="Which city?", answer="Paris", kind=TaskKind.FACT, source="s")


def solve(
    *steps: Completion | Sequence[Completion],
    world: World | None = None,
    task: Task = TASK,
    sandbox: Sandbox | None = None,
    thought: str = "",
    model: Replies | None = None,
    **settings: object,
) -> Trajectory:
    config = ToolCallingConfig.model_validate(settings)
    model = model or Replies([])
    model.steps = [[step] if isinstance(step, Completion) else step for step in steps]
    agent = open_agent(config, model, sandbox, (world or World()).tools())
    first = FirstThought(task_id=task.id, text=thought, trajectory_id="x") if thought else None
    return agent.solve(task, seed=1, first_thought=first)


def results(trajectory: Trajectory) -> list[str]:
    return [message.content for message in trajectory.messages if message.role is Role.TOOL]


def test_calls_results_and_an_answer_are_messages() -> None:
    world = World()
    trajectory = solve(calls(SEARCH_A, SEND, text="I look it up."), says("42"), world=world)
    assert trajectory.answer == "42"
    assert trajectory.stop_reason is StopReason.ANSWERED
    assert [message.role.value for message in trajectory.messages[2:]] == ["assistant", "tool", "tool", "assistant"]
    assert [message.tool_call_id for message in trajectory.messages[3:5]] == ["c0", "c1"]
    assert results(trajectory) == ["a is 42.", "1"]
    first, last = trajectory.steps
    assert [(call.name, call.arguments, call.is_search) for call in first.tool_calls] == [
        ("look_up", '{"name": "a"}', True),
        ("send", '{"to": "x"}', False),
    ]
    assert (first.execution_status, first.is_final) == (ExecutionStatus.OK, False)
    assert (last.execution_status, last.is_final, last.failed) == (None, True, False)
    assert [schema.name for schema in trajectory.tools] == ["look_up", "send"]
    assert trajectory.action_format == "tool_calls"
    assert Trajectory.model_validate_json(trajectory.model_dump_json()) == trajectory


def test_the_model_is_given_the_tools_and_what_was_written() -> None:
    model = Replies([])
    trajectory = solve(calls(SEARCH_A), says("42"), model=model)
    first, second = model.requests
    assert first.tools == second.tools == trajectory.tools
    assert second.messages == trajectory.messages[:-1]


@pytest.mark.parametrize(
    ("call", "message", "name"),
    [
        (("lookup", {}), "there is no tool 'lookup'; there are look_up, send", "UnknownToolError"),
        (("look_up", {"nam": "a"}), "look_up: missing: name; unexpected: nam (it takes name)", "BadArgumentsError"),
        (("look_up", {"name": 3}), "name: Input should be a valid string, got 3", "BadArgumentsError"),
        (("look_up", {"name": "nobody"}), "look_up failed: ValueError: no page", "ToolError"),
    ],
)
def test_what_is_wrong_with_a_call_is_its_result(call: tuple[str, dict[str, object]], message: str, name: str) -> None:
    trajectory = solve(calls(call, SEARCH_B), says("42"))
    bad, good = results(trajectory)
    assert message in bad
    assert good == "b is 42."
    step = trajectory.steps[0]
    assert (step.execution_status, step.error_name, step.parse_problem) == (ExecutionStatus.ERROR, name, None)
    assert message in (step.tool_calls[0].error or "")
    assert step.tool_calls[1].error is None


def test_a_call_that_was_no_call_reaches_the_model() -> None:
    broken = says('<tool_call>{"name": look_up}</tool_call>').model_copy(update={"call_problem": "no JSON: look_up"})
    trajectory = solve(broken, says("42"))
    assert trajectory.steps[0].parse_problem is ParseProblem.BROKEN_CALL
    assert trajectory.messages[2].content == broken.text
    assert trajectory.messages[3].role is Role.USER
    assert "no JSON: look_up" in trajectory.messages[3].content


def test_broken_arguments_of_a_server_are_results_and_nothing_is_called() -> None:
    world = World()
    bad = FunctionCall(id="c1", name="send", broken_arguments='{"to": ')
    reply = calls(SEND).model_copy(update={"call_problem": "no JSON object"})
    reply = reply.model_copy(update={"tool_calls": (*reply.tool_calls, bad)})
    trajectory = solve(reply, says("42"), world=world)
    assert world.sent == []
    first, second = results(trajectory)
    assert first.startswith("Error:\nNot called")
    assert "no JSON object" in second
    assert trajectory.steps[0].parse_problem is ParseProblem.BROKEN_CALL


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (says("  "), ParseProblem.EMPTY),
        (says("<think>hm</think>"), ParseProblem.EMPTY),
        (says("The ans", FinishReason.LENGTH), ParseProblem.CUT_BY_LENGTH),
    ],
)
def test_a_reply_that_says_nothing_is_no_answer(reply: Completion, problem: ParseProblem) -> None:
    trajectory = solve(reply, says("42"))
    assert [step.parse_problem for step in trajectory.steps] == [problem, None]
    assert trajectory.answer == "42"


def test_reasoning_in_the_text_is_not_part_of_the_answer() -> None:
    assert solve(says("<think>so\nlong</think>\n\n42")).answer == "42"


def test_the_answer_by_a_tool() -> None:
    world = World()
    trajectory = solve(
        says("It is 42."),
        calls(SEARCH_A, ("final_answer", {"answer": 42}), SEND),
        world=world,
        answer="tool",
    )
    assert trajectory.answer == "42"
    assert [step.parse_problem for step in trajectory.steps] == [ParseProblem.NO_CODE, None]
    assert "final_answer" in trajectory.messages[3].content
    assert trajectory.messages[-1].role is Role.ASSISTANT
    assert [call.name for call in trajectory.steps[1].tool_calls] == ["look_up"]
    assert world.sent == []
    assert trajectory.tools[-1].name == "final_answer"


def test_one_call_at_a_time() -> None:
    world = World()
    model = Replies([])
    trajectory = solve(calls(SEND, SEND), says("42"), world=world, parallel=False, model=model)
    assert world.sent == ["x: hello"]
    assert "only the first call" in results(trajectory)[1]
    assert not model.requests[0].parallel_tool_calls


def test_calls_with_effects_are_made_in_order_and_pure_ones_once() -> None:
    world = World()
    trajectory = solve(calls(SEARCH_A, SEND, SEARCH_A, SEND), calls(SEARCH_A), says("42"), world=world)
    assert world.asked == ["a"]
    assert world.sent == ["x: hello"] * 2
    cached = [[call.cached for call in step.tool_calls] for step in trajectory.steps]
    assert cached == [[False, False, True, False], [True], []]
    assert results(trajectory) == ["a is 42.", "1", "a is 42.", "2", "a is 42."]


def test_ids_are_unique_within_a_conversation() -> None:
    trajectory = solve(calls(SEARCH_A), calls(SEARCH_B), says("42"))
    ids = [message.tool_call_id for message in trajectory.messages if message.role is Role.TOOL]
    assert len(set(ids)) == 2
    assert [call.id for message in trajectory.messages for call in message.tool_calls] == ids


def test_limits_of_steps_and_tokens() -> None:
    again = [calls(SEARCH_A)] * 3
    assert solve(*again, max_steps=3).stop_reason is StopReason.STEP_LIMIT
    assert len(solve(*again, max_steps=3, token_budget=20).steps) == 2
    model = Replies([])
    asked = solve(*again[:2], says("41"), max_steps=2, ask_once_after_limit=True, model=model)
    assert (asked.answer, asked.answer_was_asked) == ("41", True)
    assert model.requests[-1].tool_choice == "none"
    assert model.requests[-1].tools == asked.tools


class Failing(Replies):
    def complete(self, request: Request) -> tuple[Completion, ...]:
        if len(request.messages) > 2:
            raise self.error
        return super().complete(request)

    error: Exception


@pytest.mark.parametrize(
    ("error", "stop"), [(ContextFullError("full"), StopReason.CONTEXT_FULL), (ProviderError("x"), StopReason.PROVIDER)]
)
def test_an_end_from_outside_keeps_what_was_done(error: Exception, stop: StopReason) -> None:
    model = Failing([])
    model.error = error
    trajectory = solve(calls(SEARCH_A), model=model)
    assert trajectory.stop_reason is stop
    assert results(trajectory) == ["a is 42."]


def test_a_service_that_is_down_ends_the_attempt() -> None:
    def search(query: str) -> str:
        """Search."""
        raise ToolUnavailableError("the server is gone")

    trajectory = open_agent(
        ToolCallingConfig(), Replies([[calls(("search", {"query": "a"}))]]), tools=(tool(search),)
    ).solve(TASK)
    assert trajectory.stop_reason is StopReason.SANDBOX
    assert trajectory.failure is not None


# --- the vote ---------------------------------------------------------------------------------


def vote(n: int, *, adaptive: bool = False) -> dict[str, object]:
    return {"self_consistency": {"n_candidates": n, "adaptive": adaptive}}


def test_pure_calls_vote_by_what_they_return() -> None:
    def answer(x: int) -> int:
        """Answer."""
        asked.append(x)
        return abs(x)

    asked: list[int] = []
    candidates = [calls(("answer", {"x": 5})), calls(("answer", {"x": -2})), calls(("answer", {"x": 2}))]
    agent = open_agent(
        ToolCallingConfig.model_validate(vote(3)),
        Replies([candidates, [says("a")] * 3]),
        tools=(tool(answer, pure=True),),
    )
    trajectory = agent.solve(TASK)
    assert sorted(asked) == [-2, 2, 5]
    step = trajectory.steps[0]
    assert [each.vote for each in step.candidates] == [0, 1, 1]
    assert [each.chosen for each in step.candidates] == [False, True, False]
    assert [each.observation for each in step.candidates] == ["5", "2", "2"]
    assert trajectory.messages[2].tool_calls[0].arguments == {"x": -2}
    assert step.tool_calls[0].cached is False


def test_calls_with_effects_agree_by_canonical_call_and_are_made_once() -> None:
    world = World()
    one = calls(("send", {"to": "x", "text": "a"}))
    same = calls(("send", {"text": "a", "to": "x"}))
    other = calls(("send", {"to": "y"}))
    trajectory = solve([other, one, same], [says("1")] * 3, world=world, **vote(3))
    assert world.sent == ["x: a"]
    assert [each.vote for each in trajectory.steps[0].candidates] == [0, 1, 1]
    assert results(trajectory) == ["1"]


def test_what_follows_an_effect_waits_for_the_election() -> None:
    world = World()
    mixed = calls(SEARCH_A, SEND, SEARCH_B)
    trajectory = solve([calls(SEARCH_A), mixed, mixed], [says("1")] * 3, world=world, **vote(3))
    assert world.asked == ["a", "b"]
    assert world.sent == ["x: hello"]
    assert results(trajectory) == ["a is 42.", "1", "b is 42."]
    assert [call.cached for call in trajectory.steps[0].tool_calls] == [False, False, False]


def test_bad_calls_and_broken_replies_have_no_vote() -> None:
    world = World()
    bad = calls(("send", {"too": "x"}))
    trajectory = solve([bad, bad, says(""), calls(SEND)], [says("1")] * 4, world=world, **vote(4))
    assert [each.vote for each in trajectory.steps[0].candidates] == [None, None, None, 0]
    assert world.sent == ["x: hello"]


def test_final_texts_agree_by_the_graders_normal_form() -> None:
    candidates = [says("London"), says("The Paris."), says(r"\boxed{paris}")]
    trajectory = solve(candidates, task=FACT, **vote(3))
    assert [each.vote for each in trajectory.steps[0].candidates] == [0, 1, 1]
    assert trajectory.answer == "The Paris."
    numbers = [says("The answer is 1,234."), says("7"), says(r"\boxed{1234}")]
    assert [each.vote for each in solve(numbers, **vote(3)).steps[0].candidates] == [0, 1, 0]


def test_adaptive_sampling_asks_for_no_more_than_it_needs() -> None:
    trajectory = solve([says("42")] * 8, **vote(8, adaptive=True))
    assert len(trajectory.steps[0].candidates) == 5
    assert trajectory.steps[0].candidates_saved == 3


# --- first thoughts ---------------------------------------------------------------------------


def test_a_first_thought_is_the_text_before_the_calls() -> None:
    model = Replies([])
    trajectory = solve(
        calls(SEARCH_A, text=" So I look."), says("42"), thought="I need a.", prefix_mode="prefix", model=model
    )
    request = model.requests[0]
    assert request.continue_final
    assert request.messages[-1] == Message(role=Role.ASSISTANT, content="I need a.")
    assert trajectory.messages[2].content == "I need a. So I look."
    assert trajectory.messages[2].tool_calls
    assert trajectory.steps[0].prefilled_chars == len("I need a.")
    assert (trajectory.prefix_mode, trajectory.prefix_delivery) == (PrefixMode.PREFIX, PrefixDelivery.CONTINUED)


@pytest.mark.parametrize("mode", ["plan", "question"])
def test_other_modes_add_to_the_question(mode: str) -> None:
    trajectory = solve(says("42"), thought="I need a.", prefix_mode=mode)
    assert ("I need a." in trajectory.messages[1].content) == (mode == "plan")
    assert trajectory.messages[1].content != TASK.question
    assert trajectory.prefix_mode.value == mode


# --- prompts and tools ------------------------------------------------------------------------


def test_a_teacher_sees_demonstrations_of_tools_that_are_there() -> None:
    def web_search(query: str) -> str:
        """Search."""
        return query

    def system(*tools: object) -> str:
        runtime = AgentRuntime(tools=[tool(each) for each in tools])  # type: ignore[arg-type]
        messages = runtime.initial_messages(ToolCallingConfig.model_validate({"role": "teacher"}), TASK)
        assert messages is not None
        return messages[0].content

    assert "The Salt Orchard" in system(web_search)
    assert "The Salt Orchard" not in system()
    assert "python with" not in system(web_search)
    assert "{" not in system().replace("{}", "")


def test_a_tool_that_json_cannot_call_is_refused_by_name() -> None:
    def odd(thing: threading.Event) -> str:
        """Take a thing."""
        return str(thing)

    with pytest.raises(ToolConfigError, match="odd: its arguments cannot be written as a JSON schema"):
        open_agent(ToolCallingConfig(), Replies([]), tools=(tool(odd),))


def test_code_as_a_tool_runs_in_one_episode(sandbox: Sandbox) -> None:
    trajectory = solve(
        calls(("python", {"code": "x = 6 * 7\nprint(x)"})),
        calls(("python", {"code": "x + 1"})),
        calls(("python", {"code": "1 / 0"})),
        calls(("python", {"code": "look_up('a')"})),
        says("42"),
        sandbox=sandbox,
        python=True,
        prompts="minimal",
    )
    assert results(trajectory)[:2] == ["42", "43"]
    assert "ZeroDivisionError" in results(trajectory)[2]
    assert "look_up" in results(trajectory)[3]
    assert [step.execution_status for step in trajectory.steps[:3]] == [
        ExecutionStatus.OK,
        ExecutionStatus.OK,
        ExecutionStatus.ERROR,
    ]
    assert [schema.name for schema in trajectory.tools] == ["look_up", "send", "python"]
    with pytest.raises(ValueError, match="sandbox"):
        solve(says("1"), python=True)


@pytest.mark.parametrize("answer", ["text", "tool"])
def test_the_toy_teacher_solves_its_world_with_calls(sandbox: Sandbox, answer: str) -> None:
    pages = {passage.title: passage.text for passage in toy_passages(0)}

    def web_search(query: str) -> str:
        """Find a page."""
        return pages[query]

    config = ToolCallingConfig.model_validate({"prompts": "minimal", "python": True, "answer": answer})
    agent = open_agent(config, ScriptedModel(ToyTeacher(0), "toy teacher"), sandbox, (tool(web_search, pure=True),))
    for task in toy_tasks("train", 9, 0):
        trajectory = agent.solve(task)
        assert task.answer is not None
        assert normal_form(task, trajectory.answer or "") == normal_form(task, task.answer)
        assert not any(step.failed for step in trajectory.steps)
