"""How much of a step goes through the model at once, so that it fits the memory.

In: a trainer with its model, the config. Out: a bound of the tokens of a pass, and the length from which a pass
computes its activations again. What a token costs is measured on the model itself, so it holds for every family.
Nothing depends on how much memory is free at the moment, so a resumed training is cut like its beginning. Importing
this module loads torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from understudy.training.config import TrainerConfig
from understudy.training.losses import head_sees_one
from understudy.training.trainer import StudentTrainer

CPU_PASS_BYTES = 0.5e9
"""On a CPU, passes of this size are as fast as larger ones or faster: their tensors stay in the cache."""
GPU_PASS_TOKENS = 4096
"""On a GPU, more passes than such ones cost more than activations that are computed again: a card waits for its kernels
to be started.
"""
_MEASURED_TOKENS = 64


@dataclass(frozen=True, slots=True)
class PassPlan:
    """Bounds of a pass."""

    tokens_per_pass: int | None
    """Rows go together up to so many tokens. None: the whole step."""
    checkpoint_above: int | None
    """A pass of more tokens computes its activations again. None: as the config says."""


def plan_passes(trainer: StudentTrainer, config: TrainerConfig) -> PassPlan:
    """The bounds of one training."""
    if config.gradient_checkpointing or trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        return PassPlan(config.tokens_per_pass, None)
    limit = 1e9 * config.activations_gb if config.activations_gb else _default_limit(trainer.model)
    bytes_per_token = activation_bytes(trainer) / _MEASURED_TOKENS
    if trainer.model.device.type == "cuda":
        together = _together_on_gpu(limit, bytes_per_token, trainer.model)
    else:
        together = int(min(limit, CPU_PASS_BYTES) / bytes_per_token)
    return PassPlan(
        tokens_per_pass=max(1, min(together, config.tokens_per_pass or together)),
        checkpoint_above=int(limit / bytes_per_token),
    )


def activation_bytes(trainer: StudentTrainer, n_tokens: int = _MEASURED_TOKENS) -> int:
    """Memory that a pass of so many tokens keeps for its backward pass, without weights and logits."""
    model: Any = trainer.model
    sizes: dict[int, int] = {}
    kept: list[torch.Tensor] = []  # while they live, no other tensor gets their address
    of_weights = {weight.untyped_storage().data_ptr() for weight in (*model.parameters(), *model.buffers())}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in of_weights:
            kept.append(tensor)
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.zeros((1, n_tokens), dtype=torch.long, device=model.device)
    devices = [model.device] if model.device.type == "cuda" else []
    was_training = model.training
    model.train()
    head = model.get_output_embeddings()
    with (
        torch.random.fork_rng(devices),
        torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor),
        trainer.accelerator.autocast(),
        head_sees_one(head, torch.zeros_like(ids, dtype=torch.bool)),
    ):
        output = model(input_ids=ids, use_cache=False)  # its graph lives until the sizes are summed up
    del output
    kept.clear()
    model.train(was_training)
    return sum(sizes.values())


def _together_on_gpu(limit: float, bytes_per_token: float, model: Any) -> int:
    """Tokens of a pass. A pass of few tokens is made longer and computes its activations again, layer by layer."""
    together = int(limit / bytes_per_token)
    if together >= GPU_PASS_TOKENS:
        return together
    config = model.config.get_text_config()
    n_layers = config.num_hidden_layers
    of_inputs = n_layers * config.hidden_size * model.dtype.itemsize
    of_one_layer = 2 * bytes_per_token / n_layers  # its activations, and their gradients
    return max(together, int(limit / (of_inputs + of_one_layer)))


def _default_limit(model: Any) -> float:
    if model.device.type == "cuda":
        return int(torch.cuda.get_device_properties(model.device).total_memory) / 3
    weight_bytes = sum(int(weight.numel()) * int(weight.element_size()) for weight in model.parameters())
    return max(1e9, 1.5 * weight_bytes)
