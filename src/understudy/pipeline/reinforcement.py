"""Which student of a run continues with reinforcement learning, and on which tasks. ``understudy export-rl``.

In: a recipe and its run. Out: a folder with a script and its setup. The agent is the one that the recipe evaluates the
student with; the tasks are those that its teachers attempted. Not here: the script (``understudy.reinforcement``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from understudy.agents import ActingConfig
from understudy.grading import JudgeConfig
from understudy.models import LocalConfig
from understudy.pipeline.context import RunContext
from understudy.pipeline.exporting import evaluated_as
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.run_directory import RunDirectory
from understudy.pipeline.students import choose_training
from understudy.reinforcement import RlSetup, write_script


def export_rl(
    recipe: Recipe,
    run_dir: Path,
    folder: Path,
    stage: str | None = None,
    agent: str | None = None,
    tasks: Sequence[str] = (),
) -> Path:
    """Write the folder of a GRPO training and return its script.

    ``tasks``: names of task sets; by default those of the rollouts. Raises ``ValueError`` for a folder that is there
    already, for an unknown name, or where it is not clear which student is meant; ``FileNotFoundError`` for a student
    that was not trained.
    """
    training = choose_training(recipe, run_dir, stage, "to continue")
    agent = agent or evaluated_as(recipe, training)
    if agent not in recipe.agents:
        raise ValueError(f"--agent: expected one of {', '.join(recipe.agents)}; got {agent!r}")
    if not isinstance(recipe.agents[agent], ActingConfig):
        raise ValueError(f"--agent: expected an agent that acts in steps; {agent} is {recipe.agents[agent].kind}")
    if unknown := [name for name in tasks if name not in recipe.tasks]:
        raise ValueError(f"--tasks: expected some of {', '.join(recipe.tasks)}; got {unknown[0]!r}")
    names = tasks or dict.fromkeys(name for ref in recipe.stages_of("rollout") for name in recipe.config(ref).tasks)
    # The script may be run in any working directory, so its paths are absolute.
    with RunContext(recipe, RunDirectory(run_dir.resolve()), quiet=True) as context:
        context.trained_checkpoint(training)
        student = context.model_config(str(training))
        assert isinstance(student, LocalConfig)
        grading = recipe.grading
        setup = RlSetup(
            name=str(training),
            student=student.model_copy(update={"quantization": None}),  # its weights are trained
            agent=recipe.agents[agent],
            grading=grading,
            judge=context.model_config(grading.model) if isinstance(grading, JudgeConfig) else None,
            tasks=tuple(context.all_tasks(list(names))),
            seed=recipe.seed,
            **dict(context.acting()),
        )
    return write_script(setup, folder, recipe.folder)
