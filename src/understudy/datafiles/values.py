"""Values of foreign rows: JSON text, and texts and numbers that are answers.

In: bytes, or a value of a row. Out: plain Python values. Not here: files.
"""

from __future__ import annotations

import json
import math

from pydantic_core import from_json

UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
NOT_UTF8 = "expected UTF-8, this looks like UTF-16 or binary data; save the file as UTF-8"
_TOO_DEEP = "lists or objects are nested too deeply to be read"


def parse_json(text: bytes) -> object:
    """The value of a JSON text. Raises ``ValueError`` with a message for the user."""
    try:
        return from_json(text, cache_strings="keys")
    except ValueError as error:
        # Values that are too deep for this parser would stop other code later.
        if "recursion limit" in str(error):
            raise ValueError(_TOO_DEEP) from None
        return _slowly_parsed(text)


def _slowly_parsed(text: bytes) -> object:
    """As ``parse_json``, by a parser that accepts more texts and explains errors better."""
    if b"\x00" in text or text.startswith(UTF16_MARKS):
        raise ValueError(NOT_UTF8)
    try:
        decoded = text.decode("utf-8")
        value: object = json.loads(decoded)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        column = error.start - text.rfind(b"\n", 0, error.start)
        byte = f"byte {text[error.start]:#04x} at column {column}"
        raise ValueError(f"expected UTF-8, got {byte}; save the file as UTF-8") from None
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise ValueError(f"expected text, {half} is half of a surrogate pair, which is not a character") from None
    except json.JSONDecodeError as error:
        got = decoded.strip()[:60]
        raise ValueError(f"expected JSON, got {got!r} ({error.msg} at column {error.colno})") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError as error:
        raise ValueError(f"a number has too many digits to be read ({error})") from None
    return value


def scalar_text(value: object) -> str | None:
    """A text without outer blanks; a finite number as people write it (``13138980.0`` is ``13138980``).

    None for anything else, such as NaN and booleans.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return str(int(value)) if is_whole else str(value)


def texts(value: object) -> tuple[str, ...] | None:
    """All non-blank texts of null, of one text or number, or of a list of them; None for any other value."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    read = [scalar_text(one) for one in values if one is not None]
    known = tuple(text for text in read if text)
    return None if None in read else known
