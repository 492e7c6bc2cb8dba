"""Trajectories with tool calls become examples: which parts are trained, split or omitted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.curation.attempts import attempt as code_attempt
from tests.curation.attempts import score, task
from tests.curation.test_export import PROVENANCE
from understudy.agents import ReplyForm
from understudy.curation import CurateConfig, Repair, curate, export
from understudy.curation.preferences import preference_pairs
from understudy.curation.repair import said
from understudy.records import (
    Example,
    ExecutionStatus,
    FunctionCall,
    Message,
    ParseProblem,
    Role,
    SpanPart,
    Step,
    StopReason,
    ToolCall,
    ToolSchema,
    Trajectory,
)

SEARCH = ToolSchema(name="search", parameters={"type": "object", "properties": {"q": {"type": "string"}}})
OWN = ToolSchema(name="own")
OPENING = (Message(role=Role.SYSTEM, content="long prompt"), Message(role=Role.USER, content="Q?"))


def call(number: int, **arguments: object) -> FunctionCall:
    return FunctionCall.model_validate({"id": f"c{number}", "name": "search", "arguments": arguments})


def attempt(*calls: FunctionCall, answer: str = "Oslo", thought: str = "I look.", **first: object) -> Trajectory:
    """One reply with calls and their results, then the answer."""
    results = [Message(role=Role.TOOL, content=f"result of {one.id}", tool_call_id=one.id) for one in calls]
    messages = [*OPENING, Message(role=Role.ASSISTANT, content=thought, tool_calls=calls), *results]
    records = tuple(ToolCall(name=one.name, arguments="{}", is_search=True) for one in calls)
    acted = Step(message_index=2, execution_status=ExecutionStatus.OK, tool_calls=records)
    steps = (acted.model_copy(update=first), Step(message_index=len(messages), is_final=True))
    return Trajectory(
        task=task(),
        agent="tool_calling",
        model="teacher",
        seed=0,
        action_format="tool_calls",
        tools=(SEARCH,),
        messages=(*messages, Message(role=Role.ASSISTANT, content=answer)),
        steps=steps,
        stop_reason=StopReason.ANSWERED,
        answer=answer,
    )


def example(of: Trajectory, form: ReplyForm | None = None, **settings: object) -> Example:
    (made,) = curate([(of, score(of))], CurateConfig.model_validate(settings), form=form).examples
    return made


def spans(of: Example) -> list[tuple[int, str, int, int, float]]:
    return [(one.message_index, str(one.part), one.start, one.end, one.weight) for one in of.spans]


def test_thought_calls_and_answer_are_trained_and_results_are_read() -> None:
    made = example(attempt(call(1, q="a")))
    assert spans(made) == [(2, "content", 0, 7, 1.0), (2, "calls", 0, 0, 1.0), (4, "content", 0, 4, 1.0)]
    assert made.tools == (SEARCH,)
    assert made.action_format == "tool_calls"
    assert Example.model_validate_json(made.model_dump_json()) == made


def test_weights_go_by_what_a_part_is() -> None:
    made = example(attempt(call(1)), weights={"thought": 0.5, "code": 2.0, "final": 3.0})
    assert spans(made) == [(2, "content", 0, 7, 0.5), (2, "calls", 0, 0, 2.0), (4, "content", 0, 4, 3.0)]
    without = example(attempt(call(1)), weights={"thought": 0, "code": 0, "final": 1})
    assert [one.message_index for one in without.spans] == [4]


def test_a_reply_of_calls_alone_and_a_prefill_that_is_read() -> None:
    assert spans(example(attempt(call(1), thought="")))[0] == (2, "calls", 0, 0, 1.0)
    made = example(attempt(call(1), prefilled_chars=7), prefix_trained=False)
    assert [one.part for one in made.spans] == [SpanPart.CALLS, SpanPart.CONTENT]


def test_failed_and_broken_calls() -> None:
    failed = attempt(call(1), execution_status=ExecutionStatus.ERROR)
    assert len(example(failed).spans) == 3
    assert [one.message_index for one in example(failed, failed_steps_trained=False).spans] == [4]
    broken = FunctionCall(id="c1", name="search", broken_arguments='{"q": ')
    unread = attempt(broken, execution_status=None, parse_problem=ParseProblem.BROKEN_CALL)
    (dropped,) = curate([(unread, score(unread))], CurateConfig()).dropped
    assert (dropped.reason, dropped.detail) == ("unparseable_step", "step 1: broken_call")
    kept = example(unread, filters=["correct"])
    assert [one.part for one in kept.spans] == [SpanPart.CONTENT] * 2, "a call that was not read is not trained"


def test_the_students_own_tools_and_prompt_stand_in_the_example() -> None:
    form = ReplyForm(action_format="tool_calls", tools=(OWN,))
    of = attempt(call(1))
    opening = (Message(role=Role.USER, content="short"),)
    (made,) = curate([(of, score(of))], CurateConfig(), form=form, initial_messages=lambda _: opening).examples
    assert made.tools == (OWN,)
    assert made.messages == (*opening, *of.messages[2:])
    assert [one.message_index for one in made.spans] == [1, 1, 3]


def test_replies_of_the_other_form_are_left_out_with_a_reason() -> None:
    calling, coding = attempt(call(1)), code_attempt()
    pairs = [(calling, score(calling)), (coding, score(coding))]
    for record, kept in (("tool_calls", calling), ("", coding)):
        curated = curate(pairs, CurateConfig(select="all"), form=ReplyForm(action_format=record))  # type: ignore[arg-type]
        assert [one.messages[2] for one in curated.examples] == [kept.messages[2]]
        assert curated.counts == {"other_form": 1}


# --- several calls in a reply -----------------------------------------------------------------

TWO = (call(1, q="a"), call(2, q="b"))


def test_several_calls_are_split_for_a_student_that_makes_one() -> None:
    made = example(attempt(*TWO), ReplyForm(action_format="tool_calls", one_call=True))
    said_then = [(one.role.value, one.content, [each.id for each in one.tool_calls]) for one in made.messages[2:]]
    assert said_then == [
        ("assistant", "I look.", ["c1"]),
        ("tool", "result of c1", []),
        ("assistant", "", ["c2"]),
        ("tool", "result of c2", []),
        ("assistant", "Oslo", []),
    ]
    assert [(index, part) for index, part, *_ in spans(made)] == [
        (2, "content"),
        (2, "calls"),
        (4, "calls"),
        (6, "content"),
    ]


def test_several_calls_are_kept_or_dropped_as_the_recipe_says() -> None:
    one_call = ReplyForm(action_format="tool_calls", one_call=True)
    assert len(example(attempt(*TWO)).messages[2].tool_calls) == 2
    assert len(example(attempt(*TWO), one_call, several_calls="keep").messages[2].tool_calls) == 2
    assert len(example(attempt(*TWO), several_calls="split").messages[2].tool_calls) == 1
    of = attempt(*TWO)
    assert curate([(of, score(of))], CurateConfig(several_calls="drop")).counts == {"several_calls": 1}  # type: ignore[arg-type]
    assert example(attempt(call(1)), several_calls="drop")


def test_what_cannot_be_split_is_dropped() -> None:
    whole = attempt(*TWO)
    ended = whole.model_copy(update={"messages": whole.messages[:3], "steps": whole.steps[:1]})
    curated = curate([(ended, score(ended))], CurateConfig(several_calls="split"))  # type: ignore[arg-type]
    assert curated.counts == {"several_calls": 1}
    assert curated.dropped[0].detail == "cannot be split: a result is missing"


# --- what is made of examples -----------------------------------------------------------------


def test_parquet_keeps_each_rows_own_arguments(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    attempts = [attempt(call(1, q="a")), attempt(call(1, n=3, deep={"x": [None]})).model_copy(update={"attempt": 1})]
    curated = curate([(one, score(one)) for one in attempts], CurateConfig(select="all"))  # type: ignore[arg-type]
    export(curated, CurateConfig(), PROVENANCE, tmp_path)
    rows = parquet.read_table(tmp_path / "examples.parquet").to_pylist()
    arguments = [json.loads(row["messages"][2]["tool_calls"][0]["arguments"]) for row in rows]
    assert arguments == [{"q": "a"}, {"n": 3, "deep": {"x": [None]}}]
    assert json.loads(rows[0]["tools"][0]["parameters"]) == SEARCH.parameters
    card = (tmp_path / "README.md").read_text()
    assert "2 tool calls are in `tool_calls`" in card


def test_pairs_and_corrections_compare_texts_not_ids() -> None:
    wrong = attempt(call(1, q="a"), answer="Bergen")
    same, better = attempt(call(7, q="a")), attempt(call(7, q="b"))

    def corrected(by: Trajectory) -> dict[str, list[Repair]]:
        return {wrong.id: [Repair(step=1, trajectory=by, score=score(by), same_before=True)]}

    assert list(map(said, wrong.messages[:3])) == list(map(said, same.messages[:3]))
    assert preference_pairs([wrong], corrected(same))[1] == {"same_reply": 1}
    (pair,), _ = preference_pairs([wrong], corrected(better))
    assert (pair.chosen_calls, pair.rejected_calls, pair.tools) == ((call(7, q="b"),), (call(1, q="a"),), (SEARCH,))
