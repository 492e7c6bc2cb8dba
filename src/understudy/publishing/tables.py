"""The tables of a data set as Parquet files. In: examples; attempts with scores. Out: files. Columns have one type:
arguments of calls, whose keys differ, become JSON text. Not here: the card.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from understudy.curation.export import write_parquet
from understudy.records import Message, Score, Trajectory


def write_attempts(attempts: Iterable[tuple[Trajectory, Score | None]], path: Path) -> int:
    """Write the attempts and return how many there are. Infrastructure errors are left out: nothing was attempted."""
    rows = [attempt_row(one, score) for one, score in attempts if not one.stop_reason.is_infrastructure_error]
    write_parquet(rows, path)
    return len(rows)


def attempt_row(trajectory: Trajectory, score: Score | None) -> Mapping[str, Any]:
    """One attempt with its verdict."""
    task = trajectory.task
    return {
        "id": trajectory.id,
        "question": task.question,
        "reference": task.answer,
        "aliases": list(task.aliases),
        "task_sets": list(task.set_names),
        "model": trajectory.model,
        "agent": trajectory.agent,
        "seed": trajectory.seed,
        "messages": [_message(one) for one in trajectory.messages],
        "n_steps": len(trajectory.steps),
        "stop_reason": str(trajectory.stop_reason),
        "answer": trajectory.answer,
        "correct": score.correct if score else None,
        "value": score.value if score else None,
        "grader": score.grader if score else None,
        "explanation": score.explanation if score else None,
    }


def _message(message: Message) -> dict[str, Any]:
    calls = [call.model_dump(mode="json") for call in message.tool_calls]
    return {
        "role": str(message.role),
        "content": message.content,
        "tool_calls": json.dumps(calls, ensure_ascii=False) if calls else None,
    }
