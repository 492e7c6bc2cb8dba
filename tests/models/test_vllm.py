"""The client, the started process and the parity check, against a real vLLM.

``UNDERSTUDY_VLLM_PYTHON=/path/to/python pytest -m slow tests/models/test_vllm.py``, where that interpreter has vLLM, or
its CPU build. Five to ten minutes on two cores, most of it vLLM's start; where it does not start, the error has the
end of its log.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.models.real_vllm import EXACT, save_vllm_script, set_environment
from tests.tiny_model import save_tiny_adapter, save_tiny_model
from understudy.models import ContextFullError, DType, LocalConfig, OpenAIChatConfig, ProviderError, Request
from understudy.models.engines.engine import Adapter
from understudy.models.local import LocalModel
from understudy.models.openai_chat import OpenAIChatModel
from understudy.models.parity import StudentMismatchError, check_student
from understudy.models.vllm_process import VllmOptions, vllm_served
from understudy.records import Completion, FinishReason, Message, PrefixDelivery, Role

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
WINDOW = 2048
NEAR_NAT = 1e-3


@pytest.fixture(scope="module")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = save_vllm_script(tmp_path_factory.mktemp("bin"))
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch)
        yield path


@pytest.fixture(scope="module")
def base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("served") / "model", hidden_size=128, max_tokens=WINDOW)


@pytest.fixture(scope="module")
def lora_dir(base_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_adapter(base_dir, tmp_path_factory.mktemp("served") / "adapter")


@pytest.fixture(scope="module")
def url(executable: str, base_dir: Path, lora_dir: Path) -> Iterator[str]:
    config = VllmOptions(
        model=str(base_dir),
        served_name="student-base",
        adapters=(Adapter("student", str(lora_dir), 8),),
        executable=executable,
        extra_arguments=EXACT,
        deadline_s=600,
    )
    with vllm_served(config) as address:
        yield address


@pytest.fixture(scope="module")
def near(base_dir: Path, lora_dir: Path) -> Iterator[LocalModel]:
    """The same student in this process."""
    config = LocalConfig(path=str(base_dir), adapter=str(lora_dir), dtype=DType.FLOAT32, name="student")
    with LocalModel(config) as model:
        yield model


def far(url: str, **settings: object) -> OpenAIChatModel:
    asked: dict[str, object] = {"model": "student", "base_urls": [url], "max_retries": 0, "token_ids": True}
    return OpenAIChatModel(OpenAIChatConfig.model_validate(asked | settings))


def said(*texts: str) -> tuple[Message, ...]:
    """The user begins, then they take turns."""
    return tuple(Message(role=(Role.USER, Role.ASSISTANT)[i % 2], content=text) for i, text in enumerate(texts))


QUESTION = said("What is 6 * 7?")
REQUESTS = {
    "plain": Request(QUESTION, max_tokens=40, logprobs=True),
    "long": Request(said("Who wrote it?"), max_tokens=300, logprobs=True),
    "continued": Request(said("6 * 7?", "Thought: I should"), max_tokens=30, continue_final=True, logprobs=True),
}


def whole(completion: Completion) -> str:
    """Without a character that the limit cut in two: vLLM leaves it out, we show that something was there."""
    return completion.text.rstrip("\ufffd")


def assert_same(one: Completion, other: Completion) -> None:
    assert (whole(one), one.token_ids, one.finish_reason) == (whole(other), other.token_ids, other.finish_reason)
    usage = one.usage.model_copy(update={"cached_tokens": other.usage.cached_tokens})  # each keeps prompts of its own
    assert usage == other.usage
    assert one.logprobs == pytest.approx(other.logprobs, abs=NEAR_NAT)


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("delivery", ["auto", "completion"])
def test_greedy_replies_are_those_of_the_model_in_process(
    url: str, near: LocalModel, base_dir: Path, name: str, delivery: str
) -> None:
    with far(url, prefix_delivery=delivery, tokenizer=str(base_dir)) as model:
        assert_same(model.complete(REQUESTS[name])[0], near.complete(REQUESTS[name])[0])


def test_a_stop_string_ends_the_reply_where_it_does_in_process(url: str, near: LocalModel) -> None:
    string = near.complete(REQUESTS["long"])[0].text[10:13]
    request = Request(said("Who wrote it?"), max_tokens=300, stop=(string,), logprobs=True)
    with far(url) as model:
        reply = model.complete(request)[0]
    assert_same(reply, near.complete(request)[0])
    assert reply.finish_reason is FinishReason.STOP


def test_it_says_that_it_continues_messages_and_renders_as_we_do(url: str, near: LocalModel) -> None:
    with far(url) as model:
        assert model.prefix_delivery is PrefixDelivery.CONTINUED
        assert model.rendered_ids(QUESTION) == tuple(near.renderer.prompt_ids(QUESTION))


def test_a_seed_decides_over_all_n(url: str, near: LocalModel) -> None:
    def texts(model: OpenAIChatModel, seed: int) -> list[str]:
        request = Request(QUESTION, n=4, temperature=1.0, top_p=0.9, seed=seed, max_tokens=20)
        return [completion.text for completion in model.complete(request)]

    with far(url) as model:
        assert texts(model, 7) == texts(model, 7) != texts(model, 8)
        assert len(set(texts(model, 7))) > 1
        greedy = Request(QUESTION, n=3, max_tokens=10)
        assert [c.token_ids for c in model.complete(greedy)] == [near.complete(greedy)[0].token_ids] * 3


def test_log_probabilities_are_those_before_temperature(url: str, near: LocalModel) -> None:
    request = Request(QUESTION, temperature=2.0, seed=3, max_tokens=12, logprobs=True)
    with far(url) as model:
        reply = model.complete(request)[0]
    ids, sampled = near.renderer.prompt_ids(QUESTION), reply.token_ids or ()
    returned = near.prompt_logprobs([*ids, *sampled], 1)[len(ids) - 1 :]
    expected = [place[token] for place, token in zip(returned, sampled, strict=True)]
    assert reply.logprobs == pytest.approx(expected, abs=NEAR_NAT)


def test_what_does_not_fit_is_a_full_context_to_the_last_token(url: str, near: LocalModel) -> None:
    around = len(near.renderer.prompt_ids(said("")))
    with far(url) as model:
        for length, room in ((WINDOW - 5, 5), (WINDOW - 1, 1)):
            reply = model.complete(Request(said("7" * (length - around)), max_tokens=100))[0]
            assert reply.usage.prompt_tokens == length
            assert reply.usage.completion_tokens <= room
        for length in (WINDOW, WINDOW + 1, 2 * WINDOW):
            with pytest.raises(ContextFullError):
                model.complete(Request(said("7" * (length - around)), max_tokens=100))
        model.complete(Request(QUESTION, max_tokens=WINDOW + 1))


def test_the_prompts_log_probabilities_are_those_of_the_weights(url: str, near: LocalModel) -> None:
    ids = near.renderer.prompt_ids(QUESTION)
    with far(url) as model:
        places = model.prompt_logprobs(ids, 3, 20)
        with pytest.raises(ProviderError, match="max allowed: 20"):
            model.prompt_logprobs(ids, 3, 21)
        with pytest.raises(ContextFullError):
            model.prompt_logprobs([5] * WINDOW, 3, 2)
    returned = near.prompt_logprobs(ids, 20)[2:]
    assert [place.keys() for place in places] == [place.keys() for place in returned]
    for place, expected in zip(places, returned, strict=True):
        assert place == pytest.approx(expected, abs=NEAR_NAT)


def test_another_name_is_refused(url: str) -> None:
    with far(url, model="other") as model:
        with pytest.raises(ProviderError, match="does not exist"):
            model.complete(Request(QUESTION))
        with pytest.raises(ProviderError, match="does not exist"):
            model.rendered_ids(QUESTION)


def test_sixty_four_requests_in_flight_are_answered_each_by_its_own(url: str, near: LocalModel) -> None:
    requests = [Request(said(f"What is {number} * 7?"), max_tokens=60) for number in range(64)]
    with far(url) as model, ThreadPoolExecutor(64) as pool:
        there = list(pool.map(lambda request: whole(model.complete(request)[0]), requests))
        here = list(pool.map(lambda request: whole(near.complete(request)[0]), requests))
    assert there == here


def test_parity_holds_for_the_student_and_for_nobody_else(url: str, base_dir: Path, lora_dir: Path) -> None:
    base = LocalConfig(path=str(base_dir), dtype=DType.FLOAT32)
    prompts = [QUESTION, said("hello"), said("Who wrote it?")]

    def served(name: str) -> OpenAIChatConfig:
        return OpenAIChatConfig(model=name, base_urls=(url,), max_retries=0)

    report = check_student(base, prompts, adapter=str(lora_dir), server=served("student"))
    by_name = {system.system: system for system in report.systems}
    assert by_name["server"].greedy_agreement == 1.0
    assert (by_name["server"].max_difference_nat or 0) < NEAR_NAT
    with pytest.raises(StudentMismatchError, match="server is not"):
        check_student(base, prompts, adapter=str(lora_dir), server=served("student-base"))


def test_a_server_that_dies_and_comes_back_loses_no_request(executable: str, base_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    config = VllmOptions(model=str(base_dir), port=port, executable=executable, extra_arguments=EXACT, deadline_s=600)
    requests = [Request(said(f"Count to {number}"), max_tokens=1900) for number in range(16)]
    replies: list[Future[tuple[Completion, ...]]] = []
    with ThreadPoolExecutor(16) as pool:
        with vllm_served(config) as address:
            patient = far(address, extra_body={"ignore_eos": True}, max_retries=60, max_retry_wait_s=10)
            replies += [pool.submit(patient.complete, request) for request in requests]
            time.sleep(1.0)
            assert not any(reply.done() for reply in replies), "expected it to die in mid-reply"
        with patient, vllm_served(config):
            ended = [reply.result()[0] for reply in replies]
    assert [len(reply.token_ids or ()) for reply in ended] == [1900] * 16
    assert {reply.finish_reason for reply in ended} == {FinishReason.LENGTH}
