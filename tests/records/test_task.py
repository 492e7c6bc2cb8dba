"""A task needs a question and nothing else."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from understudy.records import Task, TaskKind


def test_a_question_is_a_task() -> None:
    task = Task(question="Who?")
    assert (task.answer, task.references, task.kind, task.source) == (None, (), TaskKind.FACT, "")
    assert task == Task(question="Who?"), "the id is derived from what the task says"
    assert Task.model_validate_json(task.model_dump_json(exclude_defaults=True)) == task


def test_ids_follow_from_question_and_answer() -> None:
    ids = [
        Task(question="Who?").id,
        Task(question="Who?", answer="Ada").id,
        Task(question="Who?", answer="Bob").id,
        Task(question="Who was it?").id,
    ]
    assert len(set(ids)) == 4
    assert Task(id="mine/1", question="Who?").id == "mine/1"


def test_references_are_the_answer_and_its_aliases() -> None:
    assert Task(question="Who?", answer="Ada", aliases=("A. L.",)).references == ("Ada", "A. L.")


def test_a_number_may_be_the_answer() -> None:
    assert Task(question="2 + 2?", answer=4).answer == "4"  # type: ignore[arg-type]
    assert Task(question="1 / 2?", answer=0.5) == Task(question="1 / 2?", answer="0.5")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "keys",
    [
        {"question": "Who?", "answer": True},
        {"question": "Who?", "answer": float("nan")},
        {},
        {"question": ""},
        {"question": "Who?", "answer": ""},
        {"question": 3},
        {"id": "1"},
    ],
)
def test_what_is_no_task_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Task.model_validate(keys)
