"""The runs of a folder and their states.

In: a folder. Out: ``RunList``. Reads manifests, stage files and metrics only, so that a list of many runs stays quick.
Not here: what is in a run (``collect``).
"""

from __future__ import annotations

from pathlib import Path

from understudy.records import Metrics, StageState
from understudy.report.data import RunEntry, RunList
from understudy.report.run_state import with_true_states
from understudy.report.stage_files import read_facts, read_stages
from understudy.report.visible import readable
from understudy.run_layout import MANIFEST
from understudy.runs import BadRecordError, read_record


def run_dirs(runs_dir: Path) -> list[Path]:
    """The run directories of a folder, the one that changed last first. A folder that is itself a run counts as one.

    An unreadable directory counts too: it is listed with its problem.
    """
    if (runs_dir / MANIFEST).is_file():
        return [runs_dir.resolve()]
    return sorted(filter(_may_be_run, runs_dir.iterdir()), key=_last_change, reverse=True)


def list_runs(runs_dir: Path) -> RunList:
    """The state and the measured accuracies of each run."""
    runs = tuple(_entry_or_problem(path) for path in run_dirs(runs_dir))
    return RunList(folder=readable(runs_dir.resolve().name), runs=runs)


def _entry_or_problem(run_dir: Path) -> RunEntry:
    """One damaged run does not hide the others."""
    try:
        return _entry(run_dir)
    except Exception as error:  # the other runs are shown whatever is wrong with one
        what = str(error) if isinstance(error, BadRecordError | OSError) else f"{type(error).__name__}: {error}"
        return RunEntry(name=readable(run_dir.name), state=StageState.FAILED, problem=readable(what))


def _may_be_run(path: Path) -> bool:
    try:
        (path / MANIFEST).lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _last_change(run_dir: Path) -> float:
    return max(map(_modified, (run_dir, *run_dir.glob("*/*"))))


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # a broken link, or a file that has gone meanwhile
        return 0.0


def _entry(run_dir: Path) -> RunEntry:
    manifest = run_dir / MANIFEST
    with manifest.open("rb"):
        facts = dict(read_facts(manifest))
    if not facts:
        raise BadRecordError(f"{manifest}: expected the manifest of a run as JSON")
    stages, state = with_true_states(run_dir, read_stages(run_dir))
    open_stages = [stage for stage in stages if stage.state is not StageState.DONE]
    current = open_stages or list(stages)
    metrics = [read_record(path, Metrics) for path in run_dir.glob("evaluate/*/metrics.json")]
    return RunEntry(
        name=readable(run_dir.name),
        state=state,
        created=facts.get("created", ""),
        n_stages=len(stages),
        n_done=len(stages) - len(open_stages),
        stage=current[-1].key if current else "",
        error=next((stage.error for stage in open_stages if stage.error), ""),
        systems=tuple(sorted(((one.system, one.average) for one in metrics), key=lambda pair: -pair[1])),
    )
