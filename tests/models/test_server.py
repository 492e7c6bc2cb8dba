"""Our own endpoint, over a real socket: whatever the protocol promises, the model does."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import psutil
import pytest
import uvicorn

from understudy.models import ContextFullError, LocalConfig, Model, OpenAIChatConfig, Request, ScriptedConfig
from understudy.models.local import LocalModel
from understudy.models.openai_chat import OpenAIChatModel
from understudy.models.process import ServerProcess, ServerStartError
from understudy.models.scripted import ScriptedModel
from understudy.models.server import model_app
from understudy.models.serving import served
from understudy.models.vllm_process import VllmConfig, vllm_served
from understudy.records import Message, PrefixDelivery, Role

FAKE_VLLM = Path(__file__).parent / "fake_vllm.py"


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
                assert theirs.model_copy(update={"logprobs": ours.logprobs}) == ours


def test_the_server_names_itself_so_that_auto_continues(url: str) -> None:
    with client(url) as model:
        assert model.prefix_delivery is PrefixDelivery.CONTINUED


def test_many_requests_at_once_are_batched_not_queued(url: str, local_model: LocalModel) -> None:
    requests = [Request(question(f"hello {number}"), max_tokens=10) for number in range(48)]
    with client(url, max_in_flight=48) as far, ThreadPoolExecutor(48) as pool:
        texts = [completions[0].text for completions in pool.map(far.complete, requests)]
    assert texts == [local_model.complete(request)[0].text for request in requests]


def test_a_full_context_is_told_across_http(url: str) -> None:
    with client(url) as model, pytest.raises(ContextFullError, match="context window 2048"):
        model.complete(Request(question("a " * 3000)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"temprature": 1}, "temprature: Extra inputs are not permitted"),
        ({"n": 0}, "n: Input should be greater than or equal to 1"),
        ({"stream": True}, "stream"),
        ({"continue_final_message": True}, "either add_generation_prompt or continue_final_message"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"model": "base"}, "no model 'base' here, only 'tiny'"),
    ],
)
def test_what_the_server_does_not_do_it_refuses(url: str, change: dict[str, object], says: str) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], **change}
    answer = httpx.post(f"{url}/chat/completions", json=body)
    assert answer.status_code in (400, 404)
    assert says in answer.json()["error"]["message"]


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
    config = VllmConfig(model="base", adapter="lora", executable=vllm, max_context_tokens=512, deadline_s=60)
    with vllm_served(config) as address:
        models = httpx.get(f"{address}/models").json()
        assert [model["id"] for model in models["data"]] == ["student-base", "student"]
        assert "--max-model-len=512" in models["arguments"]
        assert "--generation-config=vllm" in models["arguments"]
        worker = models["worker_pid"]
        assert is_alive(worker)
    assert not is_alive(worker)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/models")


def test_another_server_on_the_machine_is_left_alone(vllm: str) -> None:
    with vllm_served(VllmConfig(model="theirs", executable=vllm, deadline_s=60)) as theirs:
        with vllm_served(VllmConfig(model="ours", executable=vllm, deadline_s=60)):
            pass
        assert httpx.get(f"{theirs}/models").status_code == 200


def test_a_server_that_ends_early_is_an_error_with_its_last_words(vllm: str) -> None:
    config = VllmConfig(model="crash", executable=vllm, deadline_s=60)
    with pytest.raises(ServerStartError, match=r"ended with status 3[\s\S]*no GPU found"), vllm_served(config):
        pass


def test_a_server_that_ignores_requests_to_end_is_killed(vllm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.models.process.STOP_S", 0.3)
    with vllm_served(VllmConfig(model="stubborn", executable=vllm, deadline_s=60)) as address:
        pid = httpx.get(f"{address}/models").json()["pid"]
    assert not is_alive(pid)


def test_a_server_that_never_gets_well_is_stopped_at_the_deadline() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(ServerStartError, match="was not well at"):
        ServerProcess(command, "http://127.0.0.1:9/health", deadline_s=0.5).__enter__()
    assert not [
        child for child in psutil.Process().children(recursive=True) if "sleep(600)" in " ".join(child.cmdline())
    ]


def test_no_executable_is_said() -> None:
    with (
        pytest.raises(FileNotFoundError, match="no executable 'no-such-vllm'"),
        vllm_served(VllmConfig(model="m", executable="no-such-vllm")),
    ):
        pass


def test_the_server_ends_when_its_owner_is_killed() -> None:
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
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{address}/models", timeout=1)
        except httpx.TransportError:
            return
        time.sleep(0.05)
    pytest.fail("the server outlived its owner by 30 s")
