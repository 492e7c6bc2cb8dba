"""The toy teacher: a program in place of a model. Wherever its figures are shown, it is labelled a program.

In: a request as a language model gets it. Out: one reply, with tool calls where the request offers tools, else with
code. As an agent it works from what the messages show and nothing else: it parses the question, reads the observations
and searches or computes. Asked for a chain of thought it may look into the world's facts, as a large model would into
its memory.

It slips at a stated rate, so that grading and curation have something to do. A *broken action* is seen as an error and
mended in the next step. A *lost thread* (answering after the first of two hops, or with the wrong sign in a sum) ends
in a wrong answer; it cannot happen when the first thought holds the plan, so first-thought prefixes have
something to do as well. A *misread page* ends in a wrong answer with or without a plan.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from understudy.records import Completion, Message, Role, ToolSchema
from understudy.tasks.toy.arithmetic import Problem, parse_problem
from understudy.tasks.toy.encyclopedia import world
from understudy.tasks.toy.names import Partition
from understudy.tasks.toy.questions import FactQuestion, parse_fact
from understudy.tasks.toy.replies import Action, Answer, Compute, Search, as_calls, as_code
from understudy.tasks.toy.world import WORDS, Relation, relations_of

_OBJECT = r"([A-Z][a-z]+(?: [A-Z][a-z]+)*|\d+)"
_OPERATIONS = {"*": "multiply", "+": "add", "-": "subtract"}
_SPOKEN = {"*": "times", "+": "plus", "-": "minus"}


class ToyRequest(Protocol):
    """The parts of a model request that the teacher reads."""

    @property
    def messages(self) -> tuple[Message, ...]: ...
    @property
    def seed(self) -> int | None: ...
    @property
    def temperature(self) -> float: ...
    @property
    def continue_final(self) -> bool: ...
    @property
    def tools(self) -> tuple[ToolSchema, ...]: ...


@dataclass(frozen=True, slots=True)
class ToyTeacher:
    """The teacher of the world of one seed. Call it with a request; the same request gives the same reply."""

    world_seed: int
    error_rate: float = 0.0
    """Chance of a slip at each step, in [0, 1]."""

    def __call__(self, request: ToyRequest) -> str | Completion:
        """One reply. A reply that continues a prefilled message has only the text after the prefill."""
        messages = request.messages
        prefill = messages[-1].content if request.continue_final else ""
        question = _question(messages)
        rng = Random(f"{self.world_seed} {request.seed} {request.temperature} {len(messages)} {question}")
        if not request.tools and not _wants_code(messages):
            return self._chain_of_thought(question)
        slips = rng.random() < self.error_rate
        thought, action = _Turn(messages, question, prefill, rng if slips else None).decide()
        if request.tools:
            return as_calls(thought, action, prefill, {tool.name for tool in request.tools})
        return as_code(thought, action, prefill)

    def _chain_of_thought(self, question: str) -> str:
        if problem := parse_problem(question):
            sentences = [f"{left} {_SPOKEN[op]} {right} is {outcome}." for left, op, right, outcome in problem.steps]
            return _boxed(plan(problem), sentences, str(problem.answer))
        fact = parse_fact(question)
        if fact is None:
            return "I do not know."
        subject, sentences = fact.entity, []
        for relation in fact.relations:
            found = self._recall(subject, relation)
            sentences.append(f"{subject} {WORDS[relation].predicate} {found}.")
            subject = found
        return _boxed(plan(fact), sentences, subject)

    def _recall(self, subject: str, relation: Relation) -> str:
        for partition in (Partition.TRAIN, Partition.DEV, Partition.TEST):
            if entity := world(self.world_seed, partition).entities.get(subject):
                return entity.object_of(relation)
        raise ValueError(f"toy teacher: the world of seed {self.world_seed} has no page on {subject!r}")


def plan(question: FactQuestion | Problem) -> str:
    """The first paragraph of a chain of thought: what has to be done, in order."""
    if isinstance(question, Problem):
        wanted = [f"I {_OPERATIONS[op]}" for op in question.operators]
    else:
        wanted = [f"I need the {relation}" for relation in question.relations]
    return " and then ".join(wanted) + "."


@dataclass(frozen=True, slots=True)
class _Turn:
    """One turn of the teacher as an agent. It has no memory: everything that it knows is in the messages."""

    messages: tuple[Message, ...]
    question: str
    prefill: str
    """The prefilled beginning of the reply."""
    slip: Random | None
    """The source of this turn's random mistake; None if it makes none."""

    def decide(self) -> tuple[str, Action]:
        """What the turn thinks and does."""
        if problem := parse_problem(self.question):
            return self._compute(problem)
        fact = parse_fact(self.question)
        return self._look_up(fact) if fact else ("I do not know.", Answer("unknown"))

    def _compute(self, problem: Problem) -> tuple[str, Action]:
        result = re.search(r"^-?\d+$", self._last_observation() or "", re.MULTILINE)
        if result:
            return "This is the result.", Answer(result.group(), is_result=True)
        expression = problem.expression
        if self.slip and self._is_planned(plan(problem)):
            expression = f"({expression}"
        elif self.slip:
            expression = expression.replace("-", "+") if "-" in expression else f"({expression}"
        return self._first_thought("I compute it.", plan(problem)), Compute(expression)

    def _look_up(self, fact: FactQuestion) -> tuple[str, Action]:
        subject, stated = fact.entity, ""
        for hop, relation in enumerate(fact.relations, 1):
            text = self._page_on(subject)
            if text is None:
                return self._search(fact, subject, stated)
            wanted = relation
            if self.slip and hop == len(fact.relations):
                wanted = self.slip.choice(relations_of(WORDS[relation].subject))
            predicate = WORDS[wanted].predicate
            found = re.search(f"{predicate} {_OBJECT}", text)
            if found is None:
                return f"The page says nothing of the {relation}.", Answer("unknown")
            subject, stated = found.group(1), f"The page says it {found.group()}."
            if self.slip and hop < len(fact.relations) and self._page_on(subject) is None:
                return self._lose_thread(fact, subject, stated)
        return stated, Answer(subject)

    def _lose_thread(self, fact: FactQuestion, subject: str, stated: str) -> tuple[str, Action]:
        if self._is_planned(plan(fact)):
            return self._search(fact, subject, stated)
        return stated, Answer(subject)

    def _search(self, fact: FactQuestion, subject: str, stated: str) -> tuple[str, Action]:
        thought = f"{stated} I look it up." if stated else self._first_thought("I look it up.", plan(fact))
        return thought, Search(subject, is_broken=self.slip is not None)

    def _first_thought(self, thought: str, planned: str) -> str:
        """The first thought: a prefilled one is completed with this step's action."""
        return f"{planned} {thought}" if planned in self.prefill else thought

    def _is_planned(self, planned: str) -> bool:
        return any(planned in text for text in (self.prefill, *_contents(self.messages, Role.ASSISTANT)))

    def _observations(self) -> list[str]:
        read = [message.content for message in self.messages if message.role in (Role.USER, Role.TOOL)]
        return read[1:]

    def _last_observation(self) -> str | None:
        observations = self._observations()
        return observations[-1] if observations else None

    def _page_on(self, subject: str) -> str | None:
        """The sentence of an observed page that begins with the subject."""
        for text in self._observations():
            if found := re.search(rf"\b{re.escape(subject)} is a .*", text):
                return found.group()
        return None


def _question(messages: Sequence[Message]) -> str:
    """The last line of the first user message that is a question of the toy world, else its whole text."""
    text = next(message.content for message in messages if message.role is Role.USER)
    known = [line for line in text.splitlines() if parse_problem(line) or parse_fact(line)]
    return known[-1] if known else text


def _wants_code(messages: Sequence[Message]) -> bool:
    """Whether the prompt asks for code actions rather than for a chain of thought."""
    asked = " ".join(message.content for message in messages if message.role is Role.SYSTEM)
    return "python" in asked.lower()


def _contents(messages: Sequence[Message], role: Role) -> list[str]:
    return [message.content for message in messages if message.role is role]


def _boxed(planned: str, sentences: Sequence[str], answer: str) -> str:
    return f"{planned}\n\n{' '.join(sentences)}\n\n\\boxed{{{answer}}}"


def toy_teacher(request: ToyRequest, *, world_seed: int = 0, error_rate: float = 0.0) -> str | Completion:
    """The toy teacher as a recipe names it: ``understudy.tasks.toy:toy_teacher``."""
    return ToyTeacher(world_seed, error_rate)(request)
