"""What a curation is told: which trajectories become examples, and which of their words are trained.

In: a recipe's ``curate`` section. Out: ``CurateConfig``. Not here: where the trajectories come from.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from understudy.records import Record


class Filter(StrEnum):
    """A condition a trajectory must meet. What fails one is dropped under the reason of the first it fails."""

    CORRECT = "correct"
    PARSEABLE = "parseable"
    """No reply without an action that can be run."""
    NO_VOID_TURN = "no_void_turn"
    """No turn with neither code nor answer (SimpleTIR)."""
    ENDED_BY_ITSELF = "ended_by_itself"
    """Answered, and not because it was asked at the step limit."""
    WITHIN_LENGTH = "within_length"
    """At most ``max_tokens`` tokens of the student's tokenizer, prompt included."""
    GROUNDED = "grounded"
    """A factual answer occurs in an observation. Says nothing about tasks where the grader says nothing."""
    SEARCHED = "searched"
    """An agent that answers a factual task called a search tool at least once."""


class Selection(StrEnum):
    """Which of several good attempts at one task are kept."""

    FIRST = "first"
    SHORTEST = "shortest"
    """Fewest characters said by the model."""
    ALL = "all"
    LOWEST_NLL = "lowest_nll"
    """The one whose trained tokens the student finds least surprising on average (SmartAD)."""


class SpanWeights(Record):
    """Loss weight of a trained token by what it is part of. All 1 is the paper's way."""

    thought: Annotated[float, Field(ge=0)] = 1.0
    code: Annotated[float, Field(ge=0)] = 1.0
    final: Annotated[float, Field(ge=0)] = 1.0
    """The code of a step that gives the final answer."""

    @property
    def are_equal(self) -> bool:
        return self.thought == self.code == self.final

    @model_validator(mode="after")
    def _something_is_trained(self) -> Self:
        if self.thought == self.code == self.final == 0:
            raise ValueError("thought, code and final are all 0: nothing would be trained")
        return self


class ChatMix(Record):
    """General chat data mixed in, so that the student does not forget how to converse."""

    path: Path
    """JSONL: one ``{"messages": [{"role", "content"}, …]}`` a line. Assistant messages are trained."""
    ratio: Annotated[float, Field(gt=0)]
    """Chat examples per kept example: 0.25 adds one to every four."""


class CurateConfig(Record):
    """One curation. The defaults are the paper's: correct, well-formed, one attempt a question."""

    filters: tuple[Filter, ...] = (Filter.CORRECT, Filter.PARSEABLE, Filter.ENDED_BY_ITSELF)
    select: Selection = Selection.FIRST
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    prefix_trained: bool = True
    """Whether the words of a first-thought prefix are trained, as in the paper, or only read."""
    failed_steps_trained: bool = True
    """Whether a step whose code failed is trained, as in the paper, or only read."""
    weights: SpanWeights = SpanWeights()
    search_tools: tuple[str, ...] = ("web_search",)
    """Names that count as searching."""
    near_duplicates: Annotated[float, Field(gt=0, le=1)] | None = None
    """Drop a task whose question's words overlap this much (Jaccard) with an earlier one of equal answer."""
    chat: ChatMix | None = None
    seed: int = 42
    """Decides which chat examples are mixed in, and where."""

    @model_validator(mode="after")
    def _length_filter_has_a_length(self) -> Self:
        if (Filter.WITHIN_LENGTH in self.filters) != (self.max_tokens is not None):
            raise ValueError(
                f"the filter '{Filter.WITHIN_LENGTH}' and max_tokens go together: "
                f"came filters={[str(f) for f in self.filters]} and max_tokens={self.max_tokens}"
            )
        return self

    @property
    def needs_student(self) -> bool:
        """Whether this curation looks at the student's tokenizer or weights."""
        return self.max_tokens is not None or self.select is Selection.LOWEST_NLL
