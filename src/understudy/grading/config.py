"""How answers are judged: the typed part of a recipe.

In: keys of a recipe. Out: ``GradingConfig``. Not here: judging.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from understudy.annotations import OutputPath, SpeedOnly
from understudy.records import Record


class GraderKind(StrEnum):
    """Who judges."""

    AUTO = "auto"
    """``math`` for mathematical tasks, ``exact_match`` for factual ones."""
    MATH = "math"
    EXACT_MATCH = "exact_match"
    JUDGE = "judge"
    """A language model judges factual tasks; mathematical ones are still judged by ``math``."""


class MathConfig(Record):
    """When two mathematical answers are equal."""

    rel_tol: Annotated[float, Field(gt=0, lt=0.1)] = 1e-4
    """Relative tolerance where a plain number or a decimal is compared, as in the paper's protocol."""
    exact_integers: bool = False
    """Two whole numbers are equal only if they are the same. The protocol lets 20174 pass for 20175."""
    percent_leniency: bool = False
    """A hundredth and a hundredfold of the reference count as right, as in the paper's released grader."""
    deadline_s: Annotated[float, Field(gt=0)] = 2.0
    """CPU seconds that the symbolic comparison of one answer may take; after that it is not equal. In any case it ends
    after 4.5 s on the clock."""
    n_workers: Annotated[int, Field(ge=1), SpeedOnly] = 2
    """Processes for symbolic comparison; none is started before the first answer that needs one."""
    worker_memory_bytes: Annotated[int, Field(ge=256 * 1024**2)] = 2 * 1024**3


class JudgeConfig(Record):
    """How the judging model is asked."""

    max_tokens: Annotated[int, Field(ge=16)] = 256
    cache_path: OutputPath | None = None
    """JSONL file of verdicts that are never asked for again; None: kept for this process only."""


class GradingConfig(Record):
    """Who judges, and how."""

    kind: GraderKind = GraderKind.AUTO
    math: MathConfig = MathConfig()
    judge: JudgeConfig | None = None
    """Only with ``kind: judge``."""

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        if self.judge is not None and self.kind is not GraderKind.JUDGE:
            raise ValueError(f"judge: has no meaning with kind {self.kind.value!r}, expected kind 'judge'")
        return self
