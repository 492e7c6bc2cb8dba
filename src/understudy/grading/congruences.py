r"""Congruences: ``3 \pmod 5``, ``x \equiv 3 \pmod 5``, ``x ≡ ±1 (mod 8)``, and ``5k + 3`` beside one of them.

In: a reference and an answer. Out: whether both mean the same residues. Not here: numbers without a modulus.

The reference ``3`` accepts the remainder ``8 mod 5``, but not the class ``3 (mod 5)``. A reference with a modulus
accepts its least residue, as the question named the modulus; another number of the same class is not judged.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

MAX_MODULUS = 10**5

_MOD = r"(?:\(?\s*(?:\\pmod|\\bmod|\\mod|\\text\s*\{\s*mod\s*\}|(?<!\\)\bmod(?:ulo)?\b)\s*\{?\s*(\d{1,12})\s*\}?\s*\)?)"
_CONGRUENCE = re.compile(rf"(?:(?:([A-Za-z])\s*)?(?:≡|\\equiv|=)\s*)?([-\d\s,±]+)\s*\(?\s*{_MOD}")
_CLASS = re.compile(r"≡|\\equiv|\\pmod|\(\s*(?:\\text\s*\{\s*)?\\?mod")
_MULTIPLES = re.compile(
    r"(?:([A-Za-z])\s*=\s*)?(?:(\d{1,12})\s*\*?\s*([a-z])\s*([+-]\s*\d+)?|"
    r"(-?\d+)\s*\+\s*(\d{1,12})\s*\*?\s*([a-z]))"
)
_WHOLE = re.compile(r"-?\d{1,12}")
_BOTH_SIGNS = re.compile(r"\\pm\b")
_CONNECTIVE = re.compile(r"\\text\s*\{\s*(?:or|and)\s*\}|\b(?:or|and)\b|;")


@dataclass(frozen=True, slots=True)
class Congruence:
    """Whole numbers that leave some residues."""

    residues: tuple[int, ...]
    """As they are written."""
    modulus: int
    is_class: bool = True
    """Whether it is certainly a class: ``3 (mod 5)``, not ``17 mod 5``, which is 2."""

    def members_below(self, limit: int) -> frozenset[int]:
        """Those from 0 on, for a multiple of the modulus."""
        return frozenset(n for r in self.residues for n in range(r % self.modulus, limit, self.modulus))


def same_congruence(reference: str, answer: str) -> tuple[bool | None, str] | None:
    """The verdict and the way of comparing; None if neither side is a congruence that can be read."""
    first, second = _read(reference), _read(answer)
    if first is None and second is None:
        return None
    first, second = first or _read_multiples(reference), second or _read_multiples(answer)
    how = "compared as congruences"
    if first is not None and second is not None:
        limit = math.lcm(first.modulus, second.modulus)
        if limit > MAX_MODULUS:
            return first == second or None, how
        return first.members_below(limit) == second.members_below(limit), how
    number = _WHOLE.fullmatch((answer if second is None else reference).strip(" .$"))
    congruence = first or second
    if congruence is None or number is None or len(congruence.residues) != 1:
        return None
    return _is_residue(int(number[0]), congruence, is_asked=first is not None), how


def _is_residue(number: int, congruence: Congruence, *, is_asked: bool) -> bool | None:
    """Whether a number without a modulus means the class. ``is_asked``: the reference is the class."""
    (written,) = congruence.residues
    if number == written % congruence.modulus:
        return is_asked or not congruence.is_class
    is_same_class = (number - written) % congruence.modulus == 0
    return None if is_same_class and (is_asked or number == written) else False


def _read(text: str) -> Congruence | None:
    text = _BOTH_SIGNS.sub("±", _CONNECTIVE.sub(",", text)).strip(" .$")
    match = _CONGRUENCE.fullmatch(text) if len(text) <= 200 else None
    if match is None or int(match[3]) < 2:
        return None
    residues: list[int] = []
    for part in match[2].split(","):
        signs = (1, -1) if "±" in part else (1,)
        digits = part.replace("±", "").replace(" ", "")
        if not _WHOLE.fullmatch(digits):
            return None
        residues += [sign * int(digits) for sign in signs]
    return Congruence(tuple(residues), int(match[3]), is_class=_CLASS.search(text) is not None)


def _read_multiples(text: str) -> Congruence | None:
    """``5k + 3`` and ``3 + 5k``."""
    match = _MULTIPLES.fullmatch(text.strip(" .$"))
    if match is None:
        return None
    modulus = int(match[2] or match[6])
    residue = int((match[4] or match[5] or "0").replace(" ", ""))
    return Congruence((residue,), modulus) if modulus > 1 else None
