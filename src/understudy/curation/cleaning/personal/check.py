"""The check for personal data. In: trajectories. Out: faults ``personal_email``, ``personal_phone`` and the like, and
masked trajectories. Not here: what counts as personal data (``detectors``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum

from understudy.curation.cleaning.check import Check
from understudy.curation.cleaning.faults import CheckError, Fault, FaultAction
from understudy.curation.cleaning.personal.detectors import DETECTORS, AnyDetector, Detector, Span, spans_of
from understudy.curation.cleaning.personal.masking import Masks, masked, texts_of, without_overlaps
from understudy.records import Trajectory
from understudy.registry import PartConfig


class PersonalAction(StrEnum):
    """What becomes of a trajectory with personal data."""

    MASK = "mask"
    DROP = "drop"
    COUNT = "count"


class PersonalDataConfig(PartConfig):
    """Masks e-mail addresses, phone and card numbers, IBANs and keys, or drops trajectories with them."""

    kind: str = "personal_data"
    action: PersonalAction = PersonalAction.MASK
    detectors: tuple[AnyDetector, ...] = tuple(DETECTORS.validate(kind) for kind in DETECTORS.builtin)
    """Kinds, or ``package.module:name`` of your own."""
    keep: tuple[str, ...] = ()
    """Values that are not personal, such as the shop's own address."""


class PersonalDataCheck(Check):
    """Finds and masks personal data."""

    def __init__(self, config: PersonalDataConfig) -> None:
        self._config = config
        self._keep = {one.casefold() for one in config.keep}
        self._detectors = [(one.kind, DETECTORS.open(one)) for one in config.detectors]

    def examine(self, trajectory: Trajectory) -> Iterator[Fault]:
        """The faults of one trajectory, one a sort of data; all hold the same masked trajectory."""
        masks = Masks(self.find)
        masks.learn(texts_of(trajectory))
        if not masks.counts:
            return
        is_masked = self._config.action is PersonalAction.MASK
        changed = masked(trajectory, masks) if is_masked else None
        action = FaultAction.CHANGE if is_masked else FaultAction(self._config.action)
        rewrite: Callable[[str], str] | None = masks if is_masked else None
        for sort, n in masks.counts.items():
            yield Fault(f"personal_{sort}", f"{n} value{'s' if n > 1 else ''}", action, n, changed, rewrite)

    def find(self, text: str) -> list[tuple[Span, str]]:
        """All personal data of a text, without overlaps."""
        found = [
            (span, _sort(kind, detector))
            for kind, detector in self._detectors
            for span in _found(kind, detector, text)
            if text[span.start : span.end].casefold() not in self._keep
        ]
        return without_overlaps(found)


def _found(kind: str, detector: Detector, text: str) -> list[Span]:
    try:
        return list(spans_of(detector.find(text), text, f"detector {kind}"))
    except CheckError:
        raise
    except Exception as error:
        raise CheckError(f"detector {kind}: raised {type(error).__name__}: {error}") from error


def _sort(kind: str, detector: Detector) -> str:
    """The name of its masks: letters, digits and underscores."""
    name = getattr(detector, "name", kind.rpartition(":")[2])
    return re.sub(r"\W+", "_", name).strip("_").lower() or "data"
