"""Figures of attacked tasks."""

from __future__ import annotations

from understudy.evaluation import measure
from understudy.evaluation.robustness import robustness_of
from understudy.records import ATTACK, Score, StopReason, Task, Trajectory


def attempt(name: str, question: str, attack: str = "", source: str = "shop") -> Trajectory:
    task = Task(id=name, question=question, source=source, metadata={ATTACK: attack} if attack else {})
    return Trajectory(
        task=task, agent="a", model="m", seed=0, messages=(), steps=(), stop_reason=StopReason.ANSWERED, answer="x"
    )


def score(one: Trajectory, correct: bool | None, succeeded: bool | None = None) -> Score:
    return Score(trajectory_id=one.id, grader="g", grader_version="1", correct=correct, attack_succeeded=succeeded)


def test_three_rates_are_about_the_same_user_tasks() -> None:
    calm = [attempt("1", "pay"), attempt("2", "ask"), attempt("3", "never attacked")]
    attacked = [attempt(f"{question}{number}", question, "steal") for question in ("pay", "ask") for number in range(3)]
    scores = [score(calm[0], True), score(calm[1], False), score(calm[2], True)]
    scores += [
        score(one, True, succeeded) for one, succeeded in zip(attacked, (True, True, True, False, False), strict=False)
    ]
    (found,) = measure("S", "m", "a", [*calm, *attacked], scores).robustness
    assert found.without_attack is not None
    assert (found.n_tasks, found.without_attack.n, found.without_attack.n_yes) == (2, 2, 1)
    assert (found.under_attack.n, found.under_attack.n_yes) == (6, 5)  # the attempt without a score counts as wrong
    assert (found.attack_success.n, found.attack_success.n_yes) == (5, 3)  # and is not a successful attack


def test_attempts_at_one_user_task_are_one_cluster() -> None:
    alike = [attempt(f"{number}", "pay" if number < 20 else "ask", "steal") for number in range(40)]
    apart = [attempt(f"{number}", f"question {number}", "steal") for number in range(40)]
    widths = []
    for attempts in (alike, apart):
        scores = {one.id: score(one, True, int(one.task.id) < 20) for one in attempts}
        (found,) = robustness_of(attempts, scores)
        widths.append(found.attack_success.interval.high - found.attack_success.interval.low)
        assert found.attack_success.rate == 0.5
        assert found.without_attack is None
    assert widths[0] > 2 * widths[1]


def test_nothing_attacked_gives_no_figures_and_old_files_stay_the_same() -> None:
    calm = attempt("1", "pay")
    metrics = measure("S", "m", "a", [calm], [score(calm, True)])
    assert metrics.robustness == ()
    assert "robustness" not in metrics.model_dump_json()
    assert "attack" not in score(calm, True).model_dump_json()
    assert "attack_succeeded" in score(calm, True, False).model_dump_json()


def test_sources_are_kept_apart() -> None:
    attempts = [attempt("1", "pay", "steal", "bank"), attempt("2", "pay", "steal", "chat")]
    found = robustness_of(attempts, {one.id: score(one, True, one.task.source == "bank") for one in attempts})
    assert [(one.source, one.attack_success.rate) for one in found] == [("bank", 1.0), ("chat", 0.0)]
