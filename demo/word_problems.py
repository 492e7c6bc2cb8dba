"""Word problems of the pretraining text: a sum or a product in words, and the expression or code that computes it.

In: a random generator. Out: a user's message and the reply. The places, things and sentences differ from those of the
toy world. Not here: the other skills (``corpus``).
"""

from __future__ import annotations

from random import Random

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


def any_number(rng: Random) -> int:
    """A number up to ten million; every number of digits is about equally likely."""
    return rng.randint(1, 10 ** rng.randint(2, 7))


def word_problem(rng: Random) -> tuple[str, str]:
    """A word problem with a wish for the form of the reply, and the reply."""
    place, thing, kind = rng.choice(_PLACES), rng.choice(_THINGS), rng.randrange(len(_HOLDERS))
    first, factor = any_number(rng), any_number(rng)
    words = {"p": place, "t": thing, "h": _HOLDERS[kind], "m": _HOLDERS_MANY[kind], "a": first, "b": factor}
    is_product = rng.random() < 0.5
    parts = [rng.choice(_TIMES if is_product else _START).format(**words)]
    expression = f"{first} * {factor}" if is_product else str(first)
    for _ in range(rng.choice((0, 1, 1)) if is_product else rng.choice((1, 1, 2))):
        change, sign = any_number(rng), rng.choice("+-")
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
    return f"{_joined(rng, parts)} {rng.choice(_ASK).format(t=thing)} {wish}", reply


def _joined(rng: Random, parts: list[str]) -> str:
    style = rng.randrange(3)
    if style == 0:
        return ". ".join(part[0].upper() + part[1:] for part in parts) + "."
    if style == 1 and len(parts) > 1:
        return ", ".join(parts[:-1]) + " and " + parts[-1] + "."
    return ", then ".join(parts) + "."
