"""The questions: a task source is a function that yields tasks. Its parameters are keys of the recipe."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Literal

from shop.database import rows
from understudy import Task

ORDERS = """
SELECT number, customer, product, pieces, is_late, price, stock FROM orders JOIN products ON product = name
WHERE orders.split = ? ORDER BY number
"""


def questions(split: Literal["train", "test"] = "train") -> Iterator[Task]:
    """Five questions about every order: three that are looked up, one that is computed, one that asks for an act."""
    asked = []
    for number, customer, product, pieces, is_late, price, stock in rows(ORDERS, split):
        asked += [
            ("customer", f"Who placed order {number}?", customer),
            ("stock", f"How many {product} are left?", stock),
            ("price", f"What does the product of order {number} cost?", price),
            ("worth", f"What is order {number} worth?", pieces * price),
            ("refund", f"Refund order {number} if it is late. How much went back?", pieces * price * is_late),
        ]
    Random(split).shuffle(asked)
    for type_, question, answer in asked:
        yield Task(question=question, answer=str(answer), type=type_, source="shop", split=split)
