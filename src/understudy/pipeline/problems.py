"""Checks that the names in a recipe exist and that its sections agree. In: a recipe whose values have the right types.
Out: one line per problem, beginning with its key. Marks on the fields say what a field names; checks of one kind of
stage are in its class.
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.annotations import Reference, references
from understudy.evaluation import AVERAGE
from understudy.extras import extras_of, missing
from understudy.models import LocalConfig, ScriptedConfig
from understudy.models.scripted import program_problem
from understudy.pipeline.cascades import cascade_problems
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.task_problems import task_problems
from understudy.records import Record, Target
from understudy.run_layout import EVALUATE
from understudy.tools import ToolsConfig

CONFIGS_WITH_NAMES = ("grading", "tools", "sandbox", "retrieval", "environment", "user")
CONFIGS_WITH_EXTRAS = ("retrieval", "tools", "environment", "grading")


def problems_of(recipe: Recipe) -> Iterator[str]:
    """All names that do not exist, and all sections that contradict one another."""
    dangling = list(_dangling_names(recipe))
    yield from dangling
    for ref in recipe.all_stages():
        yield from recipe.stage_class(ref).problems(recipe.config(ref), f"{ref.kind}.{ref.name}", recipe)
    yield from cascade_problems(recipe)
    yield from task_problems(recipe)
    yield from _programs(recipe)
    yield from _adapters_to_train(recipe)
    yield from _labels(recipe)
    yield from _missing_extras(recipe)
    yield from _contradictions(recipe)
    if not dangling:
        yield from _circles(recipe)


def _dangling_names(recipe: Recipe) -> Iterator[str]:
    configs: dict[str, object] = {f"{ref.kind}.{ref.name}": recipe.config(ref) for ref in recipe.all_stages()}
    configs |= {f"agents.{name}": agent for name, agent in recipe.agents.items()}
    configs |= {name: getattr(recipe, name) for name in CONFIGS_WITH_NAMES}
    own: list[Reference] = []
    for key, config in configs.items():
        found = references(config) if isinstance(config, Record) else ()
        own += [Reference(f"{key}.{one.key}", one.name, one.mark) for one in found]
    for reference in own:
        yield from _dangling(recipe, reference)
    yield from _twice(own)


def _twice(own: list[Reference]) -> Iterator[str]:
    """Names that a list holds two times: its attempts or questions would count twice."""
    seen: set[tuple[str, str]] = set()
    for reference in own:
        section, dot, number = reference.key.rpartition(".")
        if dot and number.isdigit() and (section, reference.name) in seen:
            yield f"{reference.key}: expected each name once; got {reference.name!r} again"
        seen.add((section, reference.name))


def _dangling(recipe: Recipe, reference: Reference) -> Iterator[str]:
    known = recipe.names(reference.mark.to)
    if reference.name not in known:
        listed = ", ".join(known) or "(none is defined)"
        yield f"{reference.key}: expected one of {listed}; got {reference.name!r}"
    elif reference.mark.kinds and known[reference.name] is None:
        kind = recipe.models[reference.name].kind
        if kind not in reference.mark.kinds:
            yield f"{reference.key}: expected a {' or '.join(reference.mark.kinds)} model; got one of kind {kind!r}"


def _missing_extras(recipe: Recipe) -> Iterator[str]:
    """A recipe is refused if one of its configs needs a missing package."""
    configs: dict[str, object] = {f"{ref.kind}.{ref.name}": recipe.config(ref) for ref in recipe.all_stages()}
    for section in ("tasks", "models", "agents"):
        configs |= {f"{section}.{name}": config for name, config in getattr(recipe, section).items()}
    configs |= {name: getattr(recipe, name) for name in CONFIGS_WITH_EXTRAS}
    for key, config in configs.items():
        for extra in dict.fromkeys(extras_of(config)):
            if message := missing(extra, "it"):
                yield f"{key}: {message}"


def _programs(recipe: Recipe) -> Iterator[str]:
    """Scripted models whose function cannot be called with the options."""
    for name, config in recipe.models.items():
        if isinstance(config, ScriptedConfig) and (problem := program_problem(config)):
            yield f"models.{name}.{problem}"


def _adapters_to_train(recipe: Recipe) -> Iterator[str]:
    """Trainings whose student or teacher has an adapter that this recipe did not train."""
    for ref in recipe.all_stages():
        for one in references(recipe.config(ref)) if recipe.stage_class(ref).provides is Target.MODEL else ():
            config = recipe.models.get(one.name) if one.mark.to is Target.MODEL else None
            if isinstance(config, LocalConfig) and config.adapter is not None:
                yield f"{ref.kind}.{ref.name}.{one.key}: expected whole weights; {one.name!r} has an adapter: merge it"


def _labels(recipe: Recipe) -> Iterator[str]:
    labels = [recipe.config(ref).label for ref in recipe.stages_of(EVALUATE)]
    report = recipe.report
    named = [("baseline", report.baseline), ("student", report.student), ("teacher", report.teacher)]
    named += [(mark, label) for mark in ("paper_cells", "methods") for label in getattr(report, mark)]
    for key, label in named:
        if label and label not in labels:
            yield f"report.{key}: expected one of {', '.join(labels) or '(none is defined)'}; got {label!r}"


def _contradictions(recipe: Recipe) -> Iterator[str]:
    if AVERAGE in recipe.tasks:
        yield f"tasks.{AVERAGE}: expected another name: in tables it is the mean of all sets"
    if recipe.retrieval is None and recipe.tools.search not in (None, ToolsConfig().search):
        yield "tools.search: is set, but the recipe names no retrieval to search with"


def _circles(recipe: Recipe) -> Iterator[str]:
    try:
        recipe.ordered_stages()
    except ValueError as error:
        yield str(error)
