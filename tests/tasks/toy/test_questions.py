"""Questions can be read back, have the answers that the world gives, and share no name between splits."""

import re
from random import Random

import pytest

from understudy.records import TaskKind
from understudy.tasks.toy import toy_tasks
from understudy.tasks.toy.arithmetic import make_problem, parse_problem
from understudy.tasks.toy.questions import Split, parse_fact

SPLITS: tuple[Split, ...] = ("train", "dev", "test")


@pytest.mark.parametrize("split", SPLITS)
def test_every_question_is_read_back_as_what_it_is(split: Split) -> None:
    for task in toy_tasks(split, 300, 0):
        fact, problem = parse_fact(task.question), parse_problem(task.question)
        assert (fact is None) != (problem is None)
        if fact:
            assert fact.text == task.question
            assert task.kind is TaskKind.FACT
            assert task.type == f"{len(fact.relations)}-hop"
        if problem:
            assert str(problem.answer) == task.answer
            assert task.kind is TaskKind.MATH


def test_a_problem_s_answer_is_what_python_makes_of_its_expression() -> None:
    rng = Random(0)
    for _ in range(200):
        problem = make_problem(rng)
        assert eval(problem.expression) == problem.answer > 0


def test_splits_share_no_name_and_no_question() -> None:
    names = {split: set[str]() for split in SPLITS}
    questions = {split: set[str]() for split in SPLITS}
    for split in SPLITS:
        for task in toy_tasks(split, 600, 0):
            questions[split].add(task.question)
            if fact := parse_fact(task.question):
                names[split].update(fact.entity.split())
                names[split].update(re.findall("[A-Z][a-z]+", task.answer))
    assert len(questions["train"]) == 600
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert names[one].isdisjoint(names[other])
        assert questions[one].isdisjoint(questions[other])


def test_a_smaller_limit_gives_the_beginning_of_the_same_list() -> None:
    assert toy_tasks("test", 40, 0) == toy_tasks("test", 90, 0)[:40]
    assert toy_tasks("test", 40, 0) != toy_tasks("test", 40, 1)


def test_more_questions_than_the_world_has_are_refused() -> None:
    with pytest.raises(ValueError, match="toy dev: 100000 tasks were requested"):
        toy_tasks("dev", 100_000, 0)
