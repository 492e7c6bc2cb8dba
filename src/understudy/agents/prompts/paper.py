"""The prompt set ``paper``: the structure of the paper's prompts (appendix B) in our own words, so that its authors'
adapters and trajectories fit. Names in braces are filled in: ``{form}`` is a whole reply in the agent's action format,
``{action}`` its action alone, ``{instruction}`` the sentence that asks for it, ``{end}`` its last characters.
"""

from __future__ import annotations

from understudy.agents.prompts.prompt_set import Demonstration, DemonstrationStep, ObservationTexts, PromptSet, Rule
from understudy.records import ParseProblem, TaskKind

_SYSTEM = """You solve a task by writing Python. You work in steps: in each step you think, then write code, then see \
what the code printed.

Each of your replies has this form:

{form}

Your code may call these functions:

{tools}
"""

_DEMONSTRATIONS = (
    Demonstration(
        task='In which country was the author of the novel "The Salt Orchard" born?',
        tools=("web_search",),
        steps=(
            DemonstrationStep(
                thought="I have to find the author first, then where the author was born.",
                code='print(web_search("The Salt Orchard novel author"))',
                printed="[1] The Salt Orchard (score 0.871)\n"
                "The Salt Orchard is a 1962 novel by Ilse Tamm, her first work of fiction.",
            ),
            DemonstrationStep(
                thought="The author is Ilse Tamm. Next I look for her place of birth.",
                code='print(web_search("Ilse Tamm writer born"))',
                printed="[1] Ilse Tamm (score 0.902)\n"
                "Ilse Tamm (born 4 May 1921 in Pärnu, Estonia) was a novelist and translator.",
            ),
            DemonstrationStep(
                thought="She was born in Pärnu, which is in Estonia. The question asks for the country.",
                code='final_answer("Estonia")',
            ),
        ),
    ),
    Demonstration(
        task="How many positive integers up to 1000 are divisible by 6 or by 10, but not by both?",
        steps=(
            DemonstrationStep(
                thought="The numbers are few enough to count them one by one. I count and print the result before I "
                "answer.",
                code="count = sum(1 for n in range(1, 1001) if (n % 6 == 0) != (n % 10 == 0))\nprint(count)",
                printed="200",
            ),
            DemonstrationStep(
                thought="Check: 166 multiples of 6, 100 of 10, 33 of 30, so 166 + 100 - 2 * 33 = 200. That agrees.",
                code='final_answer(r"\\boxed{200}")',
            ),
        ),
    ),
    Demonstration(
        task="What is the sum of the real solutions of x^3 - 6x^2 + 11x - 6 = 0?",
        steps=(
            DemonstrationStep(
                thought="I let sympy solve the equation exactly and add the solutions.",
                code='import sympy as sp\nx = sp.symbols("x", real=True)\n'
                "solutions = sp.solve(x**3 - 6*x**2 + 11*x - 6, x)\nprint(solutions, sum(solutions))",
                printed="[1, 2, 3] 6",
            ),
            DemonstrationStep(
                thought="The solutions are 1, 2 and 3, and their sum is 6.", code='final_answer(r"\\boxed{6}")'
            ),
        ),
    ),
)

_RULES = (
    Rule(
        text='Every reply has one "Thought:" and one code block, and ends with {end}. Never write an observation '
        "yourself."
    ),
    Rule(
        text="Use only names that exist: variables of earlier steps are still there, functions are those listed above."
    ),
    Rule(text="Print what you want to see. What is neither printed nor the last expression is not shown."),
    Rule(
        text="Look facts up: do not answer a question about the world from memory. Search for one thing at a time, in "
        "few words.",
        needs_search=True,
    ),
    Rule(
        text='Give a function its arguments directly, such as web_search("height of Mont Blanc"), never as a dict.',
        tool="web_search",
        otherwise="Give a function its arguments directly, never as a dict.",
    ),
    Rule(text="Do not search twice for the same thing. If a search does not help, use other words.", needs_search=True),
    Rule(text="Calculate with code and exactly where you can: fractions and sympy rather than rounded numbers."),
    Rule(text="You may import only: {imports}."),
    Rule(text="If the code fails, read the error and change the approach."),
    Rule(
        text="When you know the answer, call final_answer with the answer alone, in a step of its own or after "
        "printing it."
    ),
)

_FORM = "{question}\n\n{instruction} Call final_answer as soon as you know the answer."
_PASSAGES = "Passages that may help:\n\n{passages}\n\nQuestion:\n{question}\n\nUse the passages where they help."
_COT_FACT = "Think step by step. Then give the answer alone, in as few words as possible, in \\boxed{}."
_COT_MATH = "Think step by step. Then give the exact answer in \\boxed{}."

PAPER = PromptSet(
    system=_SYSTEM,
    demonstrations=_DEMONSTRATIONS,
    rules=_RULES,
    user={
        TaskKind.FACT: _FORM
        + " Give the answer alone, in as few words as the question allows: a name, a date, a number, yes or no.",
        TaskKind.MATH: _FORM
        + r" Give the exact value in \boxed{}, for example final_answer(r"
        + r'"\boxed{\frac{3}{4}}"): no rounding, no unit, no words.',
    },
    plan="\n\nA first idea, which may be wrong; check it with your tools:\n{first_thought}",
    question='\n\nBegin the first thought with "I need to find out" and name what has to be looked up or calculated. '
    "Do not state a fact that you have not looked up.",
    instructed="\n\nBegin your first reply with exactly these words and go on from there:\n{first_thought}",
    observation=ObservationTexts(
        header="Observation:\n",
        printed_header="Execution logs:\n",
        value_header="Last output from code snippet:\n",
        nothing="Nothing was printed.",
        not_shown="… not shown: {count} more characters were printed",
        error_header="Error:\n",
        nudge="Now try again, and do not repeat the mistake. If the same thing failed more than once, take a different "
        "approach.",
        restored="Names of tools were restored: {names}. What your code stored under them is lost; choose other names "
        "for your own variables and functions.",
        problems={
            ParseProblem.NO_CODE: "Your reply holds no code block. Write your thought, then one block:\n{action}",
            ParseProblem.SEVERAL_BLOCKS: "Your reply holds several code blocks, so none was run. Write one block in "
            "each reply.",
            ParseProblem.CUT_BY_LENGTH: "Your reply reached the limit of tokens before its code was complete, so "
            "nothing was run. Think in fewer words.",
            ParseProblem.SYNTAX_ERROR: "Your code is not valid Python, so nothing was run: {detail}",
            ParseProblem.EMPTY: "Your reply was empty. Write a thought and one code block.",
        },
        ask_answer="You have no steps left. Reply with your best answer to the task, in \\boxed{}, and nothing else.",
    ),
    cot_system="You answer questions. Think step by step before you answer.",
    cot_user={TaskKind.FACT: "{question}\n\n" + _COT_FACT, TaskKind.MATH: "{question}\n\n" + _COT_MATH},
    rag_user={TaskKind.FACT: f"{_PASSAGES} {_COT_FACT}", TaskKind.MATH: f"{_PASSAGES} {_COT_MATH}"},
)
