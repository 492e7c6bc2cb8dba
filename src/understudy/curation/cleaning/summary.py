"""The table of a cleaning: reasons, counts, up to three examples each; and the clusters.

In: findings and clusters. Out: ``CleaningSummary``, which the report and the terminal draw. Not here: drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from understudy.curation.cleaning.faults import FaultAction, Finding
from understudy.curation.cleaning.topics import TopicCluster
from understudy.records import Record

N_EXAMPLES = 3
_ORDER = (FaultAction.DROP, FaultAction.CHANGE, FaultAction.COUNT)
_SAID = {FaultAction.DROP: "dropped", FaultAction.CHANGE: "changed", FaultAction.COUNT: "counted"}


class FindingExample(Record):
    """One trajectory with a reason."""

    trajectory_id: str
    detail: str = ""


class ReasonRow(Record):
    """One reason of a cleaning."""

    reason: str
    action: FaultAction
    n: int
    """Trajectories."""
    examples: tuple[FindingExample, ...] = ()
    """The first ones."""

    @property
    def said(self) -> str:
        """``dropped: unknown tool``."""
        return f"{_SAID[self.action]}: {self.reason.replace('_', ' ')}"


class CleaningSummary(Record):
    """The result of one cleaning, without its trajectories."""

    n: int
    """Trajectories that came in."""
    n_kept: int
    reasons: tuple[ReasonRow, ...] = ()
    """Dropped, then changed, then counted; the most frequent first."""
    clusters: tuple[TopicCluster, ...] = ()

    @property
    def counts(self) -> dict[str, float]:
        """Counts by name, such as ``dropped_unknown_tool``."""
        return {f"{_SAID[row.action]}_{row.reason}": float(row.n) for row in self.reasons}

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterable[str]:
        """The table as plain text."""
        yield f"{self.n_kept:,} of {self.n:,} trajectories kept"
        for row in self.reasons:
            yield f"{row.n:>7,}  {row.said}"
            yield from (f"           {one.trajectory_id}: {one.detail}" for one in row.examples)


def summarise(
    findings: Iterable[Finding], clusters: Sequence[TopicCluster] = (), *, n: int, n_kept: int
) -> CleaningSummary:
    """Count the trajectories of each reason."""
    rows: dict[tuple[FaultAction, str], dict[str, str]] = {}
    for one in findings:
        rows.setdefault((one.action, one.reason), {}).setdefault(one.trajectory_id, one.detail)
    ordered = sorted(rows.items(), key=lambda item: (_ORDER.index(item[0][0]), -len(item[1]), item[0][1]))
    return CleaningSummary(
        n=n,
        n_kept=n_kept,
        reasons=tuple(
            ReasonRow(
                reason=reason,
                action=action,
                n=len(found),
                examples=tuple(
                    FindingExample(trajectory_id=name, detail=detail)
                    for name, detail in list(found.items())[:N_EXAMPLES]
                ),
            )
            for (action, reason), found in ordered
        ),
        clusters=tuple(clusters),
    )
