r"""Trained tokens per CPU-second and memory: ours, TRL's packing, padded batches; on the lengths of agent trajectories.

    python -m benchmarks.bench_train                                a small model, all weights, on this machine
    python -m benchmarks.bench_train --lora --shape smollm2-135m    an adapter (r 64, dropout 0.05) on a real shape
    python -m benchmarks.bench_train --shape qwen2.5-0.5b --peak-tflops 989    on an H100
    python -m benchmarks.bench_train --lora --shape qwen2.5-0.5b --batch-size 1 --median 99999 --longest 11000 \
        --steps 2 --repeats 1 --ways understudy    memory of long sequences, one a step

Ways train the same model on the same sequences, eight per step (``--batch-size``), each in a process of its own:

* ``understudy``: the defaults of ``TrainConfig``;
* ``trl-packing``: TRL's trainer with its own packing (best fit decreasing, rows as long as the longest sequence);
* ``trl-packing-full``: the same without gradient checkpointing, which TRL has by default;
* ``padded``: every sequence padded to the longest of its batch, logits everywhere, as the paper's released code does;
* ``trl``: TRL's trainer with its defaults, without checkpointing, on the same ids and labels.

TRL packs the whole data set before it makes batches. Its batches hold so many rows that they have about the tokens of
our steps, and its optimiser makes about as many steps.

Lengths are log-normal around ``--median`` tokens (sigma 0.6, cut at ``--longest``), about a third of them
trained: what agent trajectories look like, which spread far more than chat data does. Seconds are those of the
training loop, without start-up. Memory is the peak of the process (CPU) or of the GPU's allocator.

TFLOP/s are those of the matrix products that the task needs, the same for all ways (``needed_flops``): what a way
computes in vain, on padding or in logits that nobody asked for, does not count. Their share of the card's peak is the
model FLOPs utilisation, MFU (Chowdhery et al. 2022, appendix B).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from benchmarks.shapes import BATCH_SIZE, LORA_R, SHAPES, made_up_example, needed_flops, save_base
from understudy.records import Example
from understudy.runs import read_jsonl, write_jsonl

WAYS = ("understudy", "trl-packing", "trl-packing-full", "padded", "trl")


class Measured(BaseModel):
    """What one way came to."""

    way: str
    n_tokens: int
    n_trained: int
    wall_s: float
    cpu_s: float
    peak_bytes: int
    parameters: int
    needed_flops: int


def main() -> None:
    """Measure all ways, or, in a child process, one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="small")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--median", type=int, default=160, help="tokens; real trajectories have about 1,500")
    parser.add_argument(
        "--longest", type=int, help="tokens at which a sequence is cut; 8 times the median if not given"
    )
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="sequences a step")
    parser.add_argument("--lora", action="store_true", help="train an adapter, not all weights")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peak-tflops", type=float, help="dense bf16 TFLOP/s of the card's data sheet; shows MFU")
    parser.add_argument("--repeats", type=int, default=2, help="the fastest of so many runs is shown")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(_measure(options).model_dump_json())
        return
    with tempfile.TemporaryDirectory() as folder:
        _prepare(options, Path(folder))
        runs = [_child(way, folder) for _ in range(options.repeats) for way in options.ways]
    _show([min((run for run in runs if run.way == way), key=lambda run: run.cpu_s) for way in options.ways], options)


def _child(way: str, folder: str) -> Measured:
    command = [sys.executable, "-m", "benchmarks.bench_train", *sys.argv[1:], "--way", way, "--folder", folder]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout.decode()
    return Measured.model_validate_json(out.splitlines()[-1])


def _prepare(options: argparse.Namespace, folder: Path) -> None:
    """One base and one file of examples for all ways."""
    import torch

    torch.manual_seed(0)
    save_base(options.shape, folder / "base", torch.float32)
    numbers = random.Random(0)
    longest = options.longest or 8 * options.median
    write_jsonl(
        folder / "examples.jsonl",
        [made_up_example(numbers, i, options.median, longest) for i in range(options.batch_size * options.steps)],
    )


def _measure(options: argparse.Namespace) -> Measured:
    import torch
    from transformers import AutoConfig

    torch.set_num_threads(options.threads)
    ways = {"understudy": _with_understudy, "padded": _with_padding}
    wall_s, cpu_s, parameters = ways.get(options.way, _with_trl)(options)
    sequences = _encoded(options.folder)
    lengths = [len(one["input_ids"]) for one in sequences]
    n_trained = sum(label != -100 for one in sequences for label in one["labels"])
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else _peak_resident_bytes()
    return Measured(
        way=options.way,
        n_tokens=sum(lengths),
        n_trained=n_trained,
        wall_s=wall_s,
        cpu_s=cpu_s,
        peak_bytes=peak,
        parameters=parameters,
        needed_flops=needed_flops(
            AutoConfig.from_pretrained(options.folder / "base"), lengths, n_trained, LORA_R if options.lora else None
        ),
    )


def _peak_resident_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _with_understudy(options: argparse.Namespace) -> tuple[float, float, int]:
    from understudy.models.loading import load_tokenizer
    from understudy.models.rendering import Renderer
    from understudy.training import Method, OverLong, TrainConfig, encode
    from understudy.training.fitting import Fitting, attach, open_trainer
    from understudy.training.loading import padding_id
    from understudy.training.losses import NextToken
    from understudy.training.training import batches_of

    method = Method.LORA if options.lora else Method.FULL
    config = TrainConfig(
        method=method, epochs=1, batch_size=options.batch_size, max_length=32_768, n_threads=options.threads
    )
    base, folder = str(options.folder / "base"), options.folder / "out"
    tokenizer = load_tokenizer(base)
    examples = read_jsonl(options.folder / "examples.jsonl", Example)
    batches = batches_of(
        *encode(examples, Renderer(tokenizer), config.max_length, OverLong.DROP), config, padding_id(tokenizer)
    )
    trainer = open_trainer(Fitting(base, config, folder, "benchmark", packing=True), tokenizer, options.steps)
    attach(trainer, batches, NextToken(), config)
    trainer.args.save_strategy = "no"
    return (*_timed(trainer.train), sum(p.numel() for p in trainer.model.parameters()))


def _with_trl(options: argparse.Namespace) -> tuple[float, float, int]:
    """TRL's trainer, with our adapter if one is trained; by its name with packing or without."""
    from datasets import Dataset
    from trl import SFTTrainer

    model, tokenizer = _loaded(options.folder)
    encoded = _encoded(options.folder)
    settings: dict[str, Any] = {"activation_checkpointing": False}
    if options.way.startswith("trl-packing"):
        lengths = [len(one["input_ids"]) for one in encoded]
        n_rows = max(1, round(options.batch_size * sum(lengths) / len(lengths) / max(lengths)))
        settings = {"packing": True, "packing_strategy": "bfd", "max_length": max(lengths)}
        settings |= {"per_device_train_batch_size": n_rows}
        settings |= {"activation_checkpointing": False} if options.way.endswith("-full") else {}
    trainer = SFTTrainer(
        model=model,
        args=_arguments(options, **settings),
        train_dataset=Dataset.from_list([{key: one[key] for key in ("input_ids", "labels")} for one in encoded]),
        processing_class=tokenizer,
        peft_config=_adapter(options),
    )
    return (*_timed(trainer.train), sum(p.numel() for p in trainer.model.parameters()))


def _adapter(options: argparse.Namespace) -> Any:
    from understudy.training import LoraSettings
    from understudy.training.loading import lora_settings

    return lora_settings(LoraSettings(r=LORA_R)) if options.lora else None


def _with_padding(options: argparse.Namespace) -> tuple[float, float, int]:
    from datasets import Dataset
    from transformers import DataCollatorForSeq2Seq, Trainer

    model, tokenizer = _loaded(options.folder)
    if options.lora:
        from peft import get_peft_model

        model = get_peft_model(model, _adapter(options))
    trainer = Trainer(
        model=model,
        args=_arguments(options, activation_checkpointing=False),
        train_dataset=Dataset.from_list(_encoded(options.folder)),
        data_collator=DataCollatorForSeq2Seq(tokenizer),  # pads ids, labels and mask to the longest of the batch
    )
    return (*_timed(trainer.train), sum(p.numel() for p in model.parameters()))


def _timed(train: Any) -> tuple[float, float]:
    wall, cpu = time.monotonic(), time.process_time()
    train()
    return time.monotonic() - wall, time.process_time() - cpu


def _arguments(options: argparse.Namespace, **settings: Any) -> Any:
    import torch
    from trl import SFTConfig

    shared = {
        "output_dir": str(options.folder / options.way),
        "num_train_epochs": 1,
        "learning_rate": 2e-4,
        "per_device_train_batch_size": options.batch_size,
        "max_length": 32_768,
        "logging_strategy": "no",
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": not torch.cuda.is_available(),
        "bf16": torch.cuda.is_available(),
        "dataloader_pin_memory": False,
    }
    return SFTConfig(**{**shared, **settings})


def _loaded(folder: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32, attn_implementation="sdpa")
    return model, AutoTokenizer.from_pretrained(folder / "base")


def _encoded(folder: Path) -> list[dict[str, list[int]]]:
    from understudy.models.rendering import open_renderer

    renderer = open_renderer(str(folder / "base"))
    examples = read_jsonl(folder / "examples.jsonl", Example)
    rendered = [renderer.training_ids(example.messages, example.spans) for example in examples]
    return [
        {"input_ids": list(one.ids), "labels": one.labels, "attention_mask": [1] * len(one.ids)} for one in rendered
    ]


def _show(best: list[Measured], options: argparse.Namespace) -> None:
    ours = best[0]
    print(
        f"{options.shape}: {ours.parameters / 1e6:.1f} M parameters, {options.steps} steps of {options.batch_size}, "
        f"{ours.n_tokens} tokens,\n{ours.n_trained} of them trained, {options.threads} thread(s)"
        f"{', adapter of rank ' + str(LORA_R) if options.lora else ''}\n"
    )
    columns = f"{'way':<18}{'tokens/s':>10}{'tokens/CPU-s':>14}{'ours/it':>9}{'peak MB':>10}{'TFLOP/s':>10}"
    print(columns + (f"{'MFU':>7}" if options.peak_tflops else ""))
    for one in best:
        tflops = one.needed_flops / one.wall_s / 1e12
        row = f"{one.way:<18}{one.n_tokens / one.wall_s:>10.0f}{one.n_tokens / one.cpu_s:>14.0f}"
        row += f"{one.cpu_s / ours.cpu_s:>9.2f}{one.peak_bytes / 1e6:>10.0f}"
        print(f"{row}{tflops:>10.3g}" + (f"{tflops / options.peak_tflops:>7.1%}" if options.peak_tflops else ""))
    print("\n" + json.dumps({one.way: one.model_dump() for one in best}))


if __name__ == "__main__":
    main()
