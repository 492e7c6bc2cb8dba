"""A small shop: its database, the tools of its agents, the questions of its customers, and what a right answer is.

The database is ``shop.db`` in the folder ``SHOP_DATA`` (the working directory if it is not set), made from a seed when
it is first needed. Orders, customers and products of the split ``test`` never occur in the split ``train``.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

INSTRUCTIONS = "You are the clerk of a shop."
N_ORDERS = {"train": 500, "test": 100}
SYLLABLES = [
    onset + rhyme for onset in "b br d f g k l m n p r s st t v".split() for rhyme in "a an e el in o on u".split()
]
SCHEMA = """
CREATE TABLE products (name TEXT PRIMARY KEY, price INTEGER, stock INTEGER, split TEXT);
CREATE TABLE orders
    (number INTEGER PRIMARY KEY, customer TEXT, product TEXT, pieces INTEGER, is_late INTEGER, split TEXT);
CREATE TABLE refunds (number INTEGER, amount INTEGER);
"""

# --- tools ------------------------------------------------------------------------------------


def find_order(number: int) -> str:
    """Look up an order.

    Args:
        number: The order's number.
    """
    for customer, product, pieces, is_late in _rows(
        "SELECT customer, product, pieces, is_late FROM orders WHERE number = ?", number
    ):
        state = "is late" if is_late else "came in time"
        return f"Order {number} was placed by {customer}, holds {pieces} {product} and {state}."
    return f"There is no order {number}."


def find_product(name: str) -> str:
    """Look up a product: its price, and how many are left.

    Args:
        name: The product's name.
    """
    for price, stock in _rows("SELECT price, stock FROM products WHERE name = ?", name):
        return f"{name} costs {price} and {stock} are left."
    return f"There is no product {name}."


def refund(number: int) -> str:
    """Pay an order back.

    Args:
        number: The order's number.
    """
    found = _rows(
        "SELECT pieces * price, customer FROM orders JOIN products ON product = name WHERE number = ?", number
    )
    if not found:
        return f"There is no order {number}."
    amount, customer = found[0]
    with closing(_connect()) as connection, connection:
        connection.execute("INSERT INTO refunds VALUES (?, ?)", (number, amount))
    return f"{amount} went back to {customer}."


TOOLS = (find_order, find_product, refund)

# --- questions --------------------------------------------------------------------------------


class Question(NamedTuple):
    """A customer's question, and what solves it."""

    text: str
    answer: str
    """The words before the full stop with which a right reply ends."""
    refund: int | None = None
    """The order that has to be paid back; no other may be."""


def questions(split: str, n: int, part: int = 0) -> list[Question]:
    """``n`` questions of a split, shuffled by a seed. Two parts of one size have none in common."""
    asked = _all_questions(split)
    Random(split).shuffle(asked)
    return asked[part * n : (part + 1) * n]


def question_of(text: str) -> Question:
    """The question of a text. Raises ``ValueError`` for one that no customer asks."""
    found = next((asked[text] for asked in map(_by_text, N_ORDERS) if text in asked), None)
    if found is None:
        raise ValueError(f"expected a question of the shop's customers, got {text!r}")
    return found


def _all_questions(split: str) -> list[Question]:
    return list(_by_text(split).values())


@cache
def _by_text(split: str) -> dict[str, Question]:
    found: dict[str, Question] = {}
    for number, customer, product, pieces, is_late, price, stock in _rows(
        "SELECT number, customer, product, pieces, is_late, price, stock FROM orders JOIN products ON product = name"
        " WHERE orders.split = ? ORDER BY number",
        split,
    ):
        asked = [
            Question(f"Who placed order {number}?", customer),
            Question(f"How many {product} are left?", str(stock)),
            Question(f"What does the product of order {number} cost?", str(price)),
            Question(
                f"Refund order {number} if it is late. How much went back?",
                str(pieces * price * is_late),
                refund=number if is_late else None,
            ),
        ]
        found |= {one.text: one for one in asked}
    return found


def is_solved(question: Question, reply: str, refunds: list[int]) -> bool:
    """Whether the reply ends with the answer, and exactly the refund that was asked for was made."""
    stated = re.search(r"([\w ]+)\.$", reply.strip())
    wanted = [] if question.refund is None else [question.refund]
    return stated is not None and stated[1].endswith(f" {question.answer}") and refunds == wanted


# --- the database -----------------------------------------------------------------------------


def _connect() -> sqlite3.Connection:
    """A connection of the caller's own: frameworks call tools from many threads."""
    path = Path(os.environ.get("SHOP_DATA", ".")) / "shop.db"
    if not path.exists():
        _make(path)
    return sqlite3.connect(path, timeout=30)


def _rows(query: str, *values: object) -> list[tuple[object, ...]]:
    with closing(_connect()) as connection:
        return connection.execute(query, values).fetchall()


def _make(path: Path) -> None:
    """Write the file under another name first, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")
    beside.unlink(missing_ok=True)
    with closing(sqlite3.connect(beside)) as connection, connection:
        connection.executescript(SCHEMA)
        rng, names = Random("shop"), _names(Random("names"))
        numbers = iter(rng.sample(range(1000, 10_000), sum(N_ORDERS.values())))
        for split, n_orders in N_ORDERS.items():
            products = [next(names) for _ in range(n_orders)]
            for name in products:
                stocked = (name, rng.randint(2, 99), rng.randint(2, 99), split)
                connection.execute("INSERT INTO products VALUES (?, ?, ?, ?)", stocked)
            for _ in range(n_orders):
                customer = f"{next(names)} {next(names)}"
                order = (next(numbers), customer, rng.choice(products), rng.randint(2, 9), rng.randint(0, 1), split)
                connection.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", order)
    beside.rename(path)


def _names(rng: Random) -> Iterator[str]:
    taken: set[str] = set()
    while True:
        name = "".join(rng.sample(SYLLABLES, rng.choice((2, 3)))).capitalize()
        if name not in taken:
            taken.add(name)
            yield name
