"""Which questions a stage works on: one config for each kind of task source.

In: keys of a recipe. Out: the config of a built-in kind or of a user's own source. ``kind`` may be left out if the
other keys imply it: ``path`` means a file, ``hub`` a Hub data set, ``name`` a benchmark of the paper or the toy world.
Not here: reading anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_validator

from understudy.annotations import InputPath, OutputPath, SpeedOnly
from understudy.records import Record, TaskKind
from understudy.records.record import is_empty
from understudy.registry import Builtin, PartConfig
from understudy.tasks.benchmarks import BENCHMARKS, benchmark_named
from understudy.tasks.own_sources import TaskSourceGroup, function_source
from understudy.tasks.source import TaskSourceConfig

TOY = "toy"
"""Name of the synthetic world that ships with the package."""
FactSet = Literal["bridge", "deep", "comparison", "paraphrase"]
MathSet = Literal["word_problems", "chain_sum", "count_primes", "equations"]
SuiteSet = FactSet | MathSet
BfclSet = Literal["base", "long_context", "miss_func", "miss_param"]
DojoSuite = Literal["workspace", "travel", "banking", "slack"]
DojoVersion = Literal["v1", "v1.1", "v1.1.1", "v1.1.2", "v1.2", "v1.2.1", "v1.2.2"]
DojoAttack = Literal[
    "direct",
    "ignore_previous",
    "system_message",
    "injecagent",
    "important_instructions",
    "important_instructions_no_user_name",
    "important_instructions_no_model_name",
    "important_instructions_no_names",
    "important_instructions_wrong_model_name",
    "important_instructions_wrong_user_name",
    "tool_knowledge",
]
FACT_SETS: tuple[FactSet, ...] = get_args(FactSet)
MATH_SETS: tuple[MathSet, ...] = get_args(MathSet)
IN_DOMAIN: tuple[SuiteSet, ...] = ("bridge", "word_problems")
"""Sets of the suite with a training split, whose questions differ from those of the test split."""


class FieldMap(Record):
    """Which field of a row holds what. A dot goes down into a nested field: ``answers.text``."""

    question: str = "question"
    answer: str = "answer"
    """A text, a number, or a list of texts: the first is the reference, the others are aliases. Null or blank: the task
    has no reference. The same holds for a row without this field, unless you name the field."""
    id: str | None = None
    """None: the id is derived from question and answer."""
    aliases: str | None = None
    level: str | None = None
    type: str | None = None
    turns: Annotated[str | None, Field(exclude_if=is_empty)] = None
    """A text, or a list of texts: what the user says after the question."""
    metadata: Annotated[str | None, Field(exclude_if=is_empty)] = None
    """An object, which becomes ``Task.metadata``."""


class OwnQuestionsConfig(TaskSourceConfig):
    """Keys of files and of Hub data sets."""

    name: str = ""
    """Label of the questions, which becomes ``Task.source``; empty: the name of the file or data set."""
    split: str = ""
    """Split of the folder or data set; empty: the only one. Of a file it only labels the tasks."""
    fields: FieldMap = FieldMap()
    task_kind: TaskKind = TaskKind.FACT
    """Kind of the answers, ``fact`` or ``math``. It decides the grader."""

    @field_validator("name")
    @classmethod
    def _name_is_not_taken(cls, name: str) -> str:
        if name == TOY or name in BENCHMARKS:
            raise ValueError(f"{name!r} is a task set of this package; label your own questions otherwise")
        return name


class FileConfig(OwnQuestionsConfig):
    """Your own questions: a JSONL, JSON or Parquet file, plain or gzipped, or a folder of these."""

    kind: Literal["file"] = "file"
    path: InputPath
    """A folder may also be one that ``datasets`` saved to disk."""


class HubConfig(OwnQuestionsConfig):
    """Your own questions: a data set on the Hugging Face Hub."""

    kind: Literal["hub"] = "hub"
    hub: Annotated[str, Field(min_length=1)]
    """``owner/name``. A local folder is named by ``path``."""
    subset: str | None = None
    """Configuration of the data set, if it has several."""
    revision: str | None = None
    """Commit or tag: name one, or the questions may change under your run."""
    cache_dir: Annotated[OutputPath | None, SpeedOnly] = None
    """Folder for fetched data sets; None: that of ``datasets``."""

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("hub",)


class BenchmarkConfig(TaskSourceConfig):
    """One of the paper's eight test sets and three training sets, fetched and checked."""

    kind: Literal["benchmark"] = "benchmark"
    name: str
    split: str = ""
    """``train`` or ``test``; empty: the only one that there is."""
    data_dir: Annotated[InputPath | None, SpeedOnly] = None
    """Folder that already holds the benchmark's file; nothing is fetched then."""
    cache_dir: Annotated[OutputPath | None, SpeedOnly] = None
    """Folder for fetched files; None: ``understudy`` in the user's cache folder."""

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        benchmark_named(self.name, self.split)
        return self


class ToyConfig(TaskSourceConfig):
    """Questions about the synthetic world that ships with the package."""

    kind: Literal["toy"] = "toy"
    name: Literal["toy"] = "toy"
    split: Literal["train", "dev", "test"]
    limit: Annotated[int, Field(ge=1)]
    """How many tasks. The world has some thousands."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Another seed asks other questions about the same world."""


class ReasoningGymConfig(TaskSourceConfig):
    """Questions of one of reasoning-gym's generators, made on the spot."""

    kind: Literal["reasoning_gym"] = "reasoning_gym"
    generator: Annotated[str, Field(min_length=1)]
    """Its name in reasoning-gym, such as ``gsm_symbolic``."""
    options: dict[str, JsonValue] = {}
    """Settings of the generator, such as its difficulty."""
    name: str = ""
    """Label of the questions, which becomes ``Task.source``; empty: the generator."""
    task_kind: TaskKind = TaskKind.MATH
    """Kind of the answers. The grader ``reasoning_gym`` scores all of them itself."""
    size: Annotated[int, Field(ge=1)] = 500
    """How many questions are made if there is no limit."""

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("reasoning_gym",)


class SuiteConfig(TaskSourceConfig):
    """Questions of the suite: eight test sets and two training sets about a generated world and of reasoning-gym."""

    kind: Literal["suite"] = "suite"
    name: SuiteSet
    split: Literal["train", "test"]
    """Only ``bridge`` and ``word_problems`` have a training split."""

    @model_validator(mode="after")
    def _has_split(self) -> Self:
        if self.split == "train" and self.name not in IN_DOMAIN:
            raise ValueError(
                f"split: {self.name} is out of domain: it has test questions only; {IN_DOMAIN} are trained on"
            )
        return self

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("reasoning_gym",) if self.name in MATH_SETS else ()


class BfclConfig(TaskSourceConfig):
    """Dialogues of BFCL's multi-turn sets, about worlds with state; the environment ``bfcl`` is their world."""

    world: ClassVar[str] = "bfcl"
    kind: Literal["bfcl"] = "bfcl"
    name: BfclSet
    split: Literal["train", "test", "all"] = "all"
    """``train`` and ``test`` are halves with different dialogues, the same ones of each set: the sets are variants
    of one another, so train on ``train`` of one and test on ``test`` of any.
    """

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("bfcl",)


class AgentDojoConfig(TaskSourceConfig):
    """User tasks of one of AgentDojo's suites, alone or with injected tasks; the environment ``agentdojo`` is their
    world.
    """

    world: ClassVar[str] = "agentdojo"
    kind: Literal["agentdojo"] = "agentdojo"
    name: DojoSuite
    attack: DojoAttack | None = None
    """An attack of the package, which puts an injection task into the data: each user task comes once for each
    injection task. None: each user task comes once, without injected text.
    """
    user_tasks: tuple[str, ...] | None = None
    """Such as ``[user_task_3]``; None: all."""
    injection_tasks: tuple[str, ...] | None = None
    """Such as ``[injection_task_1]``; None: all."""
    split: Literal["train", "test", "all"] = "all"
    """``train``: user tasks with even numbers; ``test``: those with odd numbers."""
    version: DojoVersion = "v1.2.2"
    """Of the benchmark: later versions correct and add tasks."""

    @model_validator(mode="after")
    def _injects_by_an_attack(self) -> Self:
        if self.injection_tasks is not None and self.attack is None:
            raise ValueError("injection_tasks: needs `attack`, which puts them into the data")
        return self

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("agentdojo",)


def _kind_of(keys: Mapping[str, object]) -> str | None:
    """The kind that the keys imply."""
    if "path" in keys:
        return "file"
    if "hub" in keys:
        return "hub"
    if "name" in keys:
        return TOY if keys["name"] == TOY else "benchmark"
    return None


def _kind_of_answer_is_no_kind(keys: object) -> object:
    """``kind`` formerly meant the kind of the answers."""
    kind = keys.get("kind") if isinstance(keys, Mapping) else None
    if isinstance(kind, str) and kind in [*TaskKind, "maths"]:
        raise ValueError(f"kind: is the kind of task source; the kind of answer is `task_kind: {kind}`")
    return keys


def _builtin(name: str, module: str = "sources") -> Builtin:
    here = "understudy.tasks"
    return Builtin(config=f"{here}.config:{name}Config", part=f"{here}.{module}:{name}Source")


TASK_SOURCES = TaskSourceGroup(
    "task_sources",
    "yields the tasks of a set",
    {
        "file": _builtin("File"),
        "hub": _builtin("Hub"),
        "benchmark": _builtin("Benchmark"),
        "toy": _builtin("Toy"),
        "suite": _builtin("Suite"),
        "reasoning_gym": _builtin("ReasoningGym", "procedural"),
        "bfcl": _builtin("Bfcl", "bfcl.tasks"),
        "agentdojo": _builtin("AgentDojo", "agentdojo.tasks"),
    },
    adapt=function_source,
    kind_of=_kind_of,
)
TaskSetConfig = Annotated[PartConfig, TASK_SOURCES, BeforeValidator(_kind_of_answer_is_no_kind)]
"""One task set of a recipe: any kind of source with its own keys."""
