"""BFCL's worlds, tasks, teacher and grader, compared with BFCL's own code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pytest

pytest.importorskip("bfcl_eval", reason="pip install --no-deps bfcl-eval==2026.3.23")

from benchmarks.bfcl_parity import KINDS, compare, disturbed, official, opened_agent

from understudy.agents import AgentRuntime, RuntimeConfig
from understudy.environments import ENVIRONMENTS, Worlds
from understudy.grading import open_grader
from understudy.grading.bfcl import check
from understudy.records import StopReason, Task, Trajectory
from understudy.sandbox import SandboxConfig
from understudy.tasks import load_tasks
from understudy.tasks.bfcl import BfclEntry, bfcl_tasks, load_set, split_numbers
from understudy.tasks.bfcl.data import SET_NAMES
from understudy.tasks.bfcl.teacher import by_calls
from understudy.tools import tools_of

RUNTIME = RuntimeConfig(environment=ENVIRONMENTS.validate("bfcl"), sandbox=SandboxConfig(preload=()))


def true_steps(entry: BfclEntry) -> list[list[list[str]]]:
    return [[list(calls)] if calls else [] for calls in entry.truth]


def attempt(number: int, form: Literal["calls", "code"] = "calls", kind: str = "", name: Any = "base") -> Trajectory:
    entry = load_set(name)[number]
    made = disturbed(entry, kind) if kind else entry
    with AgentRuntime(RUNTIME) as runtime:
        return opened_agent(runtime, form, made, 8).solve(bfcl_tasks(name)[number])


def test_the_splits_are_disjoint_and_complete() -> None:
    train, test = split_numbers()["train"], split_numbers()["test"]
    assert len(train) == len(test) == 100
    assert sorted((*train, *test)) == list(range(200))
    first = {entry.number: entry.turns[0] for entry in load_set("base")}
    assert not {first[number] for number in train} & {first[number] for number in test}
    loaded = load_tasks(kind="bfcl", name="miss_func", split="test", limit=7).tasks
    assert len(loaded) == 7
    assert {int(task.id.rpartition("_")[2]) for task in loaded} <= set(test)


def test_a_task_keeps_all_that_its_world_and_its_grader_need() -> None:
    for task in load_tasks(kind="bfcl", name="long_context").tasks[::50]:
        assert Task.model_validate_json(task.model_dump_json()) == task
    assert len(load_tasks(kind="bfcl", name="base").tasks) == 200


@pytest.mark.parametrize("name", SET_NAMES)
def test_all_true_calls_are_right(name: Any) -> None:
    assert [entry.id for entry in load_set(name) if not check(entry, true_steps(entry))["valid"]] == []


@pytest.mark.parametrize("form", ["calls", "code"])
def test_verdicts_are_those_of_the_official_checker(form: Any) -> None:
    found = [*compare(form, ("true",), 2), *compare(form, KINDS, 12 if form == "calls" else 4)]
    assert [kind for kind, theirs, ours in found if theirs is not ours] == []
    assert {ours for _, _, ours in found} == {True, False}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["calls", "code"])
def test_all_verdicts_are_those_of_the_official_checker(form: Any) -> None:
    found = list(compare(form, KINDS, 200))
    assert len(found) == 800
    assert [kind for kind, theirs, ours in found if theirs is not ours] == []


def test_a_world_becomes_what_the_official_objects_become() -> None:
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import _compare_instances
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_utils import execute_multi_turn_func_call

    for task, entry in list(zip(bfcl_tasks("base"), load_set("base"), strict=True))[::10]:
        world = Worlds("bfcl").make(task)
        fork = world.fork()
        named = {tool.name: tool for tool in fork.tools}
        for calls in entry.truth:
            for call in calls:
                eval(call, dict(named))
            theirs: Mapping[str, Any] = execute_multi_turn_func_call(
                list(calls), dict(entry.config), list(entry.classes), "beside", entry.id
            )[1]
        ours = fork._backend._environment  # type: ignore[union-attr]  # the objects themselves are compared
        for name, one in theirs.items():
            assert _compare_instances(ours.object_of(name), one) == (True, {})
        assert world.state() == Worlds("bfcl").make(task).state()


def test_schemas_and_signatures_are_those_of_the_task() -> None:
    task = bfcl_tasks("miss_func")[0]
    with Worlds("bfcl").make(task) as world:
        assert "sort" in {tool.name for tool in tools_of(world.tools)} - {tool.name for tool in world.offered}
        world.begin_turn(3)
        (sort,) = (tool for tool in world.offered if tool.name == "sort")
        assert sort.declaration() == (
            "def sort(file_name: str) -> {'sorted_content': str}:\n"
            '    """Sort the contents of a file line by line."""'
        )
        assert sort.schema is not None
        assert sort.schema.parameters["type"] == "object"
        assert "Gorilla" in sort.schema.description


def test_a_missing_function_appears_in_its_turn() -> None:
    trajectory = attempt(0, name="miss_func")
    assert [schema.name for schema in trajectory.tools].count("sort") == 0
    (update,) = [one.content for one in trajectory.messages if "I have updated some more functions" in one.content]
    assert update.startswith('{"name":"sort"')
    code = attempt(0, "code", name="miss_func")
    assert "def sort" not in code.messages[0].content
    assert any(one.content.startswith("def sort(file_name: str)") for one in code.messages)


def test_a_verdict_is_explained_and_worth_the_turns_before() -> None:
    with open_grader("bfcl") as grader:
        right = grader.grade(attempt(0))
        assert (right.correct, right.value, right.explanation) == (True, 1.0, "all 4 turns are right")
        wrong = grader.grade(attempt(0, kind="missing"))
        assert wrong.correct is False
        assert wrong.value is not None
        assert 0 <= wrong.value < 1
        assert "of 4 turns are right; " in wrong.explanation
        cut = attempt(0).model_copy(update={"stop_reason": StopReason.STEP_LIMIT})
        cut = cut.model_copy(update={"steps": cut.steps[:4], "answer": None})
        short = grader.grade(cut)
        assert (short.correct, short.value) == (False, 0.5)
        assert "the dialogue ended in turn 3 of 4 (step_limit)" in short.explanation
        failed = grader.grade(cut.model_copy(update={"stop_reason": StopReason.SANDBOX}))
        assert failed.correct is None
        other = Trajectory(
            task=Task(id="x", question="2?", answer="2"), agent="a", model="m", seed=0, messages=(), steps=(),
            stop_reason=StopReason.ANSWERED, answer="2",
        )  # fmt: skip
        assert grader.grade(other).correct is True


def test_the_checker_keeps_nothing() -> None:
    from bfcl_eval.eval_checker.multi_turn_eval import multi_turn_utils

    before = set(vars(multi_turn_utils))
    check(load_set("base")[0], true_steps(load_set("base")[0]))
    assert set(vars(multi_turn_utils)) == before


def test_official_is_what_the_benchmark_calls_official() -> None:
    entry = load_set("base")[0]
    assert official(entry, entry, 1)
    assert not official(entry, disturbed(entry, "missing"), 1)


def test_the_teacher_slips_at_a_stated_rate() -> None:
    import functools

    from understudy.agents import ToolCallingConfig
    from understudy.models import ScriptedModel

    with AgentRuntime(RUNTIME) as runtime, open_grader("bfcl") as grader:
        model = ScriptedModel(functools.partial(by_calls, error_rate=0.3), "teacher")
        agent = runtime.open_agent(ToolCallingConfig(prompts="minimal", max_steps=20), model)
        verdicts = [grader.grade(agent.solve(task, seed=1)).correct for task in bfcl_tasks("base")[:20]]
    assert 0 < verdicts.count(True) < 20
