"""Training with an adapter on one GPU: ours and TRL's trainer, on the same sequences in the same batches.

In: a shape. Out: trained tokens a second, MFU, peak memory, a way a line. A way that does not fit the card says so.
The first steps, which warm up, are not counted.
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
from benchmarks.shapes import BATCH_SIZE, LORA_R, made_up_example, needed_flops, save_base
from understudy.records import Example
from understudy.runs import read_jsonl, write_jsonl

WARM_STEPS = 2
PEAK_TFLOPS = 989.0
LORA_ALPHA = 128


def measure_training(shape: str, *, tiny: bool, memory_gb: float | None = None) -> Iterator[Row]:
    """Ours and TRL's on the same batches; a way that does not fit the card says so. ``memory_gb``: of a card."""
    import torch

    if memory_gb is not None:
        torch.cuda.set_per_process_memory_fraction(1e9 * memory_gb / torch.cuda.get_device_properties(0).total_memory)
    smaller = {} if memory_gb is None else {"activations_gb": memory_gb / 3}  # the share that is the default of a card

    n_steps, median = (4, 60) if tiny else (20, 1500)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        torch.manual_seed(0)
        save_base(shape, folder / "base", torch.bfloat16 if where() == "cuda" else torch.float32, where())
        numbers = random.Random(0)
        longest = 400 if tiny else 10_000
        made = [made_up_example(numbers, i, median, longest) for i in range(BATCH_SIZE * n_steps)]
        write_jsonl(folder / "examples.jsonl", made)
        ways: dict[str, Callable[[], tuple[Any, list[list[str]]]]] = {
            "understudy": lambda: _ours(folder, n_steps, **smaller),
            "understudy, checkpointing": lambda: _ours(folder, n_steps, gradient_checkpointing=True),
            "understudy, checkpointing, 16k a pass": lambda: _ours(
                folder, n_steps, gradient_checkpointing=True, tokens_per_pass=16_384
            ),
            "trl, its defaults": lambda: _trl(folder),
            "trl, no checkpointing": lambda: _trl(folder, gradient_checkpointing=False),
        }
        for way, opened in ways.items():
            yield {"part": f"train {shape}", "way": way, **_measured_training(folder, opened)}


def _measured_training(folder: Path, opened: Callable[[], tuple[Any, list[list[str]]]]) -> Row:
    import torch
    from transformers import AutoConfig, TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]
        ends: list[float] = []

        def on_step_end(self, *_: object, **__: object) -> None:
            synchronise()
            self.ends = [*self.ends, time.perf_counter()]

    reset_peak()
    clock = Clock()
    try:
        trainer, batches = opened()
        trainer.add_callback(clock)
        trainer.train()
    except torch.OutOfMemoryError:
        return {"failed": "out of memory"}
    except Exception as error:  # the other ways are still to be measured
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"[:300]}
    lengths = _lengths(folder)
    counted = [lengths[name] for step in batches[WARM_STEPS:] for name in step]
    seconds = clock.ends[-1] - clock.ends[WARM_STEPS - 1]
    config = AutoConfig.from_pretrained(folder / "base")
    flops = needed_flops(config, [n for n, _ in counted], sum(trained for _, trained in counted), LORA_R)
    return {
        "tokens_per_s": sum(n for n, _ in counted) / seconds,
        "s_per_step": seconds / (len(batches) - WARM_STEPS),
        "mfu_percent": 100 * flops / seconds / PEAK_TFLOPS / 1e12,
        "peak_gb": peak_gb(),
        "loss": float(getattr(trainer, "last_loss", torch.tensor(trainer.state.log_history[-1]["train_loss"]))),
    }


def _ours(folder: Path, n_steps: int, **settings: Any) -> tuple[Any, list[list[str]]]:
    """Our trainer as a recipe opens it, and the examples of each step."""
    from understudy.models.loading import load_tokenizer
    from understudy.models.rendering import Renderer
    from understudy.training import OverLong, TrainConfig, encode
    from understudy.training.fitting import Fitting, attach, open_trainer
    from understudy.training.loading import padding_id
    from understudy.training.losses import NextToken
    from understudy.training.training import batches_of

    config = TrainConfig(epochs=1, batch_size=BATCH_SIZE, **settings)
    base = str(folder / "base")
    tokenizer = load_tokenizer(base)
    examples = read_jsonl(folder / "examples.jsonl", Example)
    encoded = encode(examples, Renderer(tokenizer), config.max_length, OverLong.DROP)
    batches = batches_of(*encoded, config, padding_id(tokenizer))
    trainer = open_trainer(Fitting(base, config, folder / "out", "benchmark", packing=True), tokenizer, n_steps)
    attach(trainer, batches, NextToken(), config)
    trainer.args.save_strategy = "no"
    return trainer, batches.examples


def _trl(folder: Path, **settings: Any) -> tuple[Any, list[list[str]]]:
    """TRL's trainer with its defaults, on our batches in our order; the base in bf16, as ours has it."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from torch.utils.data import SequentialSampler
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    class InOrder(SFTTrainer):  # type: ignore[misc]
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)

    batches = _order(folder)
    encoded = _encoded(folder)
    on_gpu = torch.cuda.is_available()
    arguments = SFTConfig(
        output_dir=str(folder / "trl"),
        num_train_epochs=1,
        per_device_train_batch_size=BATCH_SIZE,
        max_length=10_240,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        model_init_kwargs={"dtype": "bfloat16" if on_gpu else "float32"},
        **({} if on_gpu else {"use_cpu": True, "bf16": False}),
        **settings,
    )
    adapter = LoraConfig(
        r=LORA_R, lora_alpha=LORA_ALPHA, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    trainer = InOrder(
        model=str(folder / "base"),
        args=arguments,
        train_dataset=Dataset.from_list([encoded[name] for step in batches for name in step]),
        processing_class=AutoTokenizer.from_pretrained(folder / "base"),
        peft_config=adapter,
    )
    return trainer, batches


def _order(folder: Path) -> list[list[str]]:
    """Examples of each step, as ours orders them."""
    from understudy.training import TrainConfig
    from understudy.training.batches import batch_indices

    encoded = _encoded(folder)
    names = list(encoded)
    lengths = [len(encoded[name]["input_ids"]) for name in names]
    config = TrainConfig(epochs=1, batch_size=BATCH_SIZE)
    return [[names[index] for index in step] for step in batch_indices(lengths, config)]


def _encoded(folder: Path) -> dict[str, dict[str, list[int]]]:
    from understudy.models.rendering import open_renderer

    renderer = open_renderer(str(folder / "base"))
    examples = list(read_jsonl(folder / "examples.jsonl", Example))
    rendered = {one.id: renderer.training_ids(one.messages, one.spans) for one in examples}
    return {name: {"input_ids": list(one.ids), "labels": one.labels} for name, one in rendered.items()}


def _lengths(folder: Path) -> dict[str, tuple[int, int]]:
    """Tokens and trained tokens of each example."""
    return {
        name: (len(one["input_ids"]), sum(label != -100 for label in one["labels"]))
        for name, one in _encoded(folder).items()
    }
