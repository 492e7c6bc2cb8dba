"""Tokens per second of a local model, compared with one ``generate()`` call per request, in the same run.

    python -m benchmarks.bench_models [--path FOLDER] [--tokens 96] [--batches 1 8 32 128]

Without a folder it makes a small Qwen2 (2 layers, width 128) with random weights: then what is measured is the
cost of everything around the arithmetic. Requests sample at 0.4 with top_p 0.8 and one stop string, as students do
at self-consistent steps; as many threads ask at once as the batch is wide. Random weights seldom end a reply,
so nearly all replies reach the limit of tokens.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from understudy.models import Device, LocalConfig, Request
from understudy.models.loading import load_checkpoint
from understudy.models.local import LocalModel
from understudy.records import Message, Role


@dataclass(frozen=True, slots=True)
class Measured:
    """One way of answering a number of requests."""

    n_tokens: int
    cpu_s: float
    wall_s: float


def measure(run: Callable[[], int]) -> Measured:
    """``run`` returns how many tokens it wrote."""
    cpu, wall = time.process_time(), time.perf_counter()
    n_tokens = run()
    return Measured(n_tokens, time.process_time() - cpu, time.perf_counter() - wall)


def requests(n: int, n_tokens: int) -> list[Request]:
    return [
        Request(
            messages=(Message(role=Role.USER, content=f"What is {number} times {number + 1}? " * (1 + number % 3)),),
            temperature=0.4,
            top_p=0.8,
            seed=number,
            max_tokens=n_tokens,
            stop=("<end_code>",),
        )
        for number in range(n)
    ]


def one_by_one(config: LocalConfig, asked: list[Request]) -> Measured:
    """The plain way: a call of ``generate()`` for each request."""
    checkpoint = load_checkpoint(config)
    model, tokenizer = checkpoint.model, checkpoint.tokenizer

    def run() -> int:
        n_tokens = 0
        for request in asked:
            plain = [{"role": message.role.value, "content": message.content} for message in request.messages]
            inputs = tokenizer.apply_chat_template(plain, add_generation_prompt=True, return_tensors="pt").to(
                model.device
            )
            written = model.generate(
                **inputs,
                do_sample=True,
                temperature=request.temperature,
                top_p=request.top_p,
                max_new_tokens=request.max_tokens,
                stop_strings=list(request.stop),
                tokenizer=tokenizer,
            )
            n_tokens += written.shape[1] - inputs["input_ids"].shape[1]
        return n_tokens

    return measure(run)


def batched(model: LocalModel, asked: list[Request], width: int) -> Measured:
    """Ours: ``width`` threads, one model."""

    def run() -> int:
        with ThreadPoolExecutor(width) as pool:
            return sum(completion.usage.completion_tokens for (completion,) in pool.map(model.complete, asked))

    return measure(run)


def self_consistent(model: LocalModel, asked: list[Request], n: int) -> Measured:
    """One request at a time for ``n`` candidates, as one episode does."""

    def run() -> int:
        n_tokens = 0
        for request in asked:
            several = Request(**{f: getattr(request, f) for f in request.__slots__} | {"n": n})
            n_tokens += sum(completion.usage.completion_tokens for completion in model.complete(several))
        return n_tokens

    return measure(run)


def small_model(folder: Path) -> str:
    from tests.tiny_model import tiny_tokenizer
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = tiny_tokenizer(vocabulary=600)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def show(name: str, measured: Measured, peer: Measured) -> None:
    rate, peer_rate = measured.n_tokens / measured.cpu_s, peer.n_tokens / peer.cpu_s
    wall_rate, peer_wall_rate = measured.n_tokens / measured.wall_s, peer.n_tokens / peer.wall_s
    print(
        f"{name:<34}{measured.n_tokens:>8}{rate:>12.0f}{rate / peer_rate:>8.1f}x"
        f"{wall_rate:>12.0f}{wall_rate / peer_wall_rate:>8.1f}x"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", help="checkpoint; a small one is made where none is named")
    parser.add_argument("--tokens", type=int, default=96, help="limit of each reply")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        config = LocalConfig(path=arguments.path or small_model(Path(folder)), device=Device.AUTO)
        one_by_one(config, requests(2, 8))  # warm
        peer = one_by_one(config, requests(8, arguments.tokens))
        with LocalModel(config) as model:
            size = sum(parameter.numel() for parameter in model._decoder._model.parameters())
            print(f"{config.path if arguments.path else 'small Qwen2'}: {size / 1e6:.2f} M parameters")
            print(f"{'':<34}{'tokens':>8}{'/CPU-s':>12}{'ratio':>9}{'/s':>12}{'ratio':>9}")
            show("generate(), one at a time", peer, peer)
            batched(model, requests(4, 8), 4)
            for width in arguments.batches:
                show(
                    f"local, {width} at once",
                    batched(model, requests(max(8, 2 * width), arguments.tokens), width),
                    peer,
                )
            show("local, one episode, n = 8", self_consistent(model, requests(8, arguments.tokens), 8), peer)


if __name__ == "__main__":
    main()
