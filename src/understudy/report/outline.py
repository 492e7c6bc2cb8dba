"""The attempts of a run that can be compared with those of another run. In: a run directory. Out: ``RunOutline``, which
is as cheap as counting lines, and the rows of the collections that a reader chooses. Not here: pairing the rows of two
runs, which the page does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from understudy.records import Metrics, Record, StageState
from understudy.report.attempts import is_by_program, read_attempts
from understudy.report.collect import files_version, label_of, name_of, read_comparisons, read_metrics, read_recipe
from understudy.report.data import Collection, CollectionKind, Stage, SystemRole
from understudy.report.run_state import with_true_states
from understudy.report.stage_files import read_stages
from understudy.report.systems import systems_of
from understudy.report.visible import readable


class CollectionOutline(Record):
    """The attempts of one stage, without their rows."""

    key: str
    """``evaluate/<system>``, ``rollout/<stage>``, ``repair/<stage>``."""
    kind: CollectionKind
    label: str
    is_program: bool = False
    n: int
    """Records written so far."""
    version: str
    """Changes when its files do."""


class RunOutline(Record):
    """One run among those that stand side by side."""

    name: str
    state: StageState
    student: str = ""
    """Key of the collection that is shown if none was chosen, empty if nothing was measured yet."""
    collections: tuple[CollectionOutline, ...] = ()


def outline_of(run_dir: Path, name: str = "") -> RunOutline:
    """List the attempts of a run. ``name``: the name of the run; empty: that of its directory.

    Raises ``FileNotFoundError`` if there is no such directory, ``BadRecordError`` if a stage's file is damaged,
    ``ValueError`` if the manifest is.
    """
    if not run_dir.is_dir():
        raise FileNotFoundError(f"{run_dir}: expected a run directory, there is none")
    recipe = read_recipe(run_dir)
    stages, state = with_true_states(run_dir, read_stages(run_dir))
    metrics = read_metrics(run_dir, stages, recipe)
    systems = systems_of(metrics, read_comparisons(run_dir), {}, recipe.config)
    return RunOutline(
        name=readable(name) if name else name_of(run_dir),
        state=state,
        student=next((one.key for one in systems if one.role is SystemRole.STUDENT), ""),
        collections=tuple(
            CollectionOutline(
                key=stage.key,
                kind=stage.collection or CollectionKind.ROLLOUT,
                label=label_of(stage, metrics, recipe),
                is_program=metrics[stage.key].is_program if stage.key in metrics else is_by_program(stage),
                n=stage.n,
                version=attempts_version(run_dir, stage.key),
            )
            for stage in _with_attempts(stages, metrics)
        ),
    )


def attempts_version(run_dir: Path, key: str) -> str:
    """A text that changes when a file of the stage does."""
    return files_version(run_dir, sorted((run_dir / key).glob("*.json*")))


def attempts_of(run_dir: Path, key: str) -> Collection:
    """Read the rows of one collection.

    Raises ``LookupError`` if the run has none of that key, ``BadRecordError`` if a record is damaged.
    """
    recipe, stages = read_recipe(run_dir), read_stages(run_dir)
    stage = next((one for one in stages if one.key == key and one.has_attempts), None)
    if stage is None:
        raise LookupError(f"{run_dir}: there are no attempts of {key!r}")
    metrics = read_metrics(run_dir, stages, recipe)
    programs = {one.model for one in metrics.values() if one.is_program}
    return read_attempts(run_dir, stage, label_of(stage, metrics, recipe), programs).collection


def _with_attempts(stages: Sequence[Stage], metrics: Mapping[str, Metrics]) -> list[Stage]:
    """Evaluations in the order of the table, those not yet measured behind them, then what was collected."""
    place = {key: number for number, key in enumerate(metrics)}
    found = [stage for stage in stages if stage.has_attempts]
    is_later = {stage.key: stage.collection is not CollectionKind.EVALUATE for stage in found}
    return sorted(found, key=lambda stage: (is_later[stage.key], place.get(stage.key, len(place))))
