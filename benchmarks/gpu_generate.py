"""Generation on one GPU: 64 requests in flight through the model in process, compared with one batched ``generate()``.

In: a shape. Out: generated tokens per second, one line per way. The prompts' prefill is included.
"""

from __future__ import annotations

import random
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu_timing import Row, peak_gb, reset_peak, synchronise, where
from benchmarks.shapes import save_base
from understudy.records import Message, Role


def measure_generation(shape: str, *, tiny: bool) -> Iterator[Row]:
    """Replies of ``n_tokens`` to 64 prompts of different lengths, all at once."""
    from concurrent.futures import ThreadPoolExecutor

    import torch

    from understudy.models import LocalConfig, Request
    from understudy.models.local import LocalModel

    n_requests, n_tokens, median = (4, 6, 40) if tiny else (64, 192, 1500)
    numbers = random.Random(0)
    texts = ["".join(numbers.choices("0123456789", k=numbers.randint(median // 2, median))) for _ in range(n_requests)]
    asked = [
        Request(
            messages=(Message(role=Role.USER, content=text),), temperature=0.4, top_p=0.8, seed=i, max_tokens=n_tokens
        )
        for i, text in enumerate(texts)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        torch.manual_seed(0)
        save_base(shape, Path(scratch), torch.bfloat16 if where() == "cuda" else torch.float32, where())
        with LocalModel(LocalConfig(path=scratch)) as model, ThreadPoolExecutor(n_requests) as pool:

            def ours(requests: list[Request]) -> int:
                replies = list(pool.map(model.complete, requests))
                return sum(completion.usage.completion_tokens for (completion,) in replies)

            list(pool.map(model.complete, asked[:4]))
            prompts = [model.renderer.prompt_ids(request.messages) for request in asked]
            for way, run in {
                f"understudy, {n_requests} in flight": lambda: ours(asked),
                f"generate(), batch of {n_requests}": lambda: _by_generate(model, prompts, n_tokens),
                "understudy, 1 in flight": lambda: ours(asked[:1]),
            }.items():
                yield {"part": f"generate {shape}", "way": way, **_measured_generation(run)}


def _measured_generation(run: Callable[[], int]) -> Row:
    reset_peak()
    started = time.perf_counter()
    try:
        n_written = run()
    except Exception as error:
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"[:300]}
    synchronise()
    seconds = time.perf_counter() - started
    return {"tokens_per_s": n_written / seconds, "tokens": n_written, "seconds": seconds, "peak_gb": peak_gb()}


def _by_generate(model: Any, prompts: list[list[int]], n_tokens: int) -> int:
    """The same requests in one call, padded on the left."""
    import torch

    weights, longest = model._model, max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=weights.device)
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=weights.device)
    with torch.inference_mode():
        written = weights.generate(
            input_ids=ids, attention_mask=mask, do_sample=True, temperature=0.4, top_p=0.8, top_k=0,
            max_new_tokens=n_tokens,
        )  # fmt: skip
    new = written[:, longest:]
    padding = weights.generation_config.pad_token_id
    return int((new != padding).sum()) if padding is not None else new.numel()
