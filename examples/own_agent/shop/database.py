"""The shop's database: products, orders and a ledger of refunds.

It is a SQLite file in the working directory, made by this program when it is first needed. Every name in it is
invented. The orders, customers and products of the split ``test`` never occur in the split ``train``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

PATH = Path("shop.db")
N_ORDERS = {"train": 600, "test": 120}
SYLLABLES = [
    onset + rhyme for onset in "b br d f g k l m n p r s st t v".split() for rhyme in "a an e el in o on u".split()
]
SCHEMA = """
CREATE TABLE products (name TEXT PRIMARY KEY, price INTEGER, stock INTEGER, split TEXT);
CREATE TABLE orders
    (number INTEGER PRIMARY KEY, customer TEXT, product TEXT, pieces INTEGER, is_late INTEGER, split TEXT);
CREATE TABLE refunds (number INTEGER, amount INTEGER);
"""


def connect() -> sqlite3.Connection:
    """A connection of the caller's own: tools are called from many threads."""
    if not PATH.exists():
        _make()
    return sqlite3.connect(PATH, timeout=30)


def rows(query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
    """What a query finds."""
    with closing(connect()) as connection:
        return connection.execute(query, values).fetchall()


def _make() -> None:
    """Write the file under another name first, so that nobody ever reads half of it."""
    beside = PATH.with_suffix(f".{os.getpid()}")
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
    beside.rename(PATH)


def _names(rng: Random) -> Iterator[str]:
    taken: set[str] = set()
    while True:
        name = "".join(rng.sample(SYLLABLES, rng.choice((2, 3)))).capitalize()
        if name not in taken:
            taken.add(name)
            yield name
