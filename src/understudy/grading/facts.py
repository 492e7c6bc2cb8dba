"""Short factual answers: exact match and token F1 with aliases, in the manner of SQuAD.

In: a reference, its aliases, an answer. Out: equal or not, and F1. Not here: paraphrases (ask a judge), support.

One departure from SQuAD's script, which deletes all punctuation and so makes 3.5 equal to 35: numbers stay numbers,
``1,000`` is ``1000`` and ``22.0`` is ``22``.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter

from understudy.grading.answers import boxed_or_text
from understudy.grading.grader import Judgement, is_no_answer
from understudy.records import Task

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NUMBER = re.compile(r"(?<!\S)[^\w\s]*?([-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)[^\w\s]*(?!\S)")
"""A number that stands alone, whatever punctuation is around it."""
_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}‘’“”´–—−…]")
_KEPT = {".": "\ue000", "-": "\ue001"}
"""A number's point and sign, out of the way while punctuation is deleted."""


def normalise_answer(text: str) -> str:
    """Lower case, no punctuation, no articles, single blanks; numbers in one spelling."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _NUMBER.sub(lambda match: _spell_number(match[1]), text)
    text = _PUNCTUATION.sub("", text)
    for sign, kept in _KEPT.items():
        text = text.replace(kept, sign)
    return " ".join(_ARTICLES.sub(" ", text).split())


def _spell_number(text: str) -> str:
    plain = text.replace(",", "").replace("−", "-")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "".join(_KEPT.get(character, character) for character in plain)


def exact_match(reference: str, answer: str) -> bool:
    """Equal after normalisation. What is empty after it equals nothing."""
    wanted = normalise_answer(reference)
    return wanted != "" and wanted == normalise_answer(answer)


def token_f1(reference: str, answer: str) -> float:
    """Harmonic mean of the shares of tokens that the two have in common; yes, no and noanswer match only whole."""
    wanted, came = normalise_answer(reference), normalise_answer(answer)
    if wanted == came:
        return float(wanted != "")
    if {wanted, came} & {"yes", "no", "noanswer"}:
        return 0.0
    wanted_tokens, came_tokens = wanted.split(), came.split()
    n_common = (Counter(wanted_tokens) & Counter(came_tokens)).total()
    return 2 * n_common / (len(wanted_tokens) + len(came_tokens)) if n_common else 0.0


def references(task: Task) -> tuple[str, ...]:
    """The reference answer and its aliases."""
    return task.references


class ExactMatchGrader:
    """Right where the answer equals the reference or an alias; ``Score.value`` is the best F1."""

    name = "exact_match"
    version = "1"

    def judge(self, task: Task, answer: str) -> Judgement:
        """Judge one answer."""
        given = boxed_or_text(answer)
        if is_no_answer(given):
            return Judgement(False, "no answer", given, 0.0)
        f1 = max(token_f1(reference, given) for reference in references(task))
        equal_to = next((reference for reference in references(task) if exact_match(reference, given)), None)
        if equal_to is None:
            return Judgement(False, f"not {task.answer!r}, F1 {f1:.2f}", given, f1)
        return Judgement(True, f"matches {equal_to!r}", given, f1)
