"""What is trained, and what was left out."""

from __future__ import annotations

from enum import StrEnum

from understudy.records.conversation import Message
from understudy.records.record import Record


class TrainSpan(Record):
    """A range of characters of one message that is trained."""

    message_index: int
    start: int
    end: int
    """One past the last character. A span that ends where the content ends also trains the end-of-turn token."""
    weight: float = 1.0


class Example(Record):
    """Messages and which parts of them are trained."""

    id: str
    """The trajectory's, with a number behind it where another stage has a trajectory of that id too."""
    task_id: str
    trajectory_id: str
    stage: str = ""
    """Where the trajectory lies: ``rollout/<name>`` or ``repair/<name>``; empty outside a run."""
    messages: tuple[Message, ...]
    spans: tuple[TrainSpan, ...]
    """In order, not overlapping. What no span covers is read, not learnt."""


class DropReason(StrEnum):
    """Why a trajectory did not become an example."""

    INCORRECT = "incorrect"
    NOT_SCORED = "not_scored"
    PROGRAM_FAILURE = "program_failure"
    UNPARSEABLE_STEP = "unparseable_step"
    VOID_TURN = "void_turn"
    """A turn with neither code nor answer."""
    STEP_LIMIT = "step_limit"
    """Did not end by itself."""
    TOO_LONG = "too_long"
    UNGROUNDED = "ungrounded"
    """A factual answer that no observation contains."""
    NO_SEARCH = "no_search"
    NOT_SELECTED = "not_selected"
    """Another attempt at the same task was kept."""
    NEAR_DUPLICATE = "near_duplicate"
    CONTAMINATED = "contaminated"
    NOTHING_TRAINED = "nothing_trained"

    @classmethod
    def _missing_(cls, value: object) -> DropReason | None:
        """Read records that were written when the reason was called ``unsupported``."""
        return cls.UNGROUNDED if value == "unsupported" else None


class Dropped(Record):
    """One trajectory that was not kept, and why."""

    trajectory_id: str
    stage: str = ""
    """As in ``Example``."""
    reason: DropReason
    detail: str = ""
