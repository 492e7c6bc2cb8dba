"""Which student of a run is exported, and as which agent. ``understudy export``.

In: a recipe, its run, a form. Out: the exported files, one sentence each. The agent is the one that the recipe
evaluates the student with. Not here: the forms (``understudy.export``).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from understudy.agents.formats import ActionFormat, open_format
from understudy.export import EXPORTERS, ExporterConfig, Student
from understudy.pipeline.context import RunContext
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.run_directory import RunDirectory
from understudy.pipeline.students import choose_training, training_prompts
from understudy.publishing.portable import portable
from understudy.records import StageRef
from understudy.tools import FINAL_ANSWER


def export_student(
    recipe: Recipe,
    run_dir: Path,
    form: ExporterConfig,
    folder: Path,
    stage: str | None = None,
    agent: str | None = None,
) -> Iterator[str]:
    """Write the trained student of ``stage``, or the only one, into a new folder; yield a sentence for each result.

    ``agent``: a name in the recipe; by default the one that it evaluates the student with. The folder appears once it
    is whole.

    Raises ``ValueError`` for a folder that is there already, or where it is not clear which student or agent is meant;
    ``FileNotFoundError`` for a student that was not trained; and what the exporter raises.
    """
    if folder.exists():
        raise ValueError(f"{folder}: expected a new folder; it is there already")
    exporter = EXPORTERS.open(form)
    training = choose_training(recipe, run_dir, stage, "to export")
    with RunContext(recipe, RunDirectory(run_dir), quiet=True) as context:
        student = student_of(context, training, agent or evaluated_as(recipe, training))
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            sentences = [
                sentence.replace(str(unfinished), str(folder)) for sentence in exporter.write(student, unfinished)
            ]
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    yield from sentences


def evaluated_as(recipe: Recipe, training: StageRef) -> str:
    """The agent of the first evaluation of a student."""
    for ref in recipe.stages_of("evaluate"):
        config: Any = recipe.config(ref)
        if config.model == str(training):
            return str(config.agent)
    raise ValueError(f"--agent: the recipe does not evaluate {training}; expected one of {', '.join(recipe.agents)}")


def student_of(context: RunContext, ref: StageRef, agent: str) -> Student:
    """The trained student of a stage, as an agent of the recipe. Raises ``ValueError``, ``FileNotFoundError``."""
    if agent not in context.recipe.agents:
        raise ValueError(f"--agent: expected one of {', '.join(context.recipe.agents)}; got {agent!r}")
    checkpoint = context.trained_checkpoint(ref)
    config: Any = context.recipe.agents[agent]
    action_format: ActionFormat | None = open_format(config.action_format) if hasattr(config, "action_format") else None
    folder = Path(context.recipe.folder) if context.recipe.folder else None
    recipe, outside = portable(json.loads(context.recipe.model_dump_json()), folder)
    return Student(
        name=str(ref),
        checkpoint=checkpoint,
        agent=config.model_dump(mode="json"),
        tools=tuple(tool.declaration() for tool in (*context.runtime().tools, FINAL_ANSWER)),
        stop=action_format.stop if action_format else (),
        temperature=getattr(config, "temperature", 0.0),
        top_p=getattr(config, "top_p", 1.0),
        recipe=recipe,
        outside=outside,
        prompts=tuple(messages for messages, _ in training_prompts(context, ref)),
    )
