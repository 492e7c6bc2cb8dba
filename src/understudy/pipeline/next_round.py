"""The recipe of a new round: a student is trained on the attempts of its run and on conversations that were served.

In: a run and the log of its served agent. Out: a recipe file and the commands that carry it out. The teacher is not
asked again: the attempts of the run are imported, as the conversations are. A person's marks decide which conversations
become examples. Not here: whether a round pays (``watching``).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from understudy.pipeline.exporting import evaluated_as
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.students import choose_training
from understudy.records import StageRef, Target
from understudy.run_layout import EVALUATE, MARKS, TRAJECTORIES, stage_folder
from understudy.runs import write_atomic

_SERVED = "served"


def write_next_round(recipe: Recipe, run_dir: Path, log: Path, file: Path, stage: str | None = None) -> Iterator[str]:
    """Write the recipe and an empty file for marks; yield the commands of the round.

    ``stage``: the training; None: the only one. Raises ``ValueError`` for a file that is there already, where it is not
    clear which student is meant, or if its examples come from no attempts; ``FileNotFoundError`` for a log that is not.
    """
    if file.exists():
        raise ValueError(f"{file}: expected a new file; it is there already")
    training = choose_training(recipe, run_dir, stage, "that is served")
    served = (log if log.is_file() else log / TRAJECTORIES).absolute()
    if not served.is_file():
        raise FileNotFoundError(f"{log}: expected the log of a served agent; there is no {TRAJECTORIES} in it")
    new = run_dir.with_name(f"{run_dir.name}-next")
    marks = (new / MARKS).absolute()
    data = next_recipe(recipe, run_dir.absolute(), training, served, marks)
    if not marks.exists():
        write_atomic(marks, "")
    heading = f"# A new round after {recipe.name}: its attempts, and the conversations in {served.parent}.\n"
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=116, default_flow_style=None)
    write_atomic(file, heading + text)
    name, folder = str(file), str(new)
    yield f"Take the conversations over: {shlex.join(['understudy', 'imported', name, '--run-dir', folder])}"
    yield f"Judge them:                  {shlex.join(['understudy', 'label', folder, f'imported/{_SERVED}'])}"
    yield f"Train on them and measure:   {shlex.join(['understudy', 'run', name, '--run-dir', folder])}"


def next_recipe(recipe: Recipe, run_dir: Path, training: StageRef, served: Path, marks: Path) -> dict[str, Any]:
    """The recipe as plain data: one curation, one training and the evaluations of its student. Paths are absolute."""
    evaluated_as(recipe, training)
    curation = recipe.input_of(training, Target.EXAMPLES)
    attempts = [ref for ref in recipe.inputs(curation) if recipe.stage_class(ref).provides is Target.ATTEMPTS]
    if not attempts:
        raise ValueError(f"{curation}: expected a curation of attempts; it takes from none")
    whole = json.loads(recipe.model_dump_json())
    stages = whole.pop("stages")
    imported = {f"{ref.kind}-{ref.name}": {"path": str(stage_folder(run_dir, ref) / TRAJECTORIES)} for ref in attempts}
    imported[_SERVED] = {"path": str(served)}
    mine = {name: one for name, one in stages[EVALUATE].items() if one["model"] == str(training)}
    chosen = {**stages[curation.kind][curation.name], "rollouts": [f"imported/{name}" for name in imported]}
    label = next(iter(mine.values())).get("label", "")
    return {
        **whole,
        "name": f"{recipe.name}-next",
        "description": f"A new round after {recipe.name}, with conversations that were served.",
        "grading": {"kind": "marks", "path": str(marks), "otherwise": whole["grading"]},
        "report": {"student": label} if label else {},
        "imported": imported,
        curation.kind: {curation.name: chosen},
        training.kind: {training.name: stages[training.kind][training.name]},
        EVALUATE: mine,
    }
