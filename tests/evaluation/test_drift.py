"""Which changes of a served agent are seen, and that a window like the reference shows none."""

from __future__ import annotations

import random

import pytest

from tests.curation.attempts import attempt
from understudy.evaluation.drift import Signal, Verdict, Watched, new_tools, smallest_visible_rise, watch
from understudy.records import CascadeRecord, ExecutionStatus, ParseProblem, StopReason, ToolCall, Trajectory


def conversations(
    n: int, *, seed: int = 0, faults: float = 0.1, answer: str = "42", tool: str = "web_search"
) -> list[Trajectory]:
    """Attempts of which a share fails in each way. The failures of one attempt are independent of one another."""
    drawn = random.Random(seed)
    return [conversation(lambda: drawn.random() < faults, answer, tool, number) for number in range(n)]


def conversation(fails: object, answer: str, tool: str, number: int) -> Trajectory:
    assert callable(fails)
    one = attempt()
    step = one.steps[0].model_copy(
        update={
            "parse_problem": ParseProblem.NO_CODE if fails() else None,
            "execution_status": ExecutionStatus.ERROR if fails() else ExecutionStatus.OK,
            "tool_calls": (ToolCall(name=tool, arguments="{}", error="timeout" if fails() else None),),
        }
    )
    stop = StopReason.STEP_LIMIT if fails() else StopReason.ANSWERED
    task = one.task.model_copy(update={"id": f"c{number}"})
    return one.model_copy(update={"task": task, "steps": (step,), "stop_reason": stop, "answer": answer})


def seen(watched: Watched) -> dict[Signal, Verdict]:
    return {one.signal: one.verdict for one in watched.drifts if one.verdict is not Verdict.NOT_SEEN}


def test_a_window_like_the_reference_shows_nothing_in_38_of_40_windows() -> None:
    reference = conversations(200, seed=1)
    n_alarms = sum(bool(seen(watch(reference, conversations(200, seed=100 + n)))) for n in range(40))
    assert n_alarms <= 2


def test_a_rise_is_seen_where_it_is() -> None:
    reference, more = conversations(200, seed=1), conversations(200, seed=2, faults=0.35)
    found = seen(watch(reference, more))
    assert found == dict.fromkeys(
        (Signal.NO_ANSWER, Signal.PARSE_FAILURE, Signal.CODE_ERROR, Signal.TOOL_ERROR), Verdict.ROSE
    )
    assert set(seen(watch(more, reference)).values()) == {Verdict.FELL}


def test_more_deferrals_are_seen() -> None:
    record = CascadeRecord(signal="logprob", value=-2.0, threshold=-1.0, teacher="t", is_deferred=True)
    alone = conversations(60, faults=0)
    deferred = [one.model_copy(update={"cascade": record}) for one in alone]
    assert seen(watch(alone, [*alone[:30], *deferred[:30]])) == {Signal.DEFERRED: Verdict.ROSE}


def test_longer_answers_are_seen() -> None:
    varied = [conversations(1, answer="x" * (n % 20 + 1), faults=0)[0] for n in range(100)]
    longer = [conversations(1, answer="x" * (n % 20 + 15), faults=0)[0] for n in range(100)]
    assert seen(watch(varied, longer)) == {Signal.ANSWER_LENGTH: Verdict.ROSE}
    found = watch(varied, longer).drift(Signal.ANSWER_LENGTH)
    assert found.low < found.difference < found.high
    assert found.difference == pytest.approx(14)


def test_infrastructure_errors_are_no_answers_of_the_student() -> None:
    down = [one.model_copy(update={"stop_reason": StopReason.PROVIDER, "answer": None}) for one in conversations(50)]
    watched = watch(conversations(50), [*conversations(50), *down])
    assert seen(watched) == {Signal.INFRASTRUCTURE: Verdict.ROSE}
    assert watched.drift(Signal.NO_ANSWER).n_window == 50


def test_the_steps_of_one_conversation_are_not_independent() -> None:
    """Twenty failing steps of one conversation say less than one failing step of twenty conversations."""
    good, bad = conversations(40, faults=0), conversations(1, faults=1)[0]
    long = bad.model_copy(update={"steps": bad.steps * 20})
    of_one = watch(good, [*good, long]).drift(Signal.PARSE_FAILURE)
    of_many = watch(good, [*good, *(bad for _ in range(20))]).drift(Signal.PARSE_FAILURE)
    assert of_one.difference == of_many.difference
    assert of_one.high - of_one.low > 1.5 * (of_many.high - of_many.low)


def test_new_tools_are_counted_by_conversation() -> None:
    mine = conversations(3, tool="refund")
    assert new_tools(conversations(3), [*conversations(2), *mine]) == {"refund": 3}
    assert new_tools(mine, mine) == {}


def test_nothing_to_compare_is_unknown_or_refused() -> None:
    without = [one.model_copy(update={"answer": None}) for one in conversations(5, faults=0)]
    assert seen(watch(conversations(5, faults=0), without)) == {Signal.ANSWER_LENGTH: Verdict.UNKNOWN}
    with pytest.raises(ValueError, match="got 0 and 5"):
        watch([], without)


def test_a_larger_window_shows_smaller_rises() -> None:
    reference = conversations(200)
    rises = []
    for n in (30, 100, 1000):
        watched = watch(reference, conversations(n))
        rises.append(smallest_visible_rise(watched.drift(Signal.NO_ANSWER), watched.level))
    assert rises == sorted(rises, reverse=True)
    assert rises[0] > rises[-1]
