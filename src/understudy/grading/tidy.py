r"""One notation for mathematical answers in LaTeX, Python or plain text.

In: text such as ``$\dfrac12$``, ``Fraction(1, 2)``, ``1⁄2``. Out: a text in one small notation, in linear time: LaTeX's
commands for structure (``\frac``, ``\sqrt``, ``\begin{pmatrix}``), ``*`` ``/`` ``^`` for arithmetic, one sign each for
π, ∞, ∪, ±, ∈, ≤, ≥, ≠, °, and ⦃ ⦄ for the braces of sets. Not here: the meaning of the text.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from understudy.grading.bounds import with_joined_bounds
from understudy.grading.python_forms import plain_python
from understudy.grading.signs import plain_signs
from understudy.grading.spoken import in_figures


def _greek_name(letter: str) -> str:
    _, case, *_, name = unicodedata.name(letter).replace("LAMDA", "LAMBDA").split()
    return name.lower() if case == "SMALL" else name.capitalize()


_SIGNS = {"√": r"\sqrt ", "∛": r"\sqrt[3]", "∜": r"\sqrt[4]", "≠": "≠", "ℝ": "(-∞,∞)", "→": r"\to "} | {
    chr(code): f"\\{_greek_name(chr(code))} " for code in (*range(0x391, 0x3AA), *range(0x3B1, 0x3CA))
    if code not in (0x3A2, 0x3C0, 0x3C2)
} | {"ϕ": r"\phi ", "ϵ": r"\epsilon ", "ϑ": r"\theta ", "ς": r"\sigma "}  # fmt: skip
_COMMANDS = {
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "pi": "π", "infty": "∞", "cup": "∪", "bigcup": "∪", "pm": "±",
    "mp": "±", "in": "∈", "le": "≤", "leq": "≤", "leqslant": "≤", "ge": "≥", "geq": "≥", "geqslant": "≥", "lt": "<",
    "gt": ">", "degree": "°", "circ": "°", "approx": "≈", "simeq": "≈", "dfrac": r"\frac ", "tfrac": r"\frac ",
    "cfrac": r"\frac ", "nicefrac": r"\frac ", "sfrac": r"\frac ", "dbinom": r"\binom ", "tbinom": r"\binom ",
    "lbrace": "⦃", "rbrace": "⦄", "lbrack": "[", "rbrack": "]", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|",
    "lVert": "|", "rVert": "|", "langle": "(", "rangle": ")", "lparen": "(", "rparen": ")", "emptyset": "∅",
    "varnothing": "∅", "colon": ":", "ne": "≠", "neq": "≠", "ldots": "…", "dots": "…", "cdots": "…", "dotsc": "…",
    "percent": "%", "varphi": r"\phi ", "varepsilon": r"\epsilon ", "vartheta": r"\theta ", "lg": r"\log_{10}",
    "cr": "⏎", "newline": "⏎", "iff": "=", "equiv": "≡", "land": " , ", "wedge": " , ", "lor": " , ", "vee": " , ",
} | dict.fromkeys(
    "left right bigl bigr Bigl Bigr biggl biggr Biggl Biggr big Big bigg Bigg displaystyle textstyle scriptstyle "
    "limits bf rm it hline hfill middle nolimits".split(), ""
) | dict.fromkeys("quad qquad enspace thinspace space".split(), " ")  # fmt: skip
_GREEK = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi omega".split()
_COMMAND = re.compile(r"\\([A-Za-z]+)\s?")
_ESCAPES = (
    (re.compile(r"(?<!\\)\\\\(?=[A-Za-z])(?!.*\\end)(?!(?:hline|cr)\b)", re.DOTALL), r"\\"),
    (re.compile(r"\\\\\*?\s*(?:\[\s*-?[\d.]+\s*(?:pt|em|ex|cm|mm|in|baselineskip)\s*\])?"), " ⏎ "),
    (re.compile(r"\\(?:hspace|vspace|phantom|hphantom|label|tag)\*?\s*\{[^{}]*\}"), " "),
    (
        re.compile(
            r"(?:\(-∞,∞\)|\\mathbb\s*\{?R\}?|\\R|^\s*R)\s*(?:\\(?:backslash|smallsetminus|setminus)?|-)\s*\\?\{([^{}]*?)\\?\}"
        ),
        r"(-∞,∞)\\setminus ⦃\1⦄",
    ),
    (re.compile(r"\\left\s*\(\s*\{([^{}]*,[^{}]*)\}\s*\\right\s*\)"), r"(\1)"),
    (re.compile(r"\\mathbb\s*\{?R\}?|\\Reals\b|\\R\b"), "(-∞,∞)"),
    (re.compile(r"(?<![\d.,])0\{,\}(?=\d)"), "0."),
    (re.compile(r"(?<=\d)\{,\}(?=\d+(?!\d))(?!\d{3}(?!\d))"), "."),
    (re.compile(r"(?<=\d)\s*(?:,\s*\\!|\\!\s*,|\{,\}|\\[,:; ]|~)\s*(?=\d{3}(?!\d))"), ","),
    (re.compile(r"\\\{"), "⦃"),
    (re.compile(r"\\\}"), "⦄"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\[()\[\]]"), ""),
    (re.compile(r"\\[!,:;> ]|~|&nbsp;"), " "),
)
_WRAPPED = re.compile(
    r"\\(?:mathrm|mathbf|mathit|mathsf|mathcal|operatorname\*?|boldsymbol|bm|vec|overrightarrow|hat|ensuremath)"
    r"\s*\{([^{}]*)\}"
)
_CONNECTIVE = re.compile(r"\\(?:text|mbox|textrm|mathrm)\s*\{\s*,?\s*(?:and|or)\s*,?\s*\}|,?\s+(?:and|or)\s+")
_ENUMERATED_ROWS = re.compile(r"\\begin\s*\{(?:cases|aligned|align\*?|gathered)\}(.*)\\end\s*\{[a-z]+\*?\}", re.DOTALL)
_DEGREES = re.compile(r"\^\s*(?:\{\s*°\s*\}|°)|°")
_MINUTES = re.compile(
    r"(\d+)\s*°\s*(\d{1,2}(?:\.\d+)?)\s*(?:\^\s*\{?\s*\\prime\s*\}?|['′])(?:\s*(\d{1,2}(?:\.\d+)?)\s*(?:\"|″|''))?"
)
_DEGREE_WORD = re.compile(
    r"(?<=[\d}])\s*°?\s*(?:\\(?:text|mbox|textrm)\s*\{)?\s*°?\s*(?:\bdegrees?\b|\bdeg\b)?\s*°?\s*\b"
    r"(C|F|Celsius|Fahrenheit)\b(?:\s*\})?",
    re.IGNORECASE,
)
_PLAIN_DEGREES = re.compile(
    r"(?<=[\d)}π])\s*(?:\\(?:text|mbox|textrm)\s*\{)?\s*\b(?:degrees?|deg)\b\.?(?:\s*\})?", re.IGNORECASE
)
_RADIANS = re.compile(
    r"(?<=[\d)}π])\s*(?:\\(?:text|mbox|textrm)\s*\{)?\s*\b(?:radians?|rad)\b\.?(?:\s*\})?", re.IGNORECASE
)
_OVER = re.compile(r"\{([^{}]*?)\\over\b([^{}]*)\}")
_REPEATING = re.compile(r"(\d*)\.(\d*)\\(?:overline|bar|dot)\s*(?:\{\s*(\d+)\s*\}|(\d))")
_BRACKETED_REPEATING = re.compile(r"(?<![\w.])(\d+)\.(\d*)\((\d+)\)(?!\w)")
_TRAILING_DOTS = re.compile(r"(\d+)\.(\d*?)(\d+?)(\3{2,})…$")
_NUMBER_TYPES = re.compile(r"\b(?:float\d*|int\d*|Float|Integer|Decimal)\(\s*['\"]?([-+.\deE]+)['\"]?\s*\)")
_FRACTION_TYPES = re.compile(r"\b(?:Fraction|Rational)\(\s*([-+.\d]+)\s*,\s*([-+.\d]+)\s*\)")
_FLOORS = re.compile(r"(?<![\\A-Za-z])(floor|ceil)(?:ing)?\(([^()]*)\)")
_PYTHON_NAMES = re.compile(r"\b(?:math|cmath|numpy|np|sympy|sp|mpmath)\.(?=[A-Za-z_])")
_INFINITIES = re.compile(r"\b(?:oo|inf|infinity|infty)\b", re.IGNORECASE)
_REALS = re.compile(
    r"\s*(?:the\s+set\s+of\s+)?(?:all|any|every)\s+(?:of\s+the\s+)?real(?:\s+(?:numbers?|values?)|s)?\s*", re.IGNORECASE
)
_MOST_REALS = re.compile(
    rf"{_REALS.pattern},?\s*(?:except|but|other\s+than|excluding)(?:\s+for)?\s+(?:[a-z]\s*=\s*)?(-?[^A-Za-z]+)",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"(?:\\text\s*\{\s*)?(?:no\s+(?:real\s+)?solutions?|(?:the\s+)?empty\s+set)\s*\}?", re.IGNORECASE)
_MODULUS = re.compile(r"\(?\s*\\?\b[pb]?mod\s*\{?\s*(\w+)\s*\}?\s*\)?")
_DIGITS_APART = re.compile(r"(?<=\d) +(?=\d)")
_SILENT_TIMES = re.compile(r"\*(?![\d.])")
_ANGLED = re.compile(r"<([^<>]*,[^<>]*)>")
_GROUPED = re.compile(r"[-+]?(?:\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?|\d{1,3}(?:\.\d{3}){2,})")
"""Groups as in India, ``12,34,567``, and on the Continent, ``1.234.567``."""
_THOUSANDS = re.compile(r"[-+]?\s*\d{1,3}(?:(?:,\d{3})+|(?:[ '_]\d{3})+)(?:\.\d+)?(?![\d,])")


def tidy(text: str) -> str:
    """The text in one notation, with single blanks and none at its ends."""
    text = with_joined_bounds(plain_python(plain_signs(text)))
    text = re.sub(r"√\s*\(", "sqrt(", text)
    text = "".join(_SIGNS.get(character, character) for character in text).replace("...", "…")
    text = in_figures(text)
    if "&" in text and "\\begin" not in text and "matrix" not in text:
        text = re.sub(r"(?<=[\d)])\s*&\s*(?=[-(\d])", " , ", text)
    text = _CONNECTIVE.sub(" , ", _cases(text)).replace(";", ",") if "\\;" not in text else _CONNECTIVE.sub(" , ", text)
    for pattern, replacement in _ESCAPES:
        text = pattern.sub(replacement, text)
    text = _COMMAND.sub(_spell_command, _WRAPPED.sub(r"\1", text))
    text = _tidy_degrees(_tidy_numbers(_tidy_python(_OVER.sub(r"\\frac{\1}{\2}", text))))
    text = _MODULUS.sub(r" mod \1", text) if "mod" in text else text
    if (most := _MOST_REALS.fullmatch(text)) is not None:
        return rf"(-∞,∞)\setminus ⦃{most[1]}⦄"
    if _REALS.fullmatch(text):
        return "(-∞,∞)"
    if _NOTHING.fullmatch(text.strip(" .")):
        return "∅"
    text = " ".join(text.split())
    text = text.strip(" :,").rstrip(" \\.").lstrip("=").strip()
    if (angled := _ANGLED.fullmatch(text)) is not None:
        return f"({angled[1]})"
    return _without_thousands(text)


def _cases(text: str) -> str:
    r"""The rows of ``\begin{cases}`` as an enumeration."""
    match = _ENUMERATED_ROWS.fullmatch(text.strip().removeprefix(r"\left\{").removesuffix(r"\right.").strip())
    if match is None:
        return text
    return ", ".join(
        row.replace("&", "").strip(" ,") for row in re.split(r"\\\\(?:\[[^\]]*\])?", match[1]) if row.strip()
    )


def _spell_command(match: re.Match[str]) -> str:
    return _COMMANDS.get(match[1], f"\\{match[1]} ")


def _tidy_python(text: str) -> str:
    text = re.sub(r"\bpi\b", "π", _PYTHON_NAMES.sub("", text))
    text = re.sub(rf"(?<![\\A-Za-z])({'|'.join(_GREEK)})(?![A-Za-z])", r"\\\1 ", text)
    text = re.sub(r"\bE(?=\s*\*\*)", "e", text)
    text = _FRACTION_TYPES.sub(r"(\1)/(\2)", _NUMBER_TYPES.sub(r"\1", text))
    text = _FLOORS.sub(lambda match: rf"\l{match[1]} {match[2]} \r{match[1]} ", text)
    text = text.replace("**", "^").replace("<=", "≤").replace(">=", "≥").replace("!=", "≠").replace("==", "=")
    return _INFINITIES.sub("∞", text)


def _tidy_degrees(text: str) -> str:
    text = _MINUTES.sub(_in_degrees, _DEGREES.sub("°", text)) if "°" in text or "\\circ" in text else text
    text = _DEGREE_WORD.sub(lambda match: f" °{match[1][0].upper()}", text) if re.search(r"[CFcf]", text) else text
    text = _PLAIN_DEGREES.sub("°", text)
    return _RADIANS.sub("", text)


def _in_degrees(match: re.Match[str]) -> str:
    """``36° 30'`` as ``(73/2)°``."""
    degrees, minutes, seconds = (Fraction(part or 0) for part in match.groups())
    return f"({degrees + minutes / 60 + seconds / 3600})°"


def _tidy_numbers(text: str) -> str:
    r"""Repeating decimals as fractions: ``0.1\overline{6}``, ``0.(3)``, ``0.333…``."""
    text = _REPEATING.sub(lambda m: _repeating(m[1], m[2], m[3] or m[4]), text)
    text = _BRACKETED_REPEATING.sub(lambda m: _repeating(m[1], m[2], m[3]), text)
    if text.rstrip().endswith("…"):
        text = _TRAILING_DOTS.sub(lambda m: _repeating(m[1], m[2], m[3]), text.strip())
        text = re.sub(r"(\d\.\d{2,})…$", r"\1", text)
    return text


def _repeating(whole: str, before: str, repeated: str) -> str:
    below = (10 ** len(repeated) - 1) * 10 ** len(before)
    return f"({int((whole or '0') + before + repeated) - int((whole or '0') + before or 0)}/{below})"


def _without_thousands(text: str) -> str:
    """Numbers without separators of thousands; in an enumeration only if its commas are followed by blanks."""
    if _GROUPED.fullmatch(text):
        return text.replace(",", "") if "," in text else text.replace(".", "")
    if (match := _THOUSANDS.match(text)) and (
        match.end() == len(text) or not re.match(r"\s*[,\d]", text[match.end() :])
    ):
        rest = text[match.end() :]
        if "," not in rest:
            return re.sub(r"[, '_]", "", match[0]) + rest
    if ", " in text:
        return re.sub(r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d])", lambda m: m[0].replace(",", ""), text)
    return (
        re.sub(r"(?<=[-+*/=(\s])\d{1,3}(?:,\d{3})+(?![\d,])", lambda m: m[0].replace(",", ""), text)
        if "(" not in text
        else text
    )


def squeeze(text: str) -> str:
    """The tidy text without blanks and without braces around single characters, for comparing as strings."""
    text = _DIGITS_APART.sub("_", text).replace(" ", "")
    text = re.sub(r"\{(\w)\}", r"\1", _SILENT_TIMES.sub("", text))
    return text.replace("+∞", "∞")


_BACK = {
    "π": r"\pi ", "∞": r"\infty ", "∪": r"\cup ", "±": r"\pm ", "∈": r"\in ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ",
    "°": r"^{\circ}", "⦃": r"\{", "⦄": r"\}", "*": r"\cdot ", "≈": r"\approx ", "⏎": r"\\\\", "%": r"\%",
}  # fmt: skip
_PYTHON_CALL = re.compile(
    r"(?<![\\A-Za-z])(sqrt|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|asin|acos|atan|ln|log|exp)\s*\("
)
_BEFORE_SLASH = re.compile(
    r"(\\(?:sin|cos|tan|cot|sec|csc|ln))\s*(\d*[A-Za-z](?![A-Za-z])|\d+|\d*\\[a-z]+\s?)(?=\s*[/*])"
)
r"""``\sin x/2`` is ``(\sin x)/2``, as it is mostly meant."""
_LATEX_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "log": "ln"}


def to_latex(text: str) -> str:
    """A tidy text as LaTeX that Math-Verify reads: groups for ``sqrt(…)`` and ``^(…)``, commands for functions."""
    text = _group(text, "sqrt", r"\sqrt")
    text = _group(text, "^", "^")
    text = _PYTHON_CALL.sub(lambda match: f"\\{_LATEX_NAMES.get(match[1], match[1])}(", text)
    text = _BEFORE_SLASH.sub(r"{\1(\2)}", text)
    text = re.sub(r"\b[Aa]bs\(([^()]*)\)", r"|\1|", text)
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
