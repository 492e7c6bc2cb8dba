"""Factual questions of the suite: chains of relations and comparisons.

In: a set and a split. Out: ``Task`` records. ``read_question`` parses a question; the teacher program relies on it.
Training questions have one or two hops. Test questions have new pairs of relations in the same words (``bridge``),
three hops (``deep``), two things to compare (``comparison``), or words that do not occur in training (``paraphrase``).
Not here: mathematical questions (``word_problems``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from random import Random

from understudy.records import Task, TaskKind
from understudy.tasks.config import FactSet
from understudy.tasks.suite.words import COMPARISONS, WORDS, Comparing, Kind, Relation, Wording, relations_of
from understudy.tasks.suite.world import Split, World, world

POOL_SIZE = {"train": 1500, "test": 300}
"""How many questions each set has."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A question that is answered by following relations from a thing."""

    kind: Kind
    name: str
    relations: tuple[Relation, ...]
    """In the order in which they are followed."""
    is_paraphrased: bool = False

    @property
    def text(self) -> str:
        *inner, last = self.relations
        subject = mention(self.kind, self.name)
        for relation in inner:
            subject = self._wording(relation).noun.format(subject)
        return self._wording(last).question.format(subject)

    def _wording(self, relation: Relation) -> Wording:
        return WORDS[relation].paraphrased if self.is_paraphrased else WORDS[relation].trained

    def answer(self, here: World) -> str:
        """The object at the end of the chain."""
        kind, name = self.kind, self.name
        for relation in self.relations:
            kind, name = WORDS[relation].object, here.thing(kind, name).object_of(relation)
        return name


@dataclass(frozen=True, slots=True)
class Comparison:
    """A question about which of two things came first or last."""

    comparing: Comparing
    names: tuple[str, str]
    wants_later: bool

    @property
    def kind(self) -> Kind:
        return WORDS[self.comparing.relation].subject

    @property
    def text(self) -> str:
        template = self.comparing.later if self.wants_later else self.comparing.earlier
        return template.format(*(mention(self.kind, name) for name in self.names))

    def chosen(self, years: tuple[int, int]) -> str:
        """The name of the thing that the question asks for."""
        is_second = (years[1] > years[0]) == self.wants_later
        return self.names[is_second]

    def answer(self, here: World) -> str:
        one, other = (int(here.thing(self.kind, name).object_of(self.comparing.relation)) for name in self.names)
        return self.chosen((one, other))


def mention(kind: Kind, name: str) -> str:
    """The text that names a thing in a question and distinguishes it from its namesakes."""
    return name if kind is Kind.PERSON else f"the {kind} {name}"


def fact_tasks(name: FactSet, split: Split) -> Iterator[Task]:
    """All questions of a set in one order. Only ``bridge`` has a training split."""
    here, rng = world(split), Random(f"suite {name} {split}")
    made: list[Chain | Comparison] = list(
        dict.fromkeys(_comparisons(here, rng) if name == "comparison" else _chains(name, split, here, rng))
    )
    for number, question in enumerate(rng.sample(made, min(len(made), POOL_SIZE[split]))):
        n_hops = len(question.relations) if isinstance(question, Chain) else 2
        yield Task(
            id=f"{name}-{split}-{number:04d}",
            question=question.text,
            answer=question.answer(here),
            kind=TaskKind.FACT,
            source=name,
            split=split,
            level=f"{n_hops} pages",
            type=name,
        )


def _chains(name: FactSet, split: Split, here: World, rng: Random) -> Iterator[Chain]:
    for kind in here.names:
        for relations in relation_chains(kind, name, split):
            things = here.of_kind(kind)
            for thing in rng.sample(things, min(len(things), 30 if len(relations) == 1 else 45)):
                chain = Chain(kind, thing.name, relations, is_paraphrased=name == "paraphrase")
                if chain.answer(here) != thing.name:
                    yield chain


def relation_chains(kind: Kind, name: FactSet, split: Split) -> list[tuple[Relation, ...]]:
    """The chains of relations that questions of a set follow from a thing of that kind."""
    if split == "train":
        ones: list[tuple[Relation, ...]] = [(relation,) for relation in relations_of(kind)]
        return [*ones, *(pair for pair in _longer(ones) if not is_held_out(pair))]
    n_hops = 3 if name == "deep" else 2
    found: list[tuple[Relation, ...]] = [(relation,) for relation in relations_of(kind)]
    for _ in range(n_hops - 1):
        found = _longer(found)
    return [chain for chain in found if name != "bridge" or is_held_out(chain)]


def is_held_out(pair: tuple[Relation, ...]) -> bool:
    """Whether a pair of relations is asked for in test questions only: a third of all pairs."""
    places = [list(Relation).index(relation) for relation in pair]
    return sum(places) % 3 == 0


def _longer(chains: list[tuple[Relation, ...]]) -> list[tuple[Relation, ...]]:
    """Each chain with each relation that can follow, except a spouse's spouse."""
    return [
        (*chain, relation)
        for chain in chains
        for relation in relations_of(WORDS[chain[-1]].object)
        if {chain[-1], relation} != {Relation.SPOUSE}
    ]


def _comparisons(here: World, rng: Random) -> Iterator[Comparison]:
    for comparing in COMPARISONS:
        things = here.of_kind(WORDS[comparing.relation].subject)
        for wants_later in (False, True, False, True):
            mixed = rng.sample(things, len(things))
            for one, other in zip(mixed[::2], mixed[1::2], strict=True):
                if one.object_of(comparing.relation) != other.object_of(comparing.relation):
                    yield Comparison(comparing, (one.name, other.name), wants_later)


@lru_cache(maxsize=10_000)
def read_question(text: str) -> Chain | Comparison | None:
    """The question in a text; None if it is not a question of the suite's world."""
    for comparing, wants_later in product(COMPARISONS, (False, True)):
        found = _slots(text, comparing.later if wants_later else comparing.earlier)
        if found and len(found) == 2:
            names = [_mentioned(one)[1] for one in found]
            return Comparison(comparing, (names[0], names[1]), wants_later)
    for last, is_paraphrased in product(WORDS, (False, True)):
        wording = WORDS[last].paraphrased if is_paraphrased else WORDS[last].trained
        if found := _slots(text, wording.question):
            return _read_chain(found[0], (last,), is_paraphrased)
    return None


def _read_chain(subject: str, relations: tuple[Relation, ...], is_paraphrased: bool) -> Chain:
    for relation, words in WORDS.items():
        noun = words.paraphrased.noun if is_paraphrased else words.trained.noun
        if found := _slots(subject, noun):
            return _read_chain(found[0], (relation, *relations), is_paraphrased)
    return Chain(*_mentioned(subject), relations, is_paraphrased)


def _mentioned(text: str) -> tuple[Kind, str]:
    found = re.fullmatch(r"the ([a-z]+) (.+)", text)
    return (Kind(found.group(1)), found.group(2)) if found else (Kind.PERSON, text)


def _slots(text: str, template: str) -> tuple[str, ...]:
    """The texts in the slots of a template; empty if the text does not match it."""
    pattern = "(.+)".join(re.escape(part) for part in template.split("{}"))
    found = re.fullmatch(pattern, text)
    return found.groups() if found else ()
