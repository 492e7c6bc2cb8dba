"""A program: ``understudy.training`` on a CPU as it would run on several GPUs, for tests where there is none.

    accelerate launch --config_file recipes/accelerate/fsdp.yaml -m tests.training.several_devices FOLDER

accelerate divides weights (FSDP, DeepSpeed) among GPUs only; on a CPU each process silently gets all of them.
Here processes that talk through gloo count as GPUs. The loss is the one that a GPU computes. All else is what
``python -m understudy.training FOLDER`` does. Prints the class that the weights are held in.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
os.environ["DS_ACCELERATOR"] = "cpu"

import torch
from accelerate.state import DistributedType, PartialState

from understudy.training import losses, trainer
from understudy.training.__main__ import main

_before = trainer.StudentTrainer.training_step


def _gloo_devices(*_: object) -> tuple[str, DistributedType]:
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    return "gloo", DistributedType.MULTI_GPU


def _first_say_how_weights_are_held(self: trainer.StudentTrainer, model: object, step: int, n: object = None) -> object:
    if self.is_world_process_zero() and step == 0:
        print("HELD", type(model).__name__, type(next(self.model.parameters()).data).__name__, flush=True)
    return _before(self, model, step, n)


if __name__ == "__main__":
    PartialState._prepare_backend = _gloo_devices
    losses.loss_by_logits = losses.loss_by_fused_head
    trainer.StudentTrainer.training_step = _first_say_how_weights_are_held
    main(Path(sys.argv[1]))
    torch.distributed.destroy_process_group()
