"""What the cleanings of a run dropped, changed and counted: read from a run, and as tables in the terminal.

In: ``findings.jsonl`` and ``clusters.jsonl`` of stages. Out: ``Cleaning``, the fates of trajectories, rich renderables.
Not here: the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from understudy.curation import CleaningSummary, Finding, TopicCluster, summarise
from understudy.report.data import Cleaning, Stage
from understudy.report.rows import read_if_there
from understudy.report.visible import plain, table_of
from understudy.run_layout import CLUSTERS, FINDINGS


def is_cleaning(run_dir: Path, stage: Stage) -> bool:
    """Whether the stage has cleaned trajectories."""
    return (run_dir / stage.key / FINDINGS).is_file()


def read_cleaning(run_dir: Path, stage: Stage) -> Cleaning:
    """Raises ``BadRecordError`` for a damaged file."""
    folder = run_dir / stage.key
    summary = summarise(
        read_if_there(folder / FINDINGS, Finding),
        tuple(read_if_there(folder / CLUSTERS, TopicCluster)),
        n=int(stage.counts.get("trajectories", len(dropped_by(run_dir, stage)))),
        n_kept=int(stage.counts.get("kept", 0)),
    )
    return Cleaning(stage=stage.name, key=stage.key, attempts=stage.inputs[0] if stage.inputs else "", summary=summary)


def dropped_by(run_dir: Path, stage: Stage) -> dict[str, str]:
    """Trajectory id → the reason for which the stage dropped it."""
    found = read_if_there(run_dir / stage.key / FINDINGS, Finding)
    return {one.trajectory_id: one.reason for one in found if one.action == "drop"}


def cleaning_tables(summary: CleaningSummary) -> RenderableType:
    """The reasons with up to three examples each, and the topics."""
    return Group(*_reasons(summary), *_topics(summary))


def _reasons(summary: CleaningSummary) -> Iterator[RenderableType]:
    yield Text(f"{summary.n_kept:,} of {summary.n:,} trajectories kept")
    if not summary.reasons:
        return
    table = table_of("Trajectories", "Reason", "Such as", left=("Reason", "Such as"))
    for row in summary.reasons:
        examples = "\n".join(f"{one.trajectory_id}: {one.detail}".rstrip(": ") for one in row.examples)
        table.add_row(f"{row.n:,}", plain(row.said), plain(examples, "dim"))
    yield table
    yield Text()


def _topics(summary: CleaningSummary) -> Iterator[RenderableType]:
    if not summary.clusters:
        return
    heads = ("Topic", "Conversations", "Share, %", "Like the rest", "", "Such as")
    table = table_of(*heads, left=("Topic", "", "Such as"))
    for one in summary.clusters:
        cells = (f"{one.n:,}", f"{100 * one.share:.1f}", f"{one.similarity:.2f}")
        table.add_row(plain(one.name), *cells, Text(remarks(one), "yellow"), plain("\n".join(one.examples), "dim"))
    yield table
    yield Text()


def remarks(cluster: TopicCluster) -> str:
    """``small, far, dropped``; empty for an ordinary cluster."""
    found = {"small": cluster.is_small, "far": cluster.is_far, "dropped": cluster.is_dropped}
    return ", ".join(name for name, is_so in found.items() if is_so)
