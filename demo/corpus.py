"""The text on which the demo's base is pretrained: generated chats and pages, none of them about the toy world.

In: a random generator. Out: chats of a few turns. They exercise generic skills: copying, reading one page or two,
asking the user for a page and reading it, writing one search, writing a sum as code (``word_problems``). All names come
from a partition of the invented words that the toy world never uses; the relations, the questions and the word problems
differ from those of the toy world. No chat contains a thought, an observation, a final answer or a dialogue in the
agent's format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from word_problems import any_number, word_problem

from understudy.tasks.toy.names import Namer, Partition


class Turn(NamedTuple):
    """A user's message and the reply."""

    user: str
    assistant: str


class Relation(NamedTuple):
    """A relation: how pages state it, how questions ask for it, a noun for its object, and the kind of the object."""

    predicate: str
    question: str
    noun: str
    object: str


PERSON, PLACE, YEAR = "person", "place", "year"
RELATIONS = (
    Relation("was painted by", "Who painted {}?", "the painter of {}", PERSON),
    Relation("is owned by", "Who owns {}?", "the owner of {}", PERSON),
    Relation("was built by", "Who built {}?", "the builder of {}", PERSON),
    Relation("was designed by", "Who designed {}?", "the designer of {}", PERSON),
    Relation("was sold to", "Who bought {}?", "the buyer of {}", PERSON),
    Relation("was stolen by", "Who stole {}?", "the thief of {}", PERSON),
    Relation("was named after", "After whom was {} named?", "the model of {}", PERSON),
    Relation("is guarded by", "Who guards {}?", "the guard of {}", PERSON),
    Relation("was praised by", "Who praised {}?", "the friend of {}", PERSON),
    Relation("was paid by", "Who paid {}?", "the patron of {}", PERSON),
    Relation("is kept in", "In which city is {} kept?", "the home of {}", PLACE),
    Relation("was found in", "In which city was {} found?", "the site of {}", PLACE),
    Relation("was moved to", "To which city was {} moved?", "the refuge of {}", PLACE),
    Relation("stands near", "Which hill does {} stand near?", "the hill of {}", PLACE),
    Relation("leads to", "Which city does {} lead to?", "the end of {}", PLACE),
    Relation("looks over the", "Which lake does {} look over?", "the lake of {}", PLACE),
    Relation("belongs to", "Which city does {} belong to?", "the city of {}", PLACE),
    Relation("was opened in", "In which year was {} opened?", "the opening of {}", YEAR),
    Relation("was lost in", "In which year was {} lost?", "the loss of {}", YEAR),
    Relation("burnt in", "In which year did {} burn?", "the fire of {}", YEAR),
    Relation("was repaired in", "In which year was {} repaired?", "the repair of {}", YEAR),
)
KINDS = (
    "bridge",
    "ship",
    "song",
    "mine",
    "bell",
    "clock",
    "garden",
    "temple",
    "statue",
    "tower",
    "road",
    "horse",
    "island",
)
SYSTEMS = ("", "", "", "Answer in short.", "You read pages and answer.", "Reply with code or with a name.", "Be exact.")


def make_chat(rng: Random, words: Sequence[str]) -> tuple[str, list[Turn]]:
    """A system line, which may be empty, and a few turns. ``words``: the words of lists to repeat."""
    namer = Namer(rng, Partition.PRETRAINING)
    turns: list[Turn] = []
    for _ in range(rng.choice((1, 2, 3))):
        skill = rng.choices(_SKILLS, _WEIGHTS)[0]
        turns += skill(rng, namer, words)
    return rng.choice(SYSTEMS), turns


# --- copying ----------------------------------------------------------------------------------


def _repeat(rng: Random, namer: Namer, words: Sequence[str]) -> list[Turn]:
    drawn = [
        rng.choice((rng.choice(words), _some_name(rng, namer), str(any_number(rng)))) for _ in range(rng.randint(2, 8))
    ]
    text = " ".join(drawn)
    return [Turn(f"Repeat: {text}", text)]


def _some_name(rng: Random, namer: Namer) -> str:
    return namer.name(*rng.choice(((2,), (3,), (2, 2))))


# --- reading ----------------------------------------------------------------------------------


Fact = tuple[Relation, str]


class Page(NamedTuple):
    """A page with its facts."""

    name: str
    kind: str
    facts: list[Fact]


def _page(rng: Random, namer: Namer, name: str) -> Page:
    return Page(
        name,
        rng.choice(KINDS),
        [(relation, _object(rng, namer, relation)) for relation in rng.sample(RELATIONS, rng.randint(2, 4))],
    )


def _object(rng: Random, namer: Namer, relation: Relation) -> str:
    if relation.object == YEAR:
        return str(rng.randint(1100, 1999))
    return namer.name(2, 2) if relation.object == PERSON else namer.name(rng.choice((2, 2, 3)))


def _text(rng: Random, page: Page) -> str:
    parts = [f"{relation.predicate} {found}" for relation, found in page.facts]
    style = rng.randrange(3)
    if style == 0:
        return f"{page.name} is a {page.kind}, {', '.join(parts[:-1])} and {parts[-1]}."
    if style == 1:
        return f"The {page.kind} {page.name} {parts[0]}." + "".join(f" It {part}." for part in parts[1:])
    return f"{page.name} {', '.join(parts)}."


def _shown(rng: Random, pages: Sequence[Page]) -> str:
    style = rng.randrange(3)
    if style == 0:
        return "\n".join(_text(rng, page) for page in pages)
    if style == 1:
        return "\n".join(f"{page.name}\n{_text(rng, page)}" for page in pages)
    return "\n".join(f"{page.name} ({rng.uniform(0, 30):.2f})\n{_text(rng, page)}" for page in pages)


def _read(rng: Random, namer: Namer, _words: Sequence[str]) -> list[Turn]:
    pages = [_page(rng, namer, _some_name(rng, namer)) for _ in range(rng.choice((1, 1, 2, 3)))]
    page = rng.choice(pages)
    relation, found = rng.choice(page.facts)
    question = relation.question.format(rng.choice((page.name, f"the {page.kind} {page.name}")))
    return _asked(rng, _shown(rng, pages), question, [(relation, found)])


def _read_twice(rng: Random, namer: Namer, _words: Sequence[str]) -> list[Turn]:
    first, (inner, bridge), second, (relation, found) = _linked(rng, namer)
    pages = [first, second]
    rng.shuffle(pages)
    question = relation.question.format(inner.noun.format(first.name))
    return _asked(rng, _shown(rng, pages), question, [(inner, bridge), (relation, found)])


def _linked(rng: Random, namer: Namer) -> tuple[Page, Fact, Page, Fact]:
    """Two pages, of which the first names the subject of the second, and the two facts that connect them."""
    first = _page(rng, namer, _some_name(rng, namer))
    while not (links := [fact for fact in first.facts if fact[0].object != YEAR]):
        first = _page(rng, namer, first.name)
    link = rng.choice(links)
    second = _page(rng, namer, link[1])
    return first, link, second, rng.choice(second.facts)


def _converse(rng: Random, namer: Namer, _words: Sequence[str]) -> list[Turn]:
    """The user asks a question, and shows each page that the reply asks for."""
    first, (inner, bridge), second, (relation, found) = _linked(rng, namer)
    if rng.random() < 0.4:
        relation, found = rng.choice(first.facts)
        pages, question = [first], relation.question.format(first.name)
    else:
        pages, question = [first, second], relation.question.format(inner.noun.format(first.name))
    asked = f"{question} Which page do you want?"
    turns = []
    for page in pages:
        turns.append(
            Turn(asked, f"Page: {page.name}" if page is first else f"It {inner.predicate} {bridge}, page: {page.name}")
        )
        asked = _text(rng, page)
    return [*turns, Turn(asked, f"It {relation.predicate} {found}, end.")]


def _asked(rng: Random, text: str, question: str, facts: list[Fact]) -> list[Turn]:
    quotes = ", ".join(f'"{relation.predicate} {found}"' for relation, found in facts)
    relation, found = facts[-1]
    wish, reply = rng.choice(
        (
            ("Give the name.", found),
            ("Give quotes.", f"{quotes}."),
            ("Give quotes and the name.", f'{quotes}: "{found}"'),
            ("Give a sentence.", f"It {relation.predicate} {found}."),
        )
    )
    return [Turn(f"{text}\n{question} {wish}" if rng.random() < 0.5 else f"{question} {wish}\n{text}", reply)]


# --- searching --------------------------------------------------------------------------------


def _search(rng: Random, namer: Namer, _words: Sequence[str]) -> list[Turn]:
    name, relation = _some_name(rng, namer), rng.choice(RELATIONS)
    if rng.random() < 0.5:
        inner = rng.choice([other for other in RELATIONS if other.object != YEAR])
        question = relation.question.format(inner.noun.format(name))
    else:
        question = relation.question.format(name)
    wish, reply = rng.choice(
        (
            (f"{question} Which page helps?", f'"{name}"'),
            (f"Write a search. {question}", f'web_search("{name}")'),
            (f"Search for {name}.", f'web_search("{name}")'),
        )
    )
    return [Turn(wish, reply)]


# --- sums -------------------------------------------------------------------------------------


def _sum(rng: Random, _namer: Namer, _words: Sequence[str]) -> list[Turn]:
    return [Turn(*word_problem(rng))]


_SKILLS: tuple[Callable[[Random, Namer, Sequence[str]], list[Turn]], ...] = (
    _repeat,
    _read,
    _read_twice,
    _converse,
    _search,
    _sum,
)
_WEIGHTS = (1.0, 1.0, 1.0, 2.0, 1.0, 2.5)
