"""The walk: all stages of a recipe, each after those it takes from, none of them twice.

In: a recipe and a run directory. Out: the run directory, filled. A stage whose settings and inputs are as they were is
passed over; one that was killed goes on; one whose settings have changed is set aside and done anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter

from understudy.agents import behaviour_hash
from understudy.evaluation import Graded, compare_all
from understudy.pipeline.attempts import Counts, read_graded
from understudy.pipeline.machine import commit_of, describe_machine, installed_versions
from understudy.pipeline.props import Props
from understudy.pipeline.run_directory import RunDirectory, StageChangedError, begun, changed_settings, now
from understudy.pipeline.stage_settings import fingerprint_of, settings_of
from understudy.pipeline.stages import run_stage, write_metrics
from understudy.pipeline.trainings import run_trainings
from understudy.prompt_texts import JUDGE_SYSTEM
from understudy.recipe import EvaluateStage, Recipe, StageRef
from understudy.records import Comparison, Manifest, StageKind, StageRecord, StageState
from understudy.report import write_report
from understudy.runs import digest, write_atomic

Say = Callable[[str], None]


class Visit(StrEnum):
    """What the walk did at a stage."""

    DONE = "done"
    PASSED_OVER = "passed over"
    """As it was: nothing to do."""


class MissingInputError(Exception):
    """A stage was asked for alone whose inputs are not there."""


def walk(
    recipe: Recipe,
    run_dir: Path,
    *,
    only: Iterable[StageRef] | None = None,
    anew: bool = False,
    say: Say = print,
    quiet: bool = False,
) -> dict[str, Visit]:
    """Do the stages of a recipe, or ``only`` some of them, then compare systems and write the report.

    ``anew``: a stage that was begun with other settings is set aside instead of refused.
    Raises ``RunLockedError``, ``StageChangedError``, ``MissingInputError``, ``StageFailedError`` and what stages raise.
    """
    directory = RunDirectory(run_dir)
    chosen = None if only is None else set(map(str, only))
    visits: dict[str, Visit] = {}
    with directory.locked(), Props(recipe, directory, quiet=quiet) as props:
        _write_manifest(recipe, directory)
        for batch in _batches(_records(recipe)):
            visited = [record for record in batch if chosen is None or f"{record.kind}/{record.name}" in chosen]
            visits |= _visit(props, visited, anew=anew, say=say)
        finish(props)
    return visits


def _records(recipe: Recipe) -> list[StageRecord]:
    """Every stage as it would begin now, each after those it takes from."""
    fingerprints: dict[str, str] = {}
    records = []
    for ref in recipe.stages():
        settings = settings_of(recipe, ref)
        inputs = {str(taken): fingerprints[str(taken)] for taken in recipe.inputs(ref)}
        fingerprints[str(ref)] = fingerprint_of(settings, inputs)
        records.append(begun(ref, fingerprints[str(ref)], settings, inputs))
    return records


def _batches(records: list[StageRecord]) -> list[list[StageRecord]]:
    """Stages one by one, but trainings that follow one another and do not take from one another together."""
    batches: list[list[StageRecord]] = []
    for record in records:
        before = batches[-1] if batches else []
        is_free = not {f"{other.kind}/{other.name}" for other in before} & record.inputs.keys()
        if before and record.kind.is_training and before[0].kind.is_training and is_free:
            before.append(record)
        else:
            batches.append([record])
    return batches


def finish(props: Props) -> None:
    """Compare the systems that were evaluated and write the report."""
    write_comparisons(props)
    write_report(props.directory.path)


def _visit(props: Props, records: list[StageRecord], *, anew: bool, say: Say) -> dict[str, Visit]:
    """Bring stages to their end that can be worked on together."""
    todo = {}
    for record in records:
        ref = StageRef(kind=record.kind, name=record.name)
        started = _begin(props, ref, record, anew=anew, say=say)
        if started is not None:
            todo[str(ref)] = started
    visits = {f"{one.kind}/{one.name}": Visit.PASSED_OVER for one in records} | dict.fromkeys(todo, Visit.DONE)
    before = time.monotonic()

    def spent(record: StageRecord) -> float:
        return round(record.seconds + time.monotonic() - before, 3)

    try:
        for ref, counts in _perform(props, list(todo.values())):
            record = todo.pop(str(ref))
            done = {"state": StageState.DONE, "seconds": spent(record), "counts": counts}
            props.directory.write_stage(record.model_copy(update=done))
            said = ", ".join(f"{name.replace('_', ' ')} {count:g}" for name, count in counts.items())
            say(f"{ref}: {said}  ({time.monotonic() - before:.0f} s)")
    finally:
        for record in todo.values():
            props.directory.write_stage(record.model_copy(update={"seconds": spent(record)}))
    return visits


def _perform(props: Props, records: list[StageRecord]) -> Iterator[tuple[StageRef, Counts]]:
    refs = [StageRef(kind=record.kind, name=record.name) for record in records]
    if refs and refs[0].kind.is_training:
        yield from run_trainings(props, refs)
        return
    for ref in refs:
        yield ref, run_stage(props, ref)


def _begin(props: Props, ref: StageRef, record: StageRecord, *, anew: bool, say: Say) -> StageRecord | None:
    """Write down that a stage is begun, or gone on with; None where it is done and nothing has changed."""
    directory = props.directory
    old = directory.read_stage(ref)
    if old is not None and old.fingerprint != record.fingerprint:
        _make_way(directory, ref, old, record, anew=anew, say=say)
        old = None
    if old is None and directory.bring_back(ref, record.fingerprint):
        say(f"{ref}: brought back from an earlier run with these settings")
        old = directory.read_stage(ref)
    if old is not None and old.state is StageState.DONE:
        if ref.kind is StageKind.EVALUATE:
            write_metrics(props, ref)  # its label may have changed, which changes no attempt
        say(f"{ref}: done before, nothing has changed")
        return None
    _require_inputs(directory, record)
    started = {"started": now()} if old is None else {"started": old.started, "seconds": old.seconds}
    record = record.model_copy(update=started)
    directory.write_stage(record)
    return record


def _make_way(
    directory: RunDirectory, ref: StageRef, old: StageRecord, new: StageRecord, *, anew: bool, say: Say
) -> None:
    """Set a stage aside that was made with other settings; refuse while it is half done, unless told to."""
    changes = changed_settings(old.settings, new.settings)
    changes += [f"{name}: has changed" for name, given in new.inputs.items() if old.inputs.get(name) != given]
    if old.state is StageState.RUNNING and not anew:
        listed = "\n".join(f"  {change}" for change in changes)
        raise StageChangedError(
            f"{directory.folder(ref)}: was begun with other settings and is not finished:\n{listed}\n"
            "Take the old settings, another --run-dir, or --anew to set aside what is there and begin again."
        )
    aside = directory.set_aside(ref, old)
    say(f"{ref}: settings have changed ({'; '.join(changes[:3])}); the old one is kept in {aside}")


def _require_inputs(directory: RunDirectory, record: StageRecord) -> None:
    for name, fingerprint in record.inputs.items():
        kind, _, stage = name.partition("/")
        taken = directory.read_stage(StageRef(kind=StageKind(kind), name=stage))
        if taken is None or taken.state is not StageState.DONE:
            raise MissingInputError(f"{record.kind}/{record.name}: takes from {name}, which is not done yet")
        if taken.fingerprint != fingerprint:
            raise MissingInputError(
                f"{record.kind}/{record.name}: takes from {name}, which was done with other settings; do it again first"
            )


def write_comparisons(props: Props) -> None:
    """Paired tests of every evaluated system against the baseline, and against the student where one is named."""
    graded = {stage.label: Graded(stage.label, *read_graded(props, ref)) for ref, stage in evaluated(props)}
    report = props.recipe.report
    first = next(iter(graded), "")
    comparisons: list[Comparison] = []
    for baseline in dict.fromkeys(label for label in (report.baseline or first, report.student) if label in graded):
        compared = {frozenset((one.system, one.baseline)) for one in comparisons}
        for label, system in graded.items():
            if label != baseline and frozenset((label, baseline)) not in compared:
                comparisons += compare_all(system, graded[baseline], seed=props.recipe.seed)
    text = TypeAdapter(list[Comparison]).dump_json(comparisons, indent=1).decode()
    write_atomic(props.directory.path / "comparisons.json", text + "\n")


def evaluated(props: Props) -> list[tuple[StageRef, EvaluateStage]]:
    """The evaluations that are done, in the recipe's order."""
    found = []
    for name, stage in props.recipe.evaluate.items():
        ref = StageRef(kind=StageKind.EVALUATE, name=name)
        record = props.directory.read_stage(ref)
        if record is not None and record.state is StageState.DONE:
            found.append((ref, stage))
    return found


def _write_manifest(recipe: Recipe, directory: RunDirectory) -> None:
    """Say what is run before the first record is written; an earlier manifest keeps its date."""
    try:
        created = directory.read_manifest().created
    except FileNotFoundError:
        created = now()
    hashes = sorted({behaviour_hash(agent) for agent in recipe.agents.values()})
    directory.write_manifest(
        Manifest(
            name=recipe.name,
            recipe=json.loads(recipe.model_dump_json()),
            seed=recipe.seed,
            prompts_hash=digest([*hashes, JUDGE_SYSTEM]),
            created=created,
            commit=commit_of(Path(__file__).parent),
            versions=installed_versions(),
            machine=describe_machine(),
        )
    )
