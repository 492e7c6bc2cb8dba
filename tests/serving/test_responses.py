"""``/v1/responses`` with the openai SDK."""

from __future__ import annotations

import httpx
import openai
import pytest

from tests.serving.conftest import Serve
from tests.serving.test_chat_completions import client


def test_a_conversation_by_previous_response(serve: Serve) -> None:
    url = serve()
    responses = client(url).responses
    first = responses.create(model="teller", input="remember 6", instructions="Be kind.")
    assert (first.output_text, first.status, [one.type for one in first.output]) == (
        "ok",
        "completed",
        ["reasoning", "message"],
    )
    assert first.usage is not None
    assert first.usage.total_tokens > 0
    second = responses.create(model="teller", input="recall", previous_response_id=first.id)
    assert second.output_text == "6"
    httpx.delete(f"{url}/v1/conversations/{second.id.removeprefix('resp_').partition('-')[0]}").raise_for_status()
    with pytest.raises(openai.NotFoundError, match="is not kept any more"):
        responses.create(model="teller", input="recall", previous_response_id=second.id)


def test_messages_as_input(serve: Serve) -> None:
    said = [
        {"role": "user", "content": [{"type": "input_text", "text": "remember 6"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
        {"role": "user", "content": "look"},
    ]
    reply = client(serve()).responses.create(
        model="teller",
        input=said,
        extra_body={"understudy": {"steps": False}},  # type: ignore[arg-type]
    )
    assert [one.type for one in reply.output] == ["message"]
    assert reply.output_text == "100"


def test_a_stream(serve: Serve) -> None:
    with client(serve()).responses.stream(model="teller", input="pay 30") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert kinds.index("response.reasoning_summary_text.delta") < kinds.index("response.output_text.delta")
    assert final.output_text == "70"
    assert "left = pay(30)" in final.output[0].summary[0].text  # type: ignore[union-attr]


def test_an_error_in_a_stream(serve: Serve) -> None:
    events = list(client(serve()).responses.create(model="teller", input="fail", stream=True))
    assert events[-1].type == "response.failed"
    assert events[-1].response.error is not None
    assert "server is down" in events[-1].response.error.message


def test_what_is_not_a_message_is_refused(serve: Serve) -> None:
    said = [{"type": "function_call_output", "call_id": "1", "output": "x"}]
    with pytest.raises(openai.BadRequestError, match="expected messages, got 'function_call_output'"):
        client(serve()).responses.create(model="teller", input=said)  # type: ignore[arg-type]
