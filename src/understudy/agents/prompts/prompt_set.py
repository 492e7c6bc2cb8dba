"""Prompts with types: the texts of one set, as data.

Every conversation begins with one system and one user message. All later messages are the same for teacher and student,
so a student learns from a teacher's trajectory with other initial messages before it. Not here: the texts of the sets,
and how they are filled in (``rendering.py``).
"""

from __future__ import annotations

from enum import StrEnum

from understudy.records import ParseProblem, Record, TaskKind


class PromptSetName(StrEnum):
    """Which set of prompts an agent uses."""

    PAPER = "paper"
    """The structure of the paper's prompts."""
    BRIEF = "brief"
    """A short system message with the form of a reply and the tools; the question alone as the user message."""
    MINIMAL = "minimal"
    """As few tokens as possible: a system message of one line without the tools; the question as the user message."""


class PromptRole(StrEnum):
    """How much of a set an agent's prompt contains."""

    TEACHER = "teacher"
    """Rules and demonstrations too, for models that were not trained on the format."""
    STUDENT = "student"
    """The form and the tools only, both in training and in use."""


class AnswerBy(StrEnum):
    """How an agent that calls tools gives its answer."""

    TEXT = "text"
    """By a reply without calls: all of its text."""
    TOOL = "tool"
    """By calling ``final_answer``."""


class ObservationTexts(Record):
    """The fixed texts of observations."""

    header: str
    printed_header: str
    value_header: str
    nothing: str
    """For code that neither printed nor returned anything."""
    not_shown: str
    """For more printed text than is kept; ``{count}`` is filled in."""
    error_header: str
    nudge: str
    """Follows an error."""
    restored: str
    """For code that bound the name of a tool to something else; ``{names}`` is filled in."""
    problems: dict[ParseProblem, str]
    """For replies without code that could be run; ``{detail}`` is filled in."""
    ask_answer: str
    """After the last step, if the agent is asked once for its answer."""


class DemonstrationStep(Record):
    """One step of a solved task."""

    thought: str
    code: str
    """For an agent that calls tools, the call in words; for its last step, the answer."""
    printed: str = ""
    """Printed text; empty for the last step, which answers."""


class Demonstration(Record):
    """A solved task, shown to a teacher that has the tools it uses."""

    task: str
    steps: tuple[DemonstrationStep, ...]
    tools: tuple[str, ...] = ()


class Rule(Record):
    """One rule for a teacher."""

    text: str
    needs_search: bool = False
    """Shown only if a tool searches."""
    tool: str = ""
    """Shown only if the agent has this tool."""
    otherwise: str = ""
    """Shown otherwise; empty: nothing."""


class PromptSet(Record):
    """All texts of one set. Names in braces are filled in."""

    system: str
    demonstrations: tuple[Demonstration, ...] = ()
    rules: tuple[Rule, ...] = ()
    user: dict[TaskKind, str]
    plan: str
    question: str
    instructed: str
    observation: ObservationTexts
    cot_system: str
    cot_user: dict[TaskKind, str]
    rag_user: dict[TaskKind, str]
