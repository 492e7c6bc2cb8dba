"""Training, generation and exact search on one GPU, each compared with another package in the same run, in 8 minutes.

    python -m benchmarks.gpu_check [--out FOLDER]       one H100 or H200, offline
    python -m benchmarks.gpu_check --tiny               the same on a CPU with tiny models, to test the program

* **Training**: Qwen2.5's 0.5B and 1.5B shapes with random weights; LoRA as the paper trains it (r 64, alpha 128, bf16,
  8 sequences a step), lengths log-normal around 1,500 tokens and at most 10,000. Ours beside TRL's trainer with its own
  defaults on the same sequences in the same batches, each with and without computing activations again.
* **Generation**: 64 requests in flight through the model in process, beside one batched ``generate()`` of the same.
* **Exact search**: all rows on the card, beside torch's matrix product and faiss Flat on the CPU.
* **Suite** (only where ``--parts`` names it, in a call of its own): SmolLM2-135M on the small suite in full, and the
  paper's table. ``--weights`` says where its weights are; ``benchmarks.gpu_suite`` splits them into portions.

Each part runs in a process of its own; one that fails or takes too long is reported, and the others go on. Steps that
warm up are not counted. MFU is the share of the data sheet's dense bf16 rate (989 TFLOP/s) that the needed products
reach (``shapes.needed_flops``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.gpu_generate import measure_generation
from benchmarks.gpu_search import measure_search
from benchmarks.gpu_suite import measure_suite
from benchmarks.gpu_timing import Row, seconds_of, where
from benchmarks.gpu_train import measure_training

MARK = "ROW "
"""Begins a line of a part that holds a row; whatever else is printed is not read."""


def main() -> None:
    """Run all parts, print a table, write ``gpu-check.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="small numbers, for a CPU")
    parser.add_argument("--minutes", type=float, default=8.0, help="no part goes on for longer than what is left")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu-check"))
    parser.add_argument("--parts", nargs="+", default=["device", "train", "generate", "search"])
    parser.add_argument("--shapes", nargs="+")
    parser.add_argument("--memory-gb", type=float, help="train as on a card of so much memory; no more is given out")
    parser.add_argument("--weights", type=Path, help="SmolLM2 as a GGUF file, or the folder with its portions")
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.shapes = options.shapes or (["tiny"] if options.tiny else ["qwen2.5-0.5b", "qwen2.5-1.5b"])
    if options.part:
        _run_part(options)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 60 * options.minutes
    rows: list[Row] = []
    for part in options.parts:
        for shape in options.shapes if part in ("generate", "train") else ["-"]:
            rows += _child(part, shape, deadline - time.monotonic())
            (options.out / "gpu-check.json").write_text(json.dumps(rows, indent=1) + "\n")
    print("\n" + table(rows))


def table(rows: list[Row]) -> str:
    """All figures, one line each."""
    keys = ("part", "way")
    lines = []
    for row in rows:
        figures = "  ".join(f"{key} {_shown(value)}" for key, value in row.items() if key not in keys)
        lines.append(f"{row['part']:<22} {row['way']:<38} {figures}")
    return "\n".join(lines)


def _shown(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _child(part: str, shape: str, left_s: float) -> list[Row]:
    """Rows that a process of its own prints, one JSON object a line."""
    print(f"== {part} {shape}, {left_s:.0f} s left", flush=True)
    rows: list[Row] = []
    with tempfile.TemporaryFile("w+") as out:
        command = [sys.executable, "-m", "benchmarks.gpu_check", *sys.argv[1:], "--part", part, shape]
        try:
            code: object = subprocess.run(command, stdout=out, timeout=max(left_s, 1), check=False).returncode
        except subprocess.TimeoutExpired:
            code = "out of time"
        out.seek(0)
        for line in out:
            rows += [json.loads(line.removeprefix(MARK))] if line.startswith(MARK) else []
    if code != 0:
        rows.append({"part": f"{part} {shape}", "way": "-", "failed": str(code)})
    for row in rows:
        print(json.dumps(row), flush=True)
    return rows


def _run_part(options: argparse.Namespace) -> None:
    part, shape = options.part
    tiny: bool = options.tiny
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "device": lambda: _device(tiny=tiny),
        "train": lambda: measure_training(shape, tiny=tiny, memory_gb=options.memory_gb),
        "generate": lambda: measure_generation(shape, tiny=tiny),
        "search": lambda: measure_search(tiny=tiny),
        "suite": lambda: measure_suite(options.weights, options.out, tiny=tiny),
    }
    started = time.monotonic()
    for row in parts[part]():
        print(MARK + json.dumps(row), flush=True)
    print(f"{part} {shape}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def _device(*, tiny: bool) -> Iterator[Row]:
    """The card, the versions, and its two ceilings as measured."""
    import peft
    import torch
    import transformers
    import trl

    has_gpu = torch.cuda.is_available()
    versions = {module.__name__: str(module.__version__) for module in (torch, transformers, trl, peft)}
    row = {"part": "device", "way": torch.cuda.get_device_name() if has_gpu else "cpu", **versions}
    size = 256 if tiny else 8192
    left, right = (torch.randn(size, size, device=where(), dtype=torch.bfloat16) for _ in range(2))
    yield {**row, "matmul_tflops": 2 * size**3 / seconds_of(lambda: left @ right) / 1e12}


if __name__ == "__main__":
    main()
