"""What a curation kept, what it dropped and why, and how much of what was kept is learnt.

In: ``curate/<stage>/examples.jsonl`` and ``dropped.jsonl``. Out: ``Curation``, the examples as a collection, the fate
of each trajectory. Not here: the choice itself (``understudy.curate``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from understudy.records import Dropped, Example, Task
from understudy.report.data import Collection, CollectionKind, Curation, Row, Stage
from understudy.report.masks import open_mask_maker
from understudy.report.rows import read_if_there, row_of_example

KEPT = "kept"


def read_examples(run_dir: Path, stage: Stage, tasks: Mapping[str, Task]) -> Collection:
    """The examples of one curation as a list. ``tasks``: those of the run by id, where they are known."""
    examples = read_if_there(run_dir / stage.key / "examples.jsonl", Example)
    rows = tuple(row_of_example(line, one, tasks.get(one.task_id)) for line, one in enumerate(examples))
    return Collection(key=stage.key, kind=CollectionKind.CURATE, label=stage.name, rows=rows)


def read_curation(run_dir: Path, stage: str) -> Curation:
    """Count what one curation kept and dropped, and what is learnt of it."""
    folder = run_dir / CollectionKind.CURATE / stage
    dropped = Counter(one.reason.value for one in read_if_there(folder / "dropped.jsonl", Dropped))
    maker = open_mask_maker(run_dir, stage)
    examples = list(read_if_there(folder / "examples.jsonl", Example))
    return Curation(
        stage=stage,
        n_kept=len(examples),
        dropped=dict(dropped.most_common()),
        unit=maker.unit,
        amounts=maker.amounts(examples),
    )


def fates_of(run_dir: Path, stage: str, kept: Iterable[Row]) -> dict[str, str]:
    """Trajectory id → ``kept`` or the reason why not."""
    path = run_dir / CollectionKind.CURATE / stage / "dropped.jsonl"
    fates = {one.trajectory_id: one.reason.value for one in read_if_there(path, Dropped)}
    return fates | {row.id: KEPT for row in kept}
