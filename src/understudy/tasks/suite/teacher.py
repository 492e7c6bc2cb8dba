"""The suite's teacher: a program in place of a model. Wherever its results are shown, it is labelled a program.

In: a request to a language model. Out: the text of one reply. As an agent, it uses only the question and the
observations, and its wording varies. For a chain of thought, it may use the facts of the world, as a large model uses
its memory.

It makes errors at a stated rate, so that grading, curation, first thoughts and the vote can be tested. ``Slip`` lists
the errors. An error of the first three kinds is visible in the observation and corrected in the next step. The teacher
never answers too early if the first thought or the prompt contains the whole plan.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from random import Random

from understudy.records import Message, Role
from understudy.tasks.suite.phrases import (
    CHOSEN,
    COMPUTE,
    LOOK_UP,
    NOTHING_DONE,
    RESULT,
    SILENT,
    STATED,
    plans,
    say,
)
from understudy.tasks.suite.questions import Chain, Comparison, read_question
from understudy.tasks.suite.reasoning import chain_of_thought, plan_steps
from understudy.tasks.suite.word_problems import Problem, read_problem
from understudy.tasks.suite.words import WORDS, Kind, Relation, relations_of
from understudy.tasks.toy.teacher import ToyRequest

Question = Chain | Comparison | Problem
_OBJECT = r"([A-Z][a-z]+(?: [A-Z][a-z]+)*|\d+)"


class Slip(StrEnum):
    """The kinds of errors that the teacher makes."""

    RAISES = "raises"
    """Its code raises."""
    NO_CODE = "no_code"
    """It writes a thought without an action."""
    WRONG_SEARCH = "wrong_search"
    """It searches for something that does not help."""
    WRONG_COPY = "wrong_copy"
    """It copies another fact of the page, or another number."""
    EARLY = "early"
    """It answers before the last step."""


def suite_teacher(request: ToyRequest, *, error_rate: float = 0.0) -> str:
    """The teacher as a recipe names it: ``understudy.tasks.suite:suite_teacher``.

    ``error_rate``: chance of an error at each step, and in each chain of thought, in [0, 1]. A reply that continues a
    prefilled message has only the text after the prefill. The same request gives the same reply.
    """
    messages = request.messages
    text, question = _question(messages)
    rng = Random(f"suite teacher {request.seed} {request.temperature} {len(messages)} {text}")
    slip = rng.choice(tuple(Slip)) if rng.random() < error_rate else None
    if not _wants_code(messages):
        return chain_of_thought(question, rng, slips=slip is not None)
    prefill = messages[-1].content if request.continue_final else ""
    return _Turn(messages, question, prefill, rng, slip).reply()


@dataclass(frozen=True)
class _Turn:
    """One turn of the teacher as an agent. It has no memory: everything that it knows is in the messages."""

    messages: tuple[Message, ...]
    question: Question | None
    prefill: str
    rng: Random
    slip: Slip | None

    def reply(self) -> str:
        if self.slip is Slip.NO_CODE:
            return self._after_prefill(f"Thought: {self._first(say(NOTHING_DONE, self.rng))}")
        match self.question:
            case Problem():
                return self._compute(self.question)
            case Chain():
                return self._follow(self.question)
            case Comparison():
                return self._compare(self.question)
            case None:
                return self._say("I do not know.", 'final_answer("unknown")')

    # --- sums ---------------------------------------------------------------------------------

    def _compute(self, problem: Problem) -> str:
        seen = self._observations
        if seen and re.search(r"^-?\d+(\.\d+)?$", seen[-1], re.MULTILINE):
            return self._say(say(RESULT, self.rng), "final_answer(result)")
        thought = self._first(say(COMPUTE, self.rng))
        if self.slip is Slip.WRONG_SEARCH:
            return self._say(
                thought, f'print(web_search("{" ".join(problem.question.split()[:5])}"))'.replace("\\", "")
            )
        return self._say(thought, self._code(problem))

    def _code(self, problem: Problem) -> str:
        if self.slip is Slip.EARLY and len(problem.equations) > 1 and not self._is_planned:
            return Problem(problem.name, problem.question, "", equations=problem.equations[:-1]).code
        if self.slip is Slip.WRONG_COPY:
            return re.sub(r"\d+", lambda found: str(int(found.group()) + 1), problem.code, count=1)
        return problem.code

    # --- chains -------------------------------------------------------------------------------

    def _follow(self, chain: Chain) -> str:
        kind, name, stated = chain.kind, chain.name, ""
        for hop, relation in enumerate(chain.relations, 1):
            page = self._page_on(kind, name)
            if page is None:
                return self._search(name, stated)
            predicate = WORDS[self._misread(relation, is_last=hop == len(chain.relations))].predicate
            found = re.search(f"{predicate} {_OBJECT}", page)
            if found is None:
                return self._say(say(SILENT, self.rng), 'final_answer("unknown")')
            stated = say(STATED, self.rng, fact=found.group(), kind=kind)
            kind, name = WORDS[relation].object, found.group(1)
            if self._is_early(hop < len(chain.relations) and self._page_on(kind, name) is None):
                break
        return self._say(stated, f'final_answer("{name}")')

    def _misread(self, relation: Relation, *, is_last: bool) -> Relation:
        if self.slip is not Slip.WRONG_COPY or not is_last:
            return relation
        return self.rng.choice([one for one in relations_of(WORDS[relation].subject) if one is not relation])

    # --- comparisons --------------------------------------------------------------------------

    def _compare(self, comparison: Comparison) -> str:
        years: list[int] = []
        stated = ""
        for name in comparison.names:
            page = self._page_on(comparison.kind, name)
            if page is None:
                return self._search(name, stated)
            found = re.search(rf"{WORDS[comparison.comparing.relation].predicate} (\d+)", page)
            if found is None or self._is_early(
                not years and self._page_on(comparison.kind, comparison.names[1]) is None
            ):
                return self._say(say(CHOSEN, self.rng, name=name), f'final_answer("{name}")')
            years.append(int(found.group(1)))
            stated = say(STATED, self.rng, fact=found.group(), kind=comparison.kind)
        chosen = comparison.chosen((years[0], years[1] - (self.slip is Slip.WRONG_COPY) * 1000))
        return self._say(f"{stated} {say(CHOSEN, self.rng, name=chosen)}", f'final_answer("{chosen}")')

    # --- words --------------------------------------------------------------------------------

    def _search(self, name: str, stated: str) -> str:
        thought = say(LOOK_UP, self.rng, name=name)
        query = "the name of it" if self.slip is Slip.WRONG_SEARCH else name
        return self._say(f"{stated} {thought}" if stated else self._first(thought), f'print(web_search("{query}"))')

    def _first(self, thought: str) -> str:
        """The thought of a first step, which continues a plan at the beginning of the reply."""
        planned = max((plan for plan in self._plans if plan in self.prefill), key=len, default="")
        return f"{planned} {thought}" if planned else thought

    def _say(self, thought: str, code: str) -> str:
        if self.slip is Slip.RAISES:
            code = code.replace("(", "((", 1)
        return self._after_prefill(f"Thought: {thought}\nCode:\n```py\n{code}\n```<end_code>")

    def _after_prefill(self, text: str) -> str:
        """The rest of a reply whose beginning is prefilled."""
        if text.startswith(self.prefill):
            return text.removeprefix(self.prefill)
        return " " + text.removeprefix("Thought: ")

    def _is_early(self, can_be: bool) -> bool:
        return self.slip is Slip.EARLY and can_be and not self._is_planned

    @property
    def _is_planned(self) -> bool:
        texts = [one.content for one in self.messages if one.role is not Role.SYSTEM]  # includes a prefilled reply
        return any(plan in one for plan in self._plans for one in texts)

    @cached_property
    def _plans(self) -> list[str]:
        return [] if self.question is None else plans(plan_steps(self.question))

    @cached_property
    def _observations(self) -> list[str]:
        return [one.content for one in self.messages if one.role is Role.USER][1:]

    def _page_on(self, kind: Kind, name: str) -> str | None:
        """The sentence about this thing in an observed page."""
        pattern = rf"\b{re.escape(name)} is a {kind}, .*"
        return next((found.group() for text in self._observations if (found := re.search(pattern, text))), None)


def _question(messages: Sequence[Message]) -> tuple[str, Question | None]:
    """The first user message (or its last line) that is a question of the suite, and the parsed question."""
    text = next(message.content for message in messages if message.role is Role.USER).strip()
    for candidate in (text, *reversed(text.splitlines())):
        if (question := read_question(candidate) or read_problem(candidate)) is not None:
            return candidate, question
    return text, None


def _wants_code(messages: Sequence[Message]) -> bool:
    """Whether the prompt asks for code actions rather than for a chain of thought."""
    return any("python" in one.content.lower() for one in messages if one.role is Role.SYSTEM)
