"""Prompts: one home, filled in one pass, hashed, and a student's opening that is short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.agents import (
    PromptRole,
    PromptSetName,
    code_messages,
    cot_messages,
    prompt_set,
    prompts_hash,
    recorded_format,
)
from understudy.agents.prompts import fill
from understudy.records import ParseProblem, Role, Task, TaskKind
from understudy.tools import Tool

TASK = Task(id="t", question="How high is {tools}?", answer="1", kind=TaskKind.FACT, source="s")
TOOL = Tool("measure", "(what: str) -> float", "Measure a thing.", lambda what: 1.0)


@given(st.text())
def test_a_question_is_never_taken_for_a_template(question: str) -> None:
    assert fill("a {question} b", question=question, tools="T") == f"a {question} b"


@pytest.mark.parametrize("name", PromptSetName)
@pytest.mark.parametrize("kind", TaskKind)
def test_nothing_is_left_to_fill_in(name: PromptSetName, kind: TaskKind) -> None:
    task = TASK.model_copy(update={"kind": kind, "question": "Why?"})
    openings = [code_messages(name, role, task, (TOOL,), ("math",)) for role in PromptRole]
    openings += [cot_messages(name, task), cot_messages(name, task, "[1] A passage")]
    for system, user in openings:
        assert (system.role, user.role) == (Role.SYSTEM, Role.USER)
        for hole in ("{question}", "{tools}", "{imports}", "{passages}", "{first_thought}"):
            assert hole not in system.content + user.content
        assert "Why?" in user.content


def test_the_students_opening_is_the_beginning_of_the_teachers() -> None:
    teacher, _ = code_messages(PromptSetName.PAPER, PromptRole.TEACHER, TASK, (TOOL,), ("math", "sympy"))
    student, _ = code_messages(PromptSetName.PAPER, PromptRole.STUDENT, TASK, (TOOL,), ("math", "sympy"))
    assert teacher.content.startswith(student.content)
    assert len(student.content) < len(teacher.content) / 4
    assert "def measure(what: str) -> float:" in student.content
    assert "def final_answer(answer):" in student.content
    assert "math, sympy" in teacher.content


def test_the_paper_asks_for_exact_boxed_answers() -> None:
    task = TASK.model_copy(update={"kind": TaskKind.MATH})
    assert "\\boxed{" in code_messages(PromptSetName.PAPER, PromptRole.STUDENT, task, (), ())[1].content


def test_the_minimal_user_turn_is_the_question() -> None:
    system, user = code_messages(PromptSetName.MINIMAL, PromptRole.STUDENT, TASK, (TOOL,), ())
    assert (system.content, user.content) == ("Answer with thoughts and Python code.", TASK.question)


def test_every_demonstration_is_in_the_format_it_teaches() -> None:
    demonstrations = prompt_set(PromptSetName.PAPER).teacher_system.split("Task: ")[1:]
    replies = [
        "Thought:" + reply.partition("<end_code>")[0]
        for demonstration in demonstrations
        for reply in demonstration.split("Thought:")[1:]
        if "```py" in reply
    ]
    assert len(replies) == 7
    for reply in replies:
        assert recorded_format("").parse(reply).code, reply


@pytest.mark.parametrize("name", PromptSetName)
def test_every_problem_has_words(name: PromptSetName) -> None:
    assert set(prompt_set(name).observation.problems) == set(ParseProblem)


def test_a_reply_cut_by_length_is_not_called_a_format_error() -> None:
    texts = prompt_set(PromptSetName.PAPER).observation.problems
    assert "limit of tokens" in texts[ParseProblem.CUT_BY_LENGTH]
    assert "format" not in texts[ParseProblem.CUT_BY_LENGTH]


def test_hashes_differ_and_stay() -> None:
    assert prompts_hash(PromptSetName.PAPER) != prompts_hash(PromptSetName.MINIMAL)
    assert prompts_hash(PromptSetName.PAPER) == prompts_hash(PromptSetName.PAPER)
