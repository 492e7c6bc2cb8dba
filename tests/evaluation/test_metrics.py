"""Figures of a system, by hand."""

from __future__ import annotations

import pytest

from understudy.evaluation import AVERAGE, Breakdown, Graded, accuracy_by, compare, compare_all, measure
from understudy.evaluation.statistics import wilson
from understudy.records import (
    ExecutionStatus,
    Message,
    Metrics,
    ParseProblem,
    Role,
    Score,
    Step,
    StopReason,
    Task,
    TaskKind,
    Timing,
    ToolCall,
    Trajectory,
    Usage,
)

SEARCH = ToolCall(name="web_search", arguments="{}")
MESSAGES = (Message(role=Role.USER, content="?"), Message(role=Role.ASSISTANT, content="!"))


def attempt(source: str, number: int, n: int = 0, *, level: str = "1", searches: int = 0, **keys: object) -> Trajectory:
    task = Task(id=f"{source}/{number}", question="?", answer="a", kind=TaskKind.FACT, source=source, level=level)
    step = Step(message_index=1, execution_status=ExecutionStatus.OK, tool_calls=(SEARCH,) * searches)
    fields: dict[str, object] = {"steps": (step,), "stop_reason": StopReason.ANSWERED, "answer": "a"}
    return Trajectory.model_validate(
        {"task": task, "attempt": n, "agent": "code_agent", "model": "m", "seed": 0, "messages": MESSAGES}
        | fields
        | keys
    )


def score(trajectory: Trajectory, correct: bool | None, **keys: object) -> Score:
    fields = {"trajectory_id": trajectory.id, "grader": "exact_match", "grader_version": "1", "correct": correct}
    return Score.model_validate(fields | keys)


def test_every_figure_by_hand() -> None:
    failed = Step(message_index=1, parse_problem=ParseProblem.NO_CODE)
    error = Step(message_index=1, execution_status=ExecutionStatus.ERROR)
    trajectories = [
        attempt(
            "a", 1, searches=2, usage=Usage(prompt_tokens=10, completion_tokens=5, requests=1), timing=Timing(model_s=1)
        ),
        attempt("a", 2, steps=(failed, error), usage=Usage(prompt_tokens=1), timing=Timing(code_s=2)),
        attempt("a", 3, stop_reason=StopReason.STEP_LIMIT, answer=None),
        attempt("a", 4, stop_reason=StopReason.PROVIDER, answer=None),
        attempt("b", 1, searches=1),
    ]
    scores = [
        score(trajectories[0], True, value=1.0, grounded=True),
        score(trajectories[1], False, value=0.5, grounded=False),
        score(trajectories[2], False, value=0.0),
        score(trajectories[3], None),
        score(trajectories[4], True),
    ]
    metrics = measure("student", "qwen", "code_agent", trajectories, scores, is_program=True)
    a, b = metrics.task_sets
    assert (metrics.system, metrics.model, metrics.agent, metrics.is_program) == ("student", "qwen", "code_agent", True)
    assert metrics.average == pytest.approx((1 / 4 + 1) / 2)
    assert (a.task_set, a.n, a.n_tasks, a.n_correct, a.n_not_scored, a.accuracy) == ("a", 4, 4, 1, 1, 0.25)
    assert a.interval == wilson(1, 4)
    assert (a.mean_value, a.grounded_rate) == (0.5, 0.5)
    assert (a.search_rate, a.searches_per_task) == (0.25, 0.5)
    assert a.stop_reasons == {StopReason.ANSWERED: 2, StopReason.STEP_LIMIT: 1, StopReason.PROVIDER: 1}
    assert a.step_failures == {"no_code": 1, "error": 1}
    assert a.mean_steps == 5 / 4
    assert a.usage == Usage(prompt_tokens=11, completion_tokens=5, requests=1)
    assert a.timing == Timing(model_s=1, code_s=2)
    assert (b.n, b.accuracy, b.search_rate, b.mean_value, b.grounded_rate) == (1, 1.0, 1.0, None, None)


def test_a_chain_of_thought_has_no_search_rate() -> None:
    thought = attempt("a", 1, steps=(Step(message_index=1, is_final=True),))
    found = measure("s", "m", "chain_of_thought", [thought], [score(thought, True)]).task_sets[0]
    assert (found.search_rate, found.searches_per_task) == (None, None)


def test_what_has_no_score_counts_as_wrong() -> None:
    trajectories = [attempt("a", n) for n in range(4)]
    found = measure("s", "m", "code_agent", trajectories, [score(trajectories[0], True)]).task_sets[0]
    assert (found.accuracy, found.n_not_scored) == (0.25, 3)


def test_what_does_not_fit_together_is_refused() -> None:
    one = attempt("a", 1)
    with pytest.raises(ValueError, match="got none"):
        measure("s", "m", "a", [], [])
    with pytest.raises(ValueError, match="1 ids come twice"):
        measure("s", "m", "a", [one, one], [])
    with pytest.raises(ValueError, match="score of 'a/2#0': no such trajectory"):
        measure("s", "m", "a", [one], [score(attempt("a", 2), True)])


def test_tables_by_level_and_pass_at_k() -> None:
    verdicts = {1: (True, False, False), 2: (False, False, False), 3: (True, True, True)}
    trajectories = [attempt("a", task, n, level="hard" if task < 3 else "easy") for task in verdicts for n in range(3)]
    scores = [score(t, verdicts[int(t.task.id[-1])][t.attempt]) for t in trajectories]
    easy, hard = accuracy_by(Breakdown.LEVEL, trajectories, scores)
    assert (easy.group, easy.accuracy, easy.pass_at) == ("easy", 1.0, (1.0, 1.0, 1.0))
    assert (hard.group, hard.n, hard.n_tasks, hard.n_correct) == ("hard", 6, 2, 1)
    # Task 1: 1/3, 2/3, 1; task 2: never.
    assert hard.pass_at == pytest.approx((1 / 6, 1 / 3, 1 / 2))
    assert [row.group for row in accuracy_by(Breakdown.TYPE, trajectories, scores)] == [""]
    assert [row.group for row in accuracy_by(Breakdown.TASK_SET, trajectories, scores)] == ["a"]


def test_metrics_hold_the_tables_that_say_more_than_the_accuracy() -> None:
    trajectories = [attempt("a", task, n, level="hard" if task < 3 else "easy") for task in (1, 2, 3) for n in range(2)]
    trajectories += [attempt("b", task) for task in (4, 5)]
    scores = [score(t, t.task.id.endswith("3")) for t in trajectories]
    found = measure("s", "m", "code_agent", trajectories, scores)
    assert [(t.task_set, t.by) for t in found.breakdowns] == [("a", Breakdown.TASK_SET), ("a", Breakdown.LEVEL)]
    whole, by_level = found.breakdowns
    assert whole.groups[0].pass_at == pytest.approx((1 / 3, 1 / 3))
    assert by_level.groups == accuracy_by(
        Breakdown.LEVEL, trajectories[:6], [s for s in scores if s.trajectory_id.startswith("a/")]
    )
    without = found.model_dump(exclude={"breakdowns"})
    assert Metrics.model_validate(without).breakdowns == (), "metrics.json of before can still be read"


def graded(system: str, verdicts: dict[str, str]) -> Graded:
    """``{"a": "1101"}``: four tasks of set a, the third of which was wrong."""
    pairs = [(attempt(s, n), mark == "1") for s, marks in verdicts.items() for n, mark in enumerate(marks)]
    return Graded(system, [t for t, _ in pairs], [score(t, correct) for t, correct in pairs])


def test_a_paired_comparison_by_hand() -> None:
    ours, theirs = graded("new", {"a": "1" * 12 + "0" * 8}), graded("old", {"a": "0" * 10 + "1" * 2 + "1" + "0" * 7})
    found = compare(ours, theirs, "a")
    assert (found.system, found.baseline, found.task_set, found.n_tasks) == ("new", "old", "a", 20)
    assert (found.n_only_system, found.n_only_baseline) == (10, 1)
    assert found.difference == pytest.approx(9 / 20)
    assert found.p_value == pytest.approx(2 * (1 + 11) / 2**11)
    assert 0 < found.interval.low < found.difference < found.interval.high < 1


def test_a_system_compared_with_itself() -> None:
    same = graded("x", {"a": "1100", "b": "10"})
    for row in compare_all(same, same):
        assert (row.difference, row.interval.low, row.interval.high, row.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_all_sets_and_their_unweighted_average() -> None:
    ours, theirs = graded("new", {"a": "1" * 100, "b": "11", "c": "1"}), graded("old", {"a": "1" * 100, "b": "00"})
    rows = compare_all(ours, theirs)
    assert [row.task_set for row in rows] == ["a", "b", AVERAGE]
    assert [row.difference for row in rows] == [0.0, 1.0, 0.5]
    assert rows[2].n_tasks == 102


def test_only_common_tasks_are_compared_and_attempts_are_clustered() -> None:
    ours = [attempt("a", 1, n) for n in range(4)]
    system = Graded("new", ours, [score(t, t.attempt < 3) for t in ours])
    other = [attempt("a", 1), attempt("a", 2)]
    baseline = Graded("old", other, [score(t, False) for t in other])
    found = compare(system, baseline, "a")
    assert (found.n_tasks, found.difference, found.n_only_system) == (1, 0.75, 1)
    with pytest.raises(ValueError, match="new and old have no question of 'b' in common"):
        compare(system, baseline, "b")


# --- several sets of one source -----------------------------------------------------------------


def in_sets(names: tuple[str, ...], number: int, *, question: str = "?", source: str = "shop") -> Trajectory:
    made = attempt(source, number)
    return made.model_copy(update={"task": made.task.model_copy(update={"task_sets": names, "question": question})})


def all_right(system: str, trajectories: list[Trajectory]) -> Graded:
    return Graded(system, trajectories, [score(t, True) for t in trajectories])


def all_wrong(system: str, trajectories: list[Trajectory]) -> Graded:
    return Graded(system, trajectories, [score(t, False) for t in trajectories])


def test_two_sets_of_one_source_are_two_rows() -> None:
    trajectories = [in_sets(("easy",), 1), in_sets(("easy",), 2), in_sets(("hard",), 3)]
    found = measure("s", "m", "code_agent", trajectories, [score(t, t.task.id != "shop/3") for t in trajectories])
    assert [(one.task_set, one.n, one.accuracy) for one in found.task_sets] == [("easy", 2, 1.0), ("hard", 1, 0.0)]
    assert found.average == 0.5
    groups = accuracy_by(Breakdown.TASK_SET, trajectories, [])
    assert [(one.group, one.n) for one in groups] == [("easy", 2), ("hard", 1)]


def test_a_task_of_two_sets_counts_in_both() -> None:
    trajectories = [in_sets(("first", "second"), 1), in_sets(("second",), 2)]
    found = measure("s", "m", "code_agent", trajectories, [score(trajectories[0], True)])
    assert [(one.task_set, one.n, one.n_correct) for one in found.task_sets] == [("first", 1, 1), ("second", 2, 1)]
    rows = compare_all(all_right("new", trajectories), all_wrong("old", trajectories))
    assert [(row.task_set, row.n_tasks) for row in rows] == [("first", 1), ("second", 2), (AVERAGE, 3)]


def test_sets_of_one_source_are_not_paired() -> None:
    """Two files of one source number their questions alike: the ids say nothing."""
    ours, theirs = [in_sets(("a",), 1, question="one?")], [in_sets(("b",), 1, question="two?")]
    assert compare_all(all_right("new", ours), all_wrong("old", theirs)) == ()


def test_one_id_with_two_questions_is_not_paired() -> None:
    ours = [in_sets(("a",), 1, question="one?"), in_sets(("a",), 2), in_sets(("b",), 3)]
    theirs = [in_sets(("a",), 1, question="another?"), in_sets(("a",), 2), in_sets(("b",), 4)]
    rows = compare_all(all_right("new", ours), all_wrong("old", theirs))
    assert [(row.task_set, row.n_tasks) for row in rows] == [("a", 1)], "and b, with nothing in common, ends no run"


def test_an_id_that_carries_its_set_is_paired_with_the_id_of_the_source() -> None:
    ours, plain = in_sets(("b",), 1), in_sets(("b",), 1)
    carrying = ours.model_copy(update={"task": ours.task.model_copy(update={"id": "b:shop/1"})})
    assert compare(all_right("new", [carrying]), all_wrong("old", [plain]), "b").n_tasks == 1


def test_attempts_of_before_are_read_by_their_source() -> None:
    old = attempt("a", 1).model_dump(mode="json", exclude_defaults=True)
    assert "task_sets" not in old["task"]
    assert Trajectory.model_validate(old).task.set_names == ("a",)
