"""Requests a second of one local model by its engines: in this process, by llama.cpp and by vLLM, started for it.

    python -m benchmarks.bench_engines [--path FOLDER] [--tokens 48] [--in-flight 1 8 32] [--vllm EXECUTABLE]
        [--gguf FILE ...]

Without a folder the demo's base is used. The start of a server is not counted. ``--gguf`` names files that llama.cpp
serves as they are, such as quantised ones of the same model, with 8 slots. Arguments for it come from
``UNDERSTUDY_VLLM_ARGUMENTS``, separated by blanks. Wall time, because vLLM computes in processes of its own: run it on
an idle machine. An engine that is not installed is left out and said to be.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import understudy
from understudy.extras import MissingExtraError, require
from understudy.models import LocalConfig, Model, OpenAIChatConfig, Request, open_model
from understudy.models.llama_cpp_process import SAMPLING, LlamaCppOptions, llama_cpp_served, server_program
from understudy.models.process import ServerMissingError
from understudy.records import Message, Role

WORDS = 60
"""Of each prompt, most of them shared by all prompts, as in an agent's episodes."""
Engine = dict[str, object]


def engines(vllm: str) -> Iterator[tuple[str, Engine]]:
    """Name and config of each engine that is there."""
    yield "in process", {"kind": "transformers"}
    try:
        server_program()
        require("export", "serving a model with llama.cpp")
    except (ServerMissingError, MissingExtraError) as error:
        print(f"skipped: {error}")
    else:
        yield "llama.cpp", {"kind": "llama_cpp"}
    executable = shutil.which(vllm)
    if executable is None:
        print(f"skipped: vLLM (there is no executable {vllm!r})")
        return
    arguments = os.environ.get("UNDERSTUDY_VLLM_ARGUMENTS", "").split()
    yield "vLLM", {"kind": "vllm", "executable": executable, "extra_arguments": arguments}


@contextmanager
def served_file(file: str, tokenizer: str) -> Iterator[Model]:
    """A GGUF file, as it is, asked as the engine asks."""
    options = LlamaCppOptions(model=file, context_tokens=2048, n_parallel=8)
    with llama_cpp_served(options) as url:
        asked = {"prefix_delivery": "completion", "tokenizer": tokenizer, "extra_body": dict(SAMPLING)}
        with open_model(OpenAIChatConfig.model_validate({"model": "student", "base_urls": [url], **asked})) as model:
            yield model


def requests(n: int, n_tokens: int) -> list[Request]:
    common = "Answer in one sentence, and say what you know and what you do not know. " * (WORDS // 15)
    questions = (f"{common} What is {number} times {number + 7}?" for number in range(n))
    return [Request((Message(role=Role.USER, content=one),), max_tokens=n_tokens) for one in questions]


def per_second(model: Model, asked: list[Request], in_flight: int) -> tuple[float, float]:
    """Requests and new tokens a second."""
    start = time.perf_counter()
    with ThreadPoolExecutor(in_flight) as threads:
        replies = list(threads.map(lambda request: model.complete(request)[0], asked))
    seconds = time.perf_counter() - start
    return len(asked) / seconds, sum(reply.usage.completion_tokens for reply in replies) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", default=str(Path(understudy.__file__).parent / "demo" / "base"))
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--vllm", default="vllm")
    parser.add_argument("--gguf", nargs="*", default=[])
    arguments = parser.parse_args()
    print(f"{arguments.path}; at most {arguments.tokens} new tokens a request")
    print(f"{'engine':12} {'in flight':>9} {'requests/s':>10} {'tokens/s':>9}")
    for name, engine in engines(arguments.vllm):
        config = LocalConfig.model_validate({"path": arguments.path, "engine": engine, "prefix_cache_gb": 1})
        with open_model(config) as model:
            measure(name, model, arguments.in_flight, arguments.tokens)
    for file in arguments.gguf:
        with served_file(file, arguments.path) as model:
            measure(Path(file).stem[-12:], model, arguments.in_flight, arguments.tokens)


def measure(name: str, model: Model, numbers: list[int], n_tokens: int) -> None:
    """Print a line for each number of requests in flight."""
    per_second(model, requests(2, 8), 2)  # the first requests pay for what is loaded late
    for in_flight in numbers:
        answered, tokens = per_second(model, requests(max(8, 2 * in_flight), n_tokens), in_flight)
        print(f"{name:12} {in_flight:9} {answered:10.2f} {tokens:9.1f}", flush=True)


if __name__ == "__main__":
    main()
