"""The kept and the dropped attempts of a curation, and how much of the examples is trained.

In: ``curate/<stage>/examples.jsonl`` and ``dropped.jsonl``. Out: ``Curation``, the examples as a collection, the fate
of each trajectory. Not here: the choice itself (``understudy.curation``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from understudy.records import Dropped, Example, Task
from understudy.report.data import Collection, CollectionKind, Curation, Row, Stage
from understudy.report.masks import open_mask_maker
from understudy.report.rows import read_if_there, row_of_example
from understudy.run_layout import DROPPED, EXAMPLES

KEPT = "kept"


Fates = Mapping[tuple[str, str], str]
"""(Stage, trajectory id) → ``kept`` or the reason for dropping it."""


def read_examples(run_dir: Path, stage: Stage, tasks: Mapping[str, Task]) -> tuple[Collection, Fates]:
    """The examples of one curation as a list, and what became of each trajectory that it looked at.

    ``tasks``: those of the run by id, if they are known.
    """
    fates: dict[tuple[str, str], str] = {}
    for drop in read_if_there(run_dir / stage.key / DROPPED, Dropped):
        fates[drop.stage, drop.trajectory_id] = drop.reason
    rows: list[Row] = []
    for line, example in enumerate(read_if_there(run_dir / stage.key / EXAMPLES, Example)):
        rows.append(row_of_example(line, example, tasks.get(example.task_id)))
        fates[example.stage, example.trajectory_id] = KEPT
    return Collection(key=stage.key, kind=CollectionKind.CURATE, label=stage.name, rows=tuple(rows)), fates


def read_curation(run_dir: Path, stage: Stage) -> Curation:
    """Count the kept and the dropped attempts of one curation, and the trained text."""
    folder = run_dir / stage.key
    dropped = Counter(one.reason for one in read_if_there(folder / DROPPED, Dropped))
    maker = open_mask_maker(run_dir, stage.key)
    examples = list(read_if_there(folder / EXAMPLES, Example))
    return Curation(
        stage=stage.name,
        key=stage.key,
        n_kept=len(examples),
        dropped=dict(dropped.most_common()),
        unit=maker.unit,
        amounts=maker.amounts(examples),
    )
