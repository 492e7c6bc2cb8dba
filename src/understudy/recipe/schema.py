"""A recipe: one YAML file that is one experiment, as a typed value.

In: a YAML file and ``key=value`` overrides. Out: a frozen ``Recipe``, or one ``RecipeError`` that lists
every problem with its line, its key, what came and what was expected, before any work starts.
Not here: running it (``understudy.pipeline``).

Things have names and stages refer to them: ``tasks``, ``models`` and ``agents`` are named once; a
training's student is the model ``train/<name>`` or ``on_policy/<name>``, and repaired attempts are the rollout
``repair/<name>``. Each stage's other keys are the config of its
room, so a recipe holds nothing that a room does not define.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, ValidationError, model_validator

from understudy.agents import AgentConfig, FirstThoughtConfig
from understudy.curation import CurateConfig, RepairConfig
from understudy.grading import GradingConfig
from understudy.models import ModelConfig
from understudy.recipe.errors import RecipeError, describe
from understudy.recipe.names import dangling_names
from understudy.recipe.text import RecipeText, read_recipe_text, with_overrides
from understudy.records import Manifest, Record, StageKind, TaskKind
from understudy.report import ReportConfig
from understudy.retrieval import RetrievalConfig
from understudy.rollouts import RolloutConfig
from understudy.runs import BadRecordError, explain
from understudy.sandbox import SandboxConfig
from understudy.tasks import TaskSetConfig
from understudy.tools import ToolsConfig
from understudy.training import OnPolicyConfig, TrainConfig

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
"""A name that is also a folder: lower-case letters, digits, dot, dash, underscore."""


class StageRef(Record):
    """One stage of a recipe: ``rollout/teacher-agent``."""

    kind: StageKind
    name: Name

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class RolloutStage(RolloutConfig):
    """An agent attempts all tasks of some sets; the attempts are graded."""

    tasks: tuple[str, ...] = Field(min_length=1)
    model: str
    agent: str
    first_thoughts: str | None = None
    """The ``prefixes`` stage whose first thoughts the agent is given."""


class PublishedStage(Record):
    """Attempts that were made elsewhere stand in for a rollout: a file instead of a model, an agent and tasks."""

    published: Path
    """JSONL or JSON in one of the shapes that ``understudy.curation.import_trajectories`` reads."""
    kind: TaskKind
    """Of all its tasks; by it those are graded that come without a score."""
    agent: Literal["code_agent", "chain_of_thought"] = "code_agent"
    """What the attempts are: an agent's, whose replies act by code, or chains of thought."""


def _is_published(stage: object) -> str:
    is_published = "published" in stage if isinstance(stage, dict) else isinstance(stage, PublishedStage)
    return "[published]" if is_published else "[acted]"


class PrefixStage(FirstThoughtConfig):
    """First thoughts are taken from a chain-of-thought rollout."""

    rollout: str


class RepairStage(RepairConfig):
    """A teacher replaces the first wrong action of a student's wrong attempts; the student goes on."""

    rollout: str
    """The student's own attempts: its model, agent and tasks."""
    teacher: str
    teacher_agent: str | None = None
    """The agent whose opening the teacher reads; None: it reads the student's."""
    in_flight: Annotated[int, Field(ge=1)] = 32
    """Attempts that are repaired at once."""


class CurateStage(CurateConfig):
    """Graded trajectories become training examples for the prompts of one agent."""

    rollouts: tuple[str, ...] = Field(min_length=1)
    """Rollouts by name, and repaired ones as ``repair/<name>``."""
    agent: str
    """The agent as the student will run it: examples carry its prompts."""
    student: str | None = None
    """The model whose tokens are counted or whose likelihoods choose, where ``max_tokens`` or ``select`` ask for it."""
    against: tuple[str, ...] = ()
    """Task sets that no example may come near."""


class TrainStage(TrainConfig):
    """A base model is tuned on the examples of one curation."""

    examples: str
    base: str
    launcher: tuple[str, ...] = ()
    """Words before ``-m understudy.training``: ``[accelerate, launch, --config_file, x.yaml]``; empty: this Python."""


class OnPolicyStage(OnPolicyConfig):
    """A student acts at the stored steps of one curation, and a teacher's probabilities teach it."""

    examples: str
    student: str
    teacher: str
    """A model with the student's tokenizer: local, or behind a server that returns prompt log-probabilities."""


class EvaluateStage(RolloutConfig):
    """A system, that is a model and an agent, attempts the test tasks."""

    label: str
    """How tables and figures name the system."""
    model: str
    agent: str
    tasks: tuple[str, ...] = Field(min_length=1)


class Recipe(Record):
    """One experiment."""

    name: Name
    description: str = ""
    seed: int = 0
    """All other seeds derive from it: of attempts, of training, of sampling."""
    failures_allowed: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Share of a stage's attempts that may fail for no fault of the model before the walk stops there."""
    trainings_at_once: Annotated[int, Field(ge=1)] = 1
    """Trainings side by side, each in a process of its own."""
    tasks: dict[Name, TaskSetConfig]
    models: dict[Name, ModelConfig]
    agents: dict[Name, AgentConfig]
    retrieval: RetrievalConfig | None = None
    """The engine behind ``web_search``; None: the agent has no search."""
    tools: ToolsConfig = ToolsConfig()
    sandbox: SandboxConfig = SandboxConfig()
    grading: GradingConfig = GradingConfig()
    judge: str | None = None
    """The model that judges, where ``grading.kind`` is ``judge``."""
    rollout: dict[
        Name,
        Annotated[
            Annotated[RolloutStage, Tag("[acted]")] | Annotated[PublishedStage, Tag("[published]")],
            Discriminator(_is_published),
        ],
    ] = {}
    prefixes: dict[Name, PrefixStage] = {}
    repair: dict[Name, RepairStage] = {}
    curate: dict[Name, CurateStage] = {}
    train: dict[Name, TrainStage] = {}
    on_policy: dict[Name, OnPolicyStage] = {}
    evaluate: dict[Name, EvaluateStage] = {}
    report: ReportConfig = ReportConfig()

    def stages(self) -> list[StageRef]:
        """All stages, each after those it takes from."""
        ordered: dict[str, StageRef] = {}
        for ref in self._named_stages():
            self._place(ref, ordered, ())
        return list(ordered.values())

    def inputs(self, ref: StageRef) -> list[StageRef]:
        """The stages that a stage takes from."""
        match ref.kind:
            case StageKind.ROLLOUT:
                rollout = self.rollout[ref.name]
                if isinstance(rollout, PublishedStage):
                    return []
                given = (
                    [StageRef(kind=StageKind.PREFIXES, name=rollout.first_thoughts)] if rollout.first_thoughts else []
                )
                return given + trained(rollout.model)
            case StageKind.REPAIR:
                repair = self.repair[ref.name]
                wrong = StageRef(kind=StageKind.ROLLOUT, name=repair.rollout)
                return [wrong, *trained(self.acted[repair.rollout].model), *trained(repair.teacher)]
            case StageKind.PREFIXES:
                return [StageRef(kind=StageKind.ROLLOUT, name=self.prefixes[ref.name].rollout)]
            case StageKind.CURATE:
                curate = self.curate[ref.name]
                rollouts = [attempts_named(name) for name in curate.rollouts]
                return rollouts + (trained(curate.student) if curate.student else [])
            case StageKind.TRAIN:
                stage = self.train[ref.name]
                return [StageRef(kind=StageKind.CURATE, name=stage.examples), *trained(stage.base)]
            case StageKind.ON_POLICY:
                distilled = self.on_policy[ref.name]
                examples = StageRef(kind=StageKind.CURATE, name=distilled.examples)
                return [examples, *trained(distilled.student), *trained(distilled.teacher)]
            case StageKind.EVALUATE:
                return trained(self.evaluate[ref.name].model)

    @property
    def acted(self) -> dict[str, RolloutStage]:
        """Rollouts in which an agent of this recipe acts: all but the published ones."""
        return {name: stage for name, stage in self.rollout.items() if isinstance(stage, RolloutStage)}

    def _named_stages(self) -> Iterator[StageRef]:
        for kind in StageKind:
            for name in getattr(self, kind.value):
                yield StageRef(kind=kind, name=name)

    def _place(self, ref: StageRef, ordered: dict[str, StageRef], above: tuple[str, ...]) -> None:
        key = str(ref)
        if key in above:
            raise ValueError(f"{ref.kind}.{ref.name}: takes from itself: {' → '.join([*above, key])}")
        for taken in self.inputs(ref):
            self._place(taken, ordered, (*above, key))
        ordered.setdefault(key, ref)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        problems = list(dangling_names(self))
        if problems:
            raise ValueError("\n".join(problems))
        self.stages()
        return self


def trained(model: str) -> list[StageRef]:
    """The training that a model's name refers to: none for a model that the recipe only names."""
    kind, _, name = model.partition("/")
    return [StageRef(kind=one, name=name) for one in StageKind if one.is_training and one == kind and name]


def attempts_named(name: str) -> StageRef:
    """The stage whose attempts a curation names: ``repair/<name>``, or a rollout by its name."""
    kind, slash, repaired = name.partition("/")
    is_repair = slash and kind == StageKind.REPAIR
    return StageRef(kind=StageKind.REPAIR, name=repaired) if is_repair else StageRef(kind=StageKind.ROLLOUT, name=name)


def load_recipe(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Read a recipe and apply ``key=value`` overrides (``train.agent.lr=1e-4``).

    Raises ``RecipeError`` with all problems at once.
    """
    return parse_recipe(with_overrides(read_recipe_text(path), overrides))


def recipe_of_run(run_dir: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """The recipe that a run's manifest holds, with overrides. Raises ``RecipeError``, ``BadRecordError``."""
    path = run_dir / "manifest.json"
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise RecipeError(run_dir, ["expected a recipe or a run directory, there is no manifest.json in it"]) from None
    except ValidationError as error:
        raise BadRecordError(f"{path}: {explain(error, 'manifest')}") from None
    data = json.loads(json.dumps(manifest.recipe))
    return parse_recipe(with_overrides(RecipeText(path, data, {}), overrides))


def parse_recipe(text: RecipeText) -> Recipe:
    """Make a recipe of what a file says. Raises ``RecipeError``."""
    try:
        return Recipe.model_validate(text.data)
    except ValidationError as error:
        raise RecipeError(text.path, describe(error, text, Recipe)) from None
