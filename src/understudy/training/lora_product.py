"""The product of a frozen layer with its LoRA adapter as one operation, for training on a CPU.

In: a model with PEFT's adapters. Out: the same model, whose adapted layers compute the same numbers with fewer copies:
a mask of dropout is drawn from a seed and drawn again in the backward pass, and scale and dropout's factor are applied
to r columns, not to all. PEFT keeps two further tensors of the size of each layer's input. Not here: GPUs, adapters of
other kinds, generation; they stay PEFT's. Importing this module loads torch.
"""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import nn

_LEVELS = 1 << 16
"""A mask compares 16 random bits, so the probability of dropout is a multiple of 1/65,536."""


def fuse_adapters(model: Any) -> int:
    """Fuse all layers of a model that can be; return how many."""
    from peft.tuners.lora import Linear

    n_fused = 0
    for module in model.modules():
        if type(module) is Linear and _can_be_fused(module):
            module.forward = types.MethodType(_forward, module)
            n_fused += 1
    return n_fused


def _can_be_fused(layer: Any) -> bool:
    """One plain adapter on a frozen layer, all in float32 on a CPU."""
    base = layer.base_layer
    if type(base) is not nn.Linear or base.weight.requires_grad or layer.lora_variant or len(layer.lora_A) != 1:
        return False
    (down,), (up,) = layer.lora_A.values(), layer.lora_B.values()
    weights = (base.weight, down.weight, up.weight)
    return down.bias is None and up.bias is None and all(_is_plain(weight) for weight in weights)


def _is_plain(weight: torch.Tensor) -> bool:
    return weight.dtype is torch.float32 and weight.device.type == "cpu"


def _forward(layer: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    (name,) = layer.lora_A
    if layer.disable_adapters or layer.merged or args or kwargs or layer.active_adapters != [name]:
        unfused: torch.Tensor = type(layer).forward(layer, x, *args, **kwargs)
        return unfused
    dropout = layer.lora_dropout[name]
    p = dropout.p if isinstance(dropout, nn.Dropout) and dropout.training else 0.0
    base, down, up = layer.base_layer, layer.lora_A[name], layer.lora_B[name]
    out: torch.Tensor = _LoraProduct.apply(
        x, base.weight, base.bias, down.weight, up.weight, layer.scaling[name], p, _new_seed() if p else 0
    )
    return out


def _new_seed() -> int:
    """From torch's generator, whose state a checkpoint holds."""
    return int(torch.randint(1 << 62, ()))


class _LoraProduct(torch.autograd.Function):  # type: ignore[misc]  # torch has no type for it
    """``x W' + b + scale dropout(x) A' B'`` for x (…, I), W (O, I), A (r, I), B (O, r)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
        p: float,
        seed: int,
    ) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])  # (T, I)
        inner = _dropped(rows, p, seed) @ down.T  # (T, r)
        inner *= scale / (1 - p)
        out = rows @ weight.T if bias is None else torch.addmm(bias, rows, weight.T)
        out.addmm_(inner, up.T)
        ctx.save_for_backward(x, inner, weight, down, up)
        ctx.scale, ctx.p, ctx.seed = scale / (1 - p), p, seed
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, inner, weight, down, up = ctx.saved_tensors
        rows, grad = x.reshape(-1, x.shape[-1]), grad.reshape(-1, grad.shape[-1])
        keep = _keep(rows, ctx.p, ctx.seed) if ctx.p else None
        grad_up = grad.T @ inner  # (O, r)
        grad_inner = grad @ up  # (T, r)
        grad_inner *= ctx.scale
        grad_down = grad_inner.T @ (rows if keep is None else rows * keep)  # (r, I)
        grad_x = None
        if ctx.needs_input_grad[0]:
            through_adapter = grad_inner @ down
            if keep is not None:
                through_adapter *= keep
            grad_x = through_adapter.addmm_(grad, weight).view(x.shape)
        return grad_x, None, None, grad_down, grad_up, None, None, None


def _dropped(rows: torch.Tensor, p: float, seed: int) -> torch.Tensor:
    return _keep(rows, p, seed).mul_(rows) if p else rows


def _keep(rows: torch.Tensor, p: float, seed: int) -> torch.Tensor:
    """1 for what is kept and 0 for what is dropped, in the shape of ``rows``; the same for the same seed."""
    n = rows.numel()
    bits = torch.empty((n + 3) // 4, dtype=torch.int64)
    bits.random_(-(1 << 63), None, generator=torch.Generator().manual_seed(seed))
    drawn = bits.view(torch.int16)[:n].view(rows.shape)
    return (drawn >= round(p * _LEVELS) - _LEVELS // 2).to(rows.dtype)
