"""Sets of one stage: what is one question is one task, what only shares an id is two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from understudy.records import Task, TaskKind
from understudy.tasks import combine_task_sets


def task(number: int, question: str = "?", **keys: str) -> Task:
    fields = {"id": f"shop/{number}", "question": question, "answer": "a", "kind": TaskKind.FACT, "source": "shop"}
    return Task.model_validate(fields | keys)


def test_one_set_keeps_its_ids_and_order() -> None:
    tasks = combine_task_sets({"test": [task(2), task(1)]})
    assert [(one.id, one.task_sets) for one in tasks] == [("shop/2", ("test",)), ("shop/1", ("test",))]


def test_two_draws_of_one_source_share_their_common_tasks() -> None:
    tasks = combine_task_sets({"first": [task(1), task(2)], "second": [task(2), task(3)]})
    assert {one.id: one.task_sets for one in tasks} == {
        "shop/1": ("first",),
        "shop/2": ("first", "second"),
        "shop/3": ("second",),
    }


def test_two_files_that_number_alike_get_ids_of_their_own() -> None:
    tasks = combine_task_sets({"a": [task(1, "one?"), task(2)], "b": [task(1, "two?")]})
    assert [(one.id, one.question, one.task_sets) for one in tasks] == [
        ("a:shop/1", "one?", ("a",)),
        ("shop/2", "?", ("a",)),
        ("b:shop/1", "two?", ("b",)),
    ]
    assert {one.id_in_source for one in tasks} == {"shop/1", "shop/2"}


def test_two_splits_that_number_alike_stay_apart() -> None:
    tasks = combine_task_sets({"dev": [task(1, split="dev")], "test": [task(1, split="test")]})
    assert [one.id for one in tasks] == ["dev:shop/1", "test:shop/1"]


@given(st.dictionaries(st.sampled_from("abcd"), st.dictionaries(st.integers(0, 3), st.sampled_from("xyz")), max_size=4))
def test_every_question_of_every_set_is_there_once(sets: dict[str, dict[int, str]]) -> None:
    tasks = combine_task_sets({name: [task(*pair) for pair in rows.items()] for name, rows in sets.items()})
    assert len({one.id for one in tasks}) == len(tasks)
    for name, rows in sets.items():
        held = {(one.id_in_source, one.question) for one in tasks if name in one.task_sets}
        assert held == {(f"shop/{number}", question) for number, question in rows.items()}
