"""Curation: every trajectory is kept or dropped for a reason, and only the model's words are trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.curation.attempts import PREFIX, attempt, score, task
from understudy.agents import ReplyForm
from understudy.curation import ChatMix, CurateConfig, Filter, Selection, SpanWeights, curate
from understudy.curation.filters import FILTERS
from understudy.curation.selection import SELECTIONS
from understudy.records import (
    Dropped,
    DropReason,
    Example,
    ExecutionStatus,
    Message,
    ParseProblem,
    Role,
    Score,
    StopReason,
    TaskKind,
    Trajectory,
)

EVERY_FILTER = CurateConfig(filters=tuple(one for one in Filter if one is not Filter.WITHIN_LENGTH))


class CountingStudent:
    """A student for whom a token is a character, and long thoughts are likely."""

    def n_tokens(self, messages: Sequence[Message], tools: object = ()) -> int:
        return sum(len(message.content) for message in messages)

    def mean_nll(self, example: Example) -> float:
        return -float(self.n_tokens(example.messages))


@pytest.mark.parametrize(
    ("trajectory", "reason"),
    [
        (attempt(problem=ParseProblem.SYNTAX_ERROR), DropReason.UNPARSEABLE_STEP),
        (attempt(stop_reason=StopReason.STEP_LIMIT), DropReason.STEP_LIMIT),
        (attempt(asked=True), DropReason.STEP_LIMIT),
        (attempt(searched=False), DropReason.NO_SEARCH),
        (attempt(stop_reason=StopReason.PROVIDER), DropReason.INFRASTRUCTURE_ERROR),
        (attempt(n_steps=0), DropReason.NOTHING_TRAINED),
    ],
)
def test_each_fault_has_its_reason(trajectory: Trajectory, reason: DropReason) -> None:
    config = EVERY_FILTER if reason is not DropReason.NOTHING_TRAINED else CurateConfig()
    curated = curate([(trajectory, score(trajectory))], config)
    assert not curated.examples
    assert [one.reason for one in curated.dropped] == [reason]


def test_scores_have_their_reasons() -> None:
    one = attempt()
    wanted: list[tuple[Score | None, DropReason]] = [
        (None, DropReason.NOT_SCORED),
        (score(one, correct=None), DropReason.NOT_SCORED),
        (score(one, correct=False), DropReason.INCORRECT),
        (score(one, grounded=False), DropReason.UNGROUNDED),
    ]
    for given_score, reason in wanted:
        assert curate([(one, given_score)], EVERY_FILTER).counts == {reason: 1}


def test_a_wrong_attempt_without_a_reference_is_explained_by_its_grader() -> None:
    one = attempt()
    free = one.model_copy(update={"task": one.task.model_copy(update={"answer": None})})
    given_score = score(free, correct=False).model_copy(update={"explanation": "the refund is missing"})
    assert [one.detail for one in curate([(free, given_score)], EVERY_FILTER).dropped] == ["the refund is missing"]


def test_a_turn_with_neither_code_nor_answer_is_refused() -> None:
    one = attempt(problem=ParseProblem.NO_CODE)
    config = CurateConfig(filters=(Filter.CODE_IN_EVERY_TURN,))
    assert curate([(one, None)], config).counts == {DropReason.TURN_WITHOUT_CODE: 1}


def test_chains_of_thought_and_math_need_no_search() -> None:
    config = CurateConfig(filters=(Filter.SEARCHED,))
    thought = attempt(agent="chain_of_thought", searched=False, n_steps=1)
    sums = attempt(task(2, kind=TaskKind.MATH), searched=False)
    assert len(curate([(thought, None), (sums, None)], config).examples) == 2


@given(
    st.lists(
        st.builds(
            attempt,
            st.integers(1, 4).map(task),
            number=st.integers(0, 3),
            n_steps=st.integers(0, 3),
            stop_reason=st.sampled_from(list(StopReason)),
            searched=st.booleans(),
        ),
        max_size=12,
        unique_by=lambda one: one.id,
    ),
    st.sampled_from([Selection.FIRST, Selection.SHORTEST, Selection.ALL, Selection.LOWEST_NLL]),
    st.sampled_from([True, False, None]),
)
def test_every_trajectory_is_kept_or_dropped_once(
    trajectories: list[Trajectory], how: Selection, correct: bool | None
) -> None:
    config = EVERY_FILTER.model_copy(update={"select": how, "near_duplicates": 0.9})
    curated = curate([(one, score(one, correct=correct)) for one in trajectories], config, student=CountingStudent())
    accounted = [one.trajectory_id for one in (*curated.examples, *curated.dropped)]
    assert sorted(accounted) == sorted(one.id for one in trajectories)
    assert sum(curated.counts.values()) == len(curated.dropped)
    for example in curated.examples:
        for span in example.spans:
            assert example.messages[span.message_index].role is Role.ASSISTANT


@pytest.mark.parametrize("how", [Selection.FIRST, Selection.ALL])
def test_attempts_of_two_stages_may_share_an_id_and_even_all_their_words(how: Selection) -> None:
    """As a repaired attempt and the teacher's own at the same question do."""
    one = attempt()
    curated = curate(
        [(one, score(one), "repair/again"), (one, score(one), "rollout/teacher")], CurateConfig(select=how)
    )
    kept = [(example.id, example.stage) for example in curated.examples]
    dropped = [(each.trajectory_id, each.stage, each.reason) for each in curated.dropped]
    if how is Selection.ALL:
        assert kept == [(one.id, "repair/again"), (f"{one.id}~2", "rollout/teacher")]
        assert not dropped
    else:
        assert kept == [(one.id, "repair/again")]
        assert dropped == [(one.id, "rollout/teacher", DropReason.NOT_SELECTED)]


def test_two_questions_of_two_sets_may_share_an_id() -> None:
    """As row 1 of two files does: neither is taken for another attempt at the other, nor for its near duplicate."""
    one, other = attempt(task(1, question="Who?")), attempt(task(1, question="Where did it happen, and when?"))
    pairs = [(one, score(one), "rollout/a"), (other, score(other), "rollout/b")]
    config = CurateConfig(near_duplicates=0.9)
    assert [example.stage for example in curate(pairs, config).examples] == ["rollout/a", "rollout/b"]
    found = curate(pairs, config, contaminated={"Who?": "test: 3"})
    assert [example.stage for example in found.examples] == ["rollout/b"]
    twice = [*pairs, (other, score(other), "rollout/c")]
    assert [(each.stage, each.reason) for each in curate(twice, config).dropped] == [
        ("rollout/c", DropReason.NOT_SELECTED)
    ]


def test_tasks_without_a_reference_are_near_duplicates_only_by_equal_words() -> None:
    questions = ("Write a poem about the sea.", "write a poem about the sea", "Write a poem about the moon.")
    tasks = [task(n, question=question).model_copy(update={"answer": None}) for n, question in enumerate(questions)]
    pairs = [(one, score(one)) for one in map(attempt, tasks)]
    curated = curate(pairs, CurateConfig(near_duplicates=0.5))
    assert [example.task_id for example in curated.examples] == ["t0", "t2"]


def test_every_filter_and_every_selection_is_in_its_table() -> None:
    assert set(FILTERS) == set(Filter)
    assert set(SELECTIONS) == set(Selection)


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("void_turn", "turn_without_code"),
        ("unsupported", "ungrounded"),
        ("program_failure", "infrastructure_error"),
        ("too_long", "too_long"),
    ],
)
def test_stored_reasons_with_former_names_are_read(former: str, now: str) -> None:
    read = Dropped.model_validate_json(f'{{"trajectory_id": "t#0", "reason": "{former}"}}')
    assert (read.reason, f"{[read.reason]}") == (now, f"['{now}']")


def test_reasons_print_as_plain_text() -> None:
    one = attempt(problem=ParseProblem.SYNTAX_ERROR)
    assert str(curate([(one, score(one))], CurateConfig()).counts) == "{'unparseable_step': 1}"


def test_one_attempt_a_task_is_kept_as_asked() -> None:
    short, long = attempt(number=1), attempt(number=2, thought=" look it up, and then think about it for long.")
    middle = attempt(number=0, thought=" look it up somewhere.")
    pairs = [(one, score(one)) for one in (middle, short, long)]
    kept = {
        how: [one.id for one in curate(pairs, CurateConfig(select=how), student=CountingStudent()).examples]
        for how in Selection
    }
    assert kept == {
        Selection.FIRST: [middle.id],
        Selection.SHORTEST: [short.id],
        Selection.ALL: [middle.id, short.id, long.id],
        Selection.LOWEST_NLL: [long.id],
    }


def test_complete_replies_are_trained_and_the_text_after_the_last_is_cut_off() -> None:
    one = attempt(n_steps=3)
    (example,) = curate([(one, score(one))], CurateConfig()).examples
    assert example.messages == one.messages[:-1]
    trained = [(example.messages[s.message_index].content[s.start : s.end], s.weight) for s in example.spans]
    assert trained == [(m.content, 1.0) for m in one.messages if m.role is Role.ASSISTANT]


def test_the_students_initial_messages_replace_the_teachers_and_spans_move_with_it() -> None:
    one = attempt()
    opening = (Message(role=Role.USER, content="short"),)
    (example,) = curate([(one, score(one))], CurateConfig(), initial_messages=lambda _: opening).examples
    assert example.messages == opening + one.messages[2:-1]
    assert [span.message_index for span in example.spans] == [1, 3]


def test_replies_are_written_in_the_students_action_format() -> None:
    one = attempt()
    (same,) = curate([(one, score(one))], CurateConfig(), form=ReplyForm(action_format="")).examples
    assert same == curate([(one, score(one))], CurateConfig()).examples[0]
    config = CurateConfig(weights=SpanWeights(thought=0.5, code=2, final=3), prefix_trained=False)
    (example,) = curate([(one, score(one))], config, form=ReplyForm(action_format="code_tags")).examples
    assert example.action_format == "code_tags"
    replies = [message.content for message in example.messages if message.role is Role.ASSISTANT]
    assert replies == [
        f"{PREFIX} look it up.\n<code>\nx = web_search('q')\n</code>",
        "Thought: look it up.\n<code>\nfinal_answer(x)\n</code>",
    ]
    trained = [(example.messages[s.message_index].content[s.start : s.end], s.weight) for s in example.spans]
    assert trained == [
        (" look it up.\n", 0.5),
        ("<code>\nx = web_search('q')\n</code>", 2),
        ("Thought: look it up.\n", 0.5),
        ("<code>\nfinal_answer(x)\n</code>", 3),
    ]


def with_reply(one: Trajectory, content: str) -> Trajectory:
    first = one.steps[0].message_index
    messages = [m if n != first else m.model_copy(update={"content": content}) for n, m in enumerate(one.messages)]
    return one.model_copy(update={"messages": tuple(messages)})


@pytest.mark.parametrize(
    "rest", ["\nOutput:\n```\n999\n```\nThought: So 999.", "\nThe output is 999.", "<end_code>\n999"]
)
def test_an_output_that_the_teacher_invented_is_not_trained(rest: str) -> None:
    whole = "Thought: look it up.\nCode:\n```py\nx = web_search('q')\n```"
    invented = with_reply(attempt(), whole + rest)
    (example,) = curate([(invented, score(invented))], CurateConfig()).examples
    first = example.spans[0]
    assert example.messages[first.message_index].content == whole + "<end_code>"
    assert (first.start, first.end) == (0, len(whole + "<end_code>"))
    failed = with_reply(attempt(problem=ParseProblem.NO_CODE), whole + rest)
    (example,) = curate([(failed, None)], CurateConfig(filters=())).examples
    assert example.messages[first.message_index].content == whole + rest


def test_a_reply_without_an_action_stays_as_it_is_in_any_format() -> None:
    one = attempt(problem=ParseProblem.NO_CODE)
    first = one.steps[0].message_index
    changed = with_reply(one, "I wonder.")
    (example,) = curate([(changed, None)], CurateConfig(filters=()), form=ReplyForm(action_format="code_tags")).examples
    assert example.messages[first].content == "I wonder."


def test_a_prefix_that_is_only_read_is_left_out_of_its_span() -> None:
    one = attempt()
    (example,) = curate([(one, score(one))], CurateConfig(prefix_trained=False)).examples
    assert [span.start for span in example.spans] == [len(PREFIX), 0]


def test_weights_split_replies_at_their_code() -> None:
    one = attempt()
    config = CurateConfig(weights=SpanWeights(thought=0.5, code=2, final=3))
    (example,) = curate([(one, score(one))], config).examples
    texts = [(example.messages[s.message_index].content[s.start : s.end], s.weight) for s in example.spans]
    assert [weight for _, weight in texts] == [0.5, 2, 0.5, 3]
    assert [text.startswith("```py") for text, _ in texts] == [False, True, False, True]
    replies = [m.content for m in one.messages if m.role is Role.ASSISTANT]
    assert [texts[0][0] + texts[1][0], texts[2][0] + texts[3][0]] == replies


def test_a_failed_step_is_read_and_not_trained_where_asked() -> None:
    one = attempt(status=ExecutionStatus.ERROR)
    config = CurateConfig(failed_steps_trained=False)
    (example,) = curate([(one, score(one))], config).examples
    assert [span.message_index for span in example.spans] == [4]


def test_too_long_and_contaminated_are_dropped_with_details() -> None:
    one, other = attempt(), attempt(task(2))
    config = CurateConfig(filters=(Filter.WITHIN_LENGTH,), max_tokens=10)
    long = curate([(one, None)], config, student=CountingStudent())
    assert long.counts == {DropReason.TOO_LONG: 1}
    assert "at most 10" in long.dropped[0].detail
    found = curate(
        [(one, score(one)), (other, score(other))], CurateConfig(), contaminated={other.task.question: "test set x"}
    )
    assert [(d.trajectory_id, d.reason, d.detail) for d in found.dropped] == [
        (other.id, DropReason.CONTAMINATED, "test set x")
    ]


def test_a_question_asked_twice_is_kept_once_but_one_with_another_answer_is_another() -> None:
    words = "who wrote the long book about the whale and the sea captain"
    first, again = task(1, question=f"{words}?"), task(2, question=f"{words.upper()} ?")
    other_answer = task(3, question=f"{words}?", answer="Bergen")
    pairs = [(one, score(one)) for one in map(attempt, (first, again, other_answer))]
    curated = curate(pairs, CurateConfig(near_duplicates=0.8))
    assert [example.task_id for example in curated.examples] == ["t1", "t3"]
    assert [(one.reason, one.detail) for one in curated.dropped] == [(DropReason.NEAR_DUPLICATE, "of task t1")]


def test_chat_is_mixed_in_by_ratio_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    line = '{"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"}]}'
    (tmp_path / "chat.jsonl").write_text("\n".join([line] * 5))
    pairs = [(one, score(one)) for one in (attempt(task(number)) for number in range(8))]
    config = CurateConfig(chat=ChatMix(path=tmp_path / "chat.jsonl", ratio=0.5))
    curated = curate(pairs, config)
    assert curated.n_chat == 4
    assert len(curated.examples) == 12
    assert curated == curate(pairs, config)
    with pytest.raises(ValueError, match="asks for 8 conversations, the file contains 5"):
        curate(pairs, CurateConfig(chat=ChatMix(path=tmp_path / "chat.jsonl", ratio=1)))


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="go together"):
        CurateConfig(filters=(Filter.WITHIN_LENGTH,))
    with pytest.raises(ValueError, match="nothing would be trained"):
        SpanWeights(thought=0, code=0, final=0)
    with pytest.raises(ValueError, match="but got no student"):
        curate([], CurateConfig(select=Selection.LOWEST_NLL))
