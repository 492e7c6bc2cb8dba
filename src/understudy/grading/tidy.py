r"""One spelling for mathematical answers, whether they came as LaTeX, as Python or as plain text.

In: text such as ``$\dfrac12$``, ``Fraction(1, 2)``, ``1⁄2``. Out: a text in one small notation, in linear time: LaTeX's
commands for structure (``\frac``, ``\sqrt``, ``\begin{pmatrix}``), ``*`` ``/`` ``^`` for arithmetic, one sign each for
π, ∞, ∪, ±, ∈, ≤, ≥, °, and ⦃ ⦄ for the braces of sets. Not here: what the text means.
"""

from __future__ import annotations

import re
import unicodedata

_SIGNS = {
    "−": "-", "–": "-", "—": "-", "×": "*", "·": "*", "∙": "*", "⋅": "*", "÷": "/", "⁄": "/", "√": r"\sqrt ",
    "²": "^2", "³": "^3", "⁴": "^4", "≠": r"\neq ", "½": " 1/2", "⅓": " 1/3", "⅔": " 2/3", "¼": " 1/4", "¾": " 3/4",
    "º": "°", "≈": "≈", "∓": "±",
}  # fmt: skip
_COMMANDS = {
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "pi": "π", "infty": "∞", "cup": "∪", "bigcup": "∪", "pm": "±",
    "mp": "±", "in": "∈", "le": "≤", "leq": "≤", "leqslant": "≤", "ge": "≥", "geq": "≥", "geqslant": "≥", "lt": "<",
    "gt": ">", "degree": "°", "circ": "°", "approx": "≈", "dfrac": r"\frac ", "tfrac": r"\frac ", "cfrac": r"\frac ",
    "dbinom": r"\binom ", "tbinom": r"\binom ", "left": "", "right": "", "bigl": "", "bigr": "", "Bigl": "", "Bigr": "",
    "big": "", "Big": "", "displaystyle": "", "textstyle": "", "limits": "", "quad": " ", "qquad": " ", "lbrace": "⦃",
    "rbrace": "⦄", "lbrack": "[", "rbrack": "]", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|", "emptyset": "∅",
    "varnothing": "∅", "colon": ":", "ne": r"\neq ", "ldots": "…", "dots": "…", "cdots": "…", "percent": "%",
}  # fmt: skip
_COMMAND = re.compile(r"\\([A-Za-z]+)\s?")
_ESCAPES = (
    (re.compile(r"\\\\(?=[A-Za-z])(?!.*\\end)"), r"\\"),
    (re.compile(r"\\\\"), " ⏎ "),
    (re.compile(r"(?<=\d)\s*,\s*\\!\s*(?=\d{3})"), ""),
    (re.compile(r"\\\{"), "⦃"),
    (re.compile(r"\\\}"), "⦄"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\?\$"), ""),
    (re.compile(r"\\[()\[\]]"), ""),
    (re.compile(r"\\[!,:> ]|~"), " "),
)
_WRAPPED = re.compile(r"\\(?:mathrm|mathbf|mathit|mathsf|operatorname\*?|boldsymbol|bm|vec)\s*\{([^{}]*)\}")
_CONNECTIVE = re.compile(r"\\(?:text|mbox|textrm)\s*\{\s*(?:and|or)\s*,?\s*\}|,?\s+(?:and|or)\s+")
_DEGREES = re.compile(r"\^\s*(?:\{\s*°\s*\}|°)|°")
_PYTHON_NAMES = re.compile(r"\b(?:math|cmath|numpy|np|sympy|sp|mpmath)\.(?=[A-Za-z_])")
_NUMBER_TYPES = re.compile(
    r"\b(?:float\d*|int\d*|Float|Integer|Decimal|mpf|mpq|S)\(\s*['\"]?([-+.\deE]+)['\"]?\s*(?:,\s*precision\s*=\s*\d+\s*)?\)"
)
_FRACTION_TYPES = re.compile(r"\b(?:Fraction|Rational)\(\s*([-+.\d]+)\s*(?:,\s*([-+.\d]+)\s*)?\)")
_INFINITIES = re.compile(r"\b(?:oo|inf|infinity|infty)\b", re.IGNORECASE)
_DIGITS_APART = re.compile(r"(?<=\d) +(?=\d)")
_SILENT_TIMES = re.compile(r"\*(?![\d.])")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def tidy(text: str) -> str:
    """The text in one notation; blanks are single, the outside has none."""
    text = "".join(_SIGNS.get(character, character) for character in text)
    text = unicodedata.normalize("NFKC", text)
    text = _CONNECTIVE.sub(" , ", text).replace(";", ",")
    for pattern, replacement in _ESCAPES:
        text = pattern.sub(replacement, text)
    text = _COMMAND.sub(_spell_command, _WRAPPED.sub(r"\1", text))
    text = _DEGREES.sub("°", text)
    text = _tidy_python(text)
    text = " ".join(text.split()).strip(" .,:") if not text.strip().startswith(".") else " ".join(text.split())
    return text.replace(",", "") if _THOUSANDS.fullmatch(text) else text


def _spell_command(match: re.Match[str]) -> str:
    return _COMMANDS.get(match[1], f"\\{match[1]} ")


def _tidy_python(text: str) -> str:
    text = re.sub(r"\bpi\b", "π", _PYTHON_NAMES.sub("", text))
    text = _NUMBER_TYPES.sub(r"\1", text)
    text = _FRACTION_TYPES.sub(lambda m: f"({m[1]})/({m[2]})" if m[2] else m[1], text)
    text = text.replace("**", "^").replace("<=", "≤").replace(">=", "≥")
    return _INFINITIES.sub("∞", text)


def squeeze(text: str) -> str:
    """The tidy text without blanks and without braces around single signs: what string equality goes by."""
    text = _DIGITS_APART.sub("_", text).replace(" ", "")
    text = re.sub(r"\{(\w)\}", r"\1", _SILENT_TIMES.sub("", text))
    return text.replace("+∞", "∞")


_BACK = {
    "π": r"\pi ", "∞": r"\infty ", "∪": r"\cup ", "±": r"\pm ", "∈": r"\in ", "≤": r"\le ", "≥": r"\ge ",
    "°": r"^{\circ}", "⦃": r"\{", "⦄": r"\}", "*": r"\cdot ", "≈": r"\approx ", "⏎": r"\\\\", "%": r"\%",
}  # fmt: skip
_PYTHON_CALL = re.compile(r"(?<![\\A-Za-z])(sqrt|sin|cos|tan|cot|sec|csc|asin|acos|atan|ln|log|exp)\s*\(")


def to_latex(text: str) -> str:
    """A tidy text as LaTeX that Math-Verify reads: groups for ``sqrt(…)`` and ``^(…)``, commands for functions."""
    text = _group(text, "sqrt", r"\sqrt")
    text = _group(text, "^", "^")
    text = _PYTHON_CALL.sub(lambda match: f"\\{match[1].replace('asin', 'arcsin').replace('acos', 'arccos')}(", text)
    return "".join(_BACK.get(sign, sign) for sign in text)


def _group(text: str, before: str, command: str) -> str:
    """Braces for the brackets after ``before``: ``sqrt(x+1)`` becomes ``\\sqrt{x+1}``."""
    start = text.find(before + "(")
    while start >= 0 and (start == 0 or text[start - 1] != "\\"):
        opening = start + len(before)
        depth = 0
        for index in range(opening, len(text)):
            depth += (text[index] == "(") - (text[index] == ")")
            if depth == 0:
                text = f"{text[:start]}{command}{{{text[opening + 1 : index]}}}{text[index + 1 :]}"
                break
        else:
            return text
        start = text.find(before + "(")
    return text
