"""The public function of the package: rows of any format become trajectories.

In: an ``ImportConfig``. Out: ``Imported``. Not here: the formats, see ``understudy.curation.traces``.
"""

from __future__ import annotations

from itertools import chain

from understudy.curation.importing.config import ImportConfig
from understudy.curation.importing.foreign import is_dump
from understudy.curation.traces.kinds import open_readers
from understudy.curation.traces.reading import Imported, read_traces
from understudy.curation.traces.trajectories import Naming
from understudy.datafiles import Row, Rows, hub_rows, read_rows

N_SHOWN = 3


class NothingImportedError(ValueError):
    """No row could be imported; the message says why."""


def import_trajectories(config: ImportConfig) -> Imported:
    """Read all trajectories. A row that cannot be read is refused with its place and reason; the others are read.

    Replies of a code agent are converted to our action format, see ``normalised.in_our_form``. A plain row without
    replies is a trajectory that an infrastructure error ended. Raises ``NothingImportedError`` if no row can be
    imported, ``FileNotFoundError``, ``DataFileError``, ``TargetError``.
    """
    names = (config.reader,) if config.reader else ()
    naming = Naming(config.label, config.task_kind, config.agent, config.final_tools)
    imported = read_traces(_rows(config), open_readers(names, {"agent": config.agent}), naming)
    if not imported.attempts:
        raise NothingImportedError(_nothing_imported(config, imported))
    return imported


def _rows(config: ImportConfig) -> Rows:
    if config.path is None:
        return hub_rows(config.hub or "", config.subset, config.split, config.revision)
    rows = read_rows(config.path, config.split)
    if ".json" in config.path.suffixes:
        return _whole_dumps(rows)
    first = next(rows, None)
    read = iter(()) if first is None else chain((first,), rows)
    is_document = first is not None and {".jsonl", ".ndjson"} & {*config.path.suffixes} and ", row " in first.place
    return _whole_dumps(read) if is_document else read


def _whole_dumps(rows: Rows) -> Rows:
    """A JSON file may contain one attempt as a list of its steps or messages."""
    read = list(rows)
    values = [row.value for row in read if isinstance(row, Row)]
    if is_dump(values):
        return iter([Row(values, 1, read[0].place)])
    return iter(read)


def require_rows(config: ImportConfig) -> None:
    """Raises ``NothingImportedError`` for a file without a row that can be read, and what reading it raises."""
    if config.path is None:
        return
    n_bad, bad = 0, None
    for row in read_rows(config.path, config.split):
        if isinstance(row, Row):
            return
        n_bad, bad = n_bad + 1, bad or row
    if bad is None:
        raise NothingImportedError(f"{config.path}: expected trajectories, it holds no rows")
    raise NothingImportedError(f"{bad} (no row of {n_bad} can be read)")


def _nothing_imported(config: ImportConfig, imported: Imported) -> str:
    where = config.path or config.hub
    if not imported.report.rows:
        return f"{where}: expected trajectories, it holds no rows"
    if not imported.refused:
        return f"{where}: expected conversations, got {imported.report}"
    counts = ", ".join(f"{count} {reason}" for reason, count in imported.counts.items())
    shown = "".join(f"\n  {row}" for row in imported.refused[:N_SHOWN])
    return f"{where}: none of {len(imported.refused)} rows can be imported ({counts}), such as{shown}"
