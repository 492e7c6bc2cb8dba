"""A user's task source: a function or a class that yields tasks."""

from __future__ import annotations

import pytest

from understudy.tasks import BadTaskError, load_tasks

HERE = "tests.parts.questions"


def test_a_function_yields_tasks() -> None:
    found = load_tasks(f"{HERE}:sums")
    assert [(task.question, task.answer) for task in found.tasks][:2] == [("0 + 1?", "1"), ("1 + 1?", "2")]
    assert {task.source for task in found.tasks} == {f"{HERE}:sums"}
    assert len({task.id for task in found.tasks}) == 20


def test_a_function_returns_mappings_of_which_only_the_question_is_required() -> None:
    first, second = load_tasks(f"{HERE}:mappings").tasks
    assert (first.question, first.answer, bool(first.id)) == ("Who?", None, True)
    assert (second.id, second.answer) == ("w", "here")


def test_a_class_brings_its_own_keys() -> None:
    assert len(load_tasks(f"{HERE}:Squares").tasks) == 3
    found = load_tasks(kind=f"{HERE}:Squares", below=5)
    assert [task.answer for task in found.tasks] == ["0", "1", "4", "9", "16"]
    assert found.tasks[0].source == "squares"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", r"questions:fails raised KeyError: 'orders'"),
        ("nothing", r"questions:nothing: expected tasks, the source holds no rows"),
        ("no_list", r"questions:no_list: expected an iterable of tasks, came int"),
        ("no_tasks", r"questions:no_tasks, task 1: expected a Task or a mapping with a question, came str"),
        ("wrong_keys", r"questions:wrong_keys, task 2: .*question: Field required.*query: Extra inputs"),
    ],
)
def test_what_goes_wrong_in_a_source_is_named(name: str, message: str) -> None:
    with pytest.raises(BadTaskError, match=message):
        load_tasks(f"{HERE}:{name}")


def test_a_source_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no 'sum'; did you mean 'sums'"):
        load_tasks(f"{HERE}:sum")
    with pytest.raises(ValueError, match="Extra inputs"):
        load_tasks(kind=f"{HERE}:Squares", above=5)
