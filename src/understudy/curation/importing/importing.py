"""The public function of the package: foreign rows become trajectories.

In: an ``ImportConfig``. Out: ``Imported``. Not here: the shapes of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from understudy.curation.importing.chats import read_chat
from understudy.curation.importing.config import ImportConfig
from understudy.curation.importing.foreign import ODD_SCORE, ForeignRow, is_dump
from understudy.curation.importing.memory_logs import read_memory_log
from understudy.curation.importing.normalised import NormalisedAttempt
from understudy.curation.importing.plain_text import NOT_PLAIN_TEXT
from understudy.datafiles import BadRow, Row, Rows, hub_rows, read_rows
from understudy.records import Failure, Record, Score, Task, Trajectory
from understudy.runs import digest, explain

N_SHOWN = 3


class RefusalReason(StrEnum):
    """Why a row was not imported."""

    UNREADABLE = "unreadable"
    """It is not JSON or not UTF-8, or the file is damaged there."""
    NOT_PLAIN_TEXT = "not_plain_text"
    """It contains tool calls, pictures, separate reasoning or anything else that is not text."""
    ODD_SCORE = "odd_score"
    """Its score is neither a verdict nor blank."""
    UNKNOWN_SHAPE = "unknown_shape"


class RefusedRow(Record):
    """A row that was not imported."""

    place: str
    """File and line or row."""
    reason: RefusalReason
    detail: str

    def __str__(self) -> str:
        return f"{self.place}: {self.detail}"


class NothingImportedError(ValueError):
    """No row could be imported; the message says why."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The imported and the refused rows. Every row is in exactly one of the two."""

    attempts: tuple[tuple[Trajectory, Score | None], ...]
    """None if the row has no score."""
    refused: tuple[RefusedRow, ...]

    @property
    def counts(self) -> dict[RefusalReason, int]:
        """Refused rows by reason, most frequent first."""
        return dict(Counter(row.reason for row in self.refused).most_common())


def import_trajectories(config: ImportConfig) -> Imported:
    """Read all trajectories. An odd row is refused with its place and reason, and the others are read.

    Replies of a code agent are converted to our action format, see ``normalised.in_our_form``. A row without replies is
    a trajectory that an infrastructure error ended. Raises ``NothingImportedError`` if no row can be imported,
    ``FileNotFoundError``, ``DataFileError``.
    """
    attempts: list[tuple[Trajectory, Score | None]] = []
    refused: list[RefusedRow] = []
    n_of_question: Counter[str] = Counter()
    for row in _rows(config):
        read = _read(row, config)
        if isinstance(read, RefusedRow):
            refused.append(read)
            continue
        foreign, attempt = read
        trajectory = _trajectory(foreign, attempt, n_of_question[attempt.question], config)
        n_of_question[attempt.question] += 1
        attempts.append((trajectory, _score(trajectory, foreign)))
    if not attempts:
        raise NothingImportedError(_nothing_imported(config, refused))
    return Imported(tuple(attempts), tuple(refused))


def _rows(config: ImportConfig) -> Rows:
    if config.path is None:
        return hub_rows(config.hub or "", config.subset, config.split, config.revision)
    rows = read_rows(config.path, config.split)
    return _whole_dumps(rows) if ".json" in config.path.suffixes else rows


def _whole_dumps(rows: Rows) -> Rows:
    """A JSON file may hold one attempt as a list of its steps or messages."""
    read = list(rows)
    values = [row.value for row in read if isinstance(row, Row)]
    if is_dump(values):
        return iter([Row(values, 1, read[0].place)])
    return iter(read)


def _read(row: Row | BadRow, config: ImportConfig) -> tuple[ForeignRow, NormalisedAttempt] | RefusedRow:
    if isinstance(row, BadRow):
        return RefusedRow(place=row.place, reason=RefusalReason.UNREADABLE, detail=row.reason)
    try:
        foreign = ForeignRow.model_validate(row.value)
        acts = config.agent == "code_agent"
        attempt = read_memory_log(foreign) if foreign.steps is not None else read_chat(foreign, acts=acts)
        if not attempt.question:
            raise ValueError("expected a question or a user message, found neither")
    except ValidationError as error:
        return RefusedRow(place=row.place, reason=_reason(error), detail=explain(error, "row"))
    except (ValueError, RecursionError) as error:
        return RefusedRow(place=row.place, reason=_reason(error), detail=str(error))
    return foreign, attempt


def _reason(error: Exception) -> RefusalReason:
    types = set(_types(error))
    if NOT_PLAIN_TEXT in types:
        return RefusalReason.NOT_PLAIN_TEXT
    return RefusalReason.ODD_SCORE if ODD_SCORE in types else RefusalReason.UNKNOWN_SHAPE


def _types(error: Exception) -> Iterator[str]:
    if isinstance(error, ValidationError):
        yield from (one["type"] for one in error.errors(include_url=False, include_input=False))
    elif isinstance(error, PydanticCustomError):
        yield error.type


def _trajectory(row: ForeignRow, attempt: NormalisedAttempt, number: int, config: ImportConfig) -> Trajectory:
    answer, *aliases = row.true_answer or row.answer or (None,)
    task = Task(
        id=f"{config.label}-{digest(attempt.question)}",
        question=attempt.question,
        answer=answer,
        aliases=tuple(alias for alias in aliases if alias is not None),
        kind=config.task_kind,
        source=config.label,
    )
    return Trajectory(
        task=task,
        attempt=number,
        agent=config.agent,
        model=row.model,
        seed=0,
        messages=attempt.messages,
        steps=attempt.steps,
        stop_reason=attempt.stop_reason,
        answer=attempt.answer,
        answer_was_asked=attempt.answer_was_asked,
        failure=Failure(kind=attempt.stop_reason, message=attempt.failure) if attempt.failure else None,
        usage=attempt.usage,
        timing=attempt.timing,
    )


def _score(trajectory: Trajectory, row: ForeignRow) -> Score | None:
    if row.score is None:
        return None
    return Score(
        trajectory_id=trajectory.id,
        grader="imported",
        grader_version="1",
        correct=row.score >= 1.0,
        answer=trajectory.answer,
    )


def _nothing_imported(config: ImportConfig, refused: list[RefusedRow]) -> str:
    where = config.path or config.hub
    if not refused:
        return f"{where}: expected trajectories, it holds no rows"
    counts = ", ".join(f"{count} {reason}" for reason, count in Imported((), tuple(refused)).counts.items())
    shown = "".join(f"\n  {row}" for row in refused[:N_SHOWN])
    return f"{where}: none of {len(refused)} rows can be imported ({counts}), such as{shown}"
