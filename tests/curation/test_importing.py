"""Trajectories made elsewhere: three shapes, one of them the paper's authors'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.curation import CurateConfig, curate, import_trajectories
from understudy.records import DropReason, ParseProblem, Role, StopReason, TaskKind

REPLY = "Thought: I will search.\nCode:\n```py\nprint(web_search('capital of Norway'))\n```<end_code>"
LAST = "Thought: done.\nCode:\n```py\nfinal_answer('Oslo')\n```<end_code>"


def part(role: str, text: str) -> dict[str, object]:
    return {"role": role, "content": [{"type": "text", "text": text}]}


def authors_row(*, score: int = 1, observation: str = "Observation:\nOslo") -> dict[str, object]:
    """A row in the schema of the released data sets: smolagents' roles, the log as JSON text."""
    messages = [
        part("MessageRole.SYSTEM", "You are an expert assistant …"),
        part("MessageRole.USER", "New task:\nCapital of Norway?<reference>a note for the teacher</reference>"),
        part("MessageRole.ASSISTANT", REPLY),
        part("MessageRole.TOOL_CALL", "Calling tools:\n[{'id': 'call_1'}]"),
        part("MessageRole.TOOL_RESPONSE", observation),
        part("assistant", LAST),
        part("tool-call", "Calling tools:\n[{'id': 'call_2'}]"),
        part("tool-response", "Observation:\nLast output from code snippet:\nOslo"),
    ]
    log = {"messages": messages, "original_memory": {"steps": []}}
    return {
        "question": "Capital of Norway?",
        "true_answer": "Oslo",
        "generated_answer": "Oslo",
        "score": score,
        "log_data": json.dumps(log),
    }


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_authors_rows_become_trajectories_that_can_be_trained(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", authors_row(), authors_row(score=0))
    (good, good_score), (bad, bad_score) = import_trajectories(path, TaskKind.FACT, "released")
    roles = [message.role for message in good.messages]
    assert roles == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER, Role.ASSISTANT, Role.USER]
    assert good.messages[1].content == "New task:\nCapital of Norway?"
    assert [good.messages[step.message_index].content for step in good.steps] == [REPLY, LAST]
    assert [step.is_final for step in good.steps] == [False, True]
    assert (good.task.answer, good.answer, good.attempt, bad.attempt) == ("Oslo", "Oslo", 0, 1)
    assert good.task.id == bad.task.id
    curated = curate([(good, good_score), (bad, bad_score)], CurateConfig())
    (example,) = curated.examples
    assert example.messages == good.messages[:-1]
    assert [example.messages[span.message_index].content for span in example.spans] == [REPLY, LAST]
    assert curated.counts == {DropReason.INCORRECT: 1}


def test_marks_in_observations_become_facts(tmp_path: Path) -> None:
    rows = (
        authors_row(observation="Error in code parsing: your code is invalid"),
        authors_row(observation="Error:\nReached max steps."),
        authors_row() | {"log_data": None},
    )
    wrong, long, failed = (
        one for one, _ in import_trajectories(write(tmp_path / "r.jsonl", *rows), TaskKind.FACT, "x")
    )
    assert wrong.steps[0].parse_problem is ParseProblem.NO_CODE
    assert long.stop_reason is StopReason.STEP_LIMIT
    assert failed.stop_reason.is_program_failure


def test_plain_chat_messages_and_json_lists_are_read(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Two and two?"},
                {"role": "assistant", "content": "4"},
                {"role": "tool", "content": "ok"},
                {"role": "user", "content": "Thanks"},
            ],
            "answer": 4,
        }
    ]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    ((one, no_score),) = import_trajectories(path, TaskKind.MATH, "chat", agent="chain_of_thought")
    assert no_score is None
    assert (one.task.question, one.task.answer, one.agent) == ("Two and two?", "4", "chain_of_thought")
    assert one.messages[-1].content == "ok\nThanks"


def test_a_row_of_no_known_shape_is_refused_with_its_number(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", authors_row(), {"messages": [{"role": "robot", "content": "x"}]})
    with pytest.raises(ValueError, match=r"rows\.jsonl, row 2: messages\.0\.role.*robot"):
        list(import_trajectories(path, TaskKind.FACT, "x"))
    with pytest.raises(ValueError, match="row 1: expected a question"):
        list(import_trajectories(write(tmp_path / "e.jsonl", {"score": 1}), TaskKind.FACT, "x"))
