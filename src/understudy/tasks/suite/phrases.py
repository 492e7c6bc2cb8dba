"""The texts of the suite's teacher: at least five short phrasings of each thought.

In: the parts of a thought. Out: the thought in one of its phrasings. Not here: the actions of the teacher
(``teacher``).
"""

from __future__ import annotations

from random import Random

LOOK_UP = (
    "I look up {name}.",
    "I need the page on {name}.",
    "I search for {name}.",
    "The page on {name} is needed now.",
    "Now I look for {name}.",
    "Search for {name}.",
)
STATED = (
    "The page says it {fact}.",
    "It {fact}, the page says.",
    "It says here: {fact}.",
    "The {kind} {fact}.",
    "The page on the {kind} says: {fact}.",
    "I read that it {fact}.",
)
SILENT = (
    "The page says nothing of it.",
    "It is not on the page.",
    "The page does not say it.",
    "I do not find it there.",
    "There is nothing on it.",
)
COMPUTE = (
    "I compute it.",
    "I add it up in code.",
    "Code can do the sum.",
    "I write the sum as code.",
    "Now I compute the result.",
    "The sum is done in code.",
)
RESULT = (
    "This is the result.",
    "The result is there.",
    "That is the answer.",
    "The code has the result.",
    "It is the answer now.",
)
NOTHING_DONE = (
    "The answer is on a page, I look it up now.",
    "I need to think on it.",
    "There is more to do.",
    "I look at it now.",
    "This needs more than one step.",
)
CHOSEN = (
    "The answer is {name}.",
    "It is {name}.",
    "That is {name}.",
    "So {name} is the answer.",
    "By the year it is {name}.",
)
PLANS = (
    "I need {steps}.",
    "First I need {steps}.",
    "To answer it I need {steps}.",
    "What I need: {steps}.",
    "The question needs {steps}.",
)
OPERATIONS = {"+": "a sum", "-": "a difference", "*": "a product", "/": "a quotient"}


def say(phrasings: tuple[str, ...], rng: Random, **parts: object) -> str:
    """One of the phrasings."""
    return rng.choice(phrasings).format(**parts)


def plans(steps: list[str]) -> list[str]:
    """All phrasings of a plan."""
    return [one.format(steps=" and then ".join(steps)) for one in PLANS]
