"""Chains of thought of the suite's teacher: a plan, recalled or computed facts, the answer.

In: a question, and whether the reply contains an error. Out: the text. An error is a wrong fact or number, or an answer
before the last step; in the latter case, the plan omits that step too. Not here: acting (``teacher``).
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from understudy.tasks.suite.phrases import CHOSEN, OPERATIONS, plans, say
from understudy.tasks.suite.questions import Chain, Comparison
from understudy.tasks.suite.word_problems import Problem
from understudy.tasks.suite.words import WORDS, Kind
from understudy.tasks.suite.world import SPLITS, Thing, world


def chain_of_thought(question: Chain | Comparison | Problem | None, rng: Random, *, slips: bool) -> str:
    """One chain of thought. Its first paragraph is the plan."""
    if question is None or (isinstance(question, Problem) and not question.equations):
        return "I cannot do this without code.\n\nI do not know.\n\n\\boxed{0}"
    is_early = slips and _n_steps(question) > 1 and rng.random() < 0.5
    if is_early:
        question = _without_end(question)
    reasoning, answer = _reasoned(question, rng)
    if slips and not is_early:
        answer = _other(answer, rng)
    return f"{rng.choice(plans(plan_steps(question)))}\n\n{reasoning}\n\n\\boxed{{{answer}}}"


def plan_steps(question: Chain | Comparison | Problem) -> list[str]:
    """The steps to take, in order."""
    match question:
        case Chain():
            return [f"the {relation}" for relation in question.relations]
        case Comparison():
            return [f"the {question.comparing.relation} of {name}" for name in question.names]
        case Problem():
            return [OPERATIONS[one] for equation in question.equations for one in equation.operations] or ["code"]


def _n_steps(question: Chain | Comparison | Problem) -> int:
    return len(question.equations if isinstance(question, Problem) else plan_steps(question))


def _without_end(question: Chain | Comparison | Problem) -> Chain | Comparison | Problem:
    match question:
        case Chain():
            return replace(question, relations=question.relations[:-1])
        case Comparison():
            return replace(question, names=(question.names[0], question.names[0]))
        case Problem():
            return replace(question, equations=question.equations[:-1])


def _reasoned(question: Chain | Comparison | Problem, rng: Random) -> tuple[str, str]:
    """The text between plan and answer, and the answer."""
    match question:
        case Problem():
            lines = question.chain_of_thought.splitlines()[: len(question.equations)] or [""]
            is_whole = float(question.equations[-1].result) == float(question.answer)
            reasoning = question.chain_of_thought if is_whole else "\n".join(lines)
            return reasoning, question.answer if is_whole else question.equations[-1].result
        case Chain():
            kind, name = question.kind, question.name
            facts = []
            for relation in question.relations:
                found = _recalled(kind, name).object_of(relation)
                facts.append(f"{name} {WORDS[relation].predicate} {found}.")
                kind, name = WORDS[relation].object, found
            return " ".join(facts), name
        case Comparison():
            relation = question.comparing.relation
            years = [int(_recalled(question.kind, name).object_of(relation)) for name in question.names]
            facts = [f"{n} {WORDS[relation].predicate} {year}." for n, year in zip(question.names, years, strict=True)]
            chosen = question.chosen((years[0], years[1]))
            return f"{' '.join(facts)} {say(CHOSEN, rng, name=chosen)}", chosen


def _recalled(kind: Kind, name: str) -> Thing:
    """A thing from one of the two worlds. Raises ``KeyError`` if neither has it."""
    here = next((split for split in SPLITS if name in world(split).names[kind]), SPLITS[0])
    return world(here).thing(kind, name)


def _other(answer: str, rng: Random) -> str:
    """A wrong answer of the same kind."""
    if answer.replace(".", "").lstrip("-").isdigit():
        return str(int(float(answer)) + rng.randint(1, 9))
    return rng.choice([name for name in world("train").names[Kind.PERSON] if name != answer])
