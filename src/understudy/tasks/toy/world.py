"""The toy world: invented books, people, towns and firms, and the facts that connect them.

In: a seed and a partition. Out: a ``World`` of facts. The worlds of different partitions share no name.
Not here: the text of the encyclopedia (``encyclopedia``) and the questions (``questions``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from understudy.tasks.toy.names import Namer, Partition


class Kind(StrEnum):
    """What a thing of the world is."""

    BOOK = "book"
    PERSON = "person"
    TOWN = "town"
    FIRM = "firm"
    RIVER = "river"
    YEAR = "year"


class Relation(StrEnum):
    """What ties a subject to its object."""

    AUTHOR = "author"
    SETTING = "setting"
    APPEARANCE = "appearance"
    BIRTHPLACE = "birthplace"
    SPOUSE = "spouse"
    TUTOR = "tutor"
    RIVER = "river"
    MAYOR = "mayor"
    FOUNDING = "founding"
    FOUNDER = "founder"
    SEAT = "seat"


@dataclass(frozen=True, slots=True)
class RelationWords:
    """How a relation is stated and asked for. ``{}`` is the place of the subject."""

    subject: Kind
    object: Kind
    predicate: str
    """As the encyclopedia states it; the object follows."""
    question: str
    noun: str
    """As a question names the object when it asks for something else about it."""


WORDS: dict[Relation, RelationWords] = {
    Relation.AUTHOR: RelationWords(Kind.BOOK, Kind.PERSON, "was written by", "Who wrote {}?", "the author of {}"),
    Relation.SETTING: RelationWords(Kind.BOOK, Kind.TOWN, "is set in", "In which town is {} set?", "the setting of {}"),
    Relation.APPEARANCE: RelationWords(
        Kind.BOOK, Kind.YEAR, "appeared in", "In which year did {} appear?", "the appearance of {}"
    ),
    Relation.BIRTHPLACE: RelationWords(
        Kind.PERSON, Kind.TOWN, "was born in", "In which town was {} born?", "the birthplace of {}"
    ),
    Relation.SPOUSE: RelationWords(
        Kind.PERSON, Kind.PERSON, "was married to", "Who was married to {}?", "the spouse of {}"
    ),
    Relation.TUTOR: RelationWords(Kind.PERSON, Kind.PERSON, "was taught by", "Who taught {}?", "the tutor of {}"),
    Relation.RIVER: RelationWords(
        Kind.TOWN, Kind.RIVER, "lies on the", "Which river flows through {}?", "the river of {}"
    ),
    Relation.MAYOR: RelationWords(Kind.TOWN, Kind.PERSON, "is governed by", "Who governs {}?", "the mayor of {}"),
    Relation.FOUNDING: RelationWords(
        Kind.TOWN, Kind.YEAR, "was settled in", "In which year was {} settled?", "the founding of {}"
    ),
    Relation.FOUNDER: RelationWords(Kind.FIRM, Kind.PERSON, "was founded by", "Who founded {}?", "the founder of {}"),
    Relation.SEAT: RelationWords(Kind.FIRM, Kind.TOWN, "is based in", "In which town is {} based?", "the seat of {}"),
}


def relations_of(kind: Kind) -> tuple[Relation, ...]:
    """The relations whose subject is of this kind."""
    return tuple(relation for relation, words in WORDS.items() if words.subject is kind)


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing with a page of its own."""

    name: str
    kind: Kind
    facts: tuple[tuple[Relation, str], ...]
    """Each relation of its kind with its object, in the order in which the page states them."""

    def object_of(self, relation: Relation) -> str:
        return dict(self.facts)[relation]


class World:
    """All entities of one partition under one seed."""

    def __init__(self, seed: int, partition: Partition, size: int = 60) -> None:
        """Build the world: ``size`` towns and firms, twice as many books, three times as many people."""
        rng = Random(f"toy world {seed} {partition}")
        self._namer = Namer(rng, partition)
        self._rng = rng
        people = [self._namer.name(2, 2) for _ in range(3 * size)]
        self._names = {
            Kind.TOWN: [self._namer.name(2) for _ in range(size)],
            Kind.FIRM: [self._namer.name(3) for _ in range(size)],
            Kind.BOOK: [self._namer.name(3) for _ in range(2 * size)],
            Kind.PERSON: people,
        }
        couples = list(zip(people[::2], people[1::2], strict=False))
        self._spouses = {a: b for one, other in couples for a, b in ((one, other), (other, one))}
        self.entities = {entity.name: entity for entity in self._entities()}

    def _entities(self) -> Iterator[Entity]:
        for kind, names in self._names.items():
            for name in names:
                facts = [(relation, self._object(name, relation)) for relation in relations_of(kind)]
                self._rng.shuffle(facts)
                yield Entity(name, kind, tuple(facts))

    def _object(self, subject: str, relation: Relation) -> str:
        kind = WORDS[relation].object
        if relation is Relation.SPOUSE:
            return self._spouses[subject]
        if kind is Kind.YEAR:
            return str(self._rng.randint(1100, 1999))
        if kind is Kind.RIVER:
            return self._namer.name(2)
        return self._rng.choice([name for name in self._names[kind] if name != subject])
