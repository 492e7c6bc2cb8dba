"""Runs a recipe: every stage once, after the stages that it takes input from.

In: a recipe and a run directory. Out: the run directory, filled. A stage whose settings and inputs are unchanged is not
run again; one that was killed resumes; one whose settings have changed is archived and run again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from understudy.agents import behaviour_hash
from understudy.evaluation import Graded, compare_all
from understudy.grading.judge_prompt import JUDGE_SYSTEM
from understudy.models.gguf_file import file_sha256
from understudy.pipeline.attempts import read_graded
from understudy.pipeline.before_work import require_inputs
from understudy.pipeline.context import RunContext
from understudy.pipeline.deferrals import write_deferrals
from understudy.pipeline.machine import commit_of, describe_machine, installed_versions
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.run_directory import RunDirectory, StageChangedError, changed_settings, now, started
from understudy.pipeline.settings import fingerprint_of, settings_of
from understudy.pipeline.stage import Counts, Stage
from understudy.pipeline.trainings import TrainingStage, run_trainings
from understudy.records import Comparison, Manifest, StageRecord, StageRef, StageState
from understudy.report import write_report
from understudy.run_layout import COMPARISONS, EVALUATE
from understudy.runs import digest, write_atomic

Say = Callable[[str], None]


class Outcome(StrEnum):
    """The result of a stage in one run of a recipe."""

    DONE = "done"
    UNCHANGED = "unchanged"
    """It was done before, so there was nothing to do."""


class MissingInputError(Exception):
    """A stage was run alone, and its inputs do not exist."""


def run_recipe(
    recipe: Recipe,
    run_dir: Path,
    *,
    only: Iterable[StageRef] | None = None,
    restart: bool = False,
    say: Say = print,
    quiet: bool = False,
) -> dict[str, Outcome]:
    """Run the stages of a recipe, or ``only`` some of them, then compare systems and write the report.

    ``restart``: a half-done stage that was begun with other settings is archived instead of refused.
    Raises ``RunLockedError``, ``StageChangedError``, ``MissingInputError``, ``StageFailedError`` and what stages raise.
    """
    directory = RunDirectory(run_dir)
    chosen = None if only is None else set(map(str, only))
    outcomes: dict[str, Outcome] = {}
    with directory.locked(), RunContext(recipe, directory, say=say, quiet=quiet) as context:
        _write_manifest(recipe, directory)
        records = _records(recipe)
        require_inputs(context, [one for one in records if chosen is None or str(one.ref) in chosen])
        for batch in _batches(context, records):
            wanted = [record for record in batch if chosen is None or str(record.ref) in chosen]
            outcomes |= _run_batch(context, wanted, restart=restart, say=say)
        compare_systems(context)
    write_report(run_dir)  # after the lock is released, or the page would say that the run is going on
    return outcomes


def _records(recipe: Recipe) -> list[StageRecord]:
    """The record of every stage as it would begin now, in the order of the run."""
    fingerprints: dict[str, str] = {}
    records = []
    for ref in recipe.ordered_stages():
        settings = settings_of(recipe, ref)
        inputs = {str(taken): fingerprints[str(taken)] for taken in recipe.inputs(ref)}
        fingerprints[str(ref)] = fingerprint_of(settings, inputs)
        provides = recipe.stage_class(ref).provides
        records.append(started(ref, provides, fingerprints[str(ref)], settings, inputs))
    return records


def _batches(context: RunContext, records: list[StageRecord]) -> list[list[StageRecord]]:
    """Single stages, and groups of successive trainings that do not depend on one another."""
    batches: list[list[StageRecord]] = []
    for record in records:
        before = batches[-1] if batches else []
        is_free = not {str(other.ref) for other in before} & record.inputs.keys()
        if before and is_free and all(_trains(context, one) for one in (record, before[0])):
            before.append(record)
        else:
            batches.append([record])
    return batches


def _trains(context: RunContext, record: StageRecord) -> bool:
    return issubclass(context.recipe.stage_class(record.ref), TrainingStage)


def compare_systems(context: RunContext) -> None:
    """Compare the systems that were evaluated."""
    write_comparisons(context)
    write_deferrals(context)


def _run_batch(context: RunContext, records: list[StageRecord], *, restart: bool, say: Say) -> dict[str, Outcome]:
    """Run stages that can run at the same time."""
    todo: dict[str, StageRecord] = {}
    for record in records:
        to_run = _begin(context, record, restart=restart, say=say)
        if to_run is not None:
            todo[str(record.ref)] = to_run
    outcomes = {str(one.ref): Outcome.DONE if str(one.ref) in todo else Outcome.UNCHANGED for one in records}
    before = time.monotonic()
    end = {"state": StageState.FAILED, "error": ""}
    try:
        for ref, counts in _results([open_stage(context, record.ref) for record in todo.values()]):
            record = todo.pop(str(ref))
            seconds = time.monotonic() - before
            done = {"state": StageState.DONE, "seconds": round(record.seconds + seconds, 3), "counts": counts}
            context.directory.write_stage(record.model_copy(update=done))
            listed = ", ".join(f"{name.replace('_', ' ')} {count:g}" for name, count in counts.items())
            say(f"{ref}: {listed}  ({seconds:.0f} s)")
    except KeyboardInterrupt:
        end["state"] = StageState.STOPPED
        raise
    except Exception as error:
        end["error"] = str(error) or type(error).__name__
        raise
    finally:
        for record in todo.values():
            seconds = round(record.seconds + time.monotonic() - before, 3)
            context.directory.write_stage(record.model_copy(update={**end, "seconds": seconds}))
    return outcomes


def open_stage(context: RunContext, ref: StageRef) -> Stage[Any]:
    """A stage of the recipe, ready to run."""
    stage: Any = context.recipe.stage_class(ref)
    opened: Stage[Any] = stage(context, ref, context.recipe.config(ref))
    return opened


def _results(stages: Sequence[Stage[Any]]) -> Iterator[tuple[StageRef, Counts]]:
    trainings = [stage for stage in stages if isinstance(stage, TrainingStage)]
    if trainings:
        yield from run_trainings(trainings)
    for stage in stages:
        if stage not in trainings:
            yield stage.ref, stage.run()


def _begin(context: RunContext, record: StageRecord, *, restart: bool, say: Say) -> StageRecord | None:
    """Record that a stage begins or resumes; None if it is done and unchanged."""
    directory, ref = context.directory, record.ref
    old = directory.read_stage(ref)
    if old is not None and old.fingerprint != record.fingerprint:
        _archive(directory, old, record, restart=restart, say=say)
        old = None
    if old is None and directory.restore(ref, record.fingerprint):
        say(f"{ref}: restored from an earlier run with these settings")
        old = directory.read_stage(ref)
    if old is not None and old.state is StageState.DONE:
        open_stage(context, ref).refresh()
        say(f"{ref}: done before, nothing has changed")
        return None
    _require_inputs(directory, record)
    if old is not None:
        record = record.model_copy(update={"started": old.started, "seconds": old.seconds})
    directory.write_stage(record)
    return record


def _archive(directory: RunDirectory, old: StageRecord, new: StageRecord, *, restart: bool, say: Say) -> None:
    """Archive a stage that was made with other settings; refuse while it is half done, unless ``restart``.

    A failed stage without anything to resume is archived like a done one.
    """
    changes = changed_settings(old.settings, new.settings)
    changes += [f"{name}: has changed" for name, value in new.inputs.items() if old.inputs.get(name) != value]
    is_half_done = old.state in (StageState.RUNNING, StageState.STOPPED)
    if is_half_done and not restart:
        listed = "\n".join(f"  {change}" for change in changes)
        raise StageChangedError(
            f"{directory.folder(old.ref)}: was begun with other settings and is not finished:\n{listed}\n"
            "Use the old settings, another --run-dir, or --restart to archive what is there and begin again."
        )
    archived = directory.archive(old)
    say(f"{old.ref}: settings have changed ({'; '.join(changes[:3])}); the old results are in {archived}")


def _require_inputs(directory: RunDirectory, record: StageRecord) -> None:
    for name, fingerprint in record.inputs.items():
        taken = directory.read_stage(StageRef.parse(name))
        if taken is None or taken.state is not StageState.DONE:
            raise MissingInputError(f"{record.ref}: takes from {name}, which is not done yet")
        if taken.fingerprint != fingerprint:
            raise MissingInputError(
                f"{record.ref}: takes from {name}, which was done with other settings; run it again first"
            )


def write_comparisons(context: RunContext) -> None:
    """Paired tests of every evaluated system against the baseline, and against the student if one is named."""
    recipe = context.recipe
    evaluated = {recipe.config(ref).label: ref for ref in recipe.stages_of(EVALUATE) if context.directory.is_done(ref)}
    graded = {label: Graded(label, *read_graded(context, ref)) for label, ref in evaluated.items()}
    report = recipe.report
    first = next(iter(graded), "")
    comparisons: list[Comparison] = []
    for baseline in dict.fromkeys(label for label in (report.baseline or first, report.student) if label in graded):
        compared = {frozenset((one.system, one.baseline)) for one in comparisons}
        for label, system in graded.items():
            if label != baseline and frozenset((label, baseline)) not in compared:
                rows = compare_all(system, graded[baseline], seed=recipe.seed)
                comparisons += rows
                if not rows:
                    context.say(f"{label}, {baseline}: not compared, they have no question in common")
    text = TypeAdapter(list[Comparison]).dump_json(comparisons, indent=1).decode()
    write_atomic(context.directory.path / COMPARISONS, text + "\n")


def _write_manifest(recipe: Recipe, directory: RunDirectory) -> None:
    """Write the manifest before the first record; an earlier manifest keeps its date."""
    try:
        created = directory.read_manifest().created
    except FileNotFoundError:
        created = now()
    hashes = sorted({behaviour_hash(agent) for agent in recipe.agents.values()})
    directory.write_manifest(
        Manifest(
            name=recipe.name,
            recipe=json.loads(recipe.model_dump_json()),
            recipe_folder=recipe.folder,
            seed=recipe.seed,
            prompts_hash=digest([*hashes, JUDGE_SYSTEM]),
            created=created,
            commit=commit_of(Path(__file__).parent),
            weights=_files_of_weights(recipe),
            versions=installed_versions(),
            machine=describe_machine(),
        )
    )


def _files_of_weights(recipe: Recipe) -> dict[str, str]:
    found = {name: file_sha256(str(getattr(config, "path", ""))) for name, config in recipe.models.items()}
    return {name: sha256 for name, sha256 in found.items() if sha256}
