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
    for type_, question, answer in _asked(split):
        yield Task(question=question, answer=answer, type=type_, source="shop", split=split)


def dialogues(split: Literal["train", "test"] = "train") -> Iterator[Task]:
    """Two questions one after the other, about two orders; at least one of them asks for a refund."""
    asked = _asked(split)
    refunds = [one for one in asked if one[0] == "refund"]
    others = [one for one in asked if one[0] != "worth"]
    rng = Random(f"dialogues {split}")
    for _ in range(2 * len(refunds)):
        pair = [rng.choice(refunds), rng.choice(others)]
        rng.shuffle(pair)
        (first_type, first, _), (second_type, second, answer) = pair
        if first == second:
            continue
        type_ = f"{first_type}, {second_type}"
        yield Task(question=first, turns=(second,), answer=answer, type=type_, source="shop", split=split)


def _asked(split: str) -> list[tuple[str, str, str]]:
    """Type, question and answer of all questions, shuffled."""
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
    return [(type_, question, str(answer)) for type_, question, answer in asked]
