r"""One character for each meaning: Unicode's variants of digits, signs and blanks become plain ones.

In: any text. Out: the text with ASCII digits, ``-`` for every hyphen and minus, plain quotes and blanks, without
invisible characters; ``²`` becomes ``^{2}``, ``₂`` ``_{2}`` and ``½`` ``\frac{1}{2}``. Not here: LaTeX, letter case.

NFKC alone would turn ``10²`` into the number 102 and ``½`` into the text ``1⁄2``; superscripts must stay superscripts.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_PLAIN = {
    **dict.fromkeys("‐‑‒–—―−⁃﹣﹘➖˗", "-"),
    **dict.fromkeys("‘’‚‛`´ʼʹ＇", "'"),
    **dict.fromkeys("“”„‟«»″＂", '"'),
    **dict.fromkeys("′", "'"),
    **dict.fromkeys("×·∙⋅•∗⨯✕⨉", "*"),
    **dict.fromkeys("÷⁄∕", "/"),
    **dict.fromkeys("º˚", "°"),
    **dict.fromkeys("⟨〈〈❬", "("),
    **dict.fromkeys("⟩〉〉❭", ")"),
    **dict.fromkeys("™®©℠ª", ""),
    "…": "…", "ℯ": "e", "ⅇ": "e", "ⅈ": "i", "ⅉ": "j", "ℓ": "l", "℃": "°C", "℉": "°F", "∓": "±",
    "‰": "/1000", "∖": r"\setminus ",
    "ℝ": "ℝ", "ℕ": "ℕ", "ℤ": "ℤ", "ℚ": "ℚ", "ℂ": "ℂ", "⩽": "≤", "⩾": "≥", "≦": "≤", "≧": "≥", "µ": "μ",
}  # fmt: skip
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff\ue000-\ue002]")
_OVERLINED = re.compile("((?:\\d[\u0304\u0305])+)")
_DOTTED = re.compile("(\\d)\u0307(?:(\\d*)(\\d)\u0307)?")
_RAISED, _LOWERED, _CLOSED = "\ue000", "\ue001", "\ue002"


def plain_signs(text: str) -> str:
    """The text in plain signs. Applying it twice changes nothing."""
    if text.isascii():
        return text.replace("`", "'")
    text = _INVISIBLE.sub("", unicodedata.normalize("NFD", text))
    text = _OVERLINED.sub(lambda match: rf"\overline{{{re.sub('[^0-9]', '', match[1])}}}", text)
    text = _DOTTED.sub(lambda match: rf"\overline{{{''.join(filter(None, match.groups()))}}}", text)
    text = "".join(map(_plain_sign, unicodedata.normalize("NFC", text)))
    for mark, opening in ((_RAISED, "^{"), (_LOWERED, "_{")):
        text = text.replace(_CLOSED + mark, "").replace(mark, opening)
    return unicodedata.normalize("NFC", text.replace(_CLOSED, "}").replace("`", "'"))


@lru_cache(maxsize=4096)
def _plain_sign(sign: str) -> str:
    if sign in _PLAIN:
        return _PLAIN[sign]
    if sign.isascii():
        return sign
    digit = unicodedata.decimal(sign, None)
    if digit is not None:
        return str(digit)
    kind, *codes = unicodedata.decomposition(sign).split() or [""]
    if not kind.startswith("<"):
        return " " if unicodedata.category(sign) == "Zs" else sign
    parts = [_plain_sign(chr(int(code, 16))) for code in codes]
    match kind:
        case "<super>":
            return f"{_RAISED}{''.join(parts)}{_CLOSED}"
        case "<sub>":
            return f"{_LOWERED}{''.join(parts)}{_CLOSED}"
        case "<fraction>":
            above, _, below = "".join(parts).partition("/")
            return rf"\frac{{{above}}}{{{below}}}"
    return "".join(parts)
