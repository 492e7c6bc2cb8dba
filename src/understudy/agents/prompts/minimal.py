"""Prompt sets for small models.

``MINIMAL`` takes very few tokens and does not list the tools, for models of a million parameters that are trained on
it. ``BRIEF`` is the same with the form of a reply and the tools in the system message.
"""

from __future__ import annotations

from understudy.agents.prompts.prompt_set import ObservationTexts, PromptSet
from understudy.records import ParseProblem, TaskKind

MINIMAL = PromptSet(
    system="Answer with thoughts and Python code.",
    user=dict.fromkeys(TaskKind, "{question}"),
    plan="\n{first_thought}",
    question="\nName what to look up.",
    instructed="\nBegin with: {first_thought}",
    observation=ObservationTexts(
        header="",
        printed_header="",
        value_header="",
        nothing="None",
        not_shown="… {count} more characters",
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
    cot_system="Answer step by step.",
    cot_user=dict.fromkeys(TaskKind, "{question}"),
    rag_user=dict.fromkeys(TaskKind, "{passages}\n{question}"),
)

BRIEF = MINIMAL.model_copy(
    update={
        "system": "Answer with thoughts and Python code, one step in each reply:\n\n{form}\n\nFunctions:\n\n{tools}\n"
    }
)
