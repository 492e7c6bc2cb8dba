"""``/v1/chat/completions`` as clients use it: the openai SDK, and bare HTTP for what the SDK hides."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.serving.bank import LEDGER, OPEN
from tests.serving.conftest import CLIENTS, Serve
from understudy.agents import ToolCallingConfig
from understudy.agents.config import ChainOfThoughtConfig
from understudy.models import Request, ScriptedModel
from understudy.records import ConversationEnd, ServedConversation, StopReason, Trajectory
from understudy.runs import read_jsonl


def client(url: str) -> openai.OpenAI:
    """It is closed at the end of the test."""
    CLIENTS.append(openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0))
    return CLIENTS[-1]


def user(*said: str) -> list[Any]:
    """Messages: what the user says, and the answers in between."""
    return [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(said)]


def ask(url: str, *said: str, **more: Any) -> Any:
    return client(url).chat.completions.create(model="teller", messages=user(*said), **more)


def post(url: str, timeout_s: float = 30.0, **body: Any) -> httpx.Response:
    whole = {"model": "teller", "messages": user("look"), **body}
    return httpx.post(f"{url}/v1/chat/completions", json=whole, timeout=timeout_s)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def logged(tmp_path: Path) -> tuple[list[ServedConversation], list[Trajectory]]:
    folder = tmp_path / "log"
    conversations = list(read_jsonl(folder / "conversations.jsonl", ServedConversation))
    return conversations, list(read_jsonl(folder / "trajectories.jsonl", Trajectory))


class TestReplies:
    def test_the_answer_is_the_content_and_the_steps_are_beside_it(self, serve: Serve) -> None:
        reply = ask(serve(), "pay 30")
        (choice,) = reply.choices
        assert (choice.message.content, choice.finish_reason) == ("70", "stop")
        assert "left = pay(30)" in choice.message.reasoning_content
        own = reply.model_extra["understudy"]
        assert (own["stop_reason"], [one["type"] for one in own["events"]]) == ("answered", ["reply", "step"] * 2)
        assert own["events"][1]["facts"]["tool_calls"][0]["name"] == "pay"
        assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0

    def test_the_answer_alone(self, serve: Serve) -> None:
        url = serve()
        reply = ask(url, "pay 30", extra_body={"understudy": {"steps": False}})
        assert "reasoning_content" not in reply.choices[0].message.model_extra
        assert "events" not in reply.model_extra["understudy"]
        assert reply.choices[0].message.content == "70"

    def test_a_stream_shows_steps_as_they_come_and_the_answer_last(self, serve: Serve) -> None:
        chunks = list(ask(serve(), "pay 30", stream=True, stream_options={"include_usage": True}))
        deltas = [one.choices[0].delta for one in chunks if one.choices]
        contents = [one.content for one in deltas]
        reasoning = "".join((one.model_extra or {}).get("reasoning_content") or "" for one in deltas)
        assert "".join(text or "" for text in contents) == "70"
        assert reasoning.index("left = pay(30)") < reasoning.index("Observation:") < reasoning.index("final_answer")
        events = [one.model_extra["understudy"]["event"]["type"] for one in chunks[1:-3]]
        assert events == ["reply", "step", "reply", "step"]
        assert chunks[-2].choices[0].finish_reason == "stop"
        assert chunks[-1].usage.total_tokens > 0

    @pytest.mark.slow
    def test_a_step_is_sent_before_the_next_one_begins(self, serve: Serve) -> None:
        seen = []
        began = time.monotonic()
        for chunk in ask(serve(), "sleep 1.5", stream=True):
            if chunk.choices[0].delta.model_extra:
                seen.append(time.monotonic() - began)
        assert seen[1] - seen[0] > 1, "the thought came before its code had run"

    def test_an_agent_that_calls_tools(self, serve: Serve) -> None:
        reply = ask(serve(ToolCallingConfig()), "please")
        message = reply.choices[0].message
        assert message.content == "You have 99."
        assert message.reasoning_content == "I pay.\n\npay(amount=1)\n\n99"

    def test_an_agent_that_knows_single_attempts_only(self, serve: Serve, tmp_path: Path) -> None:
        asked = []

        def program(request: Request) -> str:
            asked.append(request.messages[-1].content)
            return "The answer is 7."

        url = serve(ChainOfThoughtConfig(), ScriptedModel(program, "thinker"))
        ask(url, "one", "7", "two", extra_headers={"x-understudy-conversation": "a"})
        assert "Assistant: 7" in asked[0]
        httpx.delete(f"{url}/v1/conversations/a").raise_for_status()
        (conversation,), trajectories = logged(tmp_path)
        assert conversation.trajectories == tuple(one.id for one in trajectories)

    def test_settings_of_the_agent_are_named_if_a_client_sends_them(self, serve: Serve) -> None:
        reply = ask(serve(), "look", temperature=0.3, max_tokens=5, seed=1)
        assert reply.model_extra["understudy"]["ignored"] == ["max_tokens", "seed", "temperature"]

    def test_a_limit_is_a_length(self, serve: Serve) -> None:
        reply = ask(serve(), "never")
        assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("", "length")
        assert reply.model_extra["understudy"]["stop_reason"] == "step_limit"


class TestConversations:
    def test_messages_alone_find_the_state(self, serve: Serve) -> None:
        url = serve()
        assert ask(url, "remember 6").choices[0].message.content == "ok"
        reply = ask(url, "remember 6", "ok", "recall")
        assert reply.choices[0].message.content == "6"
        assert ask(url, "look").choices[0].message.content == "100", "another conversation has another state"

    def test_messages_of_a_conversation_that_is_not_kept_are_read_as_text(self, serve: Serve) -> None:
        reply = ask(serve(), "You are kind.", "Thanks.", "pay 1")
        assert reply.choices[0].message.content == "99"

    def test_a_name_finds_the_state_without_the_messages(self, serve: Serve) -> None:
        url = serve()
        named: dict[str, Any] = {"extra_headers": {"x-understudy-conversation": "mine"}}
        ask(url, "remember 6", **named)
        assert ask(url, "recall", **named).choices[0].message.content == "6"
        in_body = {"extra_body": {"understudy": {"conversation": "mine"}}}
        assert ask(url, "remember 6", "ok", "recall", "6", "recall", **in_body).choices[0].message.content == "6"

    def test_other_messages_under_a_name_begin_again(self, serve: Serve, tmp_path: Path) -> None:
        url = serve()
        named: dict[str, Any] = {"extra_headers": {"x-understudy-conversation": "mine"}}
        ask(url, "pay 1", **named)
        ask(url, "pay 5", "95", "pay 1", **named)
        (first,), _ = logged(tmp_path)
        assert (first.end, first.name) == (ConversationEnd.CLOSED, "mine")

    def test_the_world_is_that_of_the_client(self, serve: Serve) -> None:
        url = serve(metadata={"owner": "ana"})
        reply = ask(url, "pay 5", metadata={"balance": "7"})
        assert reply.choices[0].message.content == "2"
        assert LEDGER == [("ana", 5)]
        with pytest.raises(openai.BadRequestError, match=r"metadata\.owner: is set by the server"):
            ask(url, "pay 5", metadata={"owner": "eve"})

    def test_idle_ones_end_and_leave_nothing(self, serve: Serve, tmp_path: Path) -> None:
        url = serve(idle_s=0.2)
        ask(url, "pay 3")
        until(lambda: bool(logged(tmp_path)[0]))
        (conversation,), (trajectory,) = logged(tmp_path)
        assert conversation.end is ConversationEnd.IDLE
        assert [turn.stop_reason for turn in conversation.turns] == [StopReason.ANSWERED]
        assert trajectory.id in conversation.trajectories
        assert trajectory.environment is not None
        assert trajectory.environment.after["balance"] == 97
        assert not OPEN
        assert not list((tmp_path / "log" / "open").iterdir())

    def test_room_is_made_by_the_longest_idle_one_without_a_name(self, serve: Serve, tmp_path: Path) -> None:
        url = serve(max_conversations=2)
        ask(url, "remember 1", extra_headers={"x-understudy-conversation": "kept"})
        ask(url, "remember 2")
        ask(url, "remember 3")
        (gone,), _ = logged(tmp_path)
        assert (gone.end, gone.name) == (ConversationEnd.REPLACED, "")
        ask(url, "remember 4", extra_headers={"x-understudy-conversation": "kept too"})
        refused = post(url)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 1
        assert refused.json()["error"]["code"] == "too_many_turns"


class TestErrors:
    @pytest.mark.parametrize(
        ("body", "status", "message"),
        [
            ({"model": "other"}, 404, "no model 'other' here, only 'teller'"),
            ({"messages": []}, 400, "messages"),
            ({"messages": user("a", "b")}, 400, "expected a user message with a text at the end"),
            ({"messages": user("  ")}, 400, "expected a user message with a text at the end"),
            ({"messages": [{"role": "assistant", "content": "x"}, *user("a")]}, 400, "before that of the assistant"),
            ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, 400, "no message of role tool"),
            ({"tools": [{"type": "function", "function": {"name": "f"}}]}, 400, "the agent has its own tools"),
            ({"n": 2}, 400, "n:"),
            ({"response_format": {"type": "json_object"}}, 400, "response_format"),
            ({"what": 1}, 400, "what"),
            ({"understudy": {"stepz": 1}}, 400, "understudy.stepz"),
        ],
    )
    def test_requests_that_cannot_be_answered(
        self, serve: Serve, body: dict[str, Any], status: int, message: str
    ) -> None:
        refused = post(serve(), **body)
        assert refused.status_code == status
        assert message in refused.json()["error"]["message"]
        assert set(refused.json()["error"]) == {"message", "type", "param", "code"}

    def test_a_model_that_is_down(self, serve: Serve) -> None:
        url = serve()
        with pytest.raises(openai.InternalServerError, match="server is down") as caught:
            ask(url, "fail")
        assert (caught.value.status_code, caught.value.code) == (503, "model_unavailable")
        with pytest.raises(openai.APIError, match="server is down"):
            list(ask(url, "fail", stream=True))

    def test_a_crash_ends_the_conversation(self, serve: Serve, tmp_path: Path) -> None:
        url = serve()
        with pytest.raises(openai.InternalServerError, match="a bug"):
            ask(url, "crash", extra_headers={"x-understudy-conversation": "a"})
        (conversation,), _ = logged(tmp_path)
        assert conversation.end is ConversationEnd.FAILED
        assert "a bug" in conversation.turns[0].error
        assert not OPEN

    def test_a_turn_that_takes_too_long(self, serve: Serve) -> None:
        refused = post(serve(turn_s=0.5), messages=user("loop"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (504, "turn_timeout")

    def test_too_many_turns(self, serve: Serve) -> None:
        url = serve(max_turns=1)
        with ThreadPoolExecutor() as pool:
            slow = pool.submit(post, url, messages=user("sleep 2"))
            until(lambda: httpx.get(f"{url}/health").json()["turns"] == 1)
            refused = post(url)
            assert slow.result().json()["choices"][0]["message"]["content"] == "slept"
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["error"]["type"] == "rate_limit_error"

    @pytest.mark.slow
    def test_one_turn_of_a_conversation_at_a_time(self, serve: Serve) -> None:
        url = serve()
        named = {"understudy": {"conversation": "a"}}
        with ThreadPoolExecutor() as pool:
            slow = pool.submit(post, url, messages=user("sleep 2"), **named)
            until(lambda: httpx.get(f"{url}/health").json()["turns"] == 1)
            assert post(url, **named).status_code == 409
            slow.result()


class TestStops:
    @pytest.mark.parametrize("streamed", [True, False])
    def test_a_client_that_goes_away_frees_the_sandbox(self, serve: Serve, tmp_path: Path, streamed: bool) -> None:
        url = serve()
        body = {"model": "teller", "messages": user("loop"), "stream": streamed}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/v1/chat/completions", json=body, timeout=1.0)
        until(lambda: bool(logged(tmp_path)[0]))
        (conversation,), (trajectory,) = logged(tmp_path)
        assert conversation.end is ConversationEnd.DISCONNECTED
        assert trajectory.stop_reason is StopReason.STOPPED
        assert not trajectory.steps
        assert not OPEN
        until(lambda: httpx.get(f"{url}/health").json() == {**httpx.get(f"{url}/health").json(), "turns": 0})

    def test_a_stop_keeps_the_conversation(self, serve: Serve) -> None:
        url = serve()
        named = {"understudy": {"conversation": "a"}}
        post(url, messages=user("remember 6"), **named)
        with ThreadPoolExecutor() as pool:
            looping = pool.submit(post, url, messages=user("loop"), **named)
            until(lambda: httpx.get(f"{url}/health").json()["turns"] == 1)
            assert httpx.post(f"{url}/v1/conversations/a/stop", json={}).json()["stopped"] is True
            stopped = looping.result().json()
        assert stopped["understudy"]["stop_reason"] == "stopped"
        assert post(url, messages=user("recall"), **named).json()["choices"][0]["message"]["content"] == "6"
        assert httpx.post(f"{url}/v1/conversations/a/stop", json={}).json()["stopped"] is False
        assert httpx.delete(f"{url}/v1/conversations/a").json()["deleted"] is True
        assert httpx.delete(f"{url}/v1/conversations/a").status_code == 404


def test_a_stream_is_events_that_end_with_done(serve: Serve) -> None:
    lines = [line for line in post(serve(), stream=True).text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    assert all(json.loads(line.removeprefix("data: "))["object"] == "chat.completion.chunk" for line in lines[:-1])
