"""Short factual answers: exact match and token F1 with aliases, as in SQuAD.

In: a reference, its aliases, an answer. Out: equal or not, and F1. Not here: paraphrases (ask a judge), grounding.

SQuAD's script deletes all punctuation and all articles, which makes 3.5 equal to 35, -5 to 5, and the band "The The"
equal to nothing. Here a number keeps its sign and what stands between its digits (``1,000`` is ``1000`` and ``22.0``
is ``22``), 10² is not 102, and an answer that consists of articles keeps them.
"""

from __future__ import annotations

import re
import string
from collections import Counter

from understudy.grading.answers import boxed_or_text
from understudy.grading.grader import Judgement, is_no_answer
from understudy.grading.signs import plain_signs
from understudy.records import Task

_ARTICLES = re.compile(r"\b(?<!\^)(?<!\^-)(a|an|the)\b")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_DECIMALS = re.compile(r"(?<![\d.,:/^-])(\d+)\.(\d+)(?![.,:/^-]?\d)")
_RAISED = re.compile(r"\^\{([^{}]*)\}")
_LEADING_POINT = re.compile(r"(?<![^\s($€£¥\"'-])\.(?=\d)")
_FRACTION = re.compile(r"\\frac\{(\d+)\}\{(\d+)\}")
_KEPT = re.compile(r"(?<=\d)[.,:/-](?=\d)|(?<![^\s($€£¥\"'])-(?=[$€£¥]?\d)|\^(?=-?\w)|(?<=\^)-(?=\w)")
"""Characters that belong to a number: a sign before it, a point or another sign between its digits, an exponent."""
_NAMED = re.compile(r"(?<=\w)(?:\+{1,2}|#)(?![\w+#])|(?<=\w)\+(?=\w)|[<>≤≥](?=\s?[$€£¥]?\d)")
"""Characters that make another name or number: ``C++``, ``C#``, ``A+``, ``1+1``, ``<5``."""
_BEFORE_SIGN = re.compile(r"[($\"']+(?=-[$€£¥]?\.?\d)")
"""It is deleted as punctuation; a blank in its place keeps ``f(-5)`` from becoming ``f-5``, whose sign is a hyphen."""
_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}…¿¡。、，．！？：；「」『』（）【】《》〈〉・·]")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-‐‑–](?=[^\W\d_])")
_RANGE = re.compile(r"(?<=\d)\s+[-‐‑–—]\s+(?=\d)")
_AND = re.compile(r"(?<=\w)\s+&\s+(?=\w)")
_INITIALS = re.compile(r"\b([A-Za-z])\.\s+(?=[A-Za-z]\.)")
_AMPERSAND = re.compile(r"(?:(?<=\b[a-z])|(?<=\b[a-z]{2}))\s*&\s*(?=[a-z]\b)")
_DEGREE = re.compile(r"(?<=\d)\s+(?=°)")
_CURRENCY_LAST = re.compile(r"(?<![\w.,])(\d[\d.,]*)\s*([€£$¥₹])(?!\s*\d)")
_CURRENCY_APART = re.compile(r"([€£$¥₹])\s+(?=\d)")
_THIN_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d,]|\.\d)")
_JOINED = ((_AMPERSAND, "&"), (_DEGREE, ""), (_CURRENCY_LAST, r"\2\1"), (_CURRENCY_APART, r"\1"))
_APART = {sign: chr(0xE010 + index) for index, sign in enumerate(".,:/-^+#<>≤≥")}
"""Private characters that keep a number's signs out of the way while punctuation is deleted."""
_TOGETHER = str.maketrans({kept: sign for sign, kept in _APART.items()})


def normalise_answer(text: str) -> str:
    """Lower case, no punctuation, no articles, single blanks; numbers in one spelling. Twice is the same as once."""
    while (normalised := _rewritten(text)) != text:
        text = normalised
    return text


def _rewritten(text: str) -> str:
    """One pass of all rules. What a late rule leaves may be a case for an early one, as in ``0 000.0``."""
    text = _RAISED.sub(r"^\1", _FRACTION.sub(r" \1/\2 ", plain_signs(text))).casefold()
    for pattern, instead in _JOINED:
        text = pattern.sub(instead, text)
    text = _LEADING_POINT.sub("0.", _BEFORE_SIGN.sub(" ", text))
    text = _NAMED.sub(_apart, _KEPT.sub(_apart, text))
    text = " ".join(_PUNCTUATION.sub("", text).translate(_TOGETHER).split())
    text = _DECIMALS.sub(_without_trailing_zeros, _THOUSANDS.sub(_digits, _THIN_THOUSANDS.sub(_digits, text)))
    return " ".join(_ARTICLES.sub(" ", text).split()) or text


def _digits(match: re.Match[str]) -> str:
    return re.sub("[, ]", "", match[0])


def _apart(match: re.Match[str]) -> str:
    return "".join(_APART[sign] for sign in match[0])


def _without_trailing_zeros(match: re.Match[str]) -> str:
    digits = match[2].rstrip("0")
    return f"{match[1]}.{digits}" if digits else match[1]


def exact_match(reference: str, answer: str) -> bool:
    """Equal after normalisation; ``twenty-one`` is ``twenty one``, ``J. K.`` is ``J.K.``. Empty texts equal nothing."""
    expected, given = _spellings(reference), _spellings(answer)
    return bool((expected & given) - {""})


def _spellings(text: str) -> set[str]:
    """The text as it is, with blanks for hyphens between letters, with initials side by side, ``and`` for ``&``."""
    text = _RANGE.sub("-", text)
    written = (text, _HYPHEN.sub(" ", text), _INITIALS.sub(r"\1.", text), _AND.sub(" and ", text))
    return {normalise_answer(each) for each in written}


def token_f1(reference: str, answer: str) -> float:
    """Harmonic mean of the shares of common tokens in both; yes, no and noanswer match only completely."""
    expected, actual = normalise_answer(reference), normalise_answer(answer)
    if expected == actual:
        return float(expected != "")
    if {expected, actual} & {"yes", "no", "noanswer"}:
        return 0.0
    expected_tokens, actual_tokens = expected.split(), actual.split()
    n_common = (Counter(expected_tokens) & Counter(actual_tokens)).total()
    return 2 * n_common / (len(expected_tokens) + len(actual_tokens)) if n_common else 0.0


class ExactMatchGrader:
    """Right if the answer equals the reference or an alias; ``Score.value`` is the best F1."""

    name = "exact_match"
    needs_reference = True
    version = "5"

    def judge(self, task: Task, answer: str) -> Judgement:
        """Judge one answer."""
        given = boxed_or_text(answer)
        if is_no_answer(given):
            return Judgement(False, "no answer", given, 0.0)
        f1 = max(token_f1(reference, given) for reference in task.references)
        equal_to = next((reference for reference in task.references if exact_match(reference, given)), None)
        if equal_to is None:
            return Judgement(False, f"not {task.answer!r}, F1 {f1:.2f}", given, f1)
        return Judgement(True, f"matches {equal_to!r}", given, 1.0)
