"""The kinds of graders and their keys in a recipe. In: keys of a recipe. Out: a typed config of one kind. Not here:
judging.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator

from understudy.annotations import ModelRef, OutputPath, SpeedOnly
from understudy.grading.grader import Grader
from understudy.grading.own import FunctionGrader
from understudy.records import Record
from understudy.registry import Builtin, Group, PartConfig


class MathOptions(Record):
    """When two mathematical answers are equal."""

    rel_tol: Annotated[float, Field(gt=0, lt=0.1)] = 1e-4
    """Relative tolerance for plain numbers and decimals, as in the paper's protocol."""
    exact_integers: bool = False
    """Two whole numbers are equal only if they are identical. The paper's protocol accepts 20174 for 20175."""
    percent_leniency: bool = False
    """1/100 and 100 times the reference count as right, as in the paper's released grader."""
    deadline_s: Annotated[float, Field(gt=0)] = 2.0
    """CPU seconds that the symbolic comparison of one answer may take; an answer that needs more is not judged. In any
    case it ends after 20 s on the clock."""
    n_workers: Annotated[int, Field(ge=1), SpeedOnly] = 2
    """Most processes for symbolic comparison; the first starts when an answer needs one."""
    worker_memory_bytes: Annotated[int, Field(ge=256 * 1024**2)] = 2 * 1024**3


class AutoConfig(MathOptions, PartConfig):
    """Judges mathematical tasks as ``math`` does and factual ones as ``exact_match`` does."""

    kind: Literal["auto"] = "auto"


class MathConfig(MathOptions, PartConfig):
    """Judges all tasks by mathematical equality with the reference answer."""

    kind: Literal["math"] = "math"


class ExactMatchConfig(PartConfig):
    """Judges all tasks by equality of normalised texts, with token F1."""

    kind: Literal["exact_match"] = "exact_match"


class ReasoningGymConfig(MathOptions, PartConfig):
    """Judges questions of reasoning-gym by their generators' own scoring, and all others as ``auto`` does."""

    kind: Literal["reasoning_gym"] = "reasoning_gym"

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("reasoning_gym",)


class BfclConfig(MathOptions, PartConfig):
    """Judges dialogues of BFCL by its own checker of states and results, and all others as ``auto`` does."""

    kind: Literal["bfcl"] = "bfcl"

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("bfcl",)


class AgentDojoConfig(MathOptions, PartConfig):
    """Judges AgentDojo's tasks by the package's checks of the user's and the injected task, all others as ``auto``."""

    kind: Literal["agentdojo"] = "agentdojo"

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("agentdojo",)


class JudgeConfig(MathOptions, PartConfig):
    """Lets a language model judge factual tasks, and all that have no reference; ``math`` judges the others."""

    kind: Literal["judge"] = "judge"
    model: ModelRef
    """The model of the recipe that judges."""
    max_tokens: Annotated[int, Field(ge=16)] = 256
    cache_path: OutputPath | None = None
    """JSONL file of cached verdicts; None: they are cached in this process only. A verdict is found by the judge's
    name, prompt and question: a judge with other settings needs another name or file."""

    @property
    def judging_model(self) -> str:
        """The name of the model that judges."""
        return self.model


class Criterion(Record):
    """One line of a rubric."""

    text: Annotated[str, Field(min_length=1)]
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class RubricConfig(PartConfig):
    """Lets a language model judge whole conversations by stated criteria; no reference is needed."""

    kind: Literal["rubric"] = "rubric"
    model: ModelRef
    """The model of the recipe that judges."""
    rubric: Annotated[tuple[Criterion, ...], Field(min_length=1)]
    """A text, or criteria: texts, or ``{text: …, weight: 2}``."""
    passes_at: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weighted share of the criteria that must be met; 1: all."""
    max_tokens: Annotated[int, Field(ge=16)] = 1024
    max_chars: Annotated[int, Field(ge=1000)] = 40_000
    """Characters of a conversation that the judge reads; of a longer one, beginning and end."""
    cache_path: OutputPath | None = None
    """As in ``JudgeConfig``."""

    @field_validator("rubric", mode="before")
    @classmethod
    def _texts_are_criteria(cls, value: object) -> object:
        several = [value] if isinstance(value, str | Mapping) else value
        if not isinstance(several, list | tuple):
            return several
        return [{"text": one} if isinstance(one, str) else one for one in several]

    @property
    def judging_model(self) -> str:
        """The name of the model that judges."""
        return self.model


GRADERS: Group[Grader] = Group(
    "graders",
    "judges an attempt",
    {
        "auto": Builtin("understudy.grading.kinds:auto", "understudy.grading.config:AutoConfig"),
        "math": Builtin("understudy.grading.kinds:math", "understudy.grading.config:MathConfig"),
        "exact_match": Builtin("understudy.grading.kinds:exact_match", "understudy.grading.config:ExactMatchConfig"),
        "reasoning_gym": Builtin(
            "understudy.grading.procedural:ReasoningGymGrader", "understudy.grading.config:ReasoningGymConfig"
        ),
        "bfcl": Builtin("understudy.grading.bfcl:BfclGrader", "understudy.grading.config:BfclConfig"),
        "agentdojo": Builtin(
            "understudy.grading.agentdojo:AgentDojoGrader", "understudy.grading.config:AgentDojoConfig"
        ),
        "judge": Builtin("understudy.grading.kinds:judge", "understudy.grading.config:JudgeConfig"),
        "rubric": Builtin("understudy.grading.rubric:RubricGrader", "understudy.grading.config:RubricConfig"),
        "marks": Builtin("understudy.grading.marks:MarksGrader", "understudy.grading.marks:MarksConfig"),
    },
    methods=("grade",),
    adapt=FunctionGrader,
    kind_of=lambda _: "auto",
)

GraderConfig = Annotated[PartConfig, GRADERS]
"""The config of any kind of grader."""
