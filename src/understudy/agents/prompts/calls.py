"""Prompt sets of agents that call tools with JSON: the same three sets, in other words.

The tools themselves are given in the form of the model's chat template, so no text here describes them. Names in
braces are filled in: ``{ending}`` says how the answer is given. Demonstrations describe calls in words, so that a model
does not learn a second way to write calls.
"""

from __future__ import annotations

from understudy.agents.prompts.minimal import MINIMAL as MINIMAL_CODE
from understudy.agents.prompts.paper import PAPER as PAPER_CODE
from understudy.agents.prompts.prompt_set import (
    AnswerBy,
    Demonstration,
    DemonstrationStep,
    PromptSet,
    PromptSetName,
    Rule,
)
from understudy.records import ParseProblem, TaskKind

ENDINGS = {
    AnswerBy.TEXT: "When you know the answer, reply with the answer alone and call no tool.",
    AnswerBy.TOOL: "When you know the answer, call final_answer with the answer alone.",
}
NO_CALL = {
    AnswerBy.TEXT: "Your reply neither calls a tool nor gives an answer.",
    AnswerBy.TOOL: "Your reply calls no tool. Call one, or call final_answer with the answer.",
}

_SYSTEM = """You solve a task with tools. You work in steps: in each step you say in a sentence or two what you know \
and what you still need, then you call one or more tools, then you see their results. {ending}
"""

_DEMONSTRATIONS = (
    Demonstration(
        task='In which country was the author of the novel "The Salt Orchard" born?',
        tools=("web_search",),
        steps=(
            DemonstrationStep(
                thought="I have to find the author first, then where the author was born.",
                code='web_search with {"query": "The Salt Orchard novel author"}',
                printed="The Salt Orchard is a 1962 novel by Ilse Tamm, her first work of fiction.",
            ),
            DemonstrationStep(
                thought="The author is Ilse Tamm. Next I look for her place of birth.",
                code='web_search with {"query": "Ilse Tamm writer born"}',
                printed="Ilse Tamm (born 4 May 1921 in Pärnu, Estonia) was a novelist and translator.",
            ),
            DemonstrationStep(
                thought="She was born in Pärnu, which is in Estonia. The question asks for the country.", code="Estonia"
            ),
        ),
    ),
    Demonstration(
        task="How many positive integers up to 1000 are divisible by 6 or by 10, but not by both?",
        tools=("python",),
        steps=(
            DemonstrationStep(
                thought="The numbers are few enough to count them one by one.",
                code='python with {"code": "print(sum(1 for n in range(1, 1001) if (n % 6 == 0) != (n % 10 == 0)))"}',
                printed="200",
            ),
            DemonstrationStep(
                thought="Check: 166 multiples of 6, 100 of 10, 33 of 30, so 166 + 100 - 2 * 33 = 200. That agrees.",
                code=r"\boxed{200}",
            ),
        ),
    ),
)

_RULES = (
    Rule(text="Say before each call, in a sentence or two, what it is to find out. Never write a result yourself."),
    Rule(
        text="Look facts up: do not answer a question about the world from memory. Search for one thing at a time, in "
        "few words.",
        needs_search=True,
    ),
    Rule(text="Do not search twice for the same thing. If a search does not help, use other words.", needs_search=True),
    Rule(
        text="Calculate with python and exactly where you can: fractions and sympy rather than rounded numbers. Print "
        "what you want to see.",
        tool="python",
    ),
    Rule(text="Calls that do not need each other's results may be in one reply."),
    Rule(text="If a call fails, read the error and change the arguments or the approach."),
    Rule(text="{ending}"),
)

_FACT = "Give the answer alone, in as few words as the question allows: a name, a date, a number, yes or no."
_MATH = r"Give the exact value in \boxed{}, for example \boxed{\frac{3}{4}}: no rounding, no unit, no words."
_PROBLEMS = {
    ParseProblem.NO_CODE: "{no_call}",
    ParseProblem.CUT_BY_LENGTH: "Your reply reached the limit of tokens, so nothing was called. Think in fewer words.",
    ParseProblem.EMPTY: "Your reply was empty. {ending}",
    ParseProblem.BROKEN_CALL: "Your call cannot be read, so nothing was called: {detail}",
}

_PAPER = PAPER_CODE.model_copy(
    update={
        "system": _SYSTEM,
        "demonstrations": _DEMONSTRATIONS,
        "rules": _RULES,
        "user": {
            TaskKind.FACT: "{question}\n\n{ending} " + _FACT,
            TaskKind.MATH: "{question}\n\n{ending} " + _MATH,
        },
        "observation": PAPER_CODE.observation.model_copy(
            update={"header": "", "nothing": "The code printed nothing.", "problems": _PROBLEMS}
        ),
    }
)
_MINIMAL = MINIMAL_CODE.model_copy(
    update={
        "system": "Answer with thoughts and tools.",
        "observation": MINIMAL_CODE.observation.model_copy(
            update={
                "problems": {
                    ParseProblem.NO_CODE: "No call.",
                    ParseProblem.CUT_BY_LENGTH: "Too long.",
                    ParseProblem.EMPTY: "Empty.",
                    ParseProblem.BROKEN_CALL: "{detail}",
                }
            }
        ),
    }
)
CALL_SETS: dict[PromptSetName, PromptSet] = {
    PromptSetName.PAPER: _PAPER,
    PromptSetName.BRIEF: _MINIMAL.model_copy(update={"system": "Answer with thoughts and tools. {ending}\n"}),
    PromptSetName.MINIMAL: _MINIMAL,
}
