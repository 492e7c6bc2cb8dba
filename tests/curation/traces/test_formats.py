"""Every format: a sample written by us in its schema, and logs that real libraries wrote of one conversation."""

from __future__ import annotations

import gzip
import importlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.curation.traces.scripted_shop import ANSWER, ORDER, QUESTION, STATUS, SYSTEM, THOUGHT
from understudy.curation import ImportConfig, import_trajectories
from understudy.curation.traces import Imported
from understudy.records import FunctionCall, Message, Role, StopReason, ToolSchema, Trajectory

WITHOUT_TOOLS = ("authors", "plain_chat")
SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.jsonl"))
LIBRARIES = sorted((Path(__file__).parent / "libraries").glob("*.jsonl"))
WITH_TOOLS = [one for one in SAMPLES if not one.name.startswith(WITHOUT_TOOLS)]
TRIP = (
    Message(role=Role.SYSTEM, content="You plan trips."),
    Message(role=Role.USER, content="Where is it warmer, Oslo or Rome?"),
    Message(
        role=Role.ASSISTANT,
        content="I compare both.",
        reasoning="Two cities, two calls.",
        tool_calls=(
            FunctionCall(id="c1", name="weather", arguments={"city": "Oslo", "days": 1}),
            FunctionCall(id="c2", name="weather", arguments={"city": "Rome"}),
        ),
    ),
    Message(role=Role.TOOL, content="4 °C", tool_call_id="c1"),
    Message(role=Role.TOOL, content="error: no such station", tool_call_id="c2"),
    Message(
        role=Role.ASSISTANT,
        content="",
        tool_calls=(FunctionCall(id="c3", name="weather", arguments={"city": "Roma"}),),
    ),
    Message(role=Role.TOOL, content="17 °C", tool_call_id="c3"),
    Message(role=Role.ASSISTANT, content="Rome."),
)
WEATHER = ToolSchema(
    name="weather",
    description="The weather of a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
)


def read(path: Path, **config: object) -> Imported:
    return import_trajectories(ImportConfig.model_validate({"path": path, **config}))


def only(path: Path) -> Trajectory:
    found = read(path)
    assert found.refused == ()
    assert found.report.by_reader.keys() == {path.name.partition(".")[0]}, "the reader is found by itself"
    ((trajectory, _),) = found.attempts
    return trajectory


@pytest.mark.parametrize("path", WITH_TOOLS, ids=lambda p: p.name)
def test_what_was_said_comes_back_from_every_format(path: Path) -> None:
    trajectory = only(path)
    kind = path.name.partition(".")[0]
    expected = list(TRIP)
    if kind == "claude_code":  # its sessions hold neither system prompt nor tools
        expected = expected[1:]
    if kind == "smolagents":  # its memory holds no reasoning, and it answers by a call
        expected[1] = expected[1].model_copy(update={"content": f"New task:\n{expected[1].content}"})
        expected[2] = expected[2].model_copy(update={"reasoning": ""})
        answer = FunctionCall(id="c4", name="final_answer", arguments={"answer": "Rome."})
        expected[-1:] = [
            Message(role=Role.ASSISTANT, content="", tool_calls=(answer,)),
            Message(role=Role.TOOL, content="Rome.", tool_call_id="c4"),
        ]
    assert list(trajectory.messages) == expected
    assert trajectory.tools == (() if kind in ("claude_code", "smolagents") else (WEATHER,))
    replies = [index for index, one in enumerate(expected) if one.role is Role.ASSISTANT]
    assert [step.message_index for step in trajectory.steps] == replies
    assert [len(step.tool_calls) for step in trajectory.steps][:2] == [2, 1]
    assert [step.is_final for step in trajectory.steps] == [False, False, True]
    assert (trajectory.answer, trajectory.stop_reason) == ("Rome.", StopReason.ANSWERED)
    assert trajectory.task.question == "Where is it warmer, Oslo or Rome?"
    if kind in ("anthropic", "claude_code"):  # the formats that mark results that are errors
        assert [call.error for call in trajectory.steps[0].tool_calls] == [None, "error: no such station"]
    if "log" in path.name or kind in ("atif", "claude_code", "openinference", "otel_genai", "smolagents"):
        assert [step.usage.prompt_tokens for step in trajectory.steps] == [10, 20, 30]


@pytest.mark.parametrize("path", [one for one in SAMPLES if one.name.startswith(WITHOUT_TOOLS)], ids=lambda p: p.name)
def test_samples_without_tools_are_read(path: Path) -> None:
    trajectory = only(path)
    assert trajectory.task.answer == "Rome"
    assert [one.role for one in trajectory.messages][:3] == [Role.SYSTEM, Role.USER, Role.ASSISTANT]


@pytest.mark.parametrize("path", LIBRARIES, ids=lambda p: p.name)
def test_logs_of_real_libraries_are_read(path: Path) -> None:
    trajectory = only(path)
    said = [one for one in trajectory.messages if one.role is not Role.SYSTEM]
    assert said[0].content.removeprefix("New task:\n") == QUESTION
    (call,) = said[1].tool_calls
    assert (call.name, call.arguments) == ("get_order", {"order_id": ORDER})
    assert said[2].content.removeprefix("Observation:\n") == f"order {ORDER}: {STATUS}"
    assert trajectory.answer == ANSWER
    assert trajectory.stop_reason is StopReason.ANSWERED
    if not path.name.startswith(("smolagents", "openinference", "otel_genai.openai-v2", "openai_chat.langgraph.m")):
        assert said[1].reasoning == THOUGHT
    if not path.name.startswith(("smolagents", "openai_chat.langgraph.m")):
        assert trajectory.messages[0] == Message(role=Role.SYSTEM, content=SYSTEM)


def write_parquet(path: Path, rows: list[dict[str, object]]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    importlib.import_module("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), path)


@pytest.mark.parametrize("source", ["openai_chat.log", "openai_responses.log", "anthropic.log"])
@pytest.mark.parametrize("container", ["gz", "json", "parquet", "folder"])
def test_every_container_holds_the_same(tmp_path: Path, container: str, source: str) -> None:
    sample = next(one for one in SAMPLES if one.name == f"{source}.jsonl")
    expected = only(sample).messages
    rows = [json.loads(line) for line in sample.read_text().splitlines()]
    path = tmp_path / {"gz": "log.jsonl.gz", "json": "log.json", "parquet": "log.parquet"}.get(container, "folder")
    if container == "gz":
        path.write_bytes(gzip.compress(sample.read_bytes()))
    elif container == "json":
        path.write_text(json.dumps(rows))
    elif container == "parquet":
        # Tables want one type a column, so exporters write requests as JSON text, or as structs with nulls.
        bodies = ("request", "response")
        write_parquet(path, [{**row, **{key: json.dumps(row[key]) for key in bodies}} for row in rows])
    else:
        path.mkdir()
        for number, row in enumerate(rows):
            (path / f"{number}.jsonl").write_text(json.dumps(row) + "\n")
    ((trajectory, _),) = read(path).attempts
    assert trajectory.messages == expected


def test_nulls_of_a_table_are_missing_fields(tmp_path: Path) -> None:
    source = next(one for one in SAMPLES if one.name == "anthropic.messages.jsonl")
    row = json.loads(source.read_text())
    for message in row["messages"]:  # one type a column
        content = message["content"]
        message["content"] = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in message["content"]:
            if isinstance(block.get("content"), list):
                block["content"] = block["content"][0]["text"]
    write_parquet(tmp_path / "rows.parquet", [row])
    ((trajectory, _),) = read(tmp_path / "rows.parquet").attempts
    calls = [call for message in trajectory.messages for call in message.tool_calls]
    assert [call.name for call in calls] == ["weather"] * 3
    assert [m.content for m in trajectory.messages] == [m.content for m in TRIP]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORDS = TEXT.filter(str.strip)
ARGUMENTS = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-5, 5) | TEXT, max_size=3)
CALLS = st.lists(st.tuples(st.sampled_from(["find", "book"]), ARGUMENTS), max_size=3)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    messages = [Message(role=Role.SYSTEM, content=draw(WORDS)), Message(role=Role.USER, content=draw(WORDS))]
    for turn, made in enumerate(draw(st.lists(CALLS, min_size=1, max_size=3))):
        calls = tuple(
            FunctionCall(id=f"c{turn}_{number}", name=name, arguments=arguments)
            for number, (name, arguments) in enumerate(made)
        )
        text = draw(TEXT if calls else WORDS)
        messages.append(Message(role=Role.ASSISTANT, content=text, reasoning=draw(WORDS), tool_calls=calls))
        messages += [Message(role=Role.TOOL, content=draw(TEXT), tool_call_id=call.id) for call in calls]
        if not calls:
            messages.append(Message(role=Role.USER, content=draw(WORDS)))
    return [*messages, Message(role=Role.ASSISTANT, content=draw(WORDS), reasoning=draw(WORDS))]


def as_chat(messages: list[Message]) -> dict[str, object]:
    rows: list[dict[str, object]] = []
    for one in messages:
        row: dict[str, object] = {"role": one.role.value, "content": one.content}
        if one.reasoning:
            row["reasoning_content"] = one.reasoning
        if one.tool_calls:
            row["tool_calls"] = [
                {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": json.dumps(c.arguments)}}
                for c in one.tool_calls
            ]
        if one.tool_call_id:
            row["tool_call_id"] = one.tool_call_id
        rows.append(row)
    return {"messages": rows}


def as_items(messages: list[Message]) -> dict[str, object]:
    items: list[dict[str, object]] = []
    for one in messages:
        if one.role is Role.TOOL:
            items.append({"type": "function_call_output", "call_id": one.tool_call_id, "output": one.content})
            continue
        if one.reasoning:
            items.append({"type": "reasoning", "summary": [{"type": "summary_text", "text": one.reasoning}]})
        if one.content or not one.tool_calls:
            items.append({"role": one.role.value, "content": one.content})
        items += [
            {"type": "function_call", "call_id": c.id, "name": c.name, "arguments": json.dumps(c.arguments)}
            for c in one.tool_calls
        ]
    return {"input": items}


def as_blocks(messages: list[Message]) -> dict[str, object]:
    rows: list[dict[str, object]] = []
    for one in messages[1:]:
        if one.role is Role.TOOL:
            blocks: list[object] = [{"type": "tool_result", "tool_use_id": one.tool_call_id, "content": one.content}]
            rows.append({"role": "user", "content": blocks})
            continue
        blocks = [{"type": "thinking", "thinking": one.reasoning}] if one.reasoning else []
        blocks += [{"type": "text", "text": one.content}] if one.content or not one.tool_calls else []
        blocks += [{"type": "tool_use", "id": c.id, "name": c.name, "input": c.arguments} for c in one.tool_calls]
        rows.append({"role": one.role.value, "content": blocks})
    return {"system": messages[0].content, "messages": rows}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversations())
@pytest.mark.parametrize("write", [as_chat, as_items, as_blocks], ids=["openai_chat", "openai_responses", "anthropic"])
def test_any_conversation_makes_the_round_trip(tmp_path: Path, write: object, messages: list[Message]) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(write(messages)) + "\n")  # type: ignore[operator]
    ((trajectory, _),) = read(path).attempts
    assert list(trajectory.messages) == messages
