"""Which runs a folder holds, and how far each is.

In: a folder. Out: ``RunList``. Reads manifests, stage files and metrics only, so that a list of many runs stays quick.
Not here: what is in a run (``collect``).
"""

from __future__ import annotations

from pathlib import Path

from understudy.records import Metrics, StageState
from understudy.report.data import RunEntry, RunList
from understudy.report.stage_files import read_facts, read_stages
from understudy.runs import BadRecordError, read_record


def run_dirs(runs_dir: Path) -> list[Path]:
    """The run directories of a folder, the one that changed last first. A folder that is itself a run counts as one."""
    if (runs_dir / "manifest.json").is_file():
        return [runs_dir.resolve()]
    found = [path.parent for path in runs_dir.glob("*/manifest.json")]
    return sorted(found, key=lambda path: -max(one.stat().st_mtime for one in (path, *path.glob("*/*"))))


def list_runs(runs_dir: Path) -> RunList:
    """Say of each run how far it is and what it has measured."""
    return RunList(folder=runs_dir.resolve().name, runs=tuple(_entry_or_problem(path) for path in run_dirs(runs_dir)))


def _entry_or_problem(run_dir: Path) -> RunEntry:
    """One damaged run does not hide the others."""
    try:
        return _entry(run_dir)
    except (BadRecordError, OSError, ValueError) as error:
        return RunEntry(name=run_dir.name, state=StageState.RUNNING, problem=str(error))


def _entry(run_dir: Path) -> RunEntry:
    stages = read_stages(run_dir)
    running = [stage for stage in stages if stage.state is StageState.RUNNING]
    current = running or list(stages)
    metrics = [read_record(path, Metrics) for path in run_dir.glob("evaluate/*/metrics.json")]
    return RunEntry(
        name=run_dir.name,
        state=StageState.RUNNING if running else StageState.DONE,
        created=dict(read_facts(run_dir / "manifest.json")).get("created", ""),
        n_stages=len(stages),
        n_done=len(stages) - len(running),
        stage=current[-1].key if current else "",
        systems=tuple(sorted(((one.system, one.average) for one in metrics), key=lambda pair: -pair[1])),
    )
