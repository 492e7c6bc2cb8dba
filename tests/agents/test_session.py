"""Conversations turn by turn: state that stays, steps as they come, stops, and failures."""

from __future__ import annotations

import threading
import time

import pytest

from tests.agents.calling import calls, says
from tests.agents.scripts import TASK, action, in_order
from tests.environments.yard import Yard
from understudy.agents import AgentRuntime, CodeAgentConfig, ToolCallingConfig, open_agent
from understudy.agents.config import ChainOfThoughtConfig
from understudy.agents.session import RepeatedAgent, Session, TurnEnd, TurnEvents, open_session
from understudy.environments import Worlds
from understudy.models import ContextFullError, ProviderError, Request, ScriptedModel
from understudy.records import Message, Role, Step, StopReason, Task, Trajectory
from understudy.sandbox import Sandbox

YARD = f"{Yard.__module__}:{Yard.__name__}"
BLANK = Task(id="served", question="-", metadata={"boxes": ["a"]})
EARLIER = (("What is one?", "1"), ("And two?", "2"))


class Kept(TurnEvents):
    """Keeps what is reported."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def replied(self, message: Message) -> None:
        self.seen.append(f"reply: {message.content.splitlines()[0]}")

    def stepped(self, step: Step, message: Message, observations: tuple[Message, ...]) -> None:
        self.seen.append(f"step: {[one.content for one in observations]}")


def recorded(session: Session) -> Trajectory:
    trajectory = session.records()[-1]
    assert Trajectory.model_validate_json(trajectory.model_dump_json()) == trajectory
    return trajectory


def test_variables_stay_from_turn_to_turn(sandbox: Sandbox) -> None:
    model = in_order(action("x = 6"), action("final_answer(x)"), action("final_answer(x * 7)"))
    with open_session(open_agent(CodeAgentConfig(), model, sandbox), BLANK) as session:
        assert session.records() == ()
        events = Kept()
        assert session.turn("What is x?", events) == TurnEnd(StopReason.ANSWERED, "6")
        assert session.turn("Times seven?") == TurnEnd(StopReason.ANSWERED, "42")
        trajectory = recorded(session)
    assert [line.partition(":")[0] for line in events.seen] == ["reply", "step", "reply", "step"]
    assert events.seen[0] == "reply: Thought: I calculate."
    assert (trajectory.task.question, trajectory.task.turns) == ("What is x?", ("Times seven?",))
    assert [step.turn for step in trajectory.steps] == [0, 0, 1]
    assert (trajectory.answer, trajectory.stop_reason) == ("42", StopReason.ANSWERED)


def test_it_is_the_same_as_a_scripted_dialogue(sandbox: Sandbox) -> None:
    replies = (action("x = 6"), action("final_answer(x)"), action("print(x)"), action("final_answer(x * 7)"))
    agent = open_agent(CodeAgentConfig(), in_order(*replies), sandbox)
    task = TASK.model_copy(update={"turns": ("And then?",)})
    with open_session(agent, TASK, seed=3) as session:
        session.turn(TASK.question)
        session.turn("And then?")
        assert recorded(session).without_timing() == agent.solve(task, seed=3).without_timing()


@pytest.mark.parametrize("kind", ["code", "calls"])
def test_a_world_lives_as_long_as_the_conversation(sandbox: Sandbox, kind: str) -> None:
    with Worlds(YARD) as worlds:
        runtime = AgentRuntime(sandbox=sandbox, worlds=worlds)
        if kind == "code":
            replies = [action("add(0, 'b')"), action("final_answer(look(0))")] * 2
            agent = runtime.open_agent(CodeAgentConfig(), in_order(*replies))
        else:
            added = calls(("add", {"pile": 0, "box": "b"}))
            model = ScriptedModel(lambda one: says("done") if one.messages[-1].role is Role.TOOL else added, "adds")
            agent = runtime.open_agent(ToolCallingConfig(), model)
        with open_session(agent, BLANK) as session:
            session.turn("Add b.")
            assert recorded(session).environment.after["piles"][0] == ["a", "b"]
            session.turn("Once more.")
            trajectory = recorded(session)
    assert trajectory.environment is not None
    assert trajectory.environment.before["piles"][0] == ["a"]
    assert trajectory.environment.after["piles"][0] == ["a", "b", "b"]


def test_earlier_turns_are_restated_in_the_agents_form(sandbox: Sandbox) -> None:
    model = ScriptedModel(lambda request: action("final_answer(3)"), "three")
    agent = open_agent(CodeAgentConfig(), model, sandbox)
    with open_session(agent, BLANK, earlier=EARLIER) as session:
        assert session.turn("And three?").answer == "3"
        trajectory = recorded(session)
    said = [message.content for message in trajectory.messages if message.role is Role.ASSISTANT]
    assert "final_answer('1')" in said[0]
    assert "final_answer('2')" in said[1]
    assert (trajectory.task.question, trajectory.task.turns) == ("What is one?", ("And two?", "And three?"))
    assert [(step.turn, step.message_index) for step in trajectory.steps] == [(2, 6)]


@pytest.mark.parametrize("answer", ["text", "tool"])
def test_earlier_turns_of_an_agent_that_calls_tools(answer: str) -> None:
    final = says("3") if answer == "text" else calls(("final_answer", {"answer": "3"}))
    config = ToolCallingConfig.model_validate({"answer": answer})
    agent = AgentRuntime(tools=()).open_agent(config, ScriptedModel(lambda _: final, "three"))
    with open_session(agent, BLANK, earlier=EARLIER) as session:
        assert session.turn("And three?").answer == "3"
        earlier = [one for one in recorded(session).messages if one.role is Role.ASSISTANT][:2]
    given = [one.content or one.tool_calls[0].arguments["answer"] for one in earlier]
    assert given == ["1", "2"]


def test_a_stopped_turn_ends_the_code_and_keeps_the_state(sandbox: Sandbox) -> None:
    def program(request: Request) -> str:
        if request.messages[-1].content.endswith("And x?"):
            return action("final_answer(x)")
        return action("while True: pass" if len(request.messages) > 2 else "x = 6")

    model = ScriptedModel(program, "loops")
    with open_session(open_agent(CodeAgentConfig(), model, sandbox), BLANK) as session:

        class StopsAtTheLoop(Kept):
            def replied(self, message: Message) -> None:
                if "while" in message.content:
                    threading.Timer(0.3, stop).start()

        def stop() -> None:
            events.stopped.set()
            session.interrupt()

        events = StopsAtTheLoop()
        started = time.monotonic()
        assert session.turn("Go.", events) == TurnEnd(StopReason.STOPPED)
        assert time.monotonic() - started < 8, "the limits of the sandbox had not ended it"
        assert len(recorded(session).steps) == 1, "the step that was interrupted leaves no trace"
        assert session.turn("And x?").answer == "6"


def test_a_stop_does_not_wait_for_the_model() -> None:
    release = threading.Event()

    def slow(request: Request) -> str:
        release.wait(60)
        return "too late"

    with open_session(open_agent(ToolCallingConfig(), ScriptedModel(slow, "slow")), BLANK) as session:
        events = TurnEvents()
        threading.Timer(0.2, events.stopped.set).start()
        assert session.turn("Go.", events) == TurnEnd(StopReason.STOPPED)
        release.set()


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ProviderError("down"), StopReason.PROVIDER), (ContextFullError("full"), StopReason.CONTEXT_FULL)],
)
def test_failures_are_how_a_turn_ends_and_the_next_may_succeed(error: Exception, reason: StopReason) -> None:
    broken = [True]

    def program(request: Request) -> str:
        if broken.pop():
            raise error
        return "fine"

    with open_session(open_agent(ToolCallingConfig(), ScriptedModel(program, "moody")), BLANK) as session:
        end = session.turn("Go.")
        assert (end.stop_reason, end.answer) == (reason, None)
        assert str(error) in end.error
        assert (recorded(session).failure is None) == (reason is StopReason.CONTEXT_FULL)
        broken.append(False)
        assert session.turn("Again.").answer == "fine"
        assert recorded(session).failure is None


def test_a_step_limit_ends_the_turn_and_not_the_conversation(sandbox: Sandbox) -> None:
    model = in_order(action("1"), action("2"), action("final_answer(3)"))
    with open_session(open_agent(CodeAgentConfig(max_steps=2), model, sandbox), BLANK) as session:
        assert session.turn("Go.") == TurnEnd(StopReason.STEP_LIMIT)
        assert session.turn("Go on.").answer == "3"


def test_other_agents_get_the_conversation_as_a_text() -> None:
    asked = []

    def program(request: Request) -> str:
        asked.append(request.messages[-1].content)
        return f"The answer is {len(asked)}."

    agent = open_agent(ChainOfThoughtConfig(), ScriptedModel(program, "counts"))
    session = open_session(agent, BLANK, earlier=EARLIER[:1])
    assert isinstance(session, RepeatedAgent)
    events = Kept()
    assert session.turn("And two?", events).answer == "1"
    assert session.turn("And three?", events).answer == "2"
    assert "User: What is one?\n\nAssistant: 1" in asked[0]
    assert "Assistant: 1\n\nThe user now says:\n\nAnd three?" in asked[1]
    assert len(events.seen) == 2
    assert [one.id for one in session.records()] == ["served#0", "served#1"]
    assert recorded(session).answer == "2"
