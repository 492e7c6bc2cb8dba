"""Prompts with types: which texts an agent uses, filled in, and a hash of them that every record names.

In: the texts of ``prompt_texts.py``. Out: initial messages, observation texts. Every conversation begins with
one system and one user message; all that follows is independent of whether the prompt was the teacher's or the
student's, so training on a teacher's trajectory means putting another opening before it.
"""

from __future__ import annotations

import re
from enum import StrEnum

from understudy import prompt_texts as texts
from understudy.records import Message, ParseProblem, Record, Role, Task, TaskKind
from understudy.runs import digest
from understudy.tools import Tool, describe_tools


class PromptSetName(StrEnum):
    """Which set of prompts an agent uses."""

    PAPER = "paper"
    """The structure of the paper's prompts."""
    MINIMAL = "minimal"
    """As few tokens as possible: a one-line system prompt, and the question alone as the user turn."""


class PromptRole(StrEnum):
    """Which opening of a set an agent uses."""

    TEACHER = "teacher"
    """Long: rules and demonstrations, for models that were not trained on the format."""
    STUDENT = "student"
    """Short: opening and tool list only; in training and in use alike."""


class ObservationTexts(Record):
    """The fixed parts of what comes back from the code."""

    header: str
    printed_header: str
    value_header: str
    nothing: str
    """Where the code neither printed nor yielded anything."""
    error_header: str
    nudge: str
    """What follows an error."""
    restored: str
    """Where the code bound the name of a tool to something else; ``{names}`` is filled in."""
    problems: dict[ParseProblem, str]
    """Where nothing was run; ``{detail}`` is filled in."""
    ask_answer: str
    """After the last step, where the agent is asked once for its answer."""


class PromptSet(Record):
    """All texts of one set. Names in braces are filled in."""

    teacher_system: str
    student_system: str
    user: dict[TaskKind, str]
    plan: str
    question: str
    instructed: str
    observation: ObservationTexts
    cot_system: str
    cot_user: dict[TaskKind, str]
    rag_user: dict[TaskKind, str]


_PAPER = PromptSet(
    teacher_system=texts.PAPER_TEACHER_SYSTEM,
    student_system=texts.PAPER_STUDENT_SYSTEM,
    user={TaskKind.FACT: texts.PAPER_USER_FACT, TaskKind.MATH: texts.PAPER_USER_MATH},
    plan=texts.PAPER_PLAN,
    question=texts.PAPER_QUESTION,
    instructed=texts.PAPER_INSTRUCTED,
    observation=ObservationTexts(
        header="Observation:\n",
        printed_header="Execution logs:\n",
        value_header="Last output from code snippet:\n",
        nothing="Nothing was printed.",
        error_header="Error:\n",
        nudge=texts.PAPER_NUDGE,
        restored=texts.PAPER_RESTORED,
        problems={
            ParseProblem.NO_CODE: texts.PAPER_NO_CODE,
            ParseProblem.SEVERAL_BLOCKS: texts.PAPER_SEVERAL_BLOCKS,
            ParseProblem.CUT_BY_LENGTH: texts.PAPER_CUT_BY_LENGTH,
            ParseProblem.SYNTAX_ERROR: texts.PAPER_SYNTAX_ERROR,
            ParseProblem.EMPTY: texts.PAPER_EMPTY,
        },
        ask_answer=texts.PAPER_ASK_ANSWER,
    ),
    cot_system=texts.PAPER_COT_SYSTEM,
    cot_user={TaskKind.FACT: texts.PAPER_COT_FACT, TaskKind.MATH: texts.PAPER_COT_MATH},
    rag_user={TaskKind.FACT: texts.PAPER_RAG_FACT, TaskKind.MATH: texts.PAPER_RAG_MATH},
)

_MINIMAL = PromptSet(
    teacher_system=texts.MINIMAL_SYSTEM,
    student_system=texts.MINIMAL_SYSTEM,
    user=dict.fromkeys(TaskKind, "{question}"),
    plan="\n{first_thought}",
    question="\nName what to look up.",
    instructed="\nBegin with: {first_thought}",
    observation=ObservationTexts(
        header="",
        printed_header="",
        value_header="",
        nothing="None",
        error_header="Error: ",
        nudge="",
        restored="{names}: name of a tool, restored.",
        problems={
            ParseProblem.NO_CODE: "No code.",
            ParseProblem.SEVERAL_BLOCKS: "Several blocks.",
            ParseProblem.CUT_BY_LENGTH: "Too long.",
            ParseProblem.SYNTAX_ERROR: "{detail}",
            ParseProblem.EMPTY: "Empty.",
        },
        ask_answer="Answer now.",
    ),
    cot_system=texts.MINIMAL_COT_SYSTEM,
    cot_user=dict.fromkeys(TaskKind, "{question}"),
    rag_user=dict.fromkeys(TaskKind, texts.MINIMAL_RAG),
)

_SETS = {PromptSetName.PAPER: _PAPER, PromptSetName.MINIMAL: _MINIMAL}


def prompt_set(name: PromptSetName) -> PromptSet:
    """The texts of a set."""
    return _SETS[name]


def prompts_hash(name: PromptSetName) -> str:
    """Sixteen hex digits that change whenever a word of the set changes."""
    return digest(_SETS[name])


def code_messages(
    name: PromptSetName, role: PromptRole, task: Task, tools: tuple[Tool, ...], imports: tuple[str, ...]
) -> tuple[Message, Message]:
    """System and user message of a code agent. ``imports``: what the code may import, for the teacher's rules."""
    prompts = _SETS[name]
    system = prompts.teacher_system if role is PromptRole.TEACHER else prompts.student_system
    return (
        Message(role=Role.SYSTEM, content=fill(system, tools=describe_tools(tools), imports=", ".join(imports))),
        Message(role=Role.USER, content=fill(prompts.user[task.kind], question=task.question)),
    )


def cot_messages(name: PromptSetName, task: Task, passages: str | None = None) -> tuple[Message, Message]:
    """System and user message of a chain of thought; ``passages``: text of what retrieval found, None without."""
    prompts = _SETS[name]
    template = prompts.cot_user[task.kind] if passages is None else prompts.rag_user[task.kind]
    return (
        Message(role=Role.SYSTEM, content=prompts.cot_system),
        Message(role=Role.USER, content=fill(template, question=task.question, passages=passages or "")),
    )


def fill(template: str, **values: str) -> str:
    """Put values for the names in braces, in one pass: braces in a value, or around anything else, stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), template)
