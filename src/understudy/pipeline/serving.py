"""Which agent of a run is served. ``understudy serve-agent`` and ``understudy chat``.

In: a recipe, its run, the label of an evaluation. Out: the opened agent, with the model, tools, sandbox and world that
the evaluation has. Without a label it is a student of the run. Not here: serving it (``understudy.serving``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from understudy.agents import ActingConfig
from understudy.pipeline.context import RunContext
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.run_directory import RunDirectory
from understudy.pipeline.stages.evaluate import EvaluateConfig
from understudy.records import StageRef
from understudy.rollouts import AgentSpec, Engine
from understudy.run_layout import EVALUATE
from understudy.serving import ServedAgent


@contextmanager
def served_agent(recipe: Recipe, run_dir: Path, label: str | None = None) -> Iterator[ServedAgent]:
    """Open the agent of an evaluation. ``label``: its label or its stage's name.

    Raises ``ValueError`` if it is not clear which one is meant, ``FileNotFoundError`` for a student that was not
    trained, and what opening the parts raises.
    """
    with RunContext(recipe, RunDirectory(run_dir), quiet=True) as context:
        config: EvaluateConfig = recipe.config(_named(recipe, label) if label else _student(context))
        training = context.trained(config.model)
        if training is not None:
            context.trained_checkpoint(training)
        with context.build_agent(config.model, config.agent, Engine.THREADS) as agent:
            assert not isinstance(agent, AgentSpec)  # which another engine makes an agent of elsewhere
            yield ServedAgent(config.label, agent, str(run_dir))


def _named(recipe: Recipe, label: str) -> StageRef:
    evaluations = recipe.stages_of(EVALUATE)
    for ref in evaluations:
        if label in (recipe.config(ref).label, ref.name):
            return ref
    known = (
        ", ".join(repr(recipe.config(ref).label) for ref in evaluations) or "none, since the recipe evaluates nothing"
    )
    raise ValueError(f"--agent: expected the label of an evaluation ({known}); got {label!r}")


def _student(context: RunContext) -> StageRef:
    """The student that the report names, or else the one that was trained last; of its evaluations the first one whose
    agent acts.
    """
    recipe = context.recipe
    found = [ref for ref in recipe.stages_of(EVALUATE) if context.trained(recipe.config(ref).model) is not None]
    trained = [ref for ref in found if _is_there(context, ref)]
    if not trained:
        labels = ", ".join(repr(recipe.config(ref).label) for ref in recipe.stages_of(EVALUATE)) or "none"
        why = "its students have not been trained" if found else "its recipe evaluates no student"
        raise ValueError(f"{context.directory.path}: {why}; name an agent with --agent (evaluations: {labels})")
    if named := [ref for ref in trained if recipe.config(ref).label == recipe.report.student]:
        return named[0]
    acting = [ref for ref in trained if isinstance(recipe.agents[recipe.config(ref).agent], ActingConfig)] or trained
    order = [str(ref) for ref in recipe.ordered_stages()]
    last = max(acting, key=lambda ref: order.index(str(context.trained(recipe.config(ref).model))))
    return next(ref for ref in acting if recipe.config(ref).model == recipe.config(last).model)


def _is_there(context: RunContext, ref: StageRef) -> bool:
    training = context.trained(context.recipe.config(ref).model)
    return training is not None and context.checkpoint(training).is_dir()
