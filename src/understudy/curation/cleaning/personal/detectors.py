"""The protocol and the kinds of detectors of personal data.

In: a text. Out: where it holds personal data. A user's detector is a plain function of a text, or a class with ``find``
and a ``name``; it yields pairs of start and end, or matches of regular expressions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, NamedTuple, Protocol

from understudy.curation.cleaning.faults import CheckError
from understudy.registry import Builtin, Group, PartConfig


class Span(NamedTuple):
    """A piece of a text."""

    start: int
    end: int


class Detector(Protocol):
    """Finds one sort of personal data."""

    name: str
    """Of the mask: ``email`` becomes ``[EMAIL_1]``."""

    def find(self, text: str) -> Iterable[Span | tuple[int, int] | re.Match[str]]:
        """Where the text holds it."""
        ...


class FunctionDetector:
    """A plain function as a detector."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def find(self, text: str) -> object:
        """Call the function."""
        return self._function(text)


_HERE = "understudy.curation.cleaning.personal"


def _builtin(part: str, about: str) -> Builtin:
    return Builtin(f"{_HERE}.{part}", "understudy.registry:PartConfig", about)


DETECTORS: Group[Detector] = Group(
    "detectors",
    "finds personal data in a text",
    {
        "email": _builtin("patterns:EmailDetector", "E-mail addresses."),
        "iban": _builtin("numbers:IbanDetector", "IBANs with a right checksum."),
        "card": _builtin("numbers:CardDetector", "Card numbers with a right check digit (Luhn)."),
        "phone": _builtin("phones:PhoneDetector", "Phone numbers."),
        "key": _builtin("patterns:KeyDetector", "API keys, tokens, private keys, passwords."),
    },
    methods=("find",),
    adapt=FunctionDetector,  # type: ignore[arg-type]  # what it finds is checked by ``spans_of``
)

AnyDetector = Annotated[PartConfig, DETECTORS]
"""The config of any kind of detector."""


def spans_of(found: object, text: str, place: str) -> Iterator[Span]:
    """What a detector returned, as spans that lie in the text. Raises ``CheckError``, which names ``place``."""
    for one in found if isinstance(found, Iterable) else () if found is None else (found,):
        pair = one.span() if isinstance(one, re.Match) else one
        match pair:
            case (int(start), int(end)) if 0 <= start <= end <= len(text):
                if start < end:
                    yield Span(start, end)
            case _:
                raise CheckError(f"{place}: expected pairs (start, end) within the text, or matches; got {one!r:.100}")
