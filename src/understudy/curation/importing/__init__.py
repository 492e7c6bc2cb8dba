"""Trajectories that were made elsewhere.

In: a file in one of the shapes below. Out: (trajectory, score) pairs like our own, so that a user without a teacher
starts from data that exists. Not here: downloading.

* smolagents' memory as steps: ``agent.memory.get_full_steps()``, ``get_succinct_steps()``, or ``RunResult.dict()``,
  as a list or under ``steps``;
* smolagents' memory as messages: ``agent.write_memory_to_messages()``, as a list or under ``messages``;
* the data sets of the paper's authors: ``question``, ``true_answer``, ``generated_answer``, ``score`` and
  ``log_data``, JSON text or an object with ``messages`` in smolagents' roles;
* OpenAI's chat format: ``messages`` of roles system, user, assistant and tool.

Beside any of these a row may say ``question``, ``answer`` (the reference), ``generated_answer``, ``score`` and
``model``. What the data does not say stays empty, such as which tools the code called.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from understudy.curation.importing.chats import read_chat
from understudy.curation.importing.memories import read_memory
from understudy.curation.importing.rows import ForeignRow, rows_of
from understudy.curation.importing.told import Told
from understudy.records import Failure, Score, Task, TaskKind, Trajectory
from understudy.runs import digest, explain

CODE_AGENT = "code_agent"


def import_trajectories(
    path: Path, kind: TaskKind, source: str, agent: str = CODE_AGENT
) -> Iterator[tuple[Trajectory, Score | None]]:
    """Yield the trajectories of a JSONL file, or of a JSON file with one of them or a list.

    ``kind`` and ``source`` are what the file does not say about its tasks. Replies of a code agent are put into the
    form that our own agents speak, see ``told.in_our_form``. A row without replies is a trajectory that failed in the
    program. Raises ``ValueError`` with file and row for a row that has none of the shapes.
    """
    attempts: dict[str, int] = {}
    for number, value in enumerate(rows_of(path), 1):
        try:
            row = ForeignRow.model_validate(value)
            told = read_memory(row) if row.steps is not None else read_chat(row, acts=agent == CODE_AGENT)
        except ValidationError as error:
            raise ValueError(f"{path}, row {number}: {explain(error, 'row')}") from error
        except ValueError as error:
            raise ValueError(f"{path}, row {number}: {error}") from error
        if not told.question:
            raise ValueError(f"{path}, row {number}: expected a question or a user message, found neither")
        attempt = attempts.get(told.question, 0)
        attempts[told.question] = attempt + 1
        task = Task(
            id=f"{source}-{digest(told.question)}",
            question=told.question,
            answer=row.true_answer or row.answer or None,
            kind=kind,
            source=source,
        )
        trajectory = _trajectory(task, attempt, agent, row.model, told)
        yield trajectory, _score(trajectory, row)


def _trajectory(task: Task, attempt: int, agent: str, model: str, told: Told) -> Trajectory:
    return Trajectory(
        task=task,
        attempt=attempt,
        agent=agent,
        model=model,
        seed=0,
        messages=told.messages,
        steps=told.steps,
        stop_reason=told.stop_reason,
        answer=told.answer,
        answer_was_asked=told.answer_was_asked,
        failure=Failure(kind=told.stop_reason, message=told.failure) if told.failure else None,
        usage=told.usage,
        timing=told.timing,
    )


def _score(trajectory: Trajectory, row: ForeignRow) -> Score | None:
    if row.score is None:
        return None
    return Score(
        trajectory_id=trajectory.id,
        grader="imported",
        grader_version="1",
        correct=float(row.score) >= 1.0,
        answer=trajectory.answer,
    )
