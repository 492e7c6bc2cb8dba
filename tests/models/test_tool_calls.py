"""Tool calls of models by URL, in process, and of programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.models.faulty_server import Faulty, reply, running
from tests.models.programs import both_at_once, calls_in_text, two_tools
from tests.models.test_openai_chat import config
from tests.models.tool_behaviours import TOOL_BEHAVIOURS, CallManner
from tests.tiny_model import save_tiny_model
from understudy.models import LocalConfig, OpenAIChatConfig, Request
from understudy.models.local import LocalModel
from understudy.models.openai_chat import OpenAIChatModel
from understudy.models.rendering import open_renderer
from understudy.models.scripted import ScriptedModel
from understudy.models.tool_replies import forced_opening, prompt_before_reply, with_calls_read
from understudy.records import Completion, FinishReason, FunctionCall, Message, Role, ToolSchema

DOCS = Path(__file__).parents[2] / "docs" / "tool-calls.md"
SEARCH = ToolSchema(
    name="search", description="d", parameters={"type": "object", "properties": {"query": {"type": "string"}}}
)
POPULATION = ToolSchema(name="population")
QUESTION = Message(role=Role.USER, content="hi")
ASKED = Request((QUESTION,), tools=(SEARCH,))


def called(number: int, name: str = "search", **given: Any) -> FunctionCall:
    return FunctionCall(id=f"call_{number}", name=name, arguments=given)


# --- by URL -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", TOOL_BEHAVIOURS, ids=lambda row: f"{row.server}: {row.behaviour}")
def test_calls_are_read_however_a_server_returns_them(row: CallManner) -> None:
    choice = {"index": 0, "message": row.message, "finish_reason": row.finish_reason}
    body = {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    with running(Faulty(lambda _: (200, body))) as faulty, OpenAIChatModel(config(faulty, max_retries=0)) as model:
        (completion,) = model.complete(ASKED)
    assert tuple((call.id, call.name, call.arguments) for call in completion.tool_calls) == row.calls
    assert (completion.text, completion.finish_reason) == (row.text, FinishReason.STOP)
    assert row.problem in completion.call_problem
    assert bool(row.problem) == bool(completion.call_problem)
    if row.broken:
        assert completion.tool_calls[0].broken_arguments == row.broken


def _asked(request: Request) -> dict[str, Any]:
    with running(Faulty(lambda _: reply("ok"))) as faulty, OpenAIChatModel(config(faulty, max_retries=0)) as model:
        model.complete(request)
    return faulty.bodies[0]


def test_what_is_sent_is_openais() -> None:
    messages = (
        QUESTION,
        Message(role=Role.ASSISTANT, content="", tool_calls=(called(0, query="é", k={"a": [1]}),)),
        Message(role=Role.TOOL, content="found", tool_call_id="call_0"),
        Message(
            role=Role.ASSISTANT,
            content="more",
            tool_calls=(FunctionCall(id="call_1", name="search", broken_arguments="{"),),
        ),
        Message(role=Role.TOOL, content="error", tool_call_id="call_1"),
    )
    body = _asked(replace(ASKED, messages=messages, tool_choice="search", parallel_tool_calls=False))
    assert body["tools"] == [{"type": "function", "function": json.loads(SEARCH.model_dump_json())}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "search"}}
    assert body["parallel_tool_calls"] is False
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_0",
                    "type": "function",
                    "function": {"name": "search", "arguments": '{"query": "é", "k": {"a": [1]}}'},
                }
            ],
        },
        {"role": "tool", "content": "found", "tool_call_id": "call_0"},
        {
            "role": "assistant",
            "content": "more",
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "search", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "error", "tool_call_id": "call_1"},
    ]


def test_without_tools_nothing_mentions_them() -> None:
    assert (
        _asked(Request((QUESTION,), tool_choice="required"))
        .keys()
        .isdisjoint({"tools", "tool_choice", "parallel_tool_calls"})
    )
    assert _asked(replace(ASKED, tool_choice="none"))["tool_choice"] == "none"
    assert "tool_choice" not in _asked(ASKED)


def test_ids_that_were_given_before_are_replaced() -> None:
    before = (QUESTION, Message(role=Role.ASSISTANT, content="", tool_calls=(called(0),)))
    choice = {"message": {"tool_calls": [{"id": "call_0", "function": {"name": "search", "arguments": "{}"}}]}}
    answer = (200, {"choices": [choice]})
    with running(Faulty(lambda _: answer)) as faulty, OpenAIChatModel(config(faulty)) as model:
        (completion,) = model.complete(
            replace(ASKED, messages=(*before, Message(role=Role.TOOL, content="x", tool_call_id="call_0")))
        )
    assert [call.id for call in completion.tool_calls] == ["call_1"]


def test_a_server_that_leaves_calls_in_the_text_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    said = calls_in_text(ASKED).replace("population", "search")
    with running(Faulty(lambda _: reply(said))) as faulty, OpenAIChatModel(config(faulty)) as model:
        model.name = "left in the text"
        assert [len(model.complete(ASKED)[0].tool_calls) for _ in range(3)] == [1, 1, 1]
    notes = [record.getMessage() for record in caplog.records if "left in the text" in record.getMessage()]
    assert len(notes) == 1
    assert "--enable-auto-tool-choice --tool-call-parser hermes" in notes[0]


# --- in process ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    folder = save_tiny_model(tmp_path_factory.mktemp("calls") / "model")
    with LocalModel(LocalConfig(path=str(folder), name="tiny")) as opened:
        yield opened


def read(model: LocalModel, text: str, request: Request = ASKED) -> Completion:
    return with_calls_read(Completion(text=text, finish_reason=FinishReason.STOP), model.renderer, request)


CALL = '<tool_call>\n{"name": "search", "arguments": {"query": "x"}}\n</tool_call>'


def test_a_local_reply_is_read_in_the_form_of_its_template(model: LocalModel) -> None:
    assert read(model, f"Look.\n{CALL}").tool_calls == (called(0, query="x"),)
    assert read(model, f"Look.\n{CALL}").text == "Look."
    broken = read(model, CALL[:40])
    assert (broken.text, broken.tool_calls) == (CALL[:40], ())
    assert "the JSON ends before it is complete" in broken.call_problem


def test_without_tools_a_local_reply_is_text(model: LocalModel) -> None:
    for request in (Request((QUESTION,)), replace(ASKED, tool_choice="none")):
        assert read(model, CALL, request) == Completion(text=CALL, finish_reason=FinishReason.STOP)


def test_two_local_calls_where_one_is_allowed_are_a_problem(model: LocalModel) -> None:
    both = read(model, f"{CALL}\n{CALL}", replace(ASKED, parallel_tool_calls=False))
    assert (both.tool_calls, both.text) == ((), f"{CALL}\n{CALL}")
    assert both.call_problem == "only one call per message is allowed, got 2: make one, and wait for its result"


def test_ids_go_on_from_those_of_the_conversation(model: LocalModel) -> None:
    before = Message(role=Role.ASSISTANT, content="", tool_calls=(called(0), called(1)))
    request = replace(ASKED, messages=(QUESTION, before))
    assert [call.id for call in read(model, f"{CALL}\n{CALL}", request).tool_calls] == ["call_2", "call_3"]


def test_the_model_reads_the_tools_and_a_forced_call_is_begun_for_it(model: LocalModel) -> None:
    chat = model.renderer
    assert prompt_before_reply(chat, ASKED) == chat.prompt_ids([QUESTION], tools=[SEARCH])
    assert prompt_before_reply(chat, replace(ASKED, tool_choice="none")) == chat.prompt_ids([QUESTION])
    forced = replace(ASKED, tool_choice="search")
    text = chat.tokenizer.decode(prompt_before_reply(chat, forced))
    assert text.endswith('assistant\n<tool_call>\n{"name": "search", "arguments": ')
    assert read(model, '{"query": "x"}}\n</tool_call>', forced).tool_calls == (called(0, query="x"),)
    both = replace(ASKED, tools=(SEARCH, POPULATION), tool_choice="required")
    assert forced_opening(chat, both) == '<tool_call>\n{"name": "'
    with pytest.raises(ValueError, match="expected auto, none, required or one of the tools, got 'nothing'"):
        forced_opening(chat, replace(ASKED, tool_choice="nothing"))


def test_a_forced_call_is_sampled_after_its_beginning(model: LocalModel) -> None:
    (completion,) = model.complete(replace(ASKED, tool_choice="search", max_tokens=4))
    assert completion.text.startswith('<tool_call>\n{"name": "search", "arguments": ')
    assert completion.call_problem, "random weights write no JSON"
    assert completion.usage.completion_tokens == 4


def test_the_server_renders_tools_as_the_client_does(model: LocalModel, tmp_path: Path) -> None:
    from tests.models.test_server import serving

    model.renderer.tokenizer.save_pretrained(tmp_path)
    request = replace(ASKED, messages=(QUESTION, Message(role=Role.ASSISTANT, content="", tool_calls=(called(0),))))
    with serving(model) as url:
        settings = {"model": "tiny", "base_urls": [url]}
        far = OpenAIChatModel(OpenAIChatConfig.model_validate(settings))
        ids = far.rendered_ids(request.messages, request.tools)
        assert ids == tuple(open_renderer(str(tmp_path)).prompt_ids(request.messages, tools=request.tools))
        raw = OpenAIChatConfig.model_validate({**settings, "prefix_delivery": "completion", "tokenizer": str(tmp_path)})
        with OpenAIChatModel(raw) as by_ids:
            forced = replace(ASKED, tool_choice="search", max_tokens=4)
            assert by_ids.complete(forced)[0].text == model.complete(forced)[0].text
        far.close()


# --- programs -----------------------------------------------------------------------------------------


def test_a_program_calls_by_a_completion() -> None:
    with ScriptedModel(two_tools, "program") as scripted:
        (completion,) = scripted.complete(replace(ASKED, tools=(POPULATION,)))
    assert completion.tool_calls == (called(0, "population", city="Zürich"),)
    assert completion.text == "I look it up."
    assert completion.usage.completion_tokens == 8


def test_a_program_calls_by_text_where_tools_are_offered() -> None:
    with ScriptedModel(calls_in_text, "program") as scripted:
        (with_tools,) = scripted.complete(replace(ASKED, tools=(POPULATION,)))
        (without,) = scripted.complete(Request((QUESTION,)))
    assert (with_tools.text, with_tools.tool_calls) == ("Look.", (called(0, "population", city="Bern"),))
    assert without.text == calls_in_text(ASKED)


def test_several_calls_of_a_program_have_ids_of_their_own() -> None:
    with ScriptedModel(both_at_once, "program") as scripted:
        (completion,) = scripted.complete(replace(ASKED, tools=(POPULATION,)))
    assert [call.id for call in completion.tool_calls] == ["call_0", "call_1"]


def test_a_programs_call_that_the_limit_cuts_is_a_problem() -> None:
    with ScriptedModel(two_tools, "program") as scripted:
        (completion,) = scripted.complete(replace(ASKED, tools=(POPULATION,), max_tokens=6))
    assert (completion.finish_reason, completion.tool_calls) == (FinishReason.LENGTH, ())
    assert completion.call_problem


# --- the docs -----------------------------------------------------------------------------------------


def behaviours_table() -> str:
    lines = ["| server | what it returns | parsed as |", "|---|---|---|"]
    for row in TOOL_BEHAVIOURS:
        made = [f"{len(row.calls)} call{'s' * (len(row.calls) > 1)}"] if row.calls else []
        made += ["the arguments as `broken_arguments`"] * bool(row.broken)
        made += ["text"] * (bool(row.text) and not row.problem) + [f"problem: {row.problem}"] * bool(row.problem)
        lines.append(f"| {row.server} | {row.behaviour} | {', '.join(made)} |".replace("<tool_call>", "`<tool_call>`"))
    return "\n".join(lines)


def test_the_docs_show_how_servers_return_calls() -> None:
    assert behaviours_table() in DOCS.read_text()
