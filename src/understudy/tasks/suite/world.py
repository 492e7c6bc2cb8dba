"""The suite's world and its encyclopedia: ships, songs, schools, cities and people, many of them with namesakes.

In: a split. Out: a ``World`` of facts, and one page for each thing. The training and test worlds share no name and no
year. A third of all things have a namesake of another kind, and a third have two. Pages of namesakes are shorter, so a
search for the name alone finds the correct page at rank 1, 2 or 3. Not here: the questions (``questions``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle
from random import Random
from typing import Literal

from understudy.tasks.suite.numbers import may_use_number
from understudy.tasks.suite.words import NAMESAKE_FACTS, WORDS, Kind, Relation, relations_of
from understudy.tasks.toy.names import Namer, Partition

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")
_SIZES = {Kind.SHIP: (90, 3), Kind.SONG: (90, 3), Kind.SCHOOL: (60, 3), Kind.CITY: (60, 2)}
"""How many things of each kind, and how many syllables their names have."""
_N_PEOPLE = 180
_NAMESAKES = ((), (Kind.HORSE,), (Kind.HORSE, Kind.TOWER))


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing with its own page. Another thing may have the same name."""

    name: str
    kind: Kind
    facts: tuple[tuple[str, str], ...]
    """Predicate and object, in the order in which the page states them."""
    namesakes: tuple[Kind, ...] = ()
    """Kinds of the things with the same name, whose pages are shorter."""

    @property
    def page(self) -> str:
        """The text of the page: one sentence that states all facts."""
        *before, last = (f"{predicate} {found}" for predicate, found in self.facts)
        stated = f"{', '.join(before)} and {last}" if before else last
        return f"{self.name} is a {self.kind}, {stated}."

    def object_of(self, relation: Relation) -> str:
        """The object of a relation that things of this kind have."""
        return dict(self.facts)[WORDS[relation].predicate]


class World:
    """All things of one split."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self._rng = Random(f"suite world {split}")
        self._namer = Namer(self._rng, Partition(split))
        people = [self._namer.name(2, 2) for _ in range(_N_PEOPLE)]
        self.names = {kind: [self._namer.name(n) for _ in range(size)] for kind, (size, n) in _SIZES.items()}
        self.names[Kind.PERSON] = people
        couples = list(zip(people[::2], people[1::2], strict=True))
        self._spouses = {a: b for one, other in couples for a, b in ((one, other), (other, one))}
        things = list(self._things())
        self.pages = self._shuffled(things)
        self._by_name = {(thing.kind, thing.name): thing for thing in things}

    def thing(self, kind: Kind, name: str) -> Thing:
        """The thing of that kind and name. Raises ``KeyError`` if there is none."""
        return self._by_name[kind, name]

    def of_kind(self, kind: Kind) -> list[Thing]:
        """All things of a kind, in the order in which they were made."""
        return [thing for thing in self._by_name.values() if thing.kind is kind]

    def _things(self) -> Iterator[Thing]:
        for kind, names in self.names.items():
            for name, namesakes in zip(names, cycle(_NAMESAKES), strict=False):
                objects: dict[Relation, str] = {}
                for one in relations_of(kind):
                    objects[one] = self._object(name, one, {name, *objects.values()})
                facts = [(WORDS[one].predicate, found) for one, found in objects.items()]
                self._rng.shuffle(facts)
                yield Thing(name, kind, tuple(facts), namesakes)
                for other in namesakes:
                    pool = self.names[Kind.PERSON if other is Kind.HORSE else Kind.CITY]
                    yield Thing(name, other, ((NAMESAKE_FACTS[other], self._rng.choice(pool)),))

    def _object(self, subject: str, relation: Relation, taken: set[str]) -> str:
        """The object of a relation. No page names a thing twice, or a search for it would find that page first."""
        kind = WORDS[relation].object
        if relation is Relation.SPOUSE:
            return self._spouses[subject]
        if kind is Kind.YEAR:
            return str(self._rng.choice(_years(self._split)))
        if kind is Kind.LAKE:
            return self._namer.name(2)
        return self._rng.choice([name for name in self.names[kind] if name not in taken])

    def _shuffled(self, things: list[Thing]) -> list[Thing]:
        # A search orders equal scores by row, so the row must carry no information.
        return self._rng.sample(things, len(things))


@lru_cache(maxsize=len(SPLITS))
def world(split: Split) -> World:
    """The world of a split, built once."""
    return World(split)


@dataclass(frozen=True, slots=True)
class SuitePassage:
    """One page of the encyclopedia."""

    id: str
    title: str
    text: str


def suite_passages() -> list[SuitePassage]:
    """All pages, those of the training and of the test world together."""
    things = [thing for split in SPLITS for thing in world(split).pages]
    return [SuitePassage(f"suite-{number:04d}", thing.name, thing.page) for number, thing in enumerate(things)]


@lru_cache(maxsize=len(SPLITS))
def _years(split: Split) -> tuple[int, ...]:
    return tuple(year for year in range(1100, 2000) if may_use_number(year, split))
