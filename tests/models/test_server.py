"""Our own endpoint, over a real socket: whatever the protocol promises, the model does."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import psutil
import pytest
import uvicorn
from pydantic import JsonValue

from understudy.models import ContextFullError, LocalConfig, Model, OpenAIChatConfig, Request, ScriptedConfig
from understudy.models.engines.engine import Adapter
from understudy.models.local import LocalModel
from understudy.models.openai_chat import OpenAIChatModel
from understudy.models.process import ServerMissingError, ServerProcess, ServerStartError
from understudy.models.scripted import ScriptedModel
from understudy.models.server import model_app
from understudy.models.serving import served
from understudy.models.vllm_process import VllmOptions, vllm_served
from understudy.records import Completion, FinishReason, Message, PrefixDelivery, Role

FAKE_VLLM = Path(__file__).parent / "engines" / "fake_engine.py"


@contextmanager
def serving(model: Model) -> Iterator[str]:
    """The endpoint in a thread of this process, so that the tests share the model in memory."""
    server = uvicorn.Server(uvicorn.Config(model_app(model), log_level="error"))
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def url(local_model: LocalModel) -> Iterator[str]:
    with serving(local_model) as address:
        yield address


def client(url: str, **settings: object) -> OpenAIChatModel:
    return OpenAIChatModel(OpenAIChatConfig.model_validate({"model": "tiny", "base_urls": [url], **settings}))


def question(text: str) -> tuple[Message, ...]:
    return (Message(role=Role.USER, content=text),)


REQUESTS = [
    Request(question("hello"), max_tokens=20, logprobs=True),
    Request(question("hello"), n=5, temperature=0.8, top_p=0.9, seed=4, max_tokens=20, logprobs=True),
    Request(question("hello"), temperature=1.0, seed=9, max_tokens=40, stop=("e", "the"), logprobs=True),
    Request(
        (*question("hello"), Message(role=Role.ASSISTANT, content=" Thought: I\n")),
        max_tokens=12,
        continue_final=True,
        logprobs=True,
    ),
]


@pytest.mark.parametrize("mode", ["continued", "completion"])
def test_over_http_a_model_says_what_it_says_in_process(
    url: str, local_model: LocalModel, tiny_dir: Path, mode: str
) -> None:
    """Text, ids, finish reason, usage and log-probabilities, in both endpoints of the protocol."""
    with client(url, prefix_delivery=mode, tokenizer=str(tiny_dir), token_ids=True) as far:
        for request in REQUESTS:
            near = local_model.complete(request)
            came = far.complete(request)
            for ours, theirs in zip(near, came, strict=True):
                assert theirs.logprobs == pytest.approx(ours.logprobs, abs=1e-9)
                usage = theirs.usage.model_copy(
                    update={"cached_tokens": ours.usage.cached_tokens}
                )  # the second is kept
                assert theirs.model_copy(update={"logprobs": ours.logprobs, "usage": usage}) == ours


def test_the_server_names_itself_so_that_auto_continues(url: str) -> None:
    with client(url) as model:
        assert model.prefix_delivery is PrefixDelivery.CONTINUED


def test_many_requests_at_once_are_batched_not_queued(url: str, local_model: LocalModel) -> None:
    requests = [Request(question(f"hello {number}"), max_tokens=10) for number in range(48)]
    with client(url, max_in_flight=48) as far, ThreadPoolExecutor(48) as pool:
        texts = [completions[0].text for completions in pool.map(far.complete, requests)]
    assert texts == [local_model.complete(request)[0].text for request in requests]


def test_a_full_context_is_reported_across_http(url: str) -> None:
    with client(url) as model, pytest.raises(ContextFullError, match="context window 2048"):
        model.complete(Request(question("a " * 3000)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"temprature": 1}, "temprature: Extra inputs are not permitted"),
        ({"n": 0}, "n: Input should be greater than or equal to 1"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type: Input should be 'function' (got: 'web_search')"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools.0.function.name"),
        ({"tools": [{"function": {"name": "f"}}, {"function": {"name": "f"}}]}, "tools: expected different names"),
        ({"functions": [{"name": "f"}]}, "functions: is no longer read; tools and tool_choice are"),
        ({"tool_choice": "required"}, "tool_choice: expected tools to choose from, got none"),
        ({"tool_choice": "any"}, "expected auto, none, required or a function by name, got 'any'"),
        ({"tool_choice": {"type": "allowed_tools"}}, "got the type 'allowed_tools'"),
        (
            {"tools": [{"function": {"name": "f"}}], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice: expected one of the tools f, got 'g'",
        ),
        ({"frequency_penalty": 0.5}, "frequency_penalty: penalties are not supported here"),
        ({"presence_penalty": -1}, "presence_penalty: penalties are not supported here"),
        ({"repetition_penalty": 1.1}, "repetition_penalty: penalties are not supported here"),
        ({"logit_bias": {"5": 1}}, "logit_bias: is not supported here; expected none, or {}"),
        ({"top_k": 50}, "top_k: is not supported here"),
        ({"response_format": {"type": "json_object"}}, "response_format: formats of replies are not supported here"),
        ({"logprobs": True, "top_logprobs": 5}, "top_logprobs: only the sampled token's"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "expected one limit"),
        ({"max_completion_tokens": 0}, "max_completion_tokens: Input should be greater"),
        ({"reasoning_effort": "high"}, "reasoning_effort: is not supported here; expected none, or 'none'"),
        ({"options": {"num_ctx": 4096}}, "options: is not supported here"),
        ({"think": True}, "think: is not supported here"),
        ({"stop_token_ids": [2]}, "stop_token_ids: is not supported here"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "got 'image_url': only text"),
        ({"messages": [{"role": "user", "content": "x", "name": "Ann"}]}, "messages.0.name"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]}, "messages.0.tool_calls.0.function"),
        ({"messages": [{"role": "function", "content": "x", "name": "f"}]}, "the role function is no longer read"),
        ({"messages": []}, "messages"),
        ({"continue_final_message": True}, "either add_generation_prompt or continue_final_message"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "tool_call_id"),
        ({"model": "base"}, "no model 'base' here, only 'tiny'"),
    ],
)
def test_what_the_server_does_not_do_it_refuses(url: str, change: dict[str, object], says: str) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], **change}
    answer = httpx.post(f"{url}/chat/completions", json=body)
    assert answer.status_code in (400, 404)
    assert says in answer.json()["error"]["message"]


HARMLESS: dict[str, JsonValue] = {
    "metadata": {"run": "a"},
    "store": True,
    "user": "ann",
    "service_tier": "auto",
    "safety_identifier": "x",
    "prompt_cache_key": "x",
    "parallel_tool_calls": False,
    "frequency_penalty": 0,
    "presence_penalty": 0.0,
    "repetition_penalty": 1.0,
    "response_format": {"type": "text"},
    "tools": [],
    "tool_choice": "auto",
    "logit_bias": {},
    "top_k": -1,
    "min_p": 0,
    "top_logprobs": None,
    "stop": None,
    "seed": None,
    "n": None,
    "temperature": None,
    "stream": None,
    "stream_options": None,
    "something_new": None,
    "priority": 0,
    "keep_alive": "5m",
    "provider": {"order": ["x"]},
    "cache_prompt": True,
    "stop_token_ids": [],
    "reasoning_effort": "none",
    "think": False,
    "options": {},
    "transforms": [],
    "typical_p": 1.0,
    "usage": {"include": True},
    "spaces_between_special_tokens": True,
}


@pytest.mark.parametrize("name", HARMLESS)
def test_fields_that_change_nothing_are_accepted(url: str, name: str) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 6, "temperature": 0}
    plain = httpx.post(f"{url}/chat/completions", json=body).json()
    if name != "temperature":
        body |= {name: HARMLESS[name]}
    answer = httpx.post(f"{url}/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"] == plain["choices"]


def _chat(url: str, *messages: JsonValue, **fields: JsonValue) -> Any:
    body = {"model": "tiny", "messages": list(messages), "max_tokens": 6, "temperature": 0, **fields}
    return httpx.post(f"{url}/chat/completions", json=body).json()


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ({"role": "user", "content": [{"type": "text", "text": "hello"}]}, {"role": "user", "content": "hello"}),
        (
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "user", "content": "a\nb"},
        ),
        ({"role": "developer", "content": "be brief"}, {"role": "system", "content": "be brief"}),
        (
            {
                "role": "assistant",
                "content": "hi",
                "refusal": None,
                "tool_calls": None,
                "audio": None,
                "annotations": [],
            },
            {"role": "assistant", "content": "hi"},
        ),
        ({"role": "assistant", "content": "hi", "reasoning_content": "hm"}, {"role": "assistant", "content": "hi"}),
        ({"role": "assistant", "content": None}, {"role": "assistant", "content": ""}),
        (
            {"role": "assistant", "content": "hi", "reasoning_details": [{}], "provider_specific_fields": {"a": 1}},
            {"role": "assistant", "content": "hi"},
        ),
        (
            {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
            {"role": "user", "content": "a"},
        ),
    ],
)
def test_messages_are_read_as_clients_write_them(url: str, written: JsonValue, plain: JsonValue) -> None:
    last: JsonValue = {"role": "user", "content": "go on"}
    came = _chat(url, written, last)
    assert "choices" in came, came
    assert came["choices"] == _chat(url, plain, last)["choices"]


def test_the_newer_name_of_the_limit_holds(url: str) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": 3}
    assert httpx.post(f"{url}/chat/completions", json=body).json()["usage"]["completion_tokens"] == 3


def test_the_official_client_streams(url: str) -> None:
    fields: Any = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "seed": 1, "max_tokens": 6}
    with openai.OpenAI(base_url=url, api_key="none") as sdk:
        whole = sdk.chat.completions.create(**fields, n=2)
        chunks = list(sdk.chat.completions.create(**fields, n=2, stream=True, stream_options={"include_usage": True}))
        without_usage = list(sdk.chat.completions.create(**fields, stream=True))
    texts, reasons = ["", ""], [None, None]
    for chunk in chunks:
        assert chunk.object == "chat.completion.chunk"
        assert chunk.id == chunks[0].id
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or reasons[choice.index]
    assert texts == [choice.message.content for choice in whole.choices]
    assert reasons == [choice.finish_reason for choice in whole.choices]
    assert chunks[-1].usage == whole.usage
    assert not chunks[-1].choices
    assert all(chunk.usage is None for chunk in without_usage)


def test_a_raw_stream_has_the_same_text(url: str) -> None:
    fields: Any = {"model": "tiny", "prompt": "Thought:", "max_tokens": 6, "temperature": 0}
    with openai.OpenAI(base_url=url, api_key="none") as sdk:
        whole = sdk.completions.create(**fields)
        chunks = list(sdk.completions.create(**fields, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason


def test_a_stream_that_cannot_be_is_refused_with_a_status(url: str) -> None:
    with (
        openai.OpenAI(base_url=url, api_key="none", max_retries=0) as sdk,
        pytest.raises(openai.BadRequestError) as caught,
    ):
        sdk.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "a " * 3000}], stream=True)
    assert caught.value.code == "context_length_exceeded"


def test_a_model_is_retrieved_by_name_and_another_is_refused(url: str) -> None:
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as sdk:
        assert sdk.models.retrieve("tiny").id == "tiny"
        with pytest.raises(openai.NotFoundError, match="no model 'base' here, only 'tiny'") as caught:
            sdk.models.retrieve("base")
    assert caught.value.code == "model_not_found"


def test_a_model_with_a_slash_in_its_name_is_retrieved() -> None:
    with serving(ScriptedModel(lambda request: "hi", "org/model")) as address:
        assert httpx.get(f"{address}/models/org/model").json()["id"] == "org/model"


def test_a_path_that_is_not_there_says_which_are(url: str) -> None:
    answer = httpx.post(f"{url}/embeddings", json={})
    assert answer.status_code == 404
    assert "no POST /v1/embeddings here, only /v1/chat/completions" in answer.json()["error"]["message"]
    assert httpx.get(f"{url}/chat/completions").status_code == 404


def test_a_programs_mistake_is_reported_across_http() -> None:
    def broken(request: Request) -> str:
        raise KeyError("missing")

    with serving(ScriptedModel(broken, "program")) as address:
        answer = httpx.post(
            f"{address}/chat/completions", json={"model": "program", "messages": [{"role": "user", "content": "x"}]}
        )
    assert answer.status_code == 500
    assert "the program program raised KeyError" in answer.json()["error"]["message"]


def test_reasoning_goes_through() -> None:
    class Thinks(Model):
        name = "thinker"

        def complete(self, request: Request) -> tuple[Completion, ...]:
            return (Completion(text="42", reasoning="6 * 7", finish_reason=FinishReason.STOP),)

    with serving(Thinks()) as address:
        far = OpenAIChatConfig(model="thinker", base_urls=(address,))
        with OpenAIChatModel(far) as model:
            assert model.complete(Request(question("x")))[0].reasoning == "6 * 7"


def test_the_official_client_reads_our_replies(url: str) -> None:
    with openai.OpenAI(base_url=url, api_key="none") as sdk:
        reply = sdk.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "hello"}], n=2, max_tokens=5, logprobs=True, seed=1
        )
        assert [model.id for model in sdk.models.list()] == ["tiny"]
    assert len(reply.choices) == 2
    assert reply.choices[0].logprobs is not None
    assert reply.usage is not None
    assert reply.usage.completion_tokens == sum(len(c.logprobs.content or ()) for c in reply.choices if c.logprobs)


def test_a_program_has_no_raw_completions() -> None:
    with serving(ScriptedModel(lambda request: "hi", "program")) as address:
        answer = httpx.post(f"{address}/completions", json={"model": "program", "prompt": "Once"})
    assert answer.status_code == 400
    assert "has no tokens" in answer.json()["error"]["message"]


# --- processes ----------------------------------------------------------------------------------------


SHOUT = ScriptedConfig(program="tests.models.programs:shout", name="tiny")


def is_alive(pid: int) -> bool:
    """A zombie that nobody reaps is not alive."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def has_ended(pid: int, within_s: float = 20.0) -> bool:
    """Under load it takes the kernel a while to bring a signal to its process."""
    deadline = time.monotonic() + within_s
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


def test_a_served_model_lives_as_long_as_its_block() -> None:
    with served(SHOUT) as address, client(address) as model:
        assert model.complete(Request(question("hello")))[0].text == "HELLO"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/models")


@pytest.mark.slow
def test_a_served_checkpoint_says_what_it_says_in_process(tiny_dir: Path, local_model: LocalModel) -> None:
    config = LocalConfig(path=str(tiny_dir), name="tiny", dtype="float64")  # type: ignore[arg-type]
    with served(config) as address, client(address) as far:
        for request in REQUESTS:
            assert [c.text for c in far.complete(request)] == [c.text for c in local_model.complete(request)]


@pytest.fixture
def vllm(tmp_path: Path) -> str:
    """An executable named as vLLM's, which is a small server of its own."""
    path = tmp_path / "vllm"
    path.write_text(f"#!{sys.executable}\n{FAKE_VLLM.read_text()}")
    path.chmod(0o755)
    return str(path)


def test_vllm_is_started_with_the_adapter_and_stopped_with_its_workers(vllm: str) -> None:
    config = VllmOptions(
        model="base",
        served_name="student-base",
        adapters=(Adapter("student", "lora", 9),),
        executable=vllm,
        deadline_s=60,
    )
    with vllm_served(config) as address:
        models = httpx.get(f"{address}/models").json()
        assert [model["id"] for model in models["data"]] == ["student", "student-base"]
        assert "--max-lora-rank=16" in models["arguments"]
        assert "--generation-config=vllm" in models["arguments"]
        worker = models["worker_pid"]
        assert is_alive(worker)
    assert has_ended(worker)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/models")


def test_another_server_on_the_machine_is_left_alone(vllm: str) -> None:
    with vllm_served(VllmOptions(model="theirs", executable=vllm, deadline_s=60)) as theirs:
        with vllm_served(VllmOptions(model="ours", executable=vllm, deadline_s=60)):
            pass
        assert httpx.get(f"{theirs}/models").status_code == 200


def test_a_server_that_ends_early_is_an_error_with_the_end_of_its_log(vllm: str) -> None:
    config = VllmOptions(model="crash", executable=vllm, deadline_s=60)
    with pytest.raises(ServerStartError, match=r"ended with status 3[\s\S]*no GPU found"), vllm_served(config):
        pass


def test_a_server_that_ignores_requests_to_end_is_killed(vllm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.models.process.STOP_S", 0.3)
    with vllm_served(VllmOptions(model="stubborn", executable=vllm, deadline_s=60)) as address:
        pid = httpx.get(f"{address}/models").json()["pid"]
    assert has_ended(pid)


def test_a_server_that_never_becomes_healthy_is_stopped_at_the_deadline() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(ServerStartError, match="was not healthy at"):
        ServerProcess(command, "http://127.0.0.1:9/health", deadline_s=0.5).__enter__()
    assert not [
        child for child in psutil.Process().children(recursive=True) if "sleep(600)" in " ".join(child.cmdline())
    ]


def test_no_executable_is_reported() -> None:
    with (
        pytest.raises(ServerMissingError, match=r"no executable 'no-such-vllm'.*understudy serve-model --local"),
        vllm_served(VllmOptions(model="m", executable="no-such-vllm")),
    ):
        pass


@pytest.mark.parametrize("children_first", [False, True], ids=["alone", "after its children"])
def test_the_server_ends_when_its_owner_is_killed(children_first: bool) -> None:
    owner = (
        "import time\n"
        "from understudy.models.serving import served\n"
        "from understudy.models import ScriptedConfig\n"
        "with served(ScriptedConfig(program='tests.models.programs:shout')) as url:\n"
        "    print(url, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", owner], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert httpx.get(f"{address}/models").status_code == 200
        for child in psutil.Process(process.pid).children() if children_first else ():
            child.kill()
        process.kill()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{address}/models", timeout=1)
        except httpx.TransportError:
            return
        time.sleep(0.05)
    pytest.fail("the server outlived its owner by 30 s")
