"""Which student, examples and attempts of a run are published, and the facts that its cards state. ``understudy push``.

In: a recipe and its run. Out: folders that are ready to be sent, and what must not be sent. Not here: the cards, the
screening and the upload (``understudy.publishing``).
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from understudy.annotations import as_in_package
from understudy.pipeline.attempts import read_graded
from understudy.pipeline.context import RunContext
from understudy.pipeline.exporting import evaluated_as, student_of
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.run_directory import RunDirectory
from understudy.pipeline.students import choose_training
from understudy.publishing import Base, Publication, Refusal, Repository, Teacher, screen, write_data, write_model
from understudy.records import Comparison, Dropped, Example, Metrics, Record, Score, StageRef, Target, Trajectory
from understudy.run_layout import COMPARISONS, DROPPED, EVALUATE, EXAMPLES, METRICS
from understudy.runs import read_jsonl, read_record, sha256_of
from understudy.tasks.config import HubConfig
from understudy.training import TrainSummary, read_card

_SUMMARY = "summary.json"
_NAMESPACED = re.compile(r"(?!.*(--|\.\.))\w([\w.-]*\w)?/\w([\w.-]*\w)?", re.ASCII)
_MAX_ID_CHARS = 96
"""The Hub's rules for the id of a repository."""
_LICENCE = re.compile(r"[a-z0-9.+-]*")
_TOY = "package:understudy/demo/"


class PushOptions(Record):
    """What is published, and under which names."""

    model_id: str = ""
    """``NAMESPACE/NAME`` of the model's repository; empty: no model is published."""
    data_id: str = ""
    stage: str | None = None
    """The training; None: the only one."""
    agent: str | None = None
    """None: the agent that the recipe evaluates the student with."""
    merged: bool = False
    """Publish whole weights, not an adapter."""
    licence: str = ""
    base_model: str = ""
    """Hub id of the base, if the recipe names it otherwise."""
    allowed: tuple[str, ...] = ()
    """Values that may be published although a pattern finds them."""


class Prepared(Record):
    """What a push would send."""

    repositories: tuple[Repository, ...]
    refusals: tuple[Refusal, ...]


def prepare_push(recipe: Recipe, run_dir: Path, options: PushOptions, folder: Path) -> Prepared:
    """Write all repositories below ``folder`` and screen them; nothing is sent.

    Raises ``ValueError`` for an id that the Hub would not take, where it is not clear which student is meant, or if
    there is nothing to publish; ``FileNotFoundError`` for a student that was not trained.
    """
    for name in (options.model_id, options.data_id, options.base_model):
        if name and not (_NAMESPACED.fullmatch(name) and len(name) <= _MAX_ID_CHARS):
            raise ValueError(f"expected an id of the Hub such as namespace/name; got {name!r}")
    if not _LICENCE.fullmatch(options.licence):
        raise ValueError(
            f"--license: expected the Hub's name of a licence, such as apache-2.0; got {options.licence!r}"
        )
    if options.merged and not options.model_id:
        raise ValueError("--merged: is for the weights of a model, whose repository --model names")
    if not options.model_id and not options.data_id:
        raise ValueError("nothing to publish: name the repository of a model (--model) or of a data set (--data)")
    training = choose_training(recipe, run_dir, options.stage, "to publish")
    with RunContext(recipe, RunDirectory(run_dir), quiet=True) as context:
        repositories = tuple(_write(context, training, options, folder))
    local = {run_dir.resolve(), Path(recipe.folder or "/"), Path.home(), Path.cwd(), Path(sys.prefix), folder.resolve()}
    refusals = [
        one.model_copy(update={"file": f"{repository.id}/{one.file}"})
        for repository in repositories
        for one in screen(repository.folder, (*local, Path(tempfile.gettempdir())), options.allowed)
    ]
    return Prepared(repositories=repositories, refusals=tuple(refusals))


def _write(context: RunContext, ref: StageRef, options: PushOptions, folder: Path) -> Iterator[Repository]:
    agent = options.agent or evaluated_as(context.recipe, ref)
    facts = _facts(context, ref, agent, options)
    if options.data_id:
        curation = StageRef.parse(facts.curation)
        examples = read_jsonl(context.directory.folder(curation) / EXAMPLES, Example)
        attempts = {one.name: _graded(context, one) for one in _evaluations(context, ref)}
        yield write_data(facts, examples, attempts, folder / "data")
    if options.model_id:
        yield write_model(facts, student_of(context, ref, agent), folder / "model")


def _facts(context: RunContext, ref: StageRef, agent: str, options: PushOptions) -> Publication:
    recipe, directory = context.recipe, context.directory
    student = student_of(context, ref, agent)
    curation = recipe.input_of(ref, Target.EXAMPLES)
    examples = directory.folder(curation) / EXAMPLES
    manifest = directory.read_manifest()
    own = _evaluations(context, ref)
    dropped = read_jsonl(directory.folder(curation) / DROPPED, Dropped)
    training: Any = recipe.config(ref)
    return Publication(
        run=recipe.name,
        description=recipe.description,
        stage=str(ref),
        model_id=options.model_id,
        data_id=options.data_id,
        merged=options.merged or not read_card(student.checkpoint).is_adapter,
        licence=options.licence,
        base=_base(read_card(student.checkpoint).base, options.base_model),
        teachers=tuple(_teachers(context, curation)),
        training=read_record(directory.folder(ref) / _SUMMARY, TrainSummary),
        settings=training.model_dump(mode="json"),
        agent=agent,
        agent_settings=student.agent,
        system=student.system,
        tools=student.tools,
        stop=student.stop,
        curation=str(curation),
        n_examples=sum(1 for _ in read_jsonl(examples, Example)),
        dropped=_counted(dropped),
        metrics=tuple(_metrics(context)),
        student=recipe.config(own[0]).label or str(own[0]) if own else "",
        data_sets={name: config.hub for name, config in recipe.tasks.items() if isinstance(config, HubConfig)},
        comparisons=_comparisons(directory.path),
        recipe=student.recipe,
        outside=student.outside,
        examples_sha256=sha256_of(examples),
        seed=recipe.seed,
        created=manifest.created,
        commit=manifest.commit,
        versions=manifest.versions,
        machine=manifest.machine,
    )


def _base(path: str, hub_id: str) -> Base:
    name = as_in_package(path)
    is_local = Path(name).is_absolute()
    if not is_local and not name.startswith("package:") and "/" in name:
        hub_id = hub_id or name
    return Base(name=Path(name).name if is_local else name, hub_id=hub_id, is_toy=name.startswith(_TOY))


def _teachers(context: RunContext, ref: StageRef) -> Iterator[Teacher]:
    """The models whose attempts a curation takes, also through a cleaning or a correction."""
    for taken in context.recipe.inputs(ref):
        if context.recipe.stage_class(taken).provides is not Target.ATTEMPTS:
            continue
        model = getattr(context.recipe.config(taken), "model", None)
        if model is None and context.recipe.inputs(taken):
            yield from _teachers(context, taken)
            continue
        record = context.directory.read_stage(taken)
        counts = record.counts if record else {}
        yield Teacher(
            name=_model_name(context, model) if model else f"an agent whose attempts were imported ({taken})",
            is_program=bool(model) and context.is_program(str(model)),
            n_attempts=int(counts.get("attempts", counts.get("trajectories", 0))),
            stage=str(taken),
        )


def _model_name(context: RunContext, name: str) -> str:
    config: Any = context.recipe.models.get(name)
    if config is None:  # a student of this run
        return name
    named = getattr(config, "name", None) or getattr(config, "model", None) or name
    return str(named)


def _evaluations(context: RunContext, training: StageRef) -> list[StageRef]:
    """The evaluations of a student that are done."""
    recipe = context.recipe
    mine = [ref for ref in recipe.stages_of(EVALUATE) if recipe.config(ref).model == str(training)]
    return [ref for ref in mine if (context.directory.folder(ref) / METRICS).is_file()]


def _graded(context: RunContext, ref: StageRef) -> list[tuple[Trajectory, Score | None]]:
    trajectories, scores = read_graded(context, ref)
    by_id = {score.trajectory_id: score for score in scores}
    return [(one, by_id.get(one.id)) for one in trajectories]


def _metrics(context: RunContext) -> Iterator[Metrics]:
    for ref in context.recipe.stages_of(EVALUATE):
        if (path := context.directory.folder(ref) / METRICS).is_file():
            yield read_record(path, Metrics)


def _comparisons(run_dir: Path) -> tuple[Comparison, ...]:
    path = run_dir / COMPARISONS
    return TypeAdapter(tuple[Comparison, ...]).validate_json(path.read_bytes()) if path.is_file() else ()


def _counted(dropped: Iterator[Dropped]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in dropped:
        counts[one.reason] = counts.get(one.reason, 0) + 1
    return counts
