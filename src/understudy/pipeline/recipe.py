"""A recipe: one experiment, as a typed value.

In: plain data. Out: a frozen ``Recipe``: the things that it names, and which stage takes input from which. Not here:
reading the file and reporting errors (``loading``), running it.

Things have names and stages refer to them: ``tasks``, ``models`` and ``agents`` are named once. A stage is named by its
kind and name: a trained student is the model ``train/<name>``, corrected attempts are ``repair/<name>``. All other
sections are kinds of stages (``understudy.pipeline.stage_kinds``), whose keys are the config of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, model_validator

from understudy.agents import AgentConfig
from understudy.agents.user import UserSection
from understudy.annotations import DisplayOnly, Reference, SpeedOnly, references
from understudy.environments import AnyEnvironment
from understudy.grading import AutoConfig, GraderConfig
from understudy.models import ModelConfig
from understudy.pipeline.stage_kinds import STAGES, Name, StageKind, StageSections, is_stage, stage_class
from understudy.records import Record, StageRef, Target
from understudy.records.record import is_empty
from understudy.report import ReportConfig
from understudy.retrieval import RetrievalConfig
from understudy.sandbox import SandboxConfig
from understudy.tasks import TaskSetConfig
from understudy.tools import ToolsConfig

STAGES_FIELD = "stages"
"""The field that holds all sections of stages, which a recipe's file does not name."""


class Recipe(Record):
    """One experiment."""

    name: Name
    description: Annotated[str, DisplayOnly] = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """The seeds of attempts, training and sampling are derived from it."""
    failures_allowed: Annotated[float, Field(ge=0, lt=1), SpeedOnly] = 0.01
    """Share of a stage's attempts that may end in infrastructure errors before the run stops there."""
    trainings_at_once: Annotated[int, Field(ge=1), SpeedOnly] = 1
    """Concurrent trainings, each in its own process."""
    tasks: dict[Name, TaskSetConfig]
    models: dict[Name, ModelConfig]
    agents: dict[Name, AgentConfig]
    retrieval: RetrievalConfig | None = None
    """The engine behind ``web_search``; None: the agent has no search."""
    tools: ToolsConfig = ToolsConfig()
    environment: Annotated[AnyEnvironment | None, Field(exclude_if=is_empty)] = None
    """The world with state that each attempt has for itself; None: no state beside the sandbox's variables."""
    user: Annotated[UserSection | None, Field(exclude_if=is_empty)] = None
    """A model that plays the user in dialogues; None: tasks or the environment script what the user says."""
    sandbox: SandboxConfig = SandboxConfig()
    grading: GraderConfig = AutoConfig()
    report: Annotated[ReportConfig, DisplayOnly] = ReportConfig()
    stages: Annotated[dict[str, dict[str, Record]], StageSections()] = {}
    """Configs of stages by section and name. In a recipe's file each section stands at the top."""
    _folder: str = PrivateAttr("")

    @property
    def folder(self) -> str:
        """The folder in which its modules are searched; empty for a recipe that is not from a file."""
        return self._folder

    def in_folder(self, folder: str) -> Recipe:
        """The same recipe, read from a file in that folder."""
        self._folder = folder
        return self

    def stage_class(self, ref: StageRef) -> type[StageKind]:
        """The class of a stage of this recipe."""
        return stage_class(self._sections[ref.kind])

    def config(self, ref: StageRef) -> Any:
        """The config of a stage. Raises ``KeyError``."""
        return self.stages[self._sections[ref.kind]][ref.name]

    def names(self, target: Target) -> dict[str, StageRef | None]:
        """All names that a reference may have, each with its stage if it names one.

        A stage is named ``kind/name``. The name alone means a stage of the first kind that provides the target.
        """
        own: dict[Target, Mapping[str, object]] = {
            Target.MODEL: self.models,
            Target.AGENT: self.agents,
            Target.TASK_SET: self.tasks,
        }
        found: dict[str, StageRef | None] = dict.fromkeys(own.get(target, ()))
        provided = [ref for ref in self.all_stages() if self.stage_class(ref).provides is target]
        if target not in own:
            found |= {ref.name: ref for ref in provided if ref.kind == provided[0].kind}
        return found | {str(ref): ref for ref in provided}

    def inputs(self, ref: StageRef) -> list[StageRef]:
        """The stages that a stage takes from."""
        named = (self.names(one.mark.to).get(one.name) for one in self.references_of(ref))
        return list(dict.fromkeys(taken for taken in named if taken is not None))

    def input_of(self, ref: StageRef, target: Target) -> StageRef:
        """The one stage of a kind of result that a stage takes from. Raises ``ValueError`` if it is not one."""
        (found,) = (taken for taken in self.inputs(ref) if self.stage_class(taken).provides is target)
        return found

    def references_of(self, ref: StageRef) -> list[Reference]:
        """What a stage refers to: in its config, in the agents that it names, in the sections that it uses."""
        direct = list(references(self.config(ref)))
        agents = [self.agents[one.name] for one in direct if one.mark.to is Target.AGENT and one.name in self.agents]
        used = [getattr(self, name) for name in self.stage_class(ref).uses]
        return direct + [one for config in [*agents, *used] if isinstance(config, Record) for one in references(config)]

    def ordered_stages(self) -> list[StageRef]:
        """All stages, each after those it takes from."""
        ordered: dict[str, StageRef] = {}
        for ref in self.all_stages():
            self._place(ref, ordered, ())
        return list(ordered.values())

    def all_stages(self) -> Iterator[StageRef]:
        """All stages in the order of the table of kinds; a user's kinds come last."""
        place = {kind: number for number, kind in enumerate(STAGES.builtin)}
        for kind in sorted(self._sections, key=lambda kind: place.get(kind, len(place))):
            yield from self.stages_of(kind)

    def stages_of(self, kind: str) -> list[StageRef]:
        """The stages of one kind, in the order of the recipe."""
        return [StageRef(kind=kind, name=name) for name in self.stages.get(self._sections.get(kind, ""), {})]

    @cached_property
    def _sections(self) -> dict[str, str]:
        """The section of each kind: they differ for a kind that is named ``package.module:Class``."""
        return {stage_class(section).kind: section for section in self.stages}

    def _place(self, ref: StageRef, ordered: dict[str, StageRef], above: tuple[str, ...]) -> None:
        key = str(ref)
        if key in above:
            raise ValueError(f"{ref.kind}.{ref.name}: takes from itself: {' → '.join([*above, key])}")
        for taken in self.inputs(ref):
            self._place(taken, ordered, (*above, key))
        ordered.setdefault(key, ref)

    @model_validator(mode="before")
    @classmethod
    def _gather_sections(cls, data: Any) -> Any:
        """Move the sections of stages to the field that validates them; any other unknown key stays and is refused."""
        if not isinstance(data, Mapping):
            return data
        sections = {key: value for key, value in data.items() if key not in cls.model_fields and is_stage(key)}
        rest = {key: value for key, value in data.items() if key not in sections}
        nested = data.get(STAGES_FIELD) or {}
        return {**rest, STAGES_FIELD: {**nested, **sections} if isinstance(nested, Mapping) else nested}
