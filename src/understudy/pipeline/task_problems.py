"""Task sets of a recipe that its other sections do not fit, or that name what a benchmark lacks.

In: a recipe whose values have the right types. Out: one line per problem, beginning with its key. Not here: questions
in files, which are read before the first stage (``before_work``).
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.extras import extras_of, missing
from understudy.pipeline.recipe import Recipe
from understudy.tasks import BadTaskError
from understudy.tasks.config import TASK_SOURCES, AgentDojoConfig, ReasoningGymConfig

WORLDS = ("bfcl", "agentdojo")
BLIND_GRADERS = ("auto", "math", "exact_match", "reasoning_gym", *WORLDS)
"""Graders that do not see the state of a world, or see that of one world only."""


def task_problems(recipe: Recipe) -> Iterator[str]:
    """Questions without their world or its grader, and names that a benchmark does not have."""
    worlds = {name: world for name, config in recipe.tasks.items() if (world := getattr(config, "world", ""))}
    has, grader = getattr(recipe.environment, "kind", None), getattr(recipe.grading, "kind", "")
    for name, world in worlds.items():
        if has is None or (has in WORLDS and has != world):
            yield f"tasks.{name}: its questions are about a world: expected environment: {{kind: {world}}}; got {has!r}"
    for world, name in {world: name for name, world in reversed(worlds.items())}.items():
        if grader in BLIND_GRADERS and grader != world:
            yield f"grading.kind: expected {world!r} or a grader of your own, for tasks.{name}; got {grader!r}"
    yield from _unknown_names(recipe)


def _unknown_names(recipe: Recipe) -> Iterator[str]:
    for name, config in recipe.tasks.items():
        is_made = isinstance(config, AgentDojoConfig | ReasoningGymConfig)
        if is_made and not any(missing(extra, "it") for extra in extras_of(config)):
            try:
                next(TASK_SOURCES.open(config).find(), None)
            except BadTaskError as error:
                yield f"tasks.{name}: {error}"
