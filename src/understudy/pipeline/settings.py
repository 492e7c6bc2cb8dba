"""The settings and inputs that a stage's results depend on, and their fingerprint. In: a recipe and a stage. Out: plain
JSON and a digest. Both are derived from the fields of the configs: their marks and their references.
"""

from __future__ import annotations

from pydantic import JsonValue

from understudy.agents import behaviour_hash
from understudy.annotations import result_settings
from understudy.pipeline.recipe import Recipe
from understudy.records import StageRef, Target
from understudy.runs import digest

LATER_SECTIONS = ("environment", "user")
"""Sections that are left out if they are empty: runs from before there were any still stand."""


def settings_of(recipe: Recipe, ref: StageRef) -> dict[str, JsonValue]:
    """All settings that a stage's results depend on, without those of other stages."""
    settings: dict[str, JsonValue] = {"seed": recipe.seed, "stage": result_settings(recipe.config(ref))}
    for name in recipe.stage_class(ref).uses:
        section = getattr(recipe, name)
        if name not in LATER_SECTIONS or section is not None:
            settings[name] = result_settings(section)
    for reference in recipe.references_of(ref):
        named = _named(recipe, reference.mark.to, reference.name)
        if named is None:
            continue
        key = reference.key
        while settings.setdefault(key, named) != named:  # two sections may have a key of one name, such as ``model``
            key += f":{reference.name}"
    return settings


def fingerprint_of(settings: dict[str, JsonValue], inputs: dict[str, str]) -> str:
    """Digest of a stage's settings and of the stages that it takes from."""
    return digest({"settings": settings, "inputs": dict(inputs)})


def _named(recipe: Recipe, target: Target, name: str) -> JsonValue:
    """The settings of an entry of the recipe; None for a stage, which counts by its fingerprint."""
    match target:
        case Target.MODEL if name in recipe.models:
            return {name: result_settings(recipe.models[name])}
        case Target.TASK_SET:
            return {name: result_settings(recipe.tasks[name])}
        case Target.AGENT:
            agent = recipe.agents[name]
            return {name: result_settings(agent), "prompts": behaviour_hash(agent)}
        case _:
            return None
