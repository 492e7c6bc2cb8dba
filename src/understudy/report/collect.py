"""From a run directory to the document of its report.

In: the files that the stages wrote, whole or still growing. Out: ``Document``. Reads artifacts only and writes
nothing. Not here: the texts of trajectories (``bodies``), the drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from understudy.records import Comparison, Metrics, Task
from understudy.report.agreements import read_agreements
from understudy.report.attempts import Attempts, read_attempts
from understudy.report.cascades import read_deferral_curves, read_signal_reports
from understudy.report.cleanings import dropped_by, is_cleaning, read_cleaning
from understudy.report.config import ReportConfig
from understudy.report.curations import Fates, read_curation, read_examples
from understudy.report.data import Collection, CollectionKind, Document, Stage
from understudy.report.mark_agreements import read_mark_agreements
from understudy.report.run_state import with_true_states
from understudy.report.sentence import sentence_of
from understudy.report.stage_files import read_curves, read_facts, read_stages
from understudy.report.systems import systems_of
from understudy.report.visible import readable
from understudy.run_layout import COMPARISONS, MANIFEST, METRICS
from understudy.runs import BadRecordError, digest, read_record

_COMPARISONS = TypeAdapter(tuple[Comparison, ...])


class _Evaluation(BaseModel):
    label: str = ""


class _Stages(BaseModel):
    evaluate: dict[str, _Evaluation] = {}


class _Recipe(_Stages):
    """Older runs have the sections of stages at the top."""

    stages: _Stages = _Stages()
    report: ReportConfig = ReportConfig()


class _ManifestFile(BaseModel):
    """The part of a manifest that the report reads."""

    recipe: _Recipe = _Recipe()


@dataclass(frozen=True, slots=True)
class RecipeFacts:
    """The part of the manifest's recipe that a report uses."""

    config: ReportConfig
    labels: Mapping[str, str]
    """Name of an ``evaluate`` stage → label of its system, in the order of the recipe."""


def collect(run_dir: Path, config: ReportConfig | None = None) -> Document:
    """Read a run directory into a document.

    ``config`` None: the ``report`` section of the recipe in the manifest, or the defaults. Raises ``FileNotFoundError``
    if there is no such directory, ``BadRecordError`` if a file contains anything but its records.
    """
    if not run_dir.is_dir():
        raise FileNotFoundError(f"{run_dir}: expected a run directory, there is none")
    recipe = read_recipe(run_dir)
    recipe = recipe if config is None else replace(recipe, config=config)
    stages, state = with_true_states(run_dir, read_stages(run_dir))
    metrics = read_metrics(run_dir, stages, recipe)
    attempts = {stage.key: one for stage, one in _read_attempts(run_dir, stages, metrics, recipe)}
    comparisons = read_comparisons(run_dir)
    reports = read_signal_reports(run_dir, stages)
    candidates = {key: one.candidates for key, one in attempts.items()}
    systems = systems_of(metrics, comparisons, candidates, recipe.config)
    return Document(
        title=recipe.config.title or name_of(run_dir),
        run=name_of(run_dir),
        state=state,
        sentence=sentence_of(systems, comparisons),
        in_domain=recipe.config.in_domain,
        systems=systems,
        comparisons=comparisons,
        agreements=read_agreements(run_dir, stages),
        mark_agreements=read_mark_agreements(run_dir),
        signal_reports=reports,
        deferrals=(*read_deferral_curves(run_dir), *(one.curve for one in reports.values() if one.curve is not None)),
        collections=_collections(run_dir, stages, attempts),
        curves=read_curves(run_dir),
        curations=tuple(read_curation(run_dir, stage) for stage in stages if stage.collection is CollectionKind.CURATE),
        cleanings=tuple(read_cleaning(run_dir, stage) for stage in stages if is_cleaning(run_dir, stage)),
        stages=stages,
        manifest=(*read_facts(run_dir / MANIFEST), ("report.understudy", installed_version("understudy"))),
        version=run_version(run_dir),
    )


def read_comparisons(run_dir: Path) -> tuple[Comparison, ...]:
    """The paired comparisons of a run; empty if they were not made yet."""
    path = run_dir / COMPARISONS
    return _COMPARISONS.validate_json(path.read_bytes()) if path.is_file() else ()


def run_version(run_dir: Path) -> str:
    """A text that changes when a file that the report shows changes."""
    found = [*run_dir.glob("*.json*"), *run_dir.glob("*/*/*.json"), *run_dir.glob("*/*/*.jsonl")]
    return files_version(run_dir, found)


def files_version(run_dir: Path, found: Iterable[Path]) -> str:
    """A text that changes when one of the files does, by size and time."""
    return digest([_stamp(path, run_dir) for path in found])


def name_of(run_dir: Path) -> str:
    """The name of a run: that of its directory."""
    return readable(run_dir.resolve().name)


def _stamp(path: Path, run_dir: Path) -> list[str | int]:
    name = readable(str(path.relative_to(run_dir)))
    try:
        found = path.stat()
    except OSError:  # a broken link, or a file that has gone meanwhile
        return [name]
    return [name, found.st_size, found.st_mtime_ns]


def read_recipe(run_dir: Path) -> RecipeFacts:
    """The facts of the manifest's recipe; empty if the run has no manifest yet. Raises ``BadRecordError`` if it is
    damaged.
    """
    path = run_dir / MANIFEST
    if not path.is_file():
        return RecipeFacts(ReportConfig(), {})
    try:
        recipe = read_record(path, _ManifestFile).recipe
    except BadRecordError as error:
        raise BadRecordError(f"{path}: expected the manifest of a run as JSON; {error}") from error
    evaluations = recipe.evaluate | recipe.stages.evaluate
    return RecipeFacts(recipe.report, {name: one.label for name, one in evaluations.items() if one.label})


def read_metrics(run_dir: Path, stages: Sequence[Stage], recipe: RecipeFacts) -> dict[str, Metrics]:
    """Metrics by the key of their collection, in the order of the recipe, then of the stages."""
    found: dict[str, Metrics] = {}
    for stage in stages:
        path = run_dir / stage.key / METRICS
        if stage.collection is CollectionKind.EVALUATE and path.is_file():
            found[stage.key] = read_record(path, Metrics)
    place = {label: number for number, label in enumerate(recipe.labels.values())}
    return dict(sorted(found.items(), key=lambda item: place.get(item[1].system, len(place))))


def _read_attempts(
    run_dir: Path, stages: Sequence[Stage], metrics: Mapping[str, Metrics], recipe: RecipeFacts
) -> Iterator[tuple[Stage, Attempts]]:
    programs = {one.model for one in metrics.values() if one.is_program}
    for stage in stages:
        if stage.has_attempts:
            yield stage, read_attempts(run_dir, stage, label_of(stage, metrics, recipe), programs)


def label_of(stage: Stage, metrics: Mapping[str, Metrics], recipe: RecipeFacts) -> str:
    """The label of a stage's attempts: as measured, as in the recipe, or the name of the stage."""
    if stage.key in metrics:
        return metrics[stage.key].system
    return recipe.labels.get(stage.name, stage.name) if stage.collection is CollectionKind.EVALUATE else stage.name


def _collections(run_dir: Path, stages: Sequence[Stage], attempts: Mapping[str, Attempts]) -> tuple[Collection, ...]:
    """Evaluations in the order of the table, then what was collected, then what was trained on."""
    found = {key: one.collection for key, one in attempts.items()}
    tasks: dict[str, Task] = {}
    for one in attempts.values():
        tasks |= one.tasks
    examples: list[Collection] = []
    for stage in (stage for stage in stages if stage.collection is CollectionKind.CURATE):
        made, fates = read_examples(run_dir, stage, tasks)
        examples.append(made)
        for key in stage.inputs:
            if key in found:
                found[key] = _with_fates(found[key], fates)
    for stage in (stage for stage in stages if is_cleaning(run_dir, stage)):
        for key in stage.inputs:
            if key in found:
                reasons = {("", name): reason for name, reason in dropped_by(run_dir, stage).items()}
                found[key] = _with_fates(found[key], reasons)
    evaluated = [one for one in found.values() if one.kind is CollectionKind.EVALUATE]
    collected = [one for one in found.values() if one.kind is not CollectionKind.EVALUATE]
    return (*evaluated, *collected, *examples)


def _with_fates(collection: Collection, fates: Fates) -> Collection:
    # A curation of one stage only, or one made outside a pipeline, need not name the stage in its files.
    found = [fates.get((collection.key, row.id), fates.get(("", row.id))) for row in collection.rows]
    pairs = zip(collection.rows, found, strict=True)
    rows = tuple(row.model_copy(update={"fate": row.fate if fate is None else fate}) for row, fate in pairs)
    return collection.model_copy(update={"rows": rows})
