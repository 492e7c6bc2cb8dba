"""Models by URL, against real servers that fail: no request is lost, and none is repeated in vain."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.models.faulty_server import FAULTS, Answer, Faulty, refuse, reply, running
from understudy.models import ContextFullError, OpenAIChatConfig, ProviderError, Request
from understudy.models.endpoints import retry_after_s
from understudy.models.openai_chat import OpenAIChatModel
from understudy.models.refusals import RefusalError
from understudy.records import FinishReason, Message, PrefixDelivery, Role


def ask(text: str = "hi", n: int = 1, **sampling: object) -> Request:
    return Request(messages=(Message(role=Role.USER, content=text),), n=n, **sampling)  # type: ignore[arg-type]


def config(*faulty: Faulty, **settings: object) -> OpenAIChatConfig:
    quick: dict[str, object] = {"timeout_s": 5, "max_retry_wait_s": 0.05, **settings}
    return OpenAIChatConfig.model_validate({"model": "m", "base_urls": [f.url for f in faulty], **quick})


def echo(body: dict[str, object]) -> Answer:
    messages = body["messages"]
    assert isinstance(messages, list)
    return reply(f"you said {messages[-1]['content']}")


def every_third_fails(number: int) -> str | None:
    """Three of ten requests, the kinds of failure in turn."""
    return FAULTS[(number * 3 // 10) % len(FAULTS)] if (number * 3) % 10 < 3 else None


def test_two_hundred_requests_all_end_though_three_in_ten_fail() -> None:
    with (
        running(Faulty(echo, every_third_fails)) as faulty,
        OpenAIChatModel(config(faulty, timeout_s=0.7, max_retries=20)) as model,
        ThreadPoolExecutor(24) as pool,
    ):
        texts = list(pool.map(lambda number: model.complete(ask(f"n{number}"))[0].text, range(200)))
    assert texts == [f"you said n{number}" for number in range(200)]
    assert set(faulty.faults) == set(FAULTS)
    assert len(faulty.bodies) == 200 + len(faulty.faults), "each failure costs one more request, and nothing else does"
    assert len(faulty.faults) >= 0.29 * len(faulty.bodies)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_keeps_failing_is_a_provider_error_that_says_how(fault: str) -> None:
    with (
        running(Faulty(echo, lambda number: fault, hang_s=0.4)) as faulty,
        OpenAIChatModel(config(faulty, max_retries=2, timeout_s=0.2)) as model,
        pytest.raises(ProviderError, match="gave up after 3 attempts"),
    ):
        model.complete(ask())
    assert faulty.faults == [fault] * 3


SCHEMA = '{"type": "object", "properties": {"correct": {"type": "boolean"}}}'


def test_a_schema_is_sent_in_the_protocols_words() -> None:
    with running(Faulty(echo)) as faulty, OpenAIChatModel(config(faulty)) as model:
        model.complete(ask(json_schema=SCHEMA))
        model.complete(ask())
    sent = {"name": "reply", "strict": True, "schema": json.loads(SCHEMA)}
    assert [body.get("response_format") for body in faulty.bodies] == [
        {"type": "json_schema", "json_schema": sent},
        None,
    ]


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_refuses_schemas_is_sent_one_once(status: int) -> None:
    def answer(body: dict[str, object]) -> Answer:
        return refuse(status, "response_format is unknown") if "response_format" in body else echo(body)

    with running(Faulty(answer)) as faulty, OpenAIChatModel(config(faulty)) as model:
        texts = [model.complete(ask(f"n{number}", json_schema=SCHEMA))[0].text for number in range(3)]
    assert texts == [f"you said n{number}" for number in range(3)]
    assert ["response_format" in body for body in faulty.bodies] == [True, False, False, False]


def test_a_refusal_for_another_reason_is_reported_and_says_nothing_about_schemas() -> None:
    def answer(body: dict[str, object]) -> Answer:
        return refuse(400, "bad word") if "bad" in json.dumps(body) else echo(body)

    with running(Faulty(answer)) as faulty, OpenAIChatModel(config(faulty)) as model:
        with pytest.raises(ProviderError, match="bad word"):
            model.complete(ask("bad", json_schema=SCHEMA))
        model.complete(ask("good", json_schema=SCHEMA))
    assert ["response_format" in body for body in faulty.bodies] == [True, False, True]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    with (
        running(Faulty(lambda body: refuse(status, "no such thing"))) as faulty,
        OpenAIChatModel(config(faulty)) as model,
        pytest.raises(ProviderError, match="no such thing"),
    ):
        model.complete(ask())
    assert len(faulty.bodies) == 1


def test_retry_after_is_honoured() -> None:
    with (
        running(Faulty(echo, lambda number: "429" if number == 0 else None)) as faulty,
        OpenAIChatModel(config(faulty, max_retry_wait_s=30)) as model,
    ):
        started = time.monotonic()
        model.complete(ask())
    assert 0.05 <= time.monotonic() - started < 20, "the server asked for 0.05 s"


@pytest.mark.parametrize(
    ("header", "seconds"), [("2.5", 2.5), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("", None)]
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str, seconds: float | None) -> None:
    assert retry_after_s(RefusalError(429, b"slow down", header)) == seconds
    assert retry_after_s(RuntimeError("another")) is None


def test_the_cap_on_requests_in_flight_holds() -> None:
    def slow(body: dict[str, object]) -> Answer:
        time.sleep(0.02)
        return echo(body)

    with (
        running(Faulty(slow)) as faulty,
        OpenAIChatModel(config(faulty, max_in_flight=3)) as model,
        ThreadPoolExecutor(12) as pool,
    ):
        list(pool.map(lambda number: model.complete(ask(str(number))), range(36)))
    assert faulty.most_in_flight == 3


def test_a_server_that_gives_fewer_than_n_is_asked_for_the_rest_with_other_seeds() -> None:
    with (
        running(Faulty(lambda body: reply("a", "b", "c")[:2])) as faulty,
        OpenAIChatModel(config(faulty)) as model,
    ):
        said = model.complete(ask(n=8, seed=10, temperature=1.0))
    assert "".join(completion.text for completion in said) == "abcabcab"
    assert [(body["n"], body["seed"]) for body in faulty.bodies] == [(8, 10), (5, 13), (2, 16)]


def test_greedy_completions_are_asked_for_one_at_a_time() -> None:
    def as_vllm(body: dict[str, object]) -> Answer:
        if body["n"] != 1 and body["temperature"] == 0:
            return refuse(400, f"n must be 1 when using greedy sampling, got {body['n']}.")
        return echo(body)

    with running(Faulty(as_vllm)) as faulty, OpenAIChatModel(config(faulty)) as model:
        assert [c.text for c in model.complete(ask("x", n=3))] == ["you said x"] * 3


def test_an_endpoint_that_keeps_failing_is_reported_once_and_so_is_its_return(caplog: pytest.LogCaptureFixture) -> None:
    with (
        running(Faulty(echo, lambda number: "500" if number < 5 else None)) as faulty,
        OpenAIChatModel(config(faulty)) as model,
    ):
        for number in range(3):
            model.complete(ask(str(number)))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("understudy")] == [
        f"{faulty.url} fails (HTTP 500: oops); retrying",
        f"{faulty.url} answers again after 5 failures",
    ]


def test_when_one_endpoint_dies_the_others_take_its_share() -> None:
    with (
        running(Faulty(echo, lambda number: "500")) as dead,
        running(Faulty(echo)) as well,
        OpenAIChatModel(config(dead, well)) as model,
    ):
        for number in range(20):
            assert model.complete(ask(str(number)))[0].text == f"you said {number}"
    assert len(well.bodies) == 20
    assert len(dead.bodies) <= 3, "a failing endpoint rests"


def test_requests_are_spread_over_the_endpoints() -> None:
    def slow(body: dict[str, object]) -> Answer:
        time.sleep(0.03)
        return echo(body)

    with (
        running(Faulty(slow)) as one,
        running(Faulty(slow)) as two,
        OpenAIChatModel(config(one, two)) as model,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(lambda number: model.complete(ask(str(number))), range(40)))
    assert min(len(one.bodies), len(two.bodies)) >= 10


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 2048 tokens. However, your messages resulted in 3000 tokens.",
        "The prompt (total length 3000) is too long: it exceeds the maximum model length of 2048",
        "the request exceeds the available context size (2048 tokens), try increasing it",
        "The input (3000 tokens) is longer than the model's context length (2048 tokens).",
        "Error code: context_length_exceeded",
        # vLLM 0.32: beyond the window, and exactly as long as it
        "This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens, "
        "which exceeds this limit even without any output tokens. (parameter=input_tokens, value=2049)",
        "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)",
    ],
)
def test_a_full_context_is_distinguished_from_other_refusals(message: str) -> None:
    with (
        running(Faulty(lambda body: refuse(400, message))) as faulty,
        OpenAIChatModel(config(faulty)) as model,
        pytest.raises(ContextFullError),
    ):
        model.complete(ask())
    assert len(faulty.bodies) == 1


def test_a_prompt_that_fits_gets_the_remaining_tokens() -> None:
    message = (
        "'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context length is 2048 "
        "tokens and your request has 1500 input tokens (1024 > 2048 - 1500)."
    )

    def strict(body: dict[str, object]) -> Answer:
        return refuse(400, message) if body["max_tokens"] == 1024 else echo(body)

    with running(Faulty(strict)) as faulty, OpenAIChatModel(config(faulty)) as model:
        assert model.complete(ask("x"))[0].text == "you said x"
    assert [body["max_tokens"] for body in faulty.bodies] == [1024, 548]


def test_a_limit_beyond_the_window_becomes_the_window() -> None:
    """As vLLM 0.32 has it: it cuts a limit to the room that a prompt leaves, but refuses one beyond the window."""

    def as_vllm(body: dict[str, object]) -> Answer:
        asked = body["max_tokens"]
        assert isinstance(asked, int)
        if asked > 2048:
            return refuse(400, f"max_tokens={asked} cannot be greater than max_model_len=2048. Please request fewer.")
        return echo(body)

    with running(Faulty(as_vllm)) as faulty, OpenAIChatModel(config(faulty)) as model:
        assert model.complete(ask("x", max_tokens=3000))[0].text == "you said x"
    assert [body["max_tokens"] for body in faulty.bodies] == [3000, 2048]


@pytest.mark.parametrize(
    ("owner", "delivery"),
    [("vllm", "continued"), ("sglang", "continued"), ("understudy", "continued"), ("llamacpp", "instructed")],
)
def test_the_server_says_whether_it_continues_messages(owner: str, delivery: str) -> None:
    with running(Faulty(echo, owned_by=owner)) as faulty, OpenAIChatModel(config(faulty)) as model:
        assert model.prefix_delivery == delivery


def test_a_continued_message_is_requested_in_the_form_that_vllm_expects() -> None:
    messages = (Message(role=Role.USER, content="Q"), Message(role=Role.ASSISTANT, content="Thought: First"))
    with (
        running(Faulty(echo)) as faulty,
        OpenAIChatModel(config(faulty, prefix_delivery="continued", extra_body={"top_k": -1})) as model,
    ):
        model.complete(Request(messages=messages, continue_final=True, stop=("x",), logprobs=True))
    body = faulty.bodies[0]
    assert body["continue_final_message"] is True
    assert body["add_generation_prompt"] is False
    assert (body["top_k"], body["stop"], body["logprobs"]) == (-1, ["x"], True)
    assert body["messages"] == [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "Thought: First"}]


def test_a_model_that_must_be_instructed_refuses_to_continue() -> None:
    messages = (Message(role=Role.USER, content="Q"), Message(role=Role.ASSISTANT, content="A"))
    with (
        running(Faulty(echo)) as faulty,
        OpenAIChatModel(config(faulty)) as model,
        pytest.raises(ValueError, match="its prefix_delivery is instructed"),
    ):
        model.complete(Request(messages=messages, continue_final=True))


def test_raw_completions_send_the_ids_of_the_prompt(tiny_dir: Path) -> None:
    def raw(body: dict[str, object]) -> Answer:
        choice = {
            "text": " and then",
            "finish_reason": "length",
            "logprobs": {"token_logprobs": [-0.5, -1.5]},
            "token_ids": [5, 6],
        }
        return 200, {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}

    messages = (Message(role=Role.USER, content="Q"), Message(role=Role.ASSISTANT, content="Thought: First"))
    settings = {"prefix_delivery": "completion", "tokenizer": str(tiny_dir)}
    with running(Faulty(raw)) as faulty, OpenAIChatModel(config(faulty, **settings)) as model:
        assert model.prefix_delivery is PrefixDelivery.COMPLETION
        completion = model.complete(Request(messages=messages, continue_final=True, logprobs=True))[0]
        assert model._renderer is not None
        assert faulty.bodies[0]["prompt"] == model._renderer.prompt_ids(messages, continue_final=True)
    assert faulty.paths == ["/v1/completions"]
    assert completion.text == " and then"
    assert completion.finish_reason is FinishReason.LENGTH
    assert (completion.logprobs, completion.token_ids) == ((-0.5, -1.5), (5, 6))


def test_tokens_and_money_are_counted() -> None:
    prices = {"prompt_price_usd": 2.0, "completion_price_usd": 10.0}
    with running(Faulty(lambda body: reply("a", "b"))) as faulty, OpenAIChatModel(config(faulty, **prices)) as model:
        first, second = model.complete(ask(n=2, temperature=1.0))
    assert (first.usage.prompt_tokens, second.usage.prompt_tokens) == (3, 0)
    assert (first.usage.completion_tokens, second.usage.completion_tokens) == (2, 2)
    total = first.usage + second.usage
    assert total.cost_usd == pytest.approx((3 * 2.0 + 4 * 10.0) / 1e6)
    assert total.requests == 1


def test_no_path_to_render_with_is_distinguished_from_no_such_model() -> None:
    def no_path(body: dict[str, object]) -> Answer:
        return 404, {"detail": "Not Found"}

    def no_model(body: dict[str, object]) -> Answer:
        message = "The model `m` does not exist. Valid aliases: student."
        return 404, {"error": {"message": message, "type": "NotFoundError", "param": "model", "code": 404}}

    with running(Faulty(no_path)) as faulty, OpenAIChatModel(config(faulty)) as model:
        assert model.rendered_ids(ask().messages) is None
    with (
        running(Faulty(no_model)) as faulty,
        OpenAIChatModel(config(faulty)) as model,
        pytest.raises(ProviderError, match="does not exist"),
    ):
        model.rendered_ids(ask().messages)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("localhost:8000/v1", "did you mean http://localhost:8000/v1?"),
        ("127.0.0.1:8000", "did you mean http://127.0.0.1:8000?"),
        ("api.openai.com/v1", "did you mean http://api.openai.com/v1?"),
        ("//host/v1", "did you mean http://host/v1?"),
        ("http:/localhost/v1", "expected a URL such as"),
        ("http://", "expected a URL such as"),
        ("http://:8000/v1", "expected a URL such as"),
        ("ftp://host/v1", "expected a URL such as"),
        ("", "expected a URL such as"),
        ("http://host/v1/chat/completions", "such as http://host/v1; got"),
        ("http://host/v1/completions/", "such as http://host/v1; got"),
    ],
)
def test_a_base_url_that_is_none_is_refused_before_any_request(url: str, says: str) -> None:
    with pytest.raises(ValidationError, match="base_urls") as caught:
        OpenAIChatConfig(model="m", base_urls=("http://well:8000/v1", url))
    assert says in str(caught.value)
    assert repr(url) in str(caught.value)


def test_the_query_of_a_base_url_goes_with_each_request() -> None:
    """Azure's older paths want ``?api-version=…``."""
    with running(Faulty(echo)) as faulty:
        urls = (f"{faulty.url}/deployments/d?api-version=2024-10-21",)
        with OpenAIChatModel(OpenAIChatConfig(model="m", base_urls=urls)) as model:
            assert model.complete(ask("x"))[0].text == "you said x"
    assert faulty.paths == ["/v1/deployments/d/chat/completions?api-version=2024-10-21"]
