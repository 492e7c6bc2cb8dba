r"""Answers that are words: ``\text{two lines}``, ``Monday``, ``HT``, yes and no.

In: a raw text. Out: its words, or None if the answer is not in words. Not here: units, dates.

Letters commute only if they are algebra: ``xy`` is ``yx``, but ``HT`` is not ``TH`` and ``saw`` not ``was``.
"""

from __future__ import annotations

import re

TEXT = re.compile(
    r"\\(?:text|mbox|textrm|textbf|textit|textnormal|textsf|texttt|emph|mathrm|mathbf|hbox)\s*\{([^{}]*)\}"
)
_WORDS = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ ,\-'()\[\].&]*")
_CHOICE = re.compile(
    r"(?:\(\s*([A-Za-z])\s*\)|(?:option|choice|answer)\s+\(?([A-Za-z])\b|([A-Z])\s*[).:])", re.IGNORECASE
)
_SECOND_CHOICE = re.compile(
    r"[\s).*]*(?:(?:\b(?:or|and|nor|plus|maybe)\b|[,;/&|+-])\s*)+(?:(?:option|choice|answer|possibly|also)\s+)?"
    r"(?:\(\s*([A-Za-z])\s*\)|([A-H])(?=[).:]|\s*$))|\s*\(\s*([A-Za-z])\s*\)"
)
_WRONG = (
    r"(?:wrong|incorrect|false|impossible|out|excluded|eliminated|ruled\s+out|too\s+\w+|"
    r"not\s+(?:right|correct|true|possible|it|the))"
)
_REFUSED = re.compile(
    rf"[\s).:*]*(?:(?:is|was|would\s+be|must\s+be|seems|looks)\s+{_WRONG}\b|(?:isn't|can't\s+be|cannot\s+be)\b)",
    re.IGNORECASE,
)
"""``(A) is too large``: the letter is named in order to refuse it."""
_CORRECTED = re.compile(
    r"(?:\b(?:no|so|thus|therefore|hence|actually|rather|instead|wait)\b|→|⟶|->|=>|\\to\b|\\rightarrow\b)[\s,:;.]*"
    r"(?:(?:it|the\s+answer|the\s+choice)\s+is\s+)?(?:(?:option|choice)\s+)?\(?\s*([A-H])\s*\)?[\s).*]*$",
    re.IGNORECASE,
)
"""``(A), no, (B)``: the last letter counts."""
_FILLERS = frozenset({"a", "an", "the", "and"})
_LETTERS = re.compile(r"[A-Za-z]{2,}")
_MATHEMATICAL = frozenset(
    "pi sin cos tan cot sec csc log ln exp sqrt abs arcsin arccos arctan asin acos atan sinh cosh tanh oo inf infinity "
    "alpha beta gamma delta epsilon theta lambda mu sigma phi omega".split()
)
_SHORT_WORDS = frozenset(
    {"no", "up", "on", "or", "in", "am", "pm", "he", "it", "is", "as", "at", "go", "we", "me", "us", "my"}
)
_EXPLAINED = frozenset({"is", "was", "has", "had", "because", "since", "did"})
"""``Evelyn is the fastest``: the answer, and what the question said of it."""
_CALENDAR = (
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december".split()
)
_SYNONYMS = {short: name for name in _CALENDAR for short in (name, name[:3], name[:4])}
_SYNONYMS |= dict.fromkeys(("dne", "does not exist", "doesn t exist", "undefined", "not defined"), "does not exist")
_SYNONYMS |= dict.fromkeys(("infinitely many", "infinitely many solutions", "infinite solutions"), "infinitely many")
_TRUTH = {"yes": True, "true": True, "no": False, "false": False}


def words_of(reference: str) -> list[str] | None:
    r"""The words of a reference in words, such as ``\text{two lines}``; None if it is mathematics."""
    inner, n_wrapped = TEXT.subn(r" \1 ", reference.strip())
    inner = inner.strip(" .$")
    is_choice = n_wrapped > 0 and re.fullmatch(r"\(?\s*[A-Za-z]\s*\)", inner) is not None
    if not is_choice and _WORDS.fullmatch(inner) is None:
        return None
    if not (is_choice or n_wrapped or " " in inner or is_word(inner)):
        return None
    words = plain_words(inner)
    # Single letters without \text are variables: "p - q".
    return words if n_wrapped or all(len(word) > 1 for word in words) else None


def same_words(words: list[str], answer: str) -> bool:
    """Whether the answer consists of these words, in order, whatever brackets and quotes stand around them."""
    answer = TEXT.sub(r" \1 ", answer).replace("$", " ")
    actual = plain_words(answer)
    if words == actual or _without_fillers(words) == _without_fillers(actual):
        return True
    if len(words) == 1 and actual[:1] == words and actual[1:2] and actual[1] in _EXPLAINED and "not" not in actual:
        return not _is_withdrawn(words[0], answer.casefold().partition(words[0])[2])
    if _SYNONYMS.get(" ".join(words), "") == _SYNONYMS.get(" ".join(actual), " "):
        return True
    if len(words) == 1 and words[0] in _TRUTH and actual:
        return _same_truth(words[0], actual)
    given = _only_choice(answer.strip())
    return len(words) == 1 and len(words[0]) == 1 and given.casefold() == words[0]


def same_choice(reference: str, answer: str) -> bool | None:
    """Whether both are the same letter of a list of choices: ``B`` and ``B) 12``. None if they may be anything else."""
    letter = re.fullmatch(r"\(\s*([A-H])\s*\)|([A-H])", reference.strip())
    if letter is None:
        return None
    plain, expected = unwrap_text(answer).strip(), letter[1] or letter[2]
    if _only_choice(plain) == expected:
        return True
    named = _CHOICE.match(plain)
    return False if named and _is_withdrawn(_letter(named), plain[named.end() :]) else None


def _letter(choice: re.Match[str]) -> str:
    return choice[1] or choice[2] or choice[3]


def _only_choice(answer: str) -> str:
    """The letter that an answer begins with; "" if there is none, or if a second letter follows: ``(B) or (C)``."""
    choice = _CHOICE.match(answer)
    if choice is None:
        return ""
    letter = _letter(choice)
    if _is_withdrawn(letter, answer[choice.end() :]):
        return ""
    second = _SECOND_CHOICE.match(answer, choice.end())
    return "" if second and _letter(second).casefold() != letter.casefold() else letter


def _is_withdrawn(said: str, rest: str) -> bool:
    """Whether the ``rest`` of an answer refuses what was ``said`` first, or names another letter at its end."""
    corrected = _CORRECTED.search(rest)
    is_corrected = corrected is not None and corrected[1].casefold() != said.casefold()
    return _REFUSED.match(rest) is not None or is_corrected


def _same_truth(word: str, actual: list[str]) -> bool:
    """``Yes, because …`` means yes, unless another word means no; ``True`` is a program's yes."""
    verdicts = {_TRUTH[each] for each in actual if each in _TRUTH}
    return actual[0] in _TRUTH and verdicts == {_TRUTH[word]} and "not" not in actual


def _without_fillers(words: list[str]) -> list[str]:
    return [word for word in words if word not in _FILLERS] if len(words) > 1 else words


def plain_words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return re.findall(r"\w+", text.casefold())


def unwrap_text(text: str) -> str:
    r"""A tidy text with what ``\text{…}`` holds in its place."""
    return TEXT.sub(r"\1", text)


def letters_only(text: str) -> bool:
    """Whether the text is one run of letters."""
    return _LETTERS.fullmatch(text) is not None and text not in _MATHEMATICAL


def is_word(text: str) -> bool:
    """Whether a run of letters is a word rather than a product of variables."""
    lower = text.casefold()
    if not letters_only(text) or lower in _MATHEMATICAL:
        return False
    if len(text) == 2:
        return lower in _SHORT_WORDS
    if len(text) == 3:
        # "six" and "day" are words, "abc" and "xyz" may be products.
        return re.search(r"[eiou]|a.*[^abcdpqrxyz]|[^abcdpqrxyz].*a", lower) is not None
    return re.search(r"[aeiouy]", lower) is not None


def same_letters(expected: str, actual: str) -> bool | None:
    """Whether two runs of letters mean the same; None if they may be products of variables."""
    if is_word(expected) or is_word(actual):
        return expected.casefold() == actual.casefold()
    are_products = all(text.islower() and len(set(text)) == len(text) <= 3 for text in (expected, actual))
    return None if are_products else expected == actual
