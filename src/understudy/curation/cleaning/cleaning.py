"""Trajectories pass checks, and every one that is dropped or changed is listed with a reason.

In: trajectories with their scores if they have any, a config, a teacher if replies are written again. Out: ``Cleaned``.
Each check sees what the checks before it have kept, as they have changed it. Not here: files.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.curation.cleaning.config import CleanConfig
from understudy.curation.cleaning.faults import CheckError, Fault, FaultAction, Finding, faults_of
from understudy.curation.cleaning.kinds import CHECKS
from understudy.curation.cleaning.relabelling import Pair, RelabelJournal, Replacement, relabel
from understudy.curation.cleaning.summary import CleaningSummary, summarise
from understudy.curation.cleaning.topics import TopicCluster
from understudy.models import Model
from understudy.records import Score, Trajectory
from understudy.registry import PartConfig


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The result of a cleaning. Iterating gives the kept trajectories with their scores."""

    pairs: tuple[Pair, ...]
    """What was kept, in the order in which it came."""
    findings: tuple[Finding, ...]
    """One for each reason at each trajectory."""
    clusters: tuple[TopicCluster, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    """Replies that were written again."""
    n: int = 0
    """Trajectories that came in."""

    @property
    def trajectories(self) -> tuple[Trajectory, ...]:
        """The kept ones."""
        return tuple(trajectory for trajectory, _ in self.pairs)

    @property
    def summary(self) -> CleaningSummary:
        """The reasons with their counts and examples; printed, it is a table."""
        return summarise(self.findings, self.clusters, n=self.n, n_kept=len(self.pairs))

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.pairs)


def clean(
    pairs: Iterable[Pair], config: CleanConfig, teacher: Model | None = None, journal: RelabelJournal | None = None
) -> Cleaned:
    """Keep, change or drop each trajectory.

    ``teacher``: writes replies again; needed if ``config.relabel`` is set. ``journal``: new replies are appended to
    it, and its earlier replies are not requested again. Raises ``ValueError`` if it is missing, ``CheckError`` for a
    check of a user that fails, ``TargetError`` for one that does not exist.
    """
    if (config.relabel is None) != (teacher is None):
        raise ValueError(f"relabel and a teacher go together; got relabel={config.relabel}, teacher={teacher}")
    kept = list(pairs)
    n, findings, clusters = len(kept), [], ()
    for one in config.ordered_checks:
        check: Any = CHECKS.open(one)
        kept, found = _checked(kept, one, check)
        findings += found
        clusters += getattr(check, "clusters", ()) if one.kind in CHECKS.builtin else ()
    if config.relabel is None or teacher is None:
        return Cleaned(tuple(kept), tuple(findings), clusters, (), n)
    made = relabel(kept, config.relabel, teacher, journal)
    return Cleaned(made.pairs, (*findings, *made.findings), clusters, made.replacements, n)


def _checked(pairs: Sequence[Pair], config: PartConfig, check: Any) -> tuple[list[Pair], list[Finding]]:
    """What one check keeps, and what it has found."""
    if (prepare := getattr(check, "prepare", None)) is not None:
        prepare([trajectory for trajectory, _ in pairs])
    kept: list[Pair] = []
    findings: list[Finding] = []
    for trajectory, score in pairs:
        faults = _faults(trajectory, config.kind, check)
        dropped = next((fault for fault in faults if fault.action is FaultAction.DROP), None)
        reported = [fault for fault in faults if fault.action is not FaultAction.DROP or fault is dropped]
        findings += [_finding(trajectory, config.kind, fault) for fault in reported]
        if dropped is None:
            kept.append(_changed(trajectory, score, faults))
    return kept, findings


def _faults(trajectory: Trajectory, kind: str, check: Any) -> list[Fault]:
    place = f"check {kind}, trajectory {trajectory.id}"
    reason = getattr(check, "name", "") or kind.rpartition(":")[2]
    try:
        faults = faults_of(check.examine(trajectory), reason, place)
    except CheckError:
        raise
    except Exception as error:
        if kind in CHECKS.builtin:
            raise
        at = traceback.extract_tb(error.__traceback__)[-1]
        raise CheckError(f"{place}: {at.filename}:{at.lineno} raised {type(error).__name__}: {error}") from error
    for fault in faults:
        is_other = fault.changed is not None and fault.changed.id != trajectory.id
        if is_other or (fault.action is FaultAction.CHANGE) != (fault.changed is not None):
            raise CheckError(f"{place}: expected `changed`, the same trajectory mended, with the action CHANGE only")
    return faults


def _finding(trajectory: Trajectory, kind: str, fault: Fault) -> Finding:
    return Finding(
        trajectory_id=trajectory.id,
        check=kind,
        reason=fault.reason,
        action=fault.action,
        n=fault.n,
        detail=fault.detail,
    )


def _changed(trajectory: Trajectory, score: Score | None, faults: Sequence[Fault]) -> Pair:
    """The last change counts: all faults of one check hold the same corrected trajectory."""
    for fault in faults:
        trajectory = trajectory if fault.changed is None else fault.changed
    rewrite = next((fault.rewrite for fault in faults if fault.rewrite is not None), None)
    if score is not None and rewrite is not None:
        answer = None if score.answer is None else rewrite(score.answer)
        score = score.model_copy(update={"answer": answer, "explanation": rewrite(score.explanation)})
    return trajectory, score
