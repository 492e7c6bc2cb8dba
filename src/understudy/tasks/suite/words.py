"""The words of the suite's world: kinds of things, relations between them, and the wording of statements and questions.

In: nothing. Out: ``WORDS``, with one entry for each relation. Each relation has the wording of training, and a wording
that does not occur in training, for the paraphrased test questions. Not here: the things of the world (``world``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a thing of the world is."""

    SHIP = "ship"
    SONG = "song"
    SCHOOL = "school"
    CITY = "city"
    PERSON = "person"
    HORSE = "horse"
    """It occurs only as the namesake of something else."""
    TOWER = "tower"
    """It also occurs only as a namesake."""
    LAKE = "lake"
    """It has no page."""
    YEAR = "year"


class Relation(StrEnum):
    """A relation between a subject and its object."""

    BUILDER = "builder"
    OWNER = "owner"
    HOME = "home"
    LOSS = "loss"
    AUTHOR = "author"
    PATRON = "patron"
    SETTING = "setting"
    APPEARANCE = "appearance"
    FOUNDER = "founder"
    SEAT = "seat"
    OPENING = "opening"
    BIRTHPLACE = "birthplace"
    TUTOR = "tutor"
    SPOUSE = "spouse"
    MAYOR = "mayor"
    LAKE = "lake"
    FOUNDING = "founding"


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to ask for the object of a relation. ``{}`` is the place of the subject."""

    question: str
    noun: str
    """The noun for the object in a question that asks about a property of it."""


@dataclass(frozen=True, slots=True)
class RelationWords:
    """How a relation is stated and asked for."""

    subject: Kind
    object: Kind
    predicate: str
    """The wording in the encyclopedia; the object follows."""
    trained: Wording
    paraphrased: Wording
    """A wording that does not occur in training."""


def _words(subject: Kind, found: Kind, predicate: str, *wordings: str) -> RelationWords:
    question, noun, other_question, other_noun = wordings
    return RelationWords(subject, found, predicate, Wording(question, noun), Wording(other_question, other_noun))


_K = Kind
WORDS: dict[Relation, RelationWords] = {
    Relation.BUILDER: _words(
        _K.SHIP, _K.PERSON, "was built by", "Who built {}?", "the builder of {}",
        "Whose hands assembled {}?", "whoever assembled {}",
    ),
    Relation.OWNER: _words(
        _K.SHIP, _K.PERSON, "is owned by", "Who owns {}?", "the owner of {}",
        "Whose property is {}?", "whoever possesses {}",
    ),
    Relation.HOME: _words(
        _K.SHIP, _K.CITY, "is kept in", "In which city is {} kept?", "the home of {}",
        "Where does {} drop anchor?", "wherever {} drops anchor",
    ),
    Relation.LOSS: _words(
        _K.SHIP, _K.YEAR, "was lost in", "In which year was {} lost?", "the loss of {}",
        "When did {} sink?", "whenever {} sank",
    ),
    Relation.AUTHOR: _words(
        _K.SONG, _K.PERSON, "was written by", "Who wrote {}?", "the author of {}",
        "Whose pen produced {}?", "whoever composed {}",
    ),
    Relation.PATRON: _words(
        _K.SONG, _K.PERSON, "was paid by", "Who paid {}?", "the patron of {}",
        "Whose purse funded {}?", "whoever funded {}",
    ),
    Relation.SETTING: _words(
        _K.SONG, _K.CITY, "is set in", "In which city is {} set?", "the setting of {}",
        "Where does {} take place?", "wherever {} takes place",
    ),
    Relation.APPEARANCE: _words(
        _K.SONG, _K.YEAR, "appeared in", "In which year did {} appear?", "the appearance of {}",
        "When could one first hear {}?", "whenever {} was first heard",
    ),
    Relation.FOUNDER: _words(
        _K.SCHOOL, _K.PERSON, "was founded by", "Who founded {}?", "the founder of {}",
        "Whose initiative created {}?", "whoever established {}",
    ),
    Relation.SEAT: _words(
        _K.SCHOOL, _K.CITY, "is based in", "In which city is {} based?", "the seat of {}",
        "Where can pupils attend {}?", "wherever pupils attend {}",
    ),
    Relation.OPENING: _words(
        _K.SCHOOL, _K.YEAR, "was opened in", "In which year was {} opened?", "the opening of {}",
        "When did {} welcome its earliest pupils?", "whenever {} began teaching",
    ),
    Relation.BIRTHPLACE: _words(
        _K.PERSON, _K.CITY, "was born in", "In which city was {} born?", "the birthplace of {}",
        "Where does {} come from?", "wherever {} comes from",
    ),
    Relation.SPOUSE: _words(
        _K.PERSON, _K.PERSON, "was married to", "Who was married to {}?", "the spouse of {}",
        "With whom did {} share a wedding?", "whoever shared a wedding with {}",
    ),
    Relation.TUTOR: _words(
        _K.PERSON, _K.PERSON, "was taught by", "Who taught {}?", "the tutor of {}",
        "From whom did {} receive lessons?", "whoever gave lessons to {}",
    ),
    Relation.MAYOR: _words(
        _K.CITY, _K.PERSON, "is governed by", "Who governs {}?", "the mayor of {}",
        "Under whose rule stands {}?", "whoever rules {}",
    ),
    Relation.LAKE: _words(
        _K.CITY, _K.LAKE, "looks over the", "Which lake does {} look over?", "the lake of {}",
        "Beside what water lies {}?", "whatever water lies beside {}",
    ),
    Relation.FOUNDING: _words(
        _K.CITY, _K.YEAR, "was settled in", "In which year was {} settled?", "the founding of {}",
        "When did people start living within {}?", "whenever people started living within {}",
    ),
}  # fmt: skip

NAMESAKE_FACTS = {Kind.HORSE: "was praised by", Kind.TOWER: "belongs to"}
"""The statement on the page of a namesake: about a person, and about a city."""


@dataclass(frozen=True, slots=True)
class Comparing:
    """How two things of a kind are compared by a year."""

    relation: Relation
    earlier: str
    """``{}`` is the place of each of the two."""
    later: str


COMPARISONS = (
    Comparing(Relation.LOSS, "Which was lost first, {} or {}?", "Which was lost last, {} or {}?"),
    Comparing(Relation.APPEARANCE, "Which appeared first, {} or {}?", "Which appeared last, {} or {}?"),
    Comparing(Relation.OPENING, "Which was opened first, {} or {}?", "Which was opened last, {} or {}?"),
    Comparing(Relation.FOUNDING, "Which was settled first, {} or {}?", "Which was settled last, {} or {}?"),
)


def relations_of(kind: Kind) -> tuple[Relation, ...]:
    """The relations whose subject is of this kind."""
    return tuple(relation for relation, words in WORDS.items() if words.subject is kind)
