r"""Numbers in words: ``seven``, ``2 million``, ``3 dozen``, ``25 percent``, ``1 in 4``, ``$3.5m``.

In: a text in plain signs. Out: the same in digits and signs, ``2*1000000``, ``25%``, ``3.5*1000000 USD``. Not here:
units.
"""

from __future__ import annotations

import re

from understudy.grading.unit_table import CURRENCY_CODES

_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
           "quadrillion": 10**15, "dozen": 12, "tens": 10, "score": 20, "gross": 144,
           "mn": 10**6, "bn": 10**9, "lakh": 10**5, "crore": 10**7}  # fmt: skip
_SUFFIXES = {"k": 10**3, "m": 10**6, "mn": 10**6, "b": 10**9, "bn": 10**9, "t": 10**12, "tn": 10**12}
_ONES = {word: number for number, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen".split())}  # fmt: skip
_TENS = {
    word: 10 * number for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
          "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12,
          "twentieth": 20, "hundredth": 100}  # fmt: skip
_OPEN_TEXT = r"(?:\\(?:text|mbox|textrm|textnormal|mathrm)\s*\{\s*)?"
_SCALE = re.compile(rf"(?<=[\d)}}])\s*{_OPEN_TEXT}\b({'|'.join(_SCALES)})s?\b(?:\s+of)?(\s*\}})?", re.IGNORECASE)
_SCALED_TEXT = re.compile(
    rf"(?<=[\d)}}])\s*\\(?:text|mbox|textrm|textnormal|mathrm)\s*\{{\s*({'|'.join(_SCALES)})s?\s+([^{{}}]*)\}}"
)
_SMALL_PARTS = {**{f"{name}s": below for name, below in _PARTS.items() if name not in ("half", "halves", "quarter")},
                "halves": 2, "thousandths": 1000, "millionths": 10**6}  # fmt: skip
"""Not ``quarters``, which are coins and parts of a year too."""
_SMALL_PART = re.compile(rf"(?<=\d)\s*{_OPEN_TEXT}\b({'|'.join(_SMALL_PARTS)})\b(\s*\}})?", re.IGNORECASE)
_AND_A_PART = re.compile(r"(?<=\d)\s+and\s+(?:an?|one|(three))[\s-]+(half|third|quarters?|fourths?)\b", re.IGNORECASE)
_POWERS = {"squared": "^2", "cubed": "^3", "factorial": "!"}
_POWER = re.compile(rf"(?<=[\d)}}])\s*{_OPEN_TEXT}\b({'|'.join(_POWERS)})\b(\s*\}})?", re.IGNORECASE)
_PERCENT = re.compile(rf"\s*{_OPEN_TEXT}\b(?:percent|per\s+cent|pct)\b\.?(\s*\}})?", re.IGNORECASE)
_OUT_OF = re.compile(r"(\d+)\s+(?:out\s+of|in)\s+(\d+)")
_RATIO = re.compile(r"(\d+)\s+to\s+(\d+)")
_TIMES_TEN = re.compile(r"(?<=\d)\s*[xX]\s*(?=10\s*(?:\^|\*\*))")
_WORD = re.compile(r"[A-Za-z]+")
_CURRENCIES = {
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "₩": "KRW",
    "₽": "RUB",
    "₪": "ILS",
    "₺": "TRY",
    "฿": "THB",
}
_IN_LAKHS = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?")
_AMOUNT = r"(-?\s*(?:\d{1,2}(?:,\d{2})+,\d{3}|\d{1,3}(?:(?:,(?:\\!)?|\{,\}|\\,)\s?\d{3})+|\d+)?(?:\.\d+)?(?<=\d))"
_SIGN_FIRST = re.compile(
    rf"(-?)(?:\bUSD?|U\.S\.)?([{''.join(_CURRENCIES)}])\s*{_AMOUNT}(?:\s*(bn|mn|tn|[kKmMbBtT])\b)?"
    rf"(\s*{_OPEN_TEXT}\s*(?:hundred|thousand|million|billion|trillion)\b\s*\}}?)?"
)
_CONTINENTAL = re.compile(
    r"(?<![\d.,])(?:\d{1,3}(?:\.\d{3})+,\d{1,2}(?![\d,.])|\d+,\d{2}(?=\s*€))|(?<=€)\s?\d+,\d{2}(?![\d,])"
)
"""``1.200,50`` and ``20,00 €``: the comma is a decimal point."""
_CODE_FIRST = re.compile(
    rf"\b({'|'.join(CURRENCY_CODES)}|Rs\.?)\s*{_AMOUNT}"
    rf"(\s*{_OPEN_TEXT}\s*(?:hundred|thousand|million|billion|trillion)\b\s*\}}?)?"
)
_DOLLARS = {"US": "USD", "A": "AUD", "AU": "AUD", "C": "CAD", "CA": "CAD", "HK": "HKD", "NZ": "NZD", "S": "SGD",
            "SG": "SGD", "NT": "TWD", "MX": "MXN", "R": "BRL"}  # fmt: skip
_OTHER_DOLLARS = re.compile(
    rf"(?<![\w$\\])({'|'.join(_DOLLARS)})\ue003?\$?(?<=[$\ue003])(?=\s?[\d.])|(?<=\d)\s?({'|'.join(_DOLLARS)})(?:\$|\ue003)(?!\w)"
)
"""``A$20``, ``20 AU$``."""
_CENTS = re.compile(r"(?:(?<=[\d)}])\s*(?:[¢￠]|\\(?:text)?cent\b)|[¢￠]\s*(\d+))")
_SIGN_LAST = re.compile(rf"(?<=[\d)}}])\s*([{''.join(_CURRENCIES)}])")
_COMMANDS = ((re.compile(r"\\(?:text)?(?:euro|EUR)\b\s*(?:\{\})?"), "€"),
             (re.compile(r"\\(?:pounds|textsterling)\b\s*"), "£"),
             (re.compile(r"(?<=\d)\s*zł\b|\bzł\s*(?=\d)"), " PLN "),
             (re.compile(r"\\(?:text)?yen\b\s*"), "¥"), (re.compile(r"\\textdollar\b\s*|\\\$"), "\ue003"))  # fmt: skip
_WRAPPED_SIGN = re.compile(rf"\\(?:text|mathrm|textrm)\s*\{{\s*([{''.join(_CURRENCIES)}\ue003])\s*\}}")
MATH_SPAN = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\$(?!\$)(?:\s*)([^$]*?[^$\s\\]|(?<=\s)[^$]*?)\s*\$(?!\d)", re.DOTALL)


def in_figures(text: str) -> str:
    """The text with its number words, scales, percent and currencies in figures and signs."""
    text = _in_currency(text)
    text = _SCALED_TEXT.sub(lambda m: rf"*{_SCALES[m[1].lower()]} \text{{{m[2]}}}", text)
    while (scaled := _SCALE.sub(lambda m: f"*{_SCALES[m[1].lower()]} ", text)) != text:
        text = scaled
    text = _AND_A_PART.sub(lambda m: f" {'3' if m[1] else '1'}/{_PARTS[m[2].lower().rstrip('s')]}", text)
    text = _SMALL_PART.sub(lambda m: f"/{_SMALL_PARTS[m[1].lower()]}", text)
    text = _POWER.sub(lambda m: _POWERS[m[1].lower()], text)
    text = _PERCENT.sub("%", text)
    text = _TIMES_TEN.sub("*", text)
    text = _OUT_OF.sub(r"\1/\2", text)
    return _RATIO.sub(r"\1:\2", text)


def _in_currency(text: str) -> str:
    """Currency signs become codes behind the number; a ``$`` that encloses a formula is removed."""
    for command, sign in _COMMANDS:
        text = command.sub(sign, text)
    text = _OTHER_DOLLARS.sub(lambda m: f"{_DOLLARS[m[1]]} " if m[1] else f" {_DOLLARS[m[2]]}", text)
    text = _CONTINENTAL.sub(_with_decimal_point, _WRAPPED_SIGN.sub(r"\1", text))
    if "$" in text:
        text = MATH_SPAN.sub(lambda m: f" {m[1] or m[2]} " if _is_formula(m) else m[0], text)
    text = text.replace("\ue003", "$")
    text = _SIGN_FIRST.sub(_amount_first, text)
    text = _CODE_FIRST.sub(lambda m: f"{m[2]}{m[3] or ''} {m[1]}", text)
    text = _CENTS.sub(lambda m: f"{m[1] or ''} cents", text)
    return _SIGN_LAST.sub(lambda m: f" {_CURRENCIES[m[1]]}", text).replace("$", "")


def _with_decimal_point(match: re.Match[str]) -> str:
    return match[0].replace(".", "").replace(",", ".")


def _is_formula(match: re.Match[str]) -> bool:
    """``$5, $6`` are two amounts: the second sign opens another."""
    return match[1] is not None or match[0][1].isspace() or not re.search(r"[\s(,]$", match[0][:-1])


def _amount_first(match: re.Match[str]) -> str:
    sign, currency, amount, suffix, scale = match.groups()
    factor = f"*{_SUFFIXES[suffix.lower()]}" if suffix else ""
    if _IN_LAKHS.fullmatch(amount):
        amount = amount.replace(",", "")
    return f"{sign}{amount}{factor} {scale or ''} {_CURRENCIES[currency]}"


def number_of_words(text: str) -> tuple[str, str] | None:
    """The digits of a number in words at the beginning of the text, and the rest; None if there is no such number."""
    words, end = [], 0
    for match in _WORD.finditer(text):
        word = match[0].lower()
        joins = re.fullmatch(r"[\s-]*", text[end : match.start()]) is not None
        if not joins or not (
            word in _ONES
            or word in _TENS
            or _scale_of(word)
            or word.rstrip("s") in _PARTS
            or word in ("halves", "and", "a", "an", "point")
        ):
            break
        words.append(word)
        end = match.end()
    while words and words[-1] in ("and", "a", "an", "point"):
        end = text.lower().rindex(words.pop(), 0, end)
    value = _value_of(words)
    return None if value is None else (value, text[end:].strip())


def _decimal_of(words: list[str]) -> str | None:
    """``three point one four`` is ``3.14``; None if single digits do not follow the word ``point``."""
    whole, digits = _whole_of(words[: words.index("point")] or ["zero"]), words[words.index("point") + 1 :]
    if whole is None or not digits or not all(_ONES.get(digit, 10) < 10 for digit in digits):
        return None
    return f"{whole}.{''.join(str(_ONES[digit]) for digit in digits)}"


def _scale_of(word: str) -> int | None:
    return _SCALES.get(word) or _SCALES.get(word.rstrip("s"))


def _value_of(words: list[str]) -> str | None:
    """``two thirds`` is ``2/3``, ``one hundred and five`` is ``105``, ``two and a half`` is ``5/2``."""
    if words[-3:-1] in (["and", "a"], ["and", "an"], ["and", "one"]) and words[-1] in _PARTS:
        whole, below = _whole_of(words[:-3]), _PARTS[words[-1]]
        return None if whole is None else f"{whole * below + 1}/{below}"
    if "point" in words:
        return _decimal_of(words)
    if (mixed := _mixed_of(words)) is not None:
        return mixed
    words = [word for word in words if word != "and"]
    if not words:
        return None
    if words[0] == "half" and len(words) > 1:
        whole = _whole_of(words[1:])
        return None if whole is None else f"{whole}/2"
    last = words[-1] if words[-1] in _PARTS else words[-1].rstrip("s")
    if last in _PARTS and not (len(words) == 1 and last not in ("half",)):
        above = _whole_of(words[:-1] or ["one"])
        return None if above is None else f"{above}/{_PARTS[last]}"
    whole = _whole_of(words)
    return None if whole is None else str(whole)


def _mixed_of(words: list[str]) -> str | None:
    """``two and three quarters`` is ``11/4``; None if a fraction below 1 does not follow the last ``and``."""
    if "and" not in words[1:-2]:
        return None
    place = len(words) - 1 - words[::-1].index("and")
    last = words[-1] if words[-1] in _PARTS else words[-1].rstrip("s")
    whole, above, below = _whole_of(words[:place]), _whole_of(words[place + 1 : -1]), _PARTS.get(last, 0)
    return None if whole is None or above is None or above >= below else f"{whole * below + above}/{below}"


def _whole_of(words: list[str]) -> int | None:
    total, group, seen = 0, 0, False
    for word in words:
        scale = _scale_of(word)
        if word in ("a", "an"):
            group, seen = group + 1, True
        elif word in _ONES or word in _TENS:
            group, seen = group + (_ONES.get(word) or _TENS.get(word) or 0), True
        elif scale is None or not seen:
            return None
        elif scale in (100, 12, 20, 144):
            group *= scale
        else:
            total, group = total + group * scale, 0
    return total + group if seen else None
