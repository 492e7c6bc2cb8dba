"""Repair: the teacher replaces one action of a wrong attempt, and only attempts that are then graded right count."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from understudy.agents import CodeAgentConfig, open_agent
from understudy.agents.agent import Agent
from understudy.curation import CurateConfig, RepairConfig, curate, repair
from understudy.models import Model, Request, ScriptedModel
from understudy.records import Role, Score, Task, TaskKind, Trajectory
from understudy.sandbox import Sandbox, open_sandbox
from understudy.sandbox.config import SandboxConfig

TASK = Task(id="t", question="What is six times seven, plus one?", answer="43", kind=TaskKind.MATH, source="s")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(SandboxConfig(preload=())) as opened:
        yield opened


def says(*codes: str, name: str) -> ScriptedModel:
    """The first code in the first step, and so on."""

    def program(request: Request) -> str:
        said = sum(message.role is Role.ASSISTANT for message in request.messages)
        return f"Thought: so be it.\nCode:\n```py\n{codes[min(said, len(codes) - 1)]}\n```<end_code>"

    return ScriptedModel(program, name)


class ExactAnswer:
    def grade(self, trajectory: Trajectory) -> Score:
        correct = trajectory.answer == trajectory.task.answer
        return Score(trajectory_id=trajectory.id, grader="exact", grader_version="1", correct=correct)


TEACHER = says("x = 6 * 7", "x = 6 * 7\nprint(x)", "final_answer(43)", name="teacher")


def repaired(sandbox: Sandbox, student: ScriptedModel, max_tries: int = 3) -> tuple[Trajectory, list[tuple[int, bool]]]:
    def agent_with(model: Model) -> Agent:
        return open_agent(CodeAgentConfig(max_steps=3), model, sandbox)

    grader = ExactAnswer()
    wrong = agent_with(student).solve(TASK)
    config = RepairConfig(max_tries=max_tries)
    tries = list(repair([(wrong, grader.grade(wrong))], student, TEACHER, agent_with, grader, config))
    for one in tries:
        if one.is_verified:
            curated = curate([(one.trajectory, one.score)], CurateConfig())
            assert [example.trajectory_id for example in curated.examples] == [one.trajectory.id]
    return wrong, [(one.step, one.is_verified) for one in tries]


def test_the_step_that_failed_is_replaced_first_and_the_student_continues(sandbox: Sandbox) -> None:
    student = says("x = 1", "x = undefined_name", "final_answer(x + 1)", name="student")
    wrong, tries = repaired(sandbox, student)
    assert [step.failed for step in wrong.steps] == [False, True, False]
    assert tries == [(2, True)]


def test_without_a_failed_step_the_earliest_that_helps_is_replaced(sandbox: Sandbox) -> None:
    student = says("x = 6 * 8", "y = x", "final_answer(y + 1)", name="student")
    wrong, tries = repaired(sandbox, student)
    assert wrong.answer == "49"
    assert tries == [(1, True)]


def test_what_no_replacement_turns_right_is_no_data(sandbox: Sandbox) -> None:
    student = says("x = 0", "x = 0", "final_answer(x)", name="student")
    _, tries = repaired(sandbox, student, max_tries=2)
    assert tries == [(1, False), (2, False)]


def test_a_student_that_does_not_repeat_itself_is_never_verified(sandbox: Sandbox) -> None:
    calls: list[int] = []

    def program(request: Request) -> str:
        calls.append(1)
        has_acted = any(message.role is Role.ASSISTANT for message in request.messages)
        code = ("final_answer(43)" if len(calls) > 3 else "1 / 0") if has_acted else "x = 1"
        return f"Thought: call {len(calls)}.\nCode:\n```py\n{code}\n```<end_code>"

    wrong, tries = repaired(sandbox, ScriptedModel(program, "fickle"), max_tries=1)
    assert wrong.steps[1].failed
    assert tries == [(2, False)]


def test_right_attempts_are_left_alone(sandbox: Sandbox) -> None:
    _, tries = repaired(sandbox, says("final_answer(43)", name="student"))
    assert tries == []
