"""Preference pairs: a verified correction against the wrong step at the same state; all else has a reason."""

from __future__ import annotations

from understudy.curation import Repair
from understudy.curation.preferences import preference_pairs
from understudy.records import Message, ParseProblem, Role, Score, Step, StopReason, Task, TaskKind, Trajectory

OPENING = (Message(role=Role.SYSTEM, content="You write code."), Message(role=Role.USER, content="6 x 7?"))


def attempt(number: int, *replies: str, **first: object) -> Trajectory:
    messages = list(OPENING)
    steps = []
    for reply in replies:
        steps.append(Step(message_index=len(messages), **(first if not steps else {})))  # type: ignore[arg-type]
        messages += [Message(role=Role.ASSISTANT, content=reply), Message(role=Role.USER, content="Observation: ?")]
    task = Task(id=f"t{number}", question="6 x 7?", answer="42", kind=TaskKind.MATH, source="made")
    return Trajectory(
        task=task,
        attempt=0,
        seed=1,
        model="student",
        agent="code_agent",
        messages=tuple(messages[:-1]),
        steps=tuple(steps),
        stop_reason=StopReason.ANSWERED,
    )


def correction(number: int, step: int, *replies: str, correct: bool = True, same_before: bool = True) -> Repair:
    again = attempt(number, *replies)
    score = Score(trajectory_id=again.id, correct=correct, grader="exact_match", grader_version="1")
    return Repair(step=step, trajectory=again, score=score, same_before=same_before)


def test_the_verified_correction_is_preferred_to_the_step_that_it_replaced() -> None:
    wrong = attempt(1, "look", "guess", "final_answer(41)")
    tries = [correction(1, 1, "search", "no", correct=False), correction(1, 2, "look", "compute", "final_answer(42)")]
    (pair,), dropped = preference_pairs([wrong], {wrong.id: tries})
    assert not dropped
    assert (pair.id, pair.task_id) == (wrong.id, "t1")
    assert (pair.chosen, pair.rejected) == ("compute", "guess")
    assert pair.messages == wrong.messages[:4], "up to the observation of the first step"
    assert (pair.prefilled_chars, pair.rejected_is_whole) == (0, True)


def test_every_attempt_without_a_pair_has_a_reason() -> None:
    wrong = [attempt(number, "guess") for number in range(6)]
    tries = {
        wrong[0].id: [correction(0, 1, "compute")],
        wrong[1].id: [correction(1, 1, "compute", correct=False)],
        wrong[2].id: [correction(2, 1, "compute", same_before=False)],
        wrong[3].id: [correction(3, 1, "guess")],
        wrong[4].id: [correction(4, 1, "")],
    }
    pairs, dropped = preference_pairs(wrong, tries)
    assert [pair.id for pair in pairs] == ["t0#0"]
    assert dropped == {"not_repaired": 3, "same_reply": 1, "empty_reply": 1}


def test_prefilled_words_and_a_cut_reply_are_marked() -> None:
    wrong = attempt(1, "Thought: I go on and", prefilled_chars=9, parse_problem=ParseProblem.CUT_BY_LENGTH)
    (pair,), _ = preference_pairs([wrong], {wrong.id: [correction(1, 1, "Thought: compute")]})
    assert (pair.prefilled_chars, pair.rejected_is_whole) == (9, False)
    only_prefilled = attempt(2, "Thought: ", prefilled_chars=9)
    _, dropped = preference_pairs([only_prefilled], {only_prefilled.id: [correction(2, 1, "Thought: compute")]})
    assert dropped == {"empty_reply": 1}
