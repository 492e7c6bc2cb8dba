"""First-thought prefixes: never the whole chain of thought, never its answer, nothing dropped without a reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from understudy.agents import FirstThoughtConfig, NoFirstThought, make_first_thoughts
from understudy.agents.first_thought import first_paragraph
from understudy.records import Message, Role, Score, Step, StopReason, Task, TaskKind, Trajectory


def cot(text: str, task_id: str = "t", attempt: int = 0, stop: StopReason = StopReason.ANSWERED) -> Trajectory:
    said = (Message(role=Role.ASSISTANT, content=text),) if text else ()
    return Trajectory(
        task=Task(id=task_id, question="q", answer="a", kind=TaskKind.FACT, source="s"),
        attempt=attempt,
        agent="chain_of_thought",
        model="m",
        seed=0,
        messages=(Message(role=Role.USER, content="q"), *said),
        steps=(Step(message_index=1),) if text else (),
        stop_reason=stop,
    )


@given(st.text(st.sampled_from("ab .!?\n")), st.integers(20, 60))
def test_a_prefix_begins_the_text_and_is_shorter(text: str, cap: int) -> None:
    prefix = first_paragraph(text, cap)
    assert text.strip().startswith(prefix)
    assert len(prefix) <= cap
    assert prefix != text.strip() or not prefix
    assert "\n\n" not in prefix
    assert prefix == prefix.strip()


def test_the_first_paragraph() -> None:
    text = "First I find the author. Then the town.\n \nThe author is X.\n\nSo \\boxed{Y}."
    assert first_paragraph(text, 600) == "First I find the author. Then the town."


def test_without_a_blank_line_it_is_the_first_sentences_up_to_the_cap_and_never_all() -> None:
    text = "I find the author. The author is X. X was born in Y. The answer is Y."
    assert first_paragraph(text, 600) == "I find the author. The author is X. X was born in Y."
    assert first_paragraph(text, 40) == "I find the author. The author is X."
    assert first_paragraph("The answer is Y.", 600) == ""


def test_the_answer_is_left_out() -> None:
    assert first_paragraph("We add. So \\boxed{4}. Done.\n\nCheck.", 600) == "We add."
    assert first_paragraph("So \\boxed{4}.\n\nCheck.", 600) == ""


def test_a_sentence_longer_than_the_cap_is_cut_between_words() -> None:
    assert first_paragraph("one two three four five six seven\n\nrest", 20) == "one two three four"


def test_everything_left_out_has_a_reason() -> None:
    trajectories = [
        cot("First.\n\nThen.", "a"),
        cot("Other.\n\nThen.", "a", attempt=1),
        cot("", "b", stop=StopReason.PROVIDER),
        cot("One sentence.", "c"),
        cot("First.\n\nThen.", "d"),
    ]
    made = make_first_thoughts(trajectories, {}, FirstThoughtConfig())
    assert [(each.task_id, each.text, each.trajectory_id) for each in made.thoughts] == [
        ("a", "First.", "a#0"),
        ("d", "First.", "d#0"),
    ]
    assert made.left_out == {
        NoFirstThought.TASK_HAS_ONE: 1,
        NoFirstThought.PROGRAM_FAILURE: 1,
        NoFirstThought.NOTHING_BEFORE_THE_ANSWER: 1,
    }


def test_only_correct_ones_where_that_is_asked() -> None:
    def score(trajectory_id: str, correct: bool | None) -> Score:
        return Score(trajectory_id=trajectory_id, grader="g", grader_version="1", correct=correct)

    scores = {each.trajectory_id: each for each in (score("a#0", True), score("b#0", False), score("c#0", None))}
    trajectories = [cot("First.\n\nThen.", each) for each in "abcd"]
    made = make_first_thoughts(trajectories, scores, FirstThoughtConfig(only_correct=True))
    assert [each.task_id for each in made.thoughts] == ["a"]
    assert made.thoughts[0].correct is True
    assert made.left_out == {NoFirstThought.NOT_CORRECT: 3}
    assert len(make_first_thoughts(trajectories, scores, FirstThoughtConfig()).thoughts) == 4
