"""Joining requests, forks, feedback, refusals with file and row, and readers of users."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.curation.attempts import attempt
from understudy.curation import ImportConfig, RefusalReason, import_trajectories
from understudy.curation.traces import Conversation, Found, Imported
from understudy.datafiles import Row
from understudy.records import Message, ParseProblem, Role, StopReason

SAMPLES = Path(__file__).parent / "samples"
ASK = {"role": "user", "content": "Two and two?"}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}


def call(number: int = 1, arguments: str = '{"a": 2, "b": 2}', name: str = "add") -> dict[str, Any]:
    made = {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [made]}


def result(number: int = 1, text: str = "4") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"c{number}", "content": text}


def said(text: str, **beside: object) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **beside}


def exchange(messages: list[Any], reply: dict[str, Any], *, finish: str = "stop", **beside: object) -> dict[str, Any]:
    choice = {"index": 0, "message": reply, "finish_reason": finish}
    response = {"id": f"r{len(messages)}", "choices": [choice], "model": "m"}
    return {"request": {"model": "m", "messages": messages, "tools": [TOOL]}, "response": response, **beside}


def read(tmp_path: Path, *rows: object, **config: object) -> Imported:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return import_trajectories(ImportConfig.model_validate({"path": path, **config}))


def test_requests_that_repeat_the_history_are_one_conversation(tmp_path: Path) -> None:
    history = [ASK, call(), result()]
    rows = [exchange([ASK], call() | {"reasoning_content": "I add."}), exchange(history, said("4"))]
    expected = None
    for ordered in (rows, rows[::-1]):  # logs of several processes may be out of order
        found = read(tmp_path, *ordered)
        ((trajectory, _),) = found.attempts
        expected = expected or trajectory
        assert trajectory.messages == expected.messages
        assert [step.message_index for step in trajectory.steps] == [1, 3]
        assert trajectory.messages[1].reasoning == "I add."
        assert (found.report.rows, found.report.conversations, found.report.joined) == (2, 1, 1)


def test_programs_may_renumber_calls_and_drop_reasoning_when_they_send_a_reply_back(tmp_path: Path) -> None:
    sent_back = {**call(7, '{"b":2,"a":2}'), "content": ""}
    found = read(tmp_path, exchange([ASK], call()), exchange([ASK, sent_back, result(7)], said("4")))
    ((trajectory, _),) = found.attempts
    assert found.report.joined == 1
    assert trajectory.messages[2].tool_call_id == trajectory.messages[1].tool_calls[0].id


def test_a_fork_is_two_conversations_and_a_repetition_is_none(tmp_path: Path) -> None:
    start = [ASK, said("4"), {"role": "user", "content": "Sure?"}]
    rows = [exchange([ASK], said("4")), exchange(start, said("Yes.")), exchange(start, said("No."))]
    found = read(tmp_path, *rows, rows[2], exchange([ASK], said("5")))
    assert [one.answer for one, _ in found.attempts] == ["Yes.", "No.", "5"]
    report = found.report
    assert (report.joined, report.repeated, report.forks) == (1, 1, 1)
    assert [one.attempt for one, _ in found.attempts] == [0, 1, 2]
    assert report.rows == report.conversations + report.joined + report.repeated


def test_replies_that_no_line_shows_as_replies_are_history_and_not_steps(tmp_path: Path) -> None:
    examples = [{"role": "user", "content": "One and one?"}, said("2")]
    ((trajectory, _),) = read(tmp_path, exchange([*examples, ASK], said("4"))).attempts
    assert [step.message_index for step in trajectory.steps] == [3]
    row = {"messages": [*examples[:1], said("2", weight=0), ASK, said("4")], "tools": [TOOL]}
    ((trajectory, _),) = read(tmp_path, row).attempts
    assert [step.message_index for step in trajectory.steps] == [3]


def test_every_choice_is_an_attempt(tmp_path: Path) -> None:
    row = exchange([ASK], said("4"))
    row["response"]["choices"].append({"index": 1, "message": said("5"), "finish_reason": "stop"})
    assert [one.answer for one, _ in read(tmp_path, row).attempts] == ["4", "5"]


def test_feedback_is_attached_by_conversation_or_response(tmp_path: Path) -> None:
    rows = [
        exchange([ASK], said("4"), conversation="good"),
        exchange([{"role": "user", "content": "Three and three?"}], said("7")),
        {"conversation": "good", "feedback": {"score": 0, "comment": "a slip"}},
        {"conversation": "good", "feedback": {"score": 1, "reference": "4", "comment": "right"}},
        {"response_id": "r1", "feedback": {"correct": False}},
        {"conversation": "nobody", "feedback": {"score": 1}},
    ]
    rows[1]["response"]["id"] = "r-other"
    found = read(tmp_path, *rows)
    (first, verdict), (_, none) = found.attempts
    assert verdict is not None
    assert first.task.answer == "4"
    assert none is None
    assert (found.report.feedback, found.report.unmatched_feedback) == (4, 1)
    assert (verdict.correct, verdict.explanation) == (False, ""), "the last word counts, by whatever name it came"
    earlier = read(tmp_path, *rows[:2], rows[4], rows[3]).attempts[0][1]
    assert earlier is not None
    assert (earlier.correct, earlier.explanation) == (True, "right")
    odd = read(tmp_path, *rows[:2], {"conversation": "good", "feedback": {"score": "maybe"}})
    assert odd.counts == {RefusalReason.ODD_SCORE: 1}


def test_broken_arguments_and_cut_replies_are_facts_of_steps(tmp_path: Path) -> None:
    rows = [exchange([ASK], call(1, '{"a": 2,')), exchange([ASK, said("x")], said("4 and"), finish="length")]
    (broken, _), (cut, _) = read(tmp_path, *rows).attempts
    assert broken.messages[1].tool_calls[0].broken_arguments == '{"a": 2,'
    assert broken.steps[0].parse_problem is ParseProblem.BROKEN_CALL
    assert (broken.stop_reason, broken.answer) == (StopReason.PROVIDER, None)
    assert cut.steps[-1].parse_problem is ParseProblem.CUT_BY_LENGTH
    assert cut.stop_reason is StopReason.CUT_BY_LENGTH


def test_a_final_tool_gives_the_answer(tmp_path: Path) -> None:
    ending = exchange([ASK], call(1, '{"sum": 4}', "submit"))
    ((open_end, _),) = read(tmp_path, ending).attempts
    assert open_end.stop_reason is StopReason.PROVIDER
    ((ended, _),) = read(tmp_path, ending, final_tools=["submit"]).attempts
    assert (ended.stop_reason, ended.answer, ended.steps[0].is_final) == (StopReason.ANSWERED, "4", True)


PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}
IMAGE_BLOCK = {"type": "image", "source": {"type": "base64", "data": "AA=="}}
RESPONSES = {"model": "m", "input": "Two and two?"}
SPAN = {"name": "chat m", "context": {"trace_id": "0x1"}, "status": {"status_code": "OK"}}
ATIF = {"schema_version": "ATIF-v1.8", "agent": {"name": "a", "version": "1"}}
REFUSED: list[tuple[object, RefusalReason, str]] = [
    (exchange([PICTURE], said("4")), RefusalReason.NOT_PLAIN_TEXT, "messages.0.content.0"),
    (exchange([ASK], said("")) | {"response": {"choices": []}}, RefusalReason.UNKNOWN_SHAPE, "choices"),
    (
        exchange([ASK], {"role": "assistant", "content": None}),
        RefusalReason.NOT_PLAIN_TEXT,
        "choices.0.message.content",
    ),
    (exchange([ASK, result()], said("4")), RefusalReason.BROKEN_CALLS, "'c1'"),
    (exchange([ASK, call(), ASK], said("4")), RefusalReason.BROKEN_CALLS, "expected the results of add"),
    ({**exchange([ASK], said("4")), "status": 503, "response": None}, RefusalReason.PROVIDER_ERROR, "status 503"),
    (exchange([ASK], said("4")) | {"response": {"error": {"message": "busy"}}}, RefusalReason.PROVIDER_ERROR, "busy"),
    (exchange([ASK], said("4"), complete=False), RefusalReason.UNFINISHED, "complete"),
    ({"messages": [ASK, said("4")], "tools": [{"type": "web_search"}]}, RefusalReason.HOSTED_TOOL, "tools.0"),
    ({"messages": [ASK], "tools": [TOOL]}, RefusalReason.NO_REPLY, "a reply"),
    ({"messages": [{"role": "robot", "content": "x"}], "tools": [TOOL]}, RefusalReason.UNKNOWN_SHAPE, "'robot'"),
    (
        {"request": {**RESPONSES, "previous_response_id": "gone"}, "response": {"object": "response", "output": []}},
        RefusalReason.MISSING_HISTORY,
        "'gone'",
    ),
    ({"input": [{"type": "web_search_call", "id": "w"}], "output": []}, RefusalReason.HOSTED_TOOL, "web_search_call"),
    ({"input": [{"type": "reasoning", "summary": []}]}, RefusalReason.UNKNOWN_SHAPE, "after the reasoning"),
    ({"system": "s", "messages": [{"role": "user", "content": [IMAGE_BLOCK]}]}, RefusalReason.NOT_PLAIN_TEXT, "image"),
    (
        {"system": "s", "messages": [ASK, {"role": "assistant", "content": [{"type": "server_tool_use"}]}]},
        RefusalReason.HOSTED_TOOL,
        "server_tool_use",
    ),
    ({**ATIF, "schema_version": "ATIF-v2.0", "steps": []}, RefusalReason.OLD_CONVENTION, "ATIF-v2.0"),
    ({**ATIF, "steps": [{"source": "moon", "message": "x"}]}, RefusalReason.UNKNOWN_SHAPE, "'moon'"),
    (
        {**SPAN, "attributes": {"gen_ai.operation.name": "chat", "gen_ai.prompt.0.content": "x"}},
        RefusalReason.OLD_CONVENTION,
        "gen_ai.prompt.0.content",
    ),
    ({**SPAN, "attributes": {"gen_ai.operation.name": "chat"}}, RefusalReason.NOT_PLAIN_TEXT, "did not capture"),
    ({**SPAN, "attributes": {"openinference.span.kind": "LLM"}}, RefusalReason.NOT_PLAIN_TEXT, "llm.input_messages"),
    (
        {
            "steps": [
                {"task": "Q?"},
                {"step_number": 1, "tool_calls": [call()["tool_calls"][0]] * 2, "observations": "4"},
            ]
        },
        RefusalReason.BROKEN_CALLS,
        "2 calls",
    ),
    ({"foo": 1}, RefusalReason.UNKNOWN_SHAPE, "no reader fits"),
]


@pytest.mark.parametrize(("row", "reason", "what"), REFUSED)
def test_what_cannot_be_read_is_refused_with_row_and_reason(
    tmp_path: Path, row: object, reason: RefusalReason, what: str
) -> None:
    good = exchange([{"role": "user", "content": "Fine?"}], said("Yes."))
    found = read(tmp_path, good, row, good | {"conversation": "again"})
    (refused,) = found.refused
    assert refused.place == f"{tmp_path / 'log.jsonl'}, line 2"
    assert refused.reason is reason, refused
    assert what in refused.detail
    assert len(found.attempts) == 1
    assert found.report.refused == {str(reason): 1}


def test_one_file_may_hold_several_formats(tmp_path: Path) -> None:
    lines = [line for path in sorted(SAMPLES.glob("*.jsonl")) for line in path.read_text().splitlines()]
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(lines) + "\n")
    found = import_trajectories(ImportConfig(path=path))
    assert found.refused == ()
    assert sum(found.report.by_reader.values()) == found.report.rows == len(lines)
    assert len(found.report.by_reader) == 10, "every reader found its rows"
    assert "rows (" in str(found.report)


def test_a_session_of_claude_code_that_goes_back_is_two_conversations(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (SAMPLES / "claude_code.jsonl").read_text().splitlines()]
    again = {**rows[-3], "uuid": "v8", "parentUuid": "u7"}
    again["message"] = {**again["message"], "id": "msg_9", "content": [{"type": "text", "text": "I cannot tell."}]}
    failed = {**again, "uuid": "v9", "parentUuid": "v8", "isApiErrorMessage": True}
    failed["message"] = {**again["message"], "id": "e", "content": [{"type": "text", "text": "API Error"}]}
    found = read(tmp_path, *rows, again, failed)
    assert {one.answer for one, _ in found.attempts} == {"Rome.", "I cannot tell."}
    assert found.report.forks == 1
    assert found.report.notes == {"failed_request": 1}
    assert all("API Error" not in m.content for one, _ in found.attempts for m in one.messages)


class ColonReader:
    """A user's own format: lines of ``who: what``."""

    def fits(self, value: object) -> bool:
        return isinstance(value, str) and ": " in value

    def read(self, rows: Iterable[Row]) -> Iterator[Found]:
        for row in rows:
            asked, _, answered = str(row.value).partition(" / ")
            messages = (
                Message(role=Role.USER, content=asked.removeprefix("user: ")),
                Message(role=Role.ASSISTANT, content=answered.removeprefix("model: ")),
            )
            yield Conversation(place=row.place, messages=messages)


def test_a_reader_may_be_a_users_class(tmp_path: Path) -> None:
    row = "user: Two and two? / model: 4"
    found = read(tmp_path, row, {"messages": []}, reader="tests.curation.traces.test_reading:ColonReader")
    ((trajectory, _),) = found.attempts
    assert (trajectory.task.question, trajectory.answer, trajectory.agent) == ("Two and two?", "4", "chain_of_thought")
    assert found.counts == {RefusalReason.UNKNOWN_SHAPE: 1}


def test_a_reader_that_is_named_reads_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no reader fits \(of atif\)"):
        read(tmp_path, exchange([ASK], said("4")), reader="atif")
    with pytest.raises(ValueError, match="expected one of trajectories, claude_code, atif"):
        read(tmp_path, exchange([ASK], said("4")), reader="nosuch")


def test_records_of_this_package_are_taken_as_they_are(tmp_path: Path) -> None:
    made = [attempt(), attempt().model_copy(update={"attempt": 1})]
    lines = [one.model_dump_json(exclude_defaults=True) for one in made]
    about = '{"version": 1, "id": "x", "agent": "a", "started": "", "ended": "", "end": "idle"}'
    path = tmp_path / "trajectories.jsonl"
    path.write_text("\n".join([*lines, about, lines[0], lines[1].replace('"answered"', '"tired"')]) + "\n")
    imported = import_trajectories(ImportConfig(path=path))
    assert [one for one, _ in imported.attempts] == made
    assert [row.reason for row in imported.refused] == [RefusalReason.REPEATED_ID, RefusalReason.UNKNOWN_SHAPE]
    assert imported.report.other == {"facts about a served conversation": 1}
