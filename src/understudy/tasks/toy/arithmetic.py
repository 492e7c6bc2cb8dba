"""Word problems of the toy world: numbers too large for mental arithmetic, and the sum that solves them.

In: a random generator. Out: ``Problem`` records. ``parse_problem`` reads a problem's text back into its sum, which
is how the teacher program works: from the text alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Problem:
    """One word problem."""

    question: str
    terms: tuple[int, ...]
    """The numbers in the order of the text, which is the order of the sum."""
    operators: str
    """One of ``+ - *`` between each two terms; ``*`` binds first, as in Python."""

    @property
    def expression(self) -> str:
        first, *rest = self.terms
        return str(first) + "".join(f" {op} {term}" for op, term in zip(self.operators, rest, strict=True))

    @property
    def steps(self) -> tuple[tuple[int, str, int, int], ...]:
        """The sum done from left to right: left, operator, right, outcome. A product always comes first."""
        total, done = self.terms[0], []
        for op, term in zip(self.operators, self.terms[1:], strict=True):
            outcome = total + term if op == "+" else total - term if op == "-" else total * term
            done.append((total, op, term, outcome))
            total = outcome
        return tuple(done)

    @property
    def answer(self) -> int:
        return self.steps[-1][-1]


_TEMPLATES = (
    ("A mill grinds {} sacks a day for {} days. How many sacks are ground?", "*"),
    ("A school has {} rooms with {} desks each. How many desks are there?", "*"),
    ("A baker sells {} loaves in spring and {} loaves in autumn. How many loaves are sold?", "+"),
    ("A tank holds {} litres and {} litres leak out. How many litres stay?", "-"),
    ("A depot stores {} crates with {} jars each and {} jars break. How many jars are left?", "*-"),
    ("A print shop packs {} boxes with {} cards each and gets {} more cards. How many cards are there?", "*+"),
    ("A farm has {} hens, buys {} hens and sells {} hens. How many hens are left?", "+-"),
    ("A ship loads {} tons, unloads {} tons and loads {} tons. How many tons are aboard?", "-+"),
)
_PATTERNS = tuple((re.compile(re.escape(text).replace(r"\{\}", r"(\d+)")), ops) for text, ops in _TEMPLATES)


def make_problem(rng: Random) -> Problem:
    """A new problem with a positive answer."""
    text, operators = rng.choice(_TEMPLATES)
    if operators[0] == "*":
        terms = [rng.randint(1000, 9999), rng.randint(100, 999)]
    else:
        terms = [rng.randint(500_000, 999_999), rng.randint(100_000, 499_999)]
    if len(operators) > 1:
        terms.append(rng.randint(10_000, 99_999))
    return Problem(text.format(*terms), tuple(terms), operators)


def parse_problem(question: str) -> Problem | None:
    """The problem in a text; None if there is none."""
    for pattern, operators in _PATTERNS:
        if found := pattern.fullmatch(question):
            return Problem(question, tuple(int(term) for term in found.groups()), operators)
    return None
