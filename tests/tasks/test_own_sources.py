"""A user's task source: a function or a class that yields tasks."""

from __future__ import annotations

import pytest

from understudy.tasks import TASK_SOURCES, BadTaskError, load_tasks

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


def test_parameters_of_a_function_are_keys() -> None:
    found = load_tasks(kind=f"{HERE}:products", factor="3", start=2)
    assert (found.tasks[0].question, found.tasks[0].answer, len(found.tasks)) == ("2 times 3?", "6", 30)
    for keys, message in (({}, "factor"), ({"factor": "x"}, "integer"), ({"factor": 1, "end": 2}, "Extra inputs")):
        with pytest.raises(ValueError, match=message):
            load_tasks(kind=f"{HERE}:products", **keys)


def test_limit_and_seed_draw_from_any_source() -> None:
    few = [load_tasks(f"{HERE}:sums", limit=5, seed=seed).tasks for seed in (0, 0, 1)]
    assert few[0] == few[1] != few[2]
    assert len(few[0]) == 5
    assert set(few[0]) < set(load_tasks(f"{HERE}:sums", limit=10).tasks)
    assert len(load_tasks(kind=f"{HERE}:Squares", below=9, limit=2).tasks) == 2
    config = TASK_SOURCES.validate({"kind": f"{HERE}:products", "factor": 2, "limit": 3})
    assert config.model_dump(exclude_defaults=True) == {"factor": 2, "limit": 3}


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
        ("no_list", r"questions:no_list: expected an iterable of tasks, got int"),
        ("no_tasks", r"questions:no_tasks, task 1: expected a Task or a mapping with a question, got str"),
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
