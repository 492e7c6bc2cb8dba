"""The names in a recipe lead somewhere: one line for each that does not.

In: a recipe whose values are of the right types. Out: problems, each beginning with its key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from understudy.grading import GraderKind
from understudy.models import LocalConfig, OpenAIChatConfig
from understudy.records import StageKind
from understudy.tools import ToolsConfig

if TYPE_CHECKING:
    from understudy.recipe.schema import Recipe


def dangling_names(recipe: Recipe) -> Iterator[str]:
    """All names that lead nowhere, and all sections that contradict one another."""
    trained = [f"{kind}/{name}" for kind in StageKind if kind.is_training for name in getattr(recipe, kind)]
    models = [*recipe.models, *trained]
    yield from _in_rollouts(recipe, models)
    yield from _in_repairs(recipe, models)
    yield from _in_curations(recipe, models)
    yield from _in_trainings(recipe, models)
    yield from _in_evaluations(recipe, models)
    yield from _in_report(recipe)
    yield from _contradictions(recipe)


def _in_rollouts(recipe: Recipe, models: list[str]) -> Iterator[str]:
    for name, stage in recipe.acted.items():
        for number, tasks in enumerate(stage.tasks):
            yield from _unknown(f"rollout.{name}.tasks.{number}", tasks, recipe.tasks)
        yield from _unknown(f"rollout.{name}.model", stage.model, models)
        yield from _unknown(f"rollout.{name}.agent", stage.agent, recipe.agents)
        if stage.first_thoughts is not None:
            yield from _unknown(f"rollout.{name}.first_thoughts", stage.first_thoughts, recipe.prefixes)
    for name, prefixes in recipe.prefixes.items():
        yield from _unknown(f"prefixes.{name}.rollout", prefixes.rollout, recipe.rollout)


def _in_repairs(recipe: Recipe, models: list[str]) -> Iterator[str]:
    for name, stage in recipe.repair.items():
        yield from _unknown(f"repair.{name}.rollout", stage.rollout, recipe.acted)
        yield from _unknown(f"repair.{name}.teacher", stage.teacher, models)
        if stage.teacher_agent is not None:
            yield from _unknown(f"repair.{name}.teacher_agent", stage.teacher_agent, recipe.agents)
        rollout = recipe.acted.get(stage.rollout)
        if rollout is not None and rollout.first_thoughts is not None:
            yield f"repair.{name}.rollout: expected attempts without first thoughts; came {stage.rollout!r}"


def _in_curations(recipe: Recipe, models: list[str]) -> Iterator[str]:
    for name, stage in recipe.curate.items():
        if stage.needs_student and stage.student is None:
            yield f"curate.{name}.student: is missing: max_tokens and select: lowest_nll look at a student"
        if stage.student is not None:
            yield from _unknown(f"curate.{name}.student", stage.student, models)
            yield from _not_local(recipe, f"curate.{name}.student", stage.student)
        yield from _unknown(f"curate.{name}.agent", stage.agent, recipe.agents)
        for number, rollout in enumerate(stage.rollouts):
            known = [*recipe.rollout, *(f"{StageKind.REPAIR}/{repaired}" for repaired in recipe.repair)]
            yield from _unknown(f"curate.{name}.rollouts.{number}", rollout, known)
        for number, tasks in enumerate(stage.against):
            yield from _unknown(f"curate.{name}.against.{number}", tasks, recipe.tasks)


def _in_trainings(recipe: Recipe, models: list[str]) -> Iterator[str]:
    for name, stage in recipe.train.items():
        yield from _unknown(f"train.{name}.examples", stage.examples, recipe.curate)
        yield from _unknown(f"train.{name}.base", stage.base, models)
        yield from _not_local(recipe, f"train.{name}.base", stage.base)
    for name, distilled in recipe.on_policy.items():
        yield from _unknown(f"on_policy.{name}.examples", distilled.examples, recipe.curate)
        for key, model in {"student": distilled.student, "teacher": distilled.teacher}.items():
            yield from _unknown(f"on_policy.{name}.{key}", model, models)
        yield from _not_local(recipe, f"on_policy.{name}.student", distilled.student)
        teacher = recipe.models.get(distilled.teacher)
        if not isinstance(teacher, OpenAIChatConfig):
            yield from _not_local(recipe, f"on_policy.{name}.teacher", distilled.teacher)
        elif teacher.tokenizer is None:
            yield (
                f"models.{distilled.teacher}.tokenizer: expected a folder or Hub id, since on_policy.{name} compares "
                "the teacher's tokens with the student's; came nothing"
            )


def _in_evaluations(recipe: Recipe, models: list[str]) -> Iterator[str]:
    labels = Counter(stage.label for stage in recipe.evaluate.values())
    for name, stage in recipe.evaluate.items():
        if labels[stage.label] > 1:
            yield f"evaluate.{name}.label: expected a label of its own, came {stage.label!r} again"
        yield from _unknown(f"evaluate.{name}.model", stage.model, models)
        yield from _unknown(f"evaluate.{name}.agent", stage.agent, recipe.agents)
        for number, tasks in enumerate(stage.tasks):
            yield from _unknown(f"evaluate.{name}.tasks.{number}", tasks, recipe.tasks)


def _in_report(recipe: Recipe) -> Iterator[str]:
    labels = [stage.label for stage in recipe.evaluate.values()]
    report = recipe.report
    for key, label in {"baseline": report.baseline, "student": report.student, "teacher": report.teacher}.items():
        if label:
            yield from _unknown(f"report.{key}", label, labels)
    for label in report.paper_cells:
        yield from _unknown("report.paper_cells", label, labels)


def _contradictions(recipe: Recipe) -> Iterator[str]:
    if recipe.judge is not None:
        yield from _unknown("judge", recipe.judge, recipe.models)
    kind = recipe.grading.kind
    if (recipe.judge is not None) != (kind is GraderKind.JUDGE):
        yield f"judge: goes together with grading.kind 'judge'; came {recipe.judge!r} and {kind.value!r}"
    if recipe.retrieval is None and recipe.tools.search not in (None, ToolsConfig().search):
        yield "tools.search: is set, but the recipe names no retrieval to search with"


def _not_local(recipe: Recipe, key: str, name: str) -> Iterator[str]:
    model = recipe.models.get(name)
    if model is not None and not isinstance(model, LocalConfig):
        yield f"{key}: expected a local model; came one of kind {model.kind!r}"


def _unknown(key: str, name: str, known: Iterable[str]) -> Iterator[str]:
    names = list(known)
    if name not in names:
        yield f"{key}: expected one of {', '.join(names) or '(none is defined)'}; came {name!r}"
