"""Tool calls of our endpoint, through the official client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.models.programs import both_at_once, two_tools
from tests.models.test_server import serving
from understudy.models import Request
from understudy.models.scripted import ScriptedModel
from understudy.records import Completion, FinishReason, FunctionCall, Role

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "population",
            "description": None,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            "strict": True,
        },
    },
    {"type": "function", "function": {"name": "double", "parameters": None}},
]
ASK: list[Any] = [{"role": "user", "content": "How many live in two Zürichs?"}]
SEEN: list[Request] = []


def seen(request: Request) -> Completion:
    SEEN.append(request)
    return two_tools(request)


@pytest.fixture(scope="module")
def sdk() -> Iterator[openai.OpenAI]:
    with (
        serving(ScriptedModel(seen, "program")) as url,
        openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client,
    ):
        yield client


def test_a_conversation_with_two_tools(sdk: openai.OpenAI) -> None:
    messages = list(ASK)
    for result in ("400000", "800000"):
        reply = sdk.chat.completions.create(
            model="program",
            messages=messages,
            tools=TOOLS,
            tool_choice="auto",
            parallel_tool_calls=True,
            max_completion_tokens=100,
            store=False,
            metadata={"run": "a"},
        )
        choice = reply.choices[0]
        assert choice.finish_reason == "tool_calls"
        assert choice.message.tool_calls
        messages.append(choice.message.model_dump())
        messages.append({"role": "tool", "tool_call_id": choice.message.tool_calls[0].id, "content": result})
    assert choice.message.content is None
    last = sdk.chat.completions.create(model="program", messages=messages, tools=TOOLS)
    assert last.choices[0].message.content == "Twice the population is 800000."
    assert last.choices[0].finish_reason == "stop"
    sent = SEEN[-1]
    assert [tool.name for tool in sent.tools] == ["population", "double"]
    assert sent.tools[1].parameters == {"type": "object", "properties": {}}
    assert [m.role for m in sent.messages] == [Role.USER, Role.ASSISTANT, Role.TOOL, Role.ASSISTANT, Role.TOOL]
    assert sent.messages[1].tool_calls[0].arguments == {"city": "Zürich"}
    assert sent.messages[1].content == "I look it up."


def test_a_stream_has_the_deltas_and_the_usage_of_openai(sdk: openai.OpenAI) -> None:
    fields: Any = {"model": "program", "messages": ASK, "tools": TOOLS}
    whole = sdk.chat.completions.create(**fields)
    chunks = list(sdk.chat.completions.create(**fields, stream=True, stream_options={"include_usage": True}))
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert (deltas[0].role, deltas[0].content) == ("assistant", "I look it up.")
    parts = [part for delta in deltas for part in delta.tool_calls or ()]
    assert (parts[0].index, parts[0].type, parts[0].function and parts[0].function.name) == (
        0,
        "function",
        "population",
    )
    assert parts[0].id == "call_0"
    written = "".join(part.function.arguments or "" for part in parts if part.function)
    assert json.loads(written) == {"city": "Zürich"}
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "tool_calls"
    assert chunks[-1].usage == whole.usage
    assert not chunks[-1].choices


def test_the_clients_own_accumulation_gives_the_complete_reply() -> None:
    with (
        serving(ScriptedModel(both_at_once, "program")) as url,
        openai.OpenAI(base_url=url, api_key="none") as client,
        client.chat.completions.stream(model="program", messages=ASK, tools=_strict(TOOLS[:1])) as stream,
    ):
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls is not None
    assert [(one.id, one.function.name, one.function.arguments) for one in message.tool_calls] == [
        ("call_0", "population", '{"city": "Bern"}'),
        ("call_1", "double", '{"number": 4}'),
    ]


def _strict(tools: list[Any]) -> list[Any]:
    return [{**tool, "function": {**tool["function"], "description": "d"}} for tool in tools]


@pytest.mark.parametrize(
    ("choice", "came"),
    [
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "double"}}, "double"),
    ],
)
def test_the_choice_reaches_the_model(sdk: openai.OpenAI, choice: Any, came: str) -> None:
    sdk.chat.completions.create(
        model="program", messages=ASK, tools=TOOLS, tool_choice=choice, parallel_tool_calls=False
    )
    assert (SEEN[-1].tool_choice, SEEN[-1].parallel_tool_calls) == (came, False)


def test_broken_arguments_pass_through_unchanged() -> None:
    def broken(request: Request) -> Completion:
        calls = tuple(call for message in request.messages for call in message.tool_calls)
        if calls:
            return Completion(text=calls[0].broken_arguments, finish_reason=FinishReason.STOP)
        call = FunctionCall(id="", name="double", broken_arguments='{"number": ')
        return Completion(text="", tool_calls=(call,), call_problem="no JSON", finish_reason=FinishReason.STOP)

    with serving(ScriptedModel(broken, "program")) as url:
        first = httpx.post(f"{url}/chat/completions", json={"model": "program", "messages": ASK, "tools": TOOLS}).json()
        message = first["choices"][0]["message"]
        assert message["tool_calls"][0]["function"]["arguments"] == '{"number": '
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "error", "name": "double"}
        again = {"model": "program", "messages": [*ASK, message, result], "tools": TOOLS}
        assert httpx.post(f"{url}/chat/completions", json=again).json()["choices"][0]["message"]["content"] == (
            '{"number": '
        )
