"""What the stages of a run will read, looked at before the first of them begins.

In: a run's context and the stages that are to run. Out: nothing, or the error of the first thing that is not as it must
be: questions that cannot be read, a chat file without conversations, a key that is not set, an engine that is not
installed. What was read stays in the context. Not here: what the recipe itself shows
(``problems``), what stages make for one another.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from understudy.curation import CurateConfig
from understudy.curation.chat import require_conversations
from understudy.curation.importing.config import ImportConfig
from understudy.curation.importing.importing import require_rows
from understudy.models import LocalConfig
from understudy.models.config import Device
from understudy.models.engines.engine import EngineError, serving_engine
from understudy.models.engines.pool import require_room
from understudy.models.loading import torch_device
from understudy.pipeline.cascades import question_digest, require_other_questions, threshold_stage
from understudy.pipeline.context import RunContext
from understudy.records import StageRecord, StageRef, StageState, Target
from understudy.run_layout import EVALUATE
from understudy.training.config import TrainerConfig
from understudy.training.loading import require_here


class MissingKeyError(ValueError):
    """An environment variable that a model's config names contains no key."""


class DeviceError(ValueError):
    """A model is to be computed on a device that this machine does not have."""


class TrainingSetupError(ValueError):
    """A training needs something that this machine does not have."""


def require_inputs(context: RunContext, records: Iterable[StageRecord]) -> None:
    """Look at the inputs of all stages that are not done. Raises what reading them raises, and ``MissingKeyError``."""
    for record in records:
        old = context.directory.read_stage(record.ref)
        if old is None or old.state is not StageState.DONE or old.fingerprint != record.fingerprint:
            _require_inputs_of(context, record.ref)


def _require_inputs_of(context: RunContext, ref: StageRef) -> None:
    recipe, config = context.recipe, context.recipe.config(ref)
    for reference in recipe.references_of(ref):
        if reference.mark.to is Target.TASK_SET:
            context.tasks(reference.name)
        elif reference.mark.to is Target.MODEL and reference.name in recipe.models:
            _require_key(f"models.{reference.name}", recipe.models[reference.name])
            _require_engine(reference.name, recipe.models[reference.name])
            _require_device(reference.name, recipe.models[reference.name])
    if "retrieval" in recipe.stage_class(ref).uses:
        _require_key("retrieval", recipe.retrieval)
    if isinstance(config, TrainerConfig):
        _require_training(f"{ref.kind}.{ref.name}", config)
    if ref.kind == EVALUATE:
        _require_other_questions(context, ref)
    if isinstance(config, CurateConfig) and config.chat is not None:
        require_conversations(config.chat.path)
    if isinstance(config, ImportConfig):
        require_rows(config)


def _require_other_questions(context: RunContext, ref: StageRef) -> None:
    """A threshold must not be set on the questions that test it. Imported attempts are compared later."""
    recipe, config = context.recipe, context.recipe.config(ref)
    stage = threshold_stage(recipe.agents[config.agent], recipe)
    if stage is None:
        return
    attempts = context.stage_named(Target.ATTEMPTS, recipe.config(stage).student)
    sets = getattr(recipe.config(attempts), "tasks", ())
    questions = [question_digest(task.question) for name in sets for task in context.tasks(name)]
    require_other_questions(stage, questions, context.all_tasks(config.tasks))


def _require_engine(name: str, config: object) -> None:
    if isinstance(config, LocalConfig) and (engine := serving_engine(config)) is not None:
        try:
            engine.require()
            require_room(name, engine.config)
        except OSError as error:
            raise EngineError(f"models.{name}.engine: {error}") from error


def _require_device(name: str, config: object) -> None:
    """Asked of torch only if a model needs a GPU."""
    if isinstance(config, LocalConfig) and config.device is Device.CUDA and serving_engine(config) is None:
        try:
            torch_device(config.device)
        except ValueError as error:
            raise DeviceError(f"models.{name}.device: {error}") from error


def _require_key(key: str, config: object) -> None:
    for field in ("api_key_env", "token_env"):
        variable = getattr(config, field, None)
        if isinstance(variable, str) and not os.environ.get(variable):
            raise MissingKeyError(f"{key}.{field}: the environment variable {variable} contains no key")


def _require_training(key: str, config: TrainerConfig) -> None:
    launcher = getattr(config, "launcher", ())
    if launcher and shutil.which(launcher[0]) is None:
        raise TrainingSetupError(f"{key}.launcher: there is no executable {launcher[0]!r} on the PATH")
    try:
        require_here(config)
    except ValueError as error:
        raise TrainingSetupError(f"{key}.{error}") from error
