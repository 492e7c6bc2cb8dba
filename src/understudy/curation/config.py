"""The settings of a curation: which trajectories become examples, and which parts of them are trained.

In: a recipe's ``curate`` section. Out: ``CurateConfig``. Not here: where the trajectories come from.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from understudy.annotations import InputPath
from understudy.curation.filters import Filter
from understudy.curation.selection import Selection
from understudy.records import Record


class SpanWeights(Record):
    """Loss weight of a trained token, by the part of the reply. The paper's weights are all 1."""

    thought: Annotated[float, Field(ge=0)] = 1.0
    code: Annotated[float, Field(ge=0)] = 1.0
    """Actions: code, or tool calls."""
    final: Annotated[float, Field(ge=0)] = 1.0
    """The action of a step that gives the final answer; of an agent that calls tools, the text of its answer."""

    @property
    def are_equal(self) -> bool:
        return self.thought == self.code == self.final

    @model_validator(mode="after")
    def _something_is_trained(self) -> Self:
        if self.thought == self.code == self.final == 0:
            raise ValueError("thought, code and final are all 0: nothing would be trained")
        return self


class SeveralCalls(StrEnum):
    """How a reply that calls several tools becomes examples."""

    AUTO = "auto"
    """``split`` for a student's agent with ``parallel: false``, else ``keep``."""
    KEEP = "keep"
    SPLIT = "split"
    """Into consecutive replies of one call each; the first one has the thought."""
    DROP = "drop"
    """Attempts with such a reply are dropped."""


class ChatMix(Record):
    """General chat data mixed in, so that the student does not forget how to converse."""

    path: InputPath
    """JSONL: one ``{"messages": [{"role", "content"}, …]}`` per line. Assistant messages are trained."""
    ratio: Annotated[float, Field(gt=0)]
    """Chat examples per kept example: 0.25 adds one to every four."""


class CurateConfig(Record):
    """One curation. The defaults are the paper's: correct, well-formed, one attempt per question."""

    filters: tuple[Filter, ...] = (Filter.CORRECT, Filter.PARSEABLE, Filter.ENDED_BY_ITSELF)
    select: Selection = Selection.FIRST
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    prefix_trained: bool = True
    """Whether a first-thought prefix is trained, as in the paper, or only read."""
    failed_steps_trained: bool = True
    """Whether a step whose code failed is trained, as in the paper, or only read."""
    weights: SpanWeights = SpanWeights()
    several_calls: SeveralCalls = SeveralCalls.AUTO
    """How replies that call several tools become examples."""
    near_duplicates: Annotated[float, Field(gt=0, le=1)] | None = None
    """Drop a task whose question has at least this Jaccard similarity with an earlier one that has the same answer."""
    chat: ChatMix | None = None
    seed: int = Field(default=42, ge=0, lt=2**63)
    """Seed of the choice and the positions of chat examples."""

    @model_validator(mode="after")
    def _length_filter_has_a_length(self) -> Self:
        if (Filter.WITHIN_LENGTH in self.filters) != (self.max_tokens is not None):
            raise ValueError(
                f"the filter '{Filter.WITHIN_LENGTH}' and max_tokens go together: "
                f"got filters={[str(f) for f in self.filters]} and max_tokens={self.max_tokens}"
            )
        return self

    @property
    def needs_student(self) -> bool:
        """Whether this curation needs the student's tokenizer or weights."""
        return self.max_tokens is not None or self.select is Selection.LOWEST_NLL
