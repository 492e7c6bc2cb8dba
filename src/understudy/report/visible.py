"""Makes untrusted text safe to print: nothing in it is hidden.

In: any text. Out: text without terminal control sequences, in which no character is invisible or turns the order of
the others around. Rich markup is harmless, because the text goes into ``rich.text.Text``, which does not interpret any.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from rich.table import Table
from rich.text import Text

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS and the like
    r"|\x1b[ -/]*[0-~]?"
)
_JOINERS = "\u200c\u200d"
"""Zero-width, but part of the spelling of words and emoji."""


def visible(text: str) -> str:
    """Strip terminal sequences and spell out the other control and format characters, as in ``<U+202E>``."""
    return "".join(map(_spelt, _ANSI.sub("", text.replace("\r\n", "\n"))))


def readable(text: str) -> str:
    """Names and texts that may not be UTF-8, such as those of files, so that they can be: odd bytes as ``\\xff``."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()


def plain(text: str, style: str = "") -> Text:
    """Untrusted text for the terminal: visible, without interpreted markup."""
    return Text(visible(text), style=style)


def table_of(*heads: str, left: Collection[str]) -> Table:
    """An empty table without lines. Columns are aligned to the right, except those in ``left``."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(visible(head), justify="left" if head in left else "right", overflow="fold")
    return table


def _spelt(char: str) -> str:
    if char in "\n\t" or char in _JOINERS:
        return char
    return f"<U+{ord(char):04X}>" if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs") else char
