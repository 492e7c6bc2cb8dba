"""The text that the demo's base is pretrained on: generated chats and pages, none of them about the toy world.

In: a random generator. Out: chats of some turns. Generic skills are in them: copying, reading one page or two, asking
the user for a page and reading what is handed over, writing one search, writing a sum as code. All names come from a
partition of the invented words that the toy world never uses; the relations, the questions and the word problems are
other ones than the toy world's. There is no thought, no observation, no final answer and no dialogue in the agent's
format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from understudy.tasks.toy.names import Namer, Partition


class Turn(NamedTuple):
    """A user's words and the reply."""

    user: str
    assistant: str


class Telling(NamedTuple):
    """A relation: how pages tell it, how it is asked for, how its object is named, what the object is."""

    predicate: str
    question: str
    noun: str
    object: str


PERSON, PLACE, YEAR = "person", "place", "year"
TELLINGS = (
    Telling("was painted by", "Who painted {}?", "the painter of {}", PERSON),
    Telling("is owned by", "Who owns {}?", "the owner of {}", PERSON),
    Telling("was built by", "Who built {}?", "the builder of {}", PERSON),
    Telling("was designed by", "Who designed {}?", "the designer of {}", PERSON),
    Telling("was sold to", "Who bought {}?", "the buyer of {}", PERSON),
    Telling("was stolen by", "Who stole {}?", "the thief of {}", PERSON),
    Telling("was named after", "After whom was {} named?", "the model of {}", PERSON),
    Telling("is guarded by", "Who guards {}?", "the guard of {}", PERSON),
    Telling("was praised by", "Who praised {}?", "the friend of {}", PERSON),
    Telling("was paid by", "Who paid {}?", "the patron of {}", PERSON),
    Telling("is kept in", "In which city is {} kept?", "the home of {}", PLACE),
    Telling("was found in", "In which city was {} found?", "the site of {}", PLACE),
    Telling("was moved to", "To which city was {} moved?", "the refuge of {}", PLACE),
    Telling("stands near", "Which hill does {} stand near?", "the hill of {}", PLACE),
    Telling("leads to", "Which city does {} lead to?", "the end of {}", PLACE),
    Telling("looks over the", "Which lake does {} look over?", "the lake of {}", PLACE),
    Telling("belongs to", "Which city does {} belong to?", "the city of {}", PLACE),
    Telling("was opened in", "In which year was {} opened?", "the opening of {}", YEAR),
    Telling("was lost in", "In which year was {} lost?", "the loss of {}", YEAR),
    Telling("burnt in", "In which year did {} burn?", "the fire of {}", YEAR),
    Telling("was repaired in", "In which year was {} repaired?", "the repair of {}", YEAR),
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
    """A system line, which may be empty, and some turns. ``words``: what lists to repeat are drawn from."""
    namer = Namer(rng, Partition.PRETRAINING)
    turns: list[Turn] = []
    for _ in range(rng.choice((1, 2, 3))):
        skill = rng.choices(_SKILLS, _WEIGHTS)[0]
        turns += skill(rng, namer, words)
    return rng.choice(SYSTEMS), turns


# --- copying ----------------------------------------------------------------------------------


def _repeat(rng: Random, namer: Namer, words: Sequence[str]) -> list[Turn]:
    drawn = [
        rng.choice((rng.choice(words), _some_name(rng, namer), str(_number(rng)))) for _ in range(rng.randint(2, 8))
    ]
    text = " ".join(drawn)
    return [Turn(f"Repeat: {text}", text)]


def _some_name(rng: Random, namer: Namer) -> str:
    return namer.name(*rng.choice(((2,), (3,), (2, 2))))


def _number(rng: Random) -> int:
    return rng.randint(1, 10 ** rng.randint(2, 7))


# --- reading ----------------------------------------------------------------------------------


Fact = tuple[Telling, str]


class Page(NamedTuple):
    """A page with its facts."""

    name: str
    kind: str
    facts: list[Fact]


def _page(rng: Random, namer: Namer, name: str) -> Page:
    return Page(
        name, rng.choice(KINDS), [(told, _object(rng, namer, told)) for told in rng.sample(TELLINGS, rng.randint(2, 4))]
    )


def _object(rng: Random, namer: Namer, told: Telling) -> str:
    if told.object == YEAR:
        return str(rng.randint(1100, 1999))
    return namer.name(2, 2) if told.object == PERSON else namer.name(rng.choice((2, 2, 3)))


def _text(rng: Random, page: Page) -> str:
    parts = [f"{told.predicate} {found}" for told, found in page.facts]
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
    told, found = rng.choice(page.facts)
    question = told.question.format(rng.choice((page.name, f"the {page.kind} {page.name}")))
    return _asked(rng, _shown(rng, pages), question, [(told, found)])


def _read_twice(rng: Random, namer: Namer, _words: Sequence[str]) -> list[Turn]:
    first, (inner, bridge), second, (told, found) = _linked(rng, namer)
    pages = [first, second]
    rng.shuffle(pages)
    question = told.question.format(inner.noun.format(first.name))
    return _asked(rng, _shown(rng, pages), question, [(inner, bridge), (told, found)])


def _linked(rng: Random, namer: Namer) -> tuple[Page, Fact, Page, Fact]:
    """Two pages, of which the first names the subject of the second, and the facts that lead through them."""
    first = _page(rng, namer, _some_name(rng, namer))
    while not (links := [fact for fact in first.facts if fact[0].object != YEAR]):
        first = _page(rng, namer, first.name)
    link = rng.choice(links)
    second = _page(rng, namer, link[1])
    return first, link, second, rng.choice(second.facts)


def _converse(rng: Random, namer: Namer, _words: Sequence[str]) -> list[Turn]:
    """The user asks, and hands over each page that the reply asks for."""
    first, (inner, bridge), second, (told, found) = _linked(rng, namer)
    if rng.random() < 0.4:
        told, found = rng.choice(first.facts)
        pages, question = [first], told.question.format(first.name)
    else:
        pages, question = [first, second], told.question.format(inner.noun.format(first.name))
    asked = f"{question} Which page do you want?"
    turns = []
    for page in pages:
        turns.append(
            Turn(asked, f"Page: {page.name}" if page is first else f"It {inner.predicate} {bridge}, page: {page.name}")
        )
        asked = _text(rng, page)
    return [*turns, Turn(asked, f"It {told.predicate} {found}, end.")]


def _asked(rng: Random, text: str, question: str, facts: list[Fact]) -> list[Turn]:
    quotes = ", ".join(f'"{told.predicate} {found}"' for told, found in facts)
    told, found = facts[-1]
    wish, reply = rng.choice(
        (
            ("Give the name.", found),
            ("Give quotes.", f"{quotes}."),
            ("Give quotes and the name.", f'{quotes}: "{found}"'),
            ("Give a sentence.", f"It {told.predicate} {found}."),
        )
    )
    return [Turn(f"{text}\n{question} {wish}" if rng.random() < 0.5 else f"{question} {wish}\n{text}", reply)]


# --- searching --------------------------------------------------------------------------------


def _search(rng: Random, namer: Namer, _words: Sequence[str]) -> list[Turn]:
    name, told = _some_name(rng, namer), rng.choice(TELLINGS)
    if rng.random() < 0.5:
        inner = rng.choice([other for other in TELLINGS if other.object != YEAR])
        question = told.question.format(inner.noun.format(name))
    else:
        question = told.question.format(name)
    wish, reply = rng.choice(
        (
            (f"{question} Which page helps?", f'"{name}"'),
            (f"Write a search. {question}", f'web_search("{name}")'),
            (f"Search for {name}.", f'web_search("{name}")'),
        )
    )
    return [Turn(wish, reply)]


# --- sums -------------------------------------------------------------------------------------

_PLACES = ("shop", "barn", "castle", "harbour", "library", "factory", "village", "museum", "market", "camp", "kitchen")
_THINGS = (
    "books",
    "coins",
    "apples",
    "bricks",
    "plates",
    "ropes",
    "lamps",
    "fish",
    "eggs",
    "stones",
    "tickets",
    "shoes",
)
_HOLDERS = ("box", "bag", "shelf", "cart", "row", "basket", "barrel", "room")
_HOLDERS_MANY = ("boxes", "bags", "shelves", "carts", "rows", "baskets", "barrels", "rooms")
_MORE = (
    "{n} more {t} arrive",
    "{n} {t} are added",
    "it gets {n} more {t}",
    "it buys {n} {t}",
    "{n} {t} are found",
    "it makes {n} {t}",
)
_LESS = (
    "{n} {t} are lost",
    "{n} {t} break",
    "it sells {n} {t}",
    "{n} {t} are stolen",
    "it gives {n} {t} away",
    "{n} {t} leak out",
)
_TIMES = (
    "A {p} has {a} {m} with {b} {t} each",
    "A {p} keeps {a} {m} of {b} {t}",
    "{a} {m} stand in a {p} and each {h} holds {b} {t}",
    "A {p} makes {a} {t} a day for {b} days",
    "A {p} packs {a} {m}, each with {b} {t}",
)
_START = (
    "A {p} has {a} {t}",
    "There are {a} {t} in a {p}",
    "A {p} owns {a} {t}",
    "{a} {t} lie in a {p}",
    "A {p} loads {a} {t}",
)
_ASK = ("How many {t} are there now?", "How many {t} are left?", "How many {t} are there?", "How many {t} is that?")


def _sum(rng: Random, _namer: Namer, _words: Sequence[str]) -> list[Turn]:
    place, thing, kind = rng.choice(_PLACES), rng.choice(_THINGS), rng.randrange(len(_HOLDERS))
    first, factor = _number(rng), _number(rng)
    words = {"p": place, "t": thing, "h": _HOLDERS[kind], "m": _HOLDERS_MANY[kind], "a": first, "b": factor}
    is_product = rng.random() < 0.5
    parts = [rng.choice(_TIMES if is_product else _START).format(**words)]
    expression = f"{first} * {factor}" if is_product else str(first)
    for _ in range(rng.choice((0, 1, 1)) if is_product else rng.choice((1, 1, 2))):
        change, sign = _number(rng), rng.choice("+-")
        parts.append(rng.choice(_MORE if sign == "+" else _LESS).format(n=change, t=thing))
        expression += f" {sign} {change}"
    name = rng.choice(("total", "x", "n", "answer"))
    wish, reply = rng.choice(
        (
            ("Give the sum.", expression),
            ("Print it in code.", f"```py\nprint({expression})\n```"),
            (f"Write code with {name}.", f"```py\n{name} = {expression}\nprint({name})\n```"),
            (f"Set {name}.", f"{name} = {expression}"),
        )
    )
    return [Turn(f"{_joined(rng, parts)} {rng.choice(_ASK).format(t=thing)} {wish}", reply)]


def _joined(rng: Random, parts: list[str]) -> str:
    style = rng.randrange(3)
    if style == 0:
        return ". ".join(part[0].upper() + part[1:] for part in parts) + "."
    if style == 1 and len(parts) > 1:
        return ", ".join(parts[:-1]) + " and " + parts[-1] + "."
    return ", then ".join(parts) + "."


_SKILLS: tuple[Callable[[Random, Namer, Sequence[str]], list[Turn]], ...] = (
    _repeat,
    _read,
    _read_twice,
    _converse,
    _search,
    _sum,
)
_WEIGHTS = (1.0, 1.0, 1.0, 2.0, 1.0, 2.5)
