r"""Extracts the answer from an attempt's text: the boxed part, a bare answer, or the last expression. In: text. Out:
text. Not here: the meaning of the answer.
"""

from __future__ import annotations

import re

from understudy.grading.python_forms import plain_python
from understudy.grading.spoken import MATH_SPAN

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s*")
_SAID = re.compile(
    r"(?:\bans(?:wer)?|\bresult)\b(?:\s+to\s+the\s+(?:question|problem))?\s*(?:is|are|:|=|(?<=\s)[-–—](?=\s))\s*:?\s*"
    r"|(?:答案|答)\s*(?:是|为|為|[:：])+\s*|答え\s*[は:：]\s*|\brespuesta(?:\s+final)?\s*(?:es|:)\s*:?\s*"
    r"|\bréponse(?:\s+finale)?\s*(?:est|:)\s*:?\s*|\bAntwort\s*(?:ist|lautet|:)\s*:?\s*"
    r"|\brisposta(?:\s+finale)?\s*(?:è|:)\s*|\bresposta(?:\s+final)?\s*(?:é|:)\s*|\bответ\s*[:—-]?\s*",
    re.IGNORECASE,
)
_NEXT_SENTENCE = re.compile(
    r"(?<=[\w$})%\]])(?:\.\s+(?=[A-Z][a-z]*\b(?:[^)]|$))|,\s+(?:since|because|as|so|which|where|for)\b).*", re.DOTALL
)
_TAGGED = re.compile(
    r"<(answer|final_answer|solution)>(.*?)</\1>|\[(ANSWER)\](.*?)\[/ANSWER\]", re.IGNORECASE | re.DOTALL
)
_AT_END = re.compile(r"[\s✓✔✅☑🎉👍。]+(?:です)?[\s。]*$|です[\s。]*$")
_MOST_REALS = re.compile(r"all\s+real\s+(?:numbers|values)\b.{0,9}\b(?:except|but)\b", re.IGNORECASE)
_VERB = re.compile(
    r"(?<![\\\w])(?:is|are|equals?(?:\s+to)?|was|were|be|gives?|gets?|obtain|becomes?|yields?|have|has|find)(?![\w}])[\s:]*",
    re.IGNORECASE,
)
_CONNECTIVE = re.compile(
    r"^(?:(?:so|thus|hence|therefore|then|finally|and|we|that|both|namely|exactly|return)\b[\s,:]*)+", re.IGNORECASE
)
_DELIMITED = re.compile(r"\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_NUMBER = re.compile(r"[$€£¥]?-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?%?")
_PROSE = re.compile(r"(?<![\\{A-Za-z])[A-Za-z]{2,}(?:\s+[A-Za-z]{2,}){3,}")
"""Four plain words in a row are a sentence, not an answer."""
_HEDGED = re.compile(r"\b(?:rather|actually|instead)\b", re.IGNORECASE)
_CLOSED_ANSWER = re.compile(r"(?:yes|no|true|false)\b", re.IGNORECASE)
_EXPLAINED_CHOICE = re.compile(r"\(\s*[A-H]\s*\)[\s,;:.]*(?:since|because|as|is\s+(?:right|correct))\b", re.IGNORECASE)
_THE_ANSWER = re.compile(r"(?:the|our|my)\s+(?:final\s+)?(?:answer|result|solution|value)\W*", re.IGNORECASE)
_EMPHASIS = re.compile(r"(?<![\w*)])(\*\*|__)(?=\S)(.+?)(?<=\S)\1(?![\w*(])")
_ARROW = re.compile(
    r"^(?:=>|⇒|→|⟹|\\(?:Rightarrow|implies|therefore|to)\b|∴)\s*|^\*(?=[^*\s])(?=[^*]*\*$)|(?<=[^*\s])\*$"
)
_HEADING = re.compile(r"^#+\s+", re.MULTILINE)
_LABEL = re.compile(r"(?:[a-z]|[A-Za-z][A-Za-z ]+):\s+(?=[-\d$\\(\[{][^:]*$)")
"""``Total: 12``, before one value."""
_CODE = re.compile(r"```\w*\n?|`([^`\n]+)`")

_AS_LIST = str.maketrans("⟦⟧", "[]")

MAX_TEXT_CHARS = 20_000
"""Only the end of a longer text is searched for an answer."""


def last_boxed(text: str) -> str | None:
    r"""The content of the last complete ``\boxed{…}``; None if there is none. One pass, in linear time."""
    text = text[-MAX_TEXT_CHARS:]
    starts = {match.end() for match in _BOX.finditer(text)}
    found: tuple[int, int] | None = None
    opened: list[int] = []
    for index, sign in enumerate(text):
        if sign not in "{}" or text[index - 1 : index] == "\\":
            continue
        if sign == "{":
            opened.append(index)
        elif opened:
            start = opened.pop()
            if start in starts and (found is None or start > found[0]):
                found = start, index
    return None if found is None else text[found[0] + 1 : found[1]].strip()


def boxed_or_text(text: str) -> str:
    r"""A factual answer: the boxed part, else the whole text, without quotes, ``\text`` and the brackets of a program's
    list.
    """
    given = last_boxed(text)
    given = text.strip() if given is None else given
    if wrapped := re.fullmatch(r"\\(?:text|mathrm|textbf|mbox)\{(.*)\}", given, re.DOTALL):
        given = wrapped[1].strip()
    if given[:1] in "'\"[(" or given[-1:] == ")":
        given = _bare_member(plain_python(given).translate(_AS_LIST))
    if len(given) >= 2 and given[0] == given[-1] and given[0] in "'\"":
        given = given[1:-1].strip()
    return given


def _bare_member(text: str) -> str:
    """The only member of a list."""
    match = re.fullmatch(r"\[([^\[\],]*)\]|\(([^(),]*),\)", text)
    return text if match is None else (match[1] or match[2] or "").strip()


def mathematical_answer(text: str) -> str:
    """A mathematical answer: the boxed part; else the whole text if it is bare; else its last expression.

    In prose that is what follows the last "answer is", or a verb such as "is" or "equals", then the last formula, then
    the last number.
    """
    boxed = last_boxed(text)
    if boxed is not None:
        return boxed
    text = text.strip()[-MAX_TEXT_CHARS:]
    if tagged := list(_TAGGED.finditer(text)):
        text = (tagged[-1][2] or tagged[-1][4] or "").strip()
    text = _AT_END.sub("", text.rpartition("</think>")[2].strip()).lstrip("✓✔✅☑ ")
    if not text:
        return text
    if "\n" in text and (text[0] in "[({" or plain_python(text) != text or text.startswith((r"\begin", r"\left", "$"))):
        return " ".join(plain_python(text).split())
    text = _CODE.sub(lambda match: match[1] or "", _HEADING.sub("", text)).strip()
    text = _ARROW.sub("", _EMPHASIS.sub(r"\2", text))
    text = _NEXT_SENTENCE.sub("", _LABEL.sub("", text, count=1)) if _LABEL.match(text) else text
    if statements := list(_SAID.finditer(text)):
        rest = text[statements[-1].end() :].split("\n")[0].strip().removeprefix("}").strip()
        return _end_of_sentence(_NEXT_SENTENCE.sub("", rest)) if rest else text
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and re.search(r"\d|\$|\\", lines[-1]):
        text = lines[-1]
    return _end_of_sentence(text)


def _end_of_sentence(text: str) -> str:
    """The end of a sentence, after its verb; the text itself if it is not a sentence."""
    if _CLOSED_ANSWER.match(text) or _MOST_REALS.match(text) or _EXPLAINED_CHOICE.match(text):
        return text
    text = _CONNECTIVE.sub("", text)
    if verbs := list(_VERB.finditer(text)):
        rest = _CONNECTIVE.sub("", text[verbs[-1].end() :].strip())
        if _THE_ANSWER.fullmatch(rest):
            rest = text[: verbs[-1].start()].strip()
        if rest.strip(" .") and not _PROSE.search(rest) and not _HEDGED.search(rest):
            return _without_stop(rest)
    elif "\n" not in text and not _PROSE.search(text):
        return _without_stop(text)
    return _last_expression(text)


def _without_stop(text: str) -> str:
    text = text.rstrip(".") if not text.endswith("...") else text
    formula = MATH_SPAN.fullmatch(text)
    return (formula[1] or formula[2] or text).strip() if formula else text


def _last_expression(text: str) -> str:
    formulas = [match for pattern in (MATH_SPAN, _DELIMITED) for match in pattern.finditer(text)]
    if formulas:
        last = max(formulas, key=lambda match: match.end())
        return next((group for group in last.groups() if group is not None), "").strip()
    numbers = _NUMBER.findall(text)
    return str(numbers[-1]) if numbers else text
