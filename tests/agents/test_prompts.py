"""Prompts: one home, filled in one pass, hashed, and a student's opening that is short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from understudy.agents import (
    AGENTS,
    ChainOfThoughtConfig,
    CodeAgentConfig,
    PromptRole,
    PromptSetName,
    behaviour_hash,
    open_format,
    prompt_set,
    prompts_hash,
)
from understudy.agents.initial_messages import initial_code_messages, initial_cot_messages
from understudy.agents.prompts import AnswerBy, call_observation_texts, cot_messages, fill, observation_texts
from understudy.agents.prompts.rendering import read_own
from understudy.annotations import Folders
from understudy.models.stopping import cut_text
from understudy.records import ParseProblem, Role, Task, TaskKind
from understudy.tools import Tool

TASK = Task(id="t", question="How high is {tools}?", answer="1", kind=TaskKind.FACT, source="s")
TOOL = Tool("measure", "(what: str) -> float", "Measure a thing.", lambda what: 1.0)


@given(st.text())
def test_a_question_is_never_taken_for_a_template(question: str) -> None:
    assert fill("a {question} b", question=question, tools="T") == f"a {question} b"


def code_prompts(
    tools: tuple[Tool, ...] = (TOOL,), task: Task = TASK, imports: tuple[str, ...] = ("math",), **config: object
) -> tuple[str, str]:
    system, user = initial_code_messages(CodeAgentConfig.model_validate(config), task, tools, imports)
    assert (system.role, user.role) == (Role.SYSTEM, Role.USER)
    return system.content, user.content


@pytest.mark.parametrize("name", PromptSetName)
@pytest.mark.parametrize("kind", TaskKind)
@pytest.mark.parametrize("action_format", ["code_fence", "code_tags", "tests.agents.own_agents:Shouted"])
def test_nothing_is_left_to_fill_in(name: PromptSetName, kind: TaskKind, action_format: str) -> None:
    task = TASK.model_copy(update={"kind": kind, "question": "Why?"})
    texts = [
        text
        for role in PromptRole
        for text in code_prompts(task=task, prompts=name, role=role, action_format=action_format)
    ]
    form = open_format(CodeAgentConfig.model_validate({"action_format": action_format}).action_format)
    texts += observation_texts(name, form).problems.values()
    for passages in (None, "[1] A passage"):
        texts += [message.content for message in cot_messages(name, task, passages)]
    slots = "question tools imports passages first_thought form action instruction end"
    for text in texts:
        for slot in slots.split():
            assert f"{{{slot}}}" not in text
    assert sum("Why?" in text for text in texts) == 4


def test_the_students_message_is_the_beginning_of_the_teachers() -> None:
    teacher, _ = code_prompts(role="teacher", imports=("math", "sympy"))
    student, _ = code_prompts(role="student", imports=("math", "sympy"))
    assert teacher.startswith(student)
    assert len(student) < len(teacher) / 4
    assert "def measure(what: str) -> float:" in student
    assert "def final_answer(answer):" in student
    assert "math, sympy" in teacher


def test_the_paper_asks_for_exact_boxed_answers() -> None:
    assert "\\boxed{" in code_prompts(task=TASK.model_copy(update={"kind": TaskKind.MATH}))[1]


def test_the_minimal_messages_are_a_line_and_the_question() -> None:
    assert code_prompts(prompts="minimal") == ("Answer with thoughts and Python code.", TASK.question)


def test_the_brief_message_has_the_form_and_the_tools() -> None:
    system, user = code_prompts(prompts="brief")
    assert user == TASK.question
    assert "```<end_code>" in system
    assert "def measure(what: str) -> float:" in system
    assert len(system) < 500


# --- demonstrations and rules -------------------------------------------------------------------

SEARCH = Tool("web_search", "(query: str) -> str", "Search.", lambda query: "", is_search=True)
LOOK_UP = Tool("look_up", "(query: str) -> str", "Search.", lambda query: "", is_search=True)


@pytest.mark.parametrize(
    ("tools", "demonstrations", "n_rules", "words"),
    [
        ((SEARCH, TOOL), 3, 10, ["Three examples", "Salt Orchard", "Search for one thing", 'web_search("height of']),
        ((LOOK_UP,), 2, 10, ["Two examples", "Search for one thing", "arguments directly, never as a dict"]),
        ((TOOL,), 2, 8, ["Two examples", "arguments directly, never as a dict"]),
        ((), 2, 8, ["Two examples"]),
    ],
)
def test_a_teacher_sees_only_what_it_can_use(
    tools: tuple[Tool, ...], demonstrations: int, n_rules: int, words: list[str]
) -> None:
    system, _ = code_prompts(tools, role="teacher")
    assert system.count("\nTask: ") == demonstrations
    assert f"\n{n_rules}. When you know the answer" in system
    assert all(word in system for word in words)
    assert ("web_search" in system) == (SEARCH in tools)


@pytest.mark.parametrize("action_format", ["code_fence", "code_tags"])
def test_every_demonstration_is_in_the_format_it_teaches(action_format: str) -> None:
    system, user = code_prompts((SEARCH,), role="teacher", action_format=action_format)
    form = open_format(CodeAgentConfig.model_validate({"action_format": action_format}).action_format)
    replies = [
        cut_text("Thought:" + reply, form.stop)[0]
        for demonstration in system.partition("Rules:")[0].split("Task: ")[1:]
        for reply in demonstration.split("Thought:")[1:]
    ]
    assert len(replies) == 7
    assert all(form.parse(reply).code for reply in replies)
    assert form.instruction in user
    assert ("```" in system + user) == ("<end_code>" in system + user) == (action_format == "code_fence")
    assert ("<code>" in system) == (action_format == "code_tags")


# --- a user's own system message ----------------------------------------------------------------


def test_an_own_system_message_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "shop.txt"
    path.write_text("You serve a shop. {style}\n{tools}\nImports: {imports}\n{form}", encoding="utf-8")
    system, user = code_prompts(system_prompt=path, role="teacher", imports=("math", "re"), action_format="code_tags")
    assert system.startswith("You serve a shop. {style}\ndef measure(what: str) -> float:")
    assert "Imports: math, re\nThought: " in system
    assert system.endswith("</code>")
    assert user.startswith(TASK.question)
    changed = behaviour_hash(CodeAgentConfig(system_prompt=path))
    assert changed != behaviour_hash(CodeAgentConfig())
    path.write_text("You serve a shop. {style}", encoding="utf-8")
    read_own.cache_clear()
    own = ChainOfThoughtConfig(system_prompt=path)
    assert initial_cot_messages(own, TASK, None)[0].content.startswith("You serve a shop.")


@pytest.mark.parametrize("kind", ["code_agent", "chain_of_thought"])
@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "shop.txt"), (b"You serve a shop.", "{tools}"), (b"\xff{tools}", "UTF-8"), (b" \n", "is empty")],
)
def test_a_wrong_system_message_is_refused_with_its_path(
    tmp_path: Path, kind: str, content: bytes | None, words: str
) -> None:
    path = tmp_path / "shop.txt"
    if content is not None:
        path.write_bytes(content)
    if kind == "chain_of_thought" and words == "{tools}":
        assert AGENTS.validate({"kind": kind, "system_prompt": str(path)})
        return
    with pytest.raises(ValidationError) as caught:
        AGENTS.validate({"kind": kind, "system_prompt": str(path)})
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_a_relative_path_belongs_to_the_recipes_folder(tmp_path: Path) -> None:
    (tmp_path / "shop.txt").write_text("{tools}", encoding="utf-8")
    config = AGENTS.validate({"kind": "code_agent", "system_prompt": "shop.txt"}, Folders((tmp_path,)))
    assert config.system_prompt == tmp_path / "shop.txt"  # type: ignore[attr-defined]
    with pytest.raises(ValidationError, match=re.escape(str(tmp_path))):
        AGENTS.validate({"kind": "code_agent", "system_prompt": "gone.txt"}, Folders((tmp_path,)))


@pytest.mark.parametrize("name", PromptSetName)
def test_every_problem_has_words(name: PromptSetName) -> None:
    of_calls = {ParseProblem.BROKEN_CALL}
    of_code = {ParseProblem.SEVERAL_BLOCKS, ParseProblem.SYNTAX_ERROR}
    assert set(prompt_set(name).observation.problems) == set(ParseProblem) - of_calls
    for answer in AnswerBy:
        assert set(call_observation_texts(name, answer).problems) == set(ParseProblem) - of_code


def test_a_reply_cut_by_length_is_not_called_a_format_error() -> None:
    texts = prompt_set(PromptSetName.PAPER).observation.problems
    assert "limit of tokens" in texts[ParseProblem.CUT_BY_LENGTH]
    assert "format" not in texts[ParseProblem.CUT_BY_LENGTH]


def test_hashes_differ_and_stay() -> None:
    assert prompts_hash(PromptSetName.PAPER) != prompts_hash(PromptSetName.MINIMAL)
    assert prompts_hash(PromptSetName.PAPER) == prompts_hash(PromptSetName.PAPER)


@pytest.mark.parametrize("kind", ["tool_calling", "chain_of_thought"])
def test_a_slot_that_nothing_fills_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "shop.txt").write_text("You serve a shop with {tools}.")
    with pytest.raises(ValidationError, match=r"shop\.txt: expected no slot \{tools\}: it is filled only for"):
        AGENTS.validate({"kind": kind, "system_prompt": str(tmp_path / "shop.txt")})


def test_a_byte_order_mark_is_no_part_of_a_system_message(tmp_path: Path) -> None:
    (tmp_path / "shop.txt").write_bytes(b"\xef\xbb\xbfYou serve a shop.")
    assert read_own(tmp_path / "shop.txt") == "You serve a shop."
