"""The cascade: who acts, what the record says, and what each of the two spent."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.agents.scripts import TASK, action
from understudy.agents import AgentRuntime, CascadeConfig, CodeAgentConfig, Evidence
from understudy.models import Model, ProviderError, Request, ScriptedConfig
from understudy.records import Candidate, Completion, ExecutionStatus, FinishReason, Role, Step, StopReason, Usage
from understudy.registry import TargetError
from understudy.sandbox import Sandbox
from understudy.tools import tool

SURE, UNSURE = (-0.01, -0.02), (-0.01, -3.0)


class Student(Model):
    """Says the n-th reply in the n-th step, with its log-probabilities."""

    name = "student"
    gives_logprobs = True

    def __init__(self, *steps: tuple[str, Sequence[float]]) -> None:
        self.steps = steps

    def complete(self, request: Request) -> tuple[Completion, ...]:
        text, logprobs = self.steps[sum(message.role is Role.ASSISTANT for message in request.messages)]
        usage = Usage(prompt_tokens=10, completion_tokens=len(logprobs), requests=1)
        return (
            Completion(
                text=text.removesuffix("<end_code>"),
                finish_reason=FinishReason.STOP,
                usage=usage,
                logprobs=tuple(logprobs) if request.logprobs else None,
            ),
        )


class Down(Student):
    """A student that cannot be reached."""

    def complete(self, request: Request) -> tuple[Completion, ...]:
        raise ProviderError(f"no answer to {len(request.messages)} messages")


def teacher(request: Request) -> str:
    """The teacher's program: it takes one step to think and then answers with the variable that it made, or saw."""
    said = [message.content for message in request.messages if message.role is Role.ASSISTANT]
    if any("known" in text for text in said):
        return action("final_answer(known)")
    return action("known = 42\nprint(known)")


def cascade(**settings: object) -> CascadeConfig:
    agent = {"kind": "code_agent", "max_steps": 2}
    defaults = {
        "student_agent": agent,
        "teacher_agent": agent,
        "teacher_model": ScriptedConfig(program="tests.agents.test_cascade:teacher", name="teacher"),
        "signal": "lowest_action_logprob",
        "threshold": -0.5,
    }
    return CascadeConfig.model_validate({**defaults, **settings})


def runtime(sandbox: Sandbox, *tools: object) -> AgentRuntime:
    return AgentRuntime(sandbox=sandbox, tools=tools)  # type: ignore[arg-type]


RIGHT = (action("final_answer(42)"), SURE)


def test_a_sure_student_is_left_alone(sandbox: Sandbox) -> None:
    for at in ("start", "step"):
        made = runtime(sandbox).open_agent(cascade(at=at), Student(RIGHT)).solve(TASK)
        assert (made.answer, made.agent, made.model) == ("42", "cascade", "student")
        assert made.cascade is not None
        assert made.cascade.value == pytest.approx(-0.015)
        assert (made.cascade.is_deferred, made.cascade.teacher, made.cascade.teacher_is_program) == (
            False,
            "teacher",
            True,
        )
        assert made.cascade.student_usage == made.usage
        assert made.cascade.teacher_usage == Usage()


def test_from_the_start_the_teachers_attempt_is_the_record_and_the_students_is_kept(sandbox: Sandbox) -> None:
    student = Student((action("print(1)"), SURE), (action("final_answer(1)"), UNSURE))
    made = runtime(sandbox).open_agent(cascade(), student).solve(TASK, seed=5)
    record = made.cascade
    assert record is not None
    assert record.student is not None
    assert (made.answer, record.student.answer, record.is_deferred) == ("42", "1", True)
    assert all("final_answer(1)" not in message.content for message in made.messages), "the teacher saw nothing of it"
    assert len(made.steps) == 2
    assert record.value == pytest.approx(-1.505)
    assert made.usage == record.student_usage + record.teacher_usage
    assert record.student_usage == record.student.usage
    assert record.teacher_usage.requests == 2
    alone = runtime(sandbox).open_agent(CodeAgentConfig(max_steps=2), _teacher_model()).solve(TASK, seed=5)
    assert (made.messages, record.teacher_usage) == (alone.messages, alone.usage), "as without a student"


def test_at_a_step_the_doubtful_reply_is_withheld_and_the_teacher_goes_on_from_the_state(sandbox: Sandbox) -> None:
    student = Student((action("known = 7\nprint(known)"), SURE), (action("final_answer(1)"), UNSURE))
    made = runtime(sandbox).open_agent(cascade(at="step"), student).solve(TASK)
    record = made.cascade
    assert record is not None
    assert made.answer == "7", "the teacher answered with a variable that the student's code had set"
    assert (record.is_deferred, record.from_step, record.student) == (True, 1, None)
    assert "final_answer(1)" in record.withheld
    assert all("final_answer(1)" not in message.content for message in made.messages)
    assert record.student_usage == Usage(prompt_tokens=20, completion_tokens=4, requests=2)
    assert made.usage == record.student_usage + record.teacher_usage
    assert record.teacher_usage.requests == 1


def test_a_failed_step_stays_and_the_teacher_has_its_own_steps(sandbox: Sandbox) -> None:
    student = Student((action("print(1)"), SURE), (action("1 / 0"), SURE))
    config = cascade(at="step", signal="failed_steps", threshold=-0.5)
    made = runtime(sandbox).open_agent(config, student).solve(TASK)
    assert made.cascade is not None
    assert (made.cascade.from_step, made.cascade.withheld) == (2, "")
    assert made.steps[1].error_name == "ZeroDivisionError"
    assert (len(made.steps), made.answer, made.stop_reason) == (4, "42", StopReason.ANSWERED)
    alone = runtime(sandbox).open_agent(cascade(at="step", signal="failed_steps", threshold=-9.0), student).solve(TASK)
    assert (len(alone.steps), alone.stop_reason) == (2, StopReason.STEP_LIMIT)


def test_what_has_no_value_goes_to_the_teacher(sandbox: Sandbox) -> None:
    config = cascade(signal="vote_share", threshold=0.1)
    made = runtime(sandbox).open_agent(config, Student(RIGHT)).solve(TASK)
    assert made.cascade is not None
    assert (made.cascade.value, made.cascade.is_deferred) == (None, True)


def test_an_unreachable_student_is_no_reason_to_ask_the_teacher(sandbox: Sandbox) -> None:
    for at in ("start", "step"):
        made = runtime(sandbox).open_agent(cascade(at=at), Down()).solve(TASK)
        assert (made.stop_reason, made.usage.requests) == (StopReason.PROVIDER, 0)


def book(seats: int) -> str:
    """Book seats.

    Args:
        seats: How many.
    """
    return f"booked {seats}"


def test_what_cannot_work_is_refused_in_words(sandbox: Sandbox) -> None:
    at_work = runtime(sandbox, tool(book))
    with pytest.raises(ValueError, match=r"would be made twice: book\. Use at: step, or declare a tool pure"):
        at_work.open_agent(cascade(), Student(RIGHT))
    assert at_work.open_agent(cascade(at="step"), Student(RIGHT)).solve(TASK).answer == "42"
    for settings, message in (
        ({"at": "step", "signal": "no_answer"}, "no_answer is known at its end"),
        ({"threshold": "student"}, "a stage's name can be used in a recipe only"),
        ({"teacher_agent": "agent"}, "cascade.teacher_agent: expected the settings themselves"),
        ({"at": "step", "teacher_agent": {"kind": "chain_of_thought"}}, "acts in steps; got chain_of_thought"),
        ({"at": "step", "teacher_agent": {"kind": "tool_calling"}}, "two agents that write actions alike"),
    ):
        with pytest.raises(ValueError, match=message):
            runtime(sandbox).open_agent(cascade(**settings), Student(RIGHT))
    with pytest.raises((TargetError, ValueError), match="expected one of lowest_action_logprob"):
        cascade(signal="mood")


def mood(evidence: Evidence) -> object:
    """A signal that returns no number."""
    return f"fine after {len(evidence.steps)}"


def never(evidence: Evidence) -> float:
    """A user's signal: the student is never sure of a short attempt."""
    return float(len(evidence.steps)) - 2


def test_a_users_function_is_a_signal(sandbox: Sandbox) -> None:
    config = cascade(signal="tests.agents.test_cascade:never", threshold=0.0)
    made = runtime(sandbox).open_agent(config, Student(RIGHT)).solve(TASK)
    assert made.cascade is not None
    assert (made.cascade.signal, made.cascade.value) == ("tests.agents.test_cascade:never", -1.0)
    broken = runtime(sandbox).open_agent(cascade(signal="tests.agents.test_cascade:mood"), Student(RIGHT))
    with pytest.raises(ValueError, match="expected a number or None; it returned 'fine after 1'"):
        broken.solve(TASK)


def test_the_signals_read_the_steps() -> None:
    from understudy.agents.signals import SIGNALS, open_signal

    votes = [(0, True), (0, False), (1, False), (None, False)]
    candidates = tuple(Candidate(reply="", vote=vote, chosen=chosen) for vote, chosen in votes)
    steps = (
        Step(message_index=0, mean_logprob=-0.2, lowest_logprob=-1.0, candidates=candidates),
        Step(message_index=0, mean_logprob=0.0, lowest_logprob=0.0, execution_status=ExecutionStatus.ERROR),
    )
    evidence = Evidence(steps, StopReason.STEP_LIMIT, None)
    values = {name: open_signal(SIGNALS.validate(name))(evidence) for name in SIGNALS.builtin}
    assert values == {
        "lowest_action_logprob": -0.2,
        "mean_action_logprob": -0.1,
        "lowest_token_logprob": -1.0,
        "vote_share": 0.5,
        "failed_steps": -1.0,
        "step_limit": -1.0,
        "no_answer": -1.0,
    }
    assert Step.model_validate_json(steps[1].model_dump_json()).lowest_logprob == 0.0
    assert "lowest_logprob" not in Step(message_index=0).model_dump_json()


def _teacher_model() -> Model:
    from understudy.models import open_model

    return open_model(ScriptedConfig(program="tests.agents.test_cascade:teacher", name="teacher"))
