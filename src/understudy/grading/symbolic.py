"""Symbolic equality by Math-Verify. Runs only in a worker process that may be killed.

In: two LaTeX texts. Out: equal or not, and how it was found. Not here: deadlines, numbers, sets, tuples.
"""

from __future__ import annotations

import logging
from importlib.metadata import version

from math_verify import LatexExtractionConfig, parse, verify
from sympy import Basic, Eq, simplify

logging.disable(logging.CRITICAL)


def library_version() -> str:
    """Which Math-Verify judges."""
    return f"math-verify {version('math-verify')}"


def warm_up() -> None:
    """Compare two formulas once, so that the tables that the libraries build on first use are there."""
    equal_symbolically(r"\frac{(x+1)^2}{2}", r"\frac{x^2}{2} + x + \sqrt{\frac{1}{4}}")


def equal_symbolically(reference: str, answer: str) -> tuple[bool, str]:
    """Whether two formulas are equal. What cannot be read, or breaks the library, is not equal."""
    try:
        wanted, came = _read(reference), _read(answer)
        if wanted is None or came is None:
            return False, f"{'reference' if wanted is None else 'answer'} could not be read as a formula"
        if verify(wanted, came, timeout_seconds=None):
            return True, "equal by Math-Verify"
        if isinstance(wanted, Eq) and isinstance(came, Eq) and _same_equation(wanted, came):
            return True, "the same equation up to a factor"
    except (Exception, RecursionError) as error:
        return False, f"symbolic comparison failed: {type(error).__name__}"
    return False, "not equal by Math-Verify"


def _read(latex: str) -> Basic | None:
    found = parse(f"${latex}$", extraction_config=[LatexExtractionConfig()], parsing_timeout=None)
    return found[0] if found and not isinstance(found[0], str) else None


def _same_equation(first: Eq, second: Eq) -> bool:
    """Whether the two sides' differences are one another's multiple by a number that is not zero."""
    below = second.lhs - second.rhs
    if simplify(below) == 0:
        return False
    ratio = simplify((first.lhs - first.rhs) / below)
    return bool(ratio.is_number and ratio.is_finite and not ratio.is_zero)
