"""Questions of reasoning-gym as a task source, and its scoring as a grader."""

from __future__ import annotations

import sys

import pytest

from understudy.extras import MissingExtraError
from understudy.grading import open_grader
from understudy.records import StopReason, Task, Trajectory
from understudy.tasks import TASK_SOURCES, BadTaskError, load_tasks, procedural

slow = pytest.mark.slow  # importing reasoning-gym takes ten seconds


def attempt(task: Task, answer: str | None) -> Trajectory:
    return Trajectory(
        seed=0,
        task=task,
        agent="code_agent",
        model="m",
        stop_reason=StopReason.ANSWERED if answer else StopReason.STEP_LIMIT,
        answer=answer,
        messages=(),
        steps=(),
    )


@slow
@pytest.mark.parametrize(
    "generator", ["gsm_symbolic", "bitwise_arithmetic", "calendar_arithmetic", "dice", "countdown"]
)
def test_a_generator_scores_its_own_answer_after_the_task_was_stored(generator: str) -> None:
    tasks = load_tasks(kind="reasoning_gym", generator=generator, limit=5, seed=7).tasks
    assert len({task.question for task in tasks}) == 5
    stored = [Task.model_validate_json(task.model_dump_json()) for task in tasks]
    assert stored == list(tasks)
    with open_grader("reasoning_gym") as grader:
        for task in stored:
            assert grader.grade(attempt(task, task.answer)).correct is True
            wrong = grader.grade(attempt(task, "certainly not this"))
            assert wrong.correct is False
            assert grader.grade(attempt(task, None)).correct is False


@slow
def test_a_part_of_the_score_is_kept_and_is_not_right() -> None:
    task = load_tasks(kind="reasoning_gym", generator="gsm_symbolic", limit=1).tasks[0]
    with open_grader("reasoning_gym") as grader:
        score = grader.grade(attempt(task, str(int(task.answer or 0) + 1)))
    assert score.correct is False
    assert score.value is not None
    assert 0 < score.value < 1
    assert "gsm_symbolic" in score.explanation


@slow
def test_other_tasks_are_judged_as_auto_judges_them() -> None:
    with open_grader("reasoning_gym") as grader:
        assert grader.grade(attempt(Task(question="2 + 2?", answer="4"), "4")).correct is True


@slow
def test_options_reach_the_generator() -> None:
    keys = {"kind": "reasoning_gym", "generator": "chain_sum", "limit": 3}
    short = load_tasks(**keys, options={"min_terms": 2, "max_terms": 2}).tasks
    long = load_tasks(**keys, options={"min_terms": 6, "max_terms": 6}).tasks
    assert max(len(one.question) for one in short) < min(len(one.question) for one in long)


@slow
@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"generator": "chain_sums"}, r"generator: expected one of .*chain_sum.*; came 'chain_sums'"),
        ({"generator": "chain_sum", "options": {"terms": 3}}, r"options: chain_sum has .*min_terms.*; came 'terms'"),
        ({"generator": "chain_sum", "options": {"min_terms": 9, "max_terms": 2}}, "options: chain_sum refused"),
        ({"generator": "gsm_symbolic", "options": {"difficulty": 3.0}}, "options: gsm_symbolic refused"),
    ],
)
def test_what_the_generator_does_not_know_is_named(keys: dict[str, object], message: str) -> None:
    with pytest.raises(BadTaskError, match=message):
        load_tasks({"kind": "reasoning_gym", "limit": 2, **keys})


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    procedural._dataset.cache_clear()
    line = r"needs reasoning_gym, which is not installed: pip install 'understudy\[reasoning_gym\]'"
    with pytest.raises(MissingExtraError, match=line):
        load_tasks(kind="reasoning_gym", generator="lcm", limit=1)
    assert TASK_SOURCES.validate({"kind": "reasoning_gym", "generator": "lcm"}).extras == ("reasoning_gym",)  # type: ignore[attr-defined]
