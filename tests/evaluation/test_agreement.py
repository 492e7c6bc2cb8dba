"""Stored and chosen actions: what counts as the same, for calls, code and text; rates by conversation."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.curation.attempts import attempt, task
from understudy.evaluation import SamplingConfig, compared, replay, stored_steps, summarise
from understudy.grading import normal_form
from understudy.models import ContextFullError, ProviderError, Request, ScriptedModel
from understudy.records import (
    Action,
    ActionKind,
    Completion,
    FinishReason,
    FunctionCall,
    Message,
    Role,
    Step,
    StepAgreement,
    StopReason,
    ToolSchema,
    Trajectory,
)


def call(name: str, **arguments: Any) -> FunctionCall:
    return FunctionCall(id="", name=name, arguments=arguments)


def calls(*made: FunctionCall) -> Action:
    return Action(kind=ActionKind.CALL, calls=made)


def stop(text: str) -> Action:
    return Action(kind=ActionKind.STOP, text=text)


ORDER = call("find_order", number=7, deep={"a": [1, None], "b": "x"})


@pytest.mark.parametrize(
    ("stored", "chosen", "expected"),
    [
        (calls(ORDER), calls(call("find_order", deep={"b": "x", "a": [1, None]}, number=7)), (True, True, True, None)),
        (calls(ORDER), calls(call("find_order", number=7.5)), (True, True, False, None)),
        (
            calls(ORDER),
            calls(call("find_order", number="7", deep={"a": [1, None], "b": "x"})),
            (True, True, False, None),
        ),
        (calls(ORDER), calls(call("refund", number=7)), (True, False, False, None)),
        (calls(ORDER), stop("7"), (False, False, False, None)),
        (calls(ORDER), Action(kind=ActionKind.NONE), (False, False, False, None)),
        (calls(call("a"), call("b")), calls(call("b"), call("a")), (True, True, True, None)),
        (calls(call("a"), call("a")), calls(call("a")), (True, False, False, None)),
        (stop("Oslo"), stop("The  oslo."), (True, None, None, True)),
        (stop("Oslo"), stop("Bergen"), (True, None, None, False)),
        (stop("Oslo"), calls(ORDER), (False, None, None, False)),
        (
            Action(kind=ActionKind.CALL, code="print(2 * 3)"),
            Action(kind=ActionKind.CALL, code="print(2 * 4)"),
            (True, True, False, None),
        ),
    ],
)
def test_what_counts_as_the_same(
    stored: Action, chosen: Action, expected: tuple[bool, bool | None, bool | None, bool | None]
) -> None:
    row = compared(stored, chosen, conversation="c", step="1", normal_form=partial(normal_form, task()))
    assert (row.same_kind, row.same_tools, row.same_arguments, row.same_text) == expected
    assert row.same_action == bool(expected[2] if expected[3] is None else expected[3])


def test_arguments_are_compared_one_by_one() -> None:
    stored = calls(call("f", a=1, b="x"), call("f", a=2, b="y"), call("g", c=None))
    chosen = calls(call("f", a=1, b="x"), call("f", a=3, b="y", extra=1))
    row = compared(stored, chosen, conversation="c", step="1")
    assert row.arguments == {"f.a": False, "f.b": True, "g.c": False}


def tool_calling() -> Trajectory:
    made = call("find_order", number=7).model_copy(update={"id": "call_0"})
    messages = (
        Message(role=Role.SYSTEM, content="You are the clerk."),
        Message(role=Role.USER, content="Who placed order 7?"),
        Message(role=Role.ASSISTANT, content="I look it up.", tool_calls=(made,)),
        Message(role=Role.TOOL, content="Anna Vel", tool_call_id="call_0"),
        Message(role=Role.ASSISTANT, content="Anna Vel"),
    )
    return Trajectory(
        task=task(question="Who placed order 7?"),
        agent="tool_calling",
        action_format="tool_calls",
        model="teacher",
        seed=0,
        tools=(ToolSchema(name="find_order"),),
        messages=messages,
        steps=(Step(message_index=2), Step(message_index=4, is_final=True)),
        stop_reason=StopReason.ANSWERED,
    )


def test_the_model_reads_exactly_the_stored_messages_and_no_tool_is_executed() -> None:
    trajectory, seen = tool_calling(), list[Request]()

    def program(request: Request) -> Completion:
        seen.append(request)
        made = () if len(request.messages) > 2 else (call("find_order", number=7),)
        return Completion(text="anna vel.", tool_calls=made, finish_reason=FinishReason.STOP)

    steps, n_skipped = stored_steps([trajectory])
    rows = list(replay(steps, ScriptedModel(program, "student"), SamplingConfig(in_flight=1)))
    assert [request.messages for request in seen] == [trajectory.messages[:2], trajectory.messages[:4]]
    assert {request.tools for request in seen} == {trajectory.tools}
    assert [(row.step, row.same_action) for row in rows] == [("2", True), ("4", True)]
    assert n_skipped == 0


def test_code_is_compared_by_its_calls_and_continues_its_prefill() -> None:
    stored = attempt()
    replies = {
        2: " elsewhere.\nCode:\n```py\nprint(web_search('q'))\n```",
        4: "Thought: done.\nCode:\n```py\nfinal_answer( x )\n```",
    }
    steps, _ = stored_steps([stored])
    assert [step.request(SamplingConfig()).continue_final for step in steps] == [True, False]

    def program(request: Request) -> str:
        return replies[len(request.messages) - request.continue_final]

    first, second = replay(steps, ScriptedModel(program, "student"), SamplingConfig(in_flight=1))
    assert first.stored.calls == (call("web_search", **{"0": "q"}),)
    assert first.same_action
    assert (second.stored, second.same_action) == (stop("x"), True)


def test_a_reply_that_cannot_be_read_and_a_full_context_agree_with_nothing() -> None:
    def program(request: Request) -> str:
        if len(request.messages) > 2:
            raise ContextFullError("full")
        return '<tool_call>\n{"name": "find_order", "arguments": {"number": \n</tool_call>'

    rows = list(replay(stored_steps([tool_calling()])[0], ScriptedModel(program, "student"), SamplingConfig()))
    assert {row.chosen.kind for row in rows if row.chosen} == {ActionKind.NONE}
    assert [row.same_action for row in rows] == [False, False]


def test_a_model_that_cannot_be_reached_counts_in_no_rate() -> None:
    def program(request: Request) -> str:
        if len(request.messages) > 2:
            raise ProviderError("connection refused")
        return "Anna"

    rows = list(replay(stored_steps([tool_calling()])[0], ScriptedModel(program, "student"), SamplingConfig()))
    found = summarise("student", "m", rows)
    assert (found.n_steps, found.n_failed) == (1, 1)
    assert found.kinds == {"call → stop": 1}
    with pytest.raises(ValueError, match="none has a reply, such as connection refused"):
        summarise("student", "m", [row for row in rows if row.failure])


def test_steps_of_one_conversation_are_one_cluster() -> None:
    def rows(n_conversations: int, per_conversation: int) -> list[StepAgreement]:
        return [
            compared(calls(ORDER), calls(ORDER) if one % 2 else stop("?"), conversation=str(one), step=str(step))
            for one in range(n_conversations)
            for step in range(per_conversation)
        ]

    spread, clustered = (summarise("s", "m", rows(*shape)).rates[0] for shape in ((40, 1), (10, 4)))
    assert spread.n == clustered.n == 40
    assert spread.rate == clustered.rate == 0.5
    assert clustered.interval.low < spread.interval.low
    assert clustered.interval.high > spread.interval.high


def test_steps_without_a_readable_action_are_counted() -> None:
    from understudy.records import ParseProblem

    steps, n_skipped = stored_steps([attempt(problem=ParseProblem.NO_CODE)])
    assert (len(steps), n_skipped) == (1, 1)
