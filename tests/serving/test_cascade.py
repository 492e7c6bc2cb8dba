"""A served cascade: the conversation goes on where the teacher takes over, and deferrals are in the log and counted."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from tests.serving.bank import LEDGER, step, teller
from tests.serving.conftest import Serve
from tests.serving.test_chat_completions import ask, logged
from understudy.agents import CascadeConfig
from understudy.models import Model, Request, ScriptedConfig
from understudy.records import Completion, FinishReason, Usage


class UnsureOfPayments(Model):
    """A student that is sure of all but payments of 50 and more, of which it would pay 1."""

    name = "student"
    gives_logprobs = True

    def complete(self, request: Request) -> tuple[Completion, ...]:
        last = request.messages[-1].content
        amount = re.search(r"^pay (\d+)", last)
        is_sure = amount is None or int(amount[1]) < 50
        text = teller(request) if is_sure else step("final_answer(pay(1))")
        usage = Usage(prompt_tokens=10, completion_tokens=2, requests=1)
        logprobs = (-0.01, -0.01 if is_sure else -5.0)
        text = text.removesuffix("<end_code>")
        return (Completion(text=text, finish_reason=FinishReason.STOP, usage=usage, logprobs=logprobs),)


def cascade(at: str) -> CascadeConfig:
    agent = {"kind": "code_agent", "max_steps": 4}
    return CascadeConfig.model_validate(
        {
            "student_agent": agent,
            "teacher_agent": agent,
            "teacher_model": ScriptedConfig(program="tests.serving.bank:teller", name="teacher"),
            "signal": "lowest_action_logprob",
            "threshold": -1.0,
            "at": at,
        }
    )


def deferrals(url: str) -> int:
    found = re.search(r"^understudy_deferrals_total (\d+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE)
    return int(found[1]) if found else 0


def test_the_teacher_goes_on_from_the_state_and_keeps_the_conversation(serve: Serve, tmp_path: Path) -> None:
    url = serve(cascade("step"), UnsureOfPayments())
    named = {"extra_headers": {"x-understudy-conversation": "c"}}
    said = [ask(url, text, **named).choices[0].message.content for text in ("pay 30", "remember 7")]
    assert (said, deferrals(url)) == (["70", "ok"], 0)
    assert ask(url, "pay 60", **named).choices[0].message.content == "10"
    assert ask(url, "recall", **named).choices[0].message.content == "7"
    assert deferrals(url) == 1, "the teacher took over once, and stayed"
    assert LEDGER == [("nobody", 30), ("nobody", 60)], "the student's payment was withheld"
    httpx.delete(f"{url}/v1/conversations/c")
    ((conversation,), (trajectory,)) = logged(tmp_path)
    assert [turn.is_deferred for turn in conversation.turns] == [False, False, True, False]
    record = trajectory.cascade
    assert record is not None
    assert (trajectory.agent, record.is_deferred, record.from_step) == ("cascade", True, 3)
    assert "pay(1)" in record.withheld
    assert record.student_usage == Usage(prompt_tokens=40, completion_tokens=8, requests=4)
    assert trajectory.usage == record.student_usage + record.teacher_usage


def test_a_stopped_turn_of_the_teacher_leaves_right_figures(serve: Serve, tmp_path: Path) -> None:
    url = serve(cascade("step"), UnsureOfPayments(), turn_s=3.0)
    named = {"extra_headers": {"x-understudy-conversation": "c"}}
    stopped = {"model": "teller", "messages": [{"role": "user", "content": "pay 60, then loop"}]}
    ask(url, "look", **named)
    assert httpx.post(f"{url}/v1/chat/completions", json=stopped, headers=named["extra_headers"]).status_code == 504
    assert ask(url, "pay 60", **named).choices[0].message.content == "40"
    httpx.delete(f"{url}/v1/conversations/c")
    (_, (trajectory,)) = logged(tmp_path)
    record = trajectory.cascade
    assert record is not None
    assert trajectory.usage == record.student_usage + record.teacher_usage
    assert record.from_step == 1
    assert record.student_usage.requests == 1, "of the stopped turn nothing is recorded"


def test_from_the_start_each_turn_is_an_attempt_that_the_teacher_may_make_again(serve: Serve, tmp_path: Path) -> None:
    url = serve(cascade("start"), UnsureOfPayments())
    named = {"extra_headers": {"x-understudy-conversation": "c"}}
    said = [ask(url, text, **named).choices[0].message.content for text in ("pay 60", "pay 20")]
    assert (said[0], deferrals(url)) == ("40", 1), "the teacher began where the student had begun"
    httpx.delete(f"{url}/v1/conversations/c")
    (conversation,), (first, second) = logged(tmp_path)
    assert [turn.is_deferred for turn in conversation.turns] == [True, False]
    record = first.cascade
    assert record is not None
    assert record.student is not None
    assert (first.answer, record.student.answer, record.from_step) == ("40", "99", 0)
    assert first.usage == record.student_usage + record.teacher_usage
    assert "User: pay 60\n\nAssistant: 40" in second.task.question
    assert second.cascade is not None
    assert not second.cascade.is_deferred
