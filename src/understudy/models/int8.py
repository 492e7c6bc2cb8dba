"""Linear layers with weights of eight bits, for replies on a CPU: faster for few rows, and another model than before.

In: a model in memory. Out: the same with all its linear layers replaced. Weights have a scale per output channel,
activations one per token (of seven bits, because sums of eight overflow on CPUs without VNNI), so a row does not depend
on its neighbours. Not here: training, GPUs, embeddings, which stay as they are.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel

STEPS = 63
"""Largest level of an activation; levels are from -63 to 63."""
_ZERO = 64
_SMALLEST = 1e-12


class Int8Linear(nn.Module):  # type: ignore[misc]
    """Computes what ``nn.Linear`` computes, with rounded weights and activations."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._packed = _packed(linear.weight.detach().contiguous())
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(…, out). ``inputs``: (…, in), in float32."""
        largest = inputs.abs().amax(-1, keepdim=True).clamp_(min=_SMALLEST)
        product: torch.Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            inputs / largest, 1 / STEPS, _ZERO, self._packed
        )
        product.mul_(largest)
        return product if self._bias is None else product.add_(self._bias)


def quantize(model: PreTrainedModel) -> None:
    """Replace all linear layers. Raises ``ValueError`` where they cannot be: on a GPU, or in another format than
    float32.
    """
    if model.device.type != "cpu" or model.dtype is not torch.float32:
        raise ValueError(
            f"quantization: int8 computes on a CPU in float32, got {model.dtype} on {model.device.type}: set "
            "device: cpu and dtype: float32, or leave quantization out"
        )
    found = [(parent, name) for parent in model.modules() for name, child in parent.named_children() if _fits(child)]
    if not found:
        raise ValueError(f"quantization: int8 expects linear layers, and {type(model).__name__} has none")
    if not {"fbgemm", "x86"} & set(torch.backends.quantized.supported_engines):
        raise ValueError("quantization: int8 needs an x86 CPU and a torch that was built with fbgemm")
    for parent, name in found:
        setattr(parent, name, Int8Linear(getattr(parent, name)))


def _packed(weight: torch.Tensor) -> object:
    """Rounded, in the order that torch's kernel reads."""
    scales = (weight.abs().amax(1) / 127).double().clamp(min=_SMALLEST)
    zeros = torch.zeros(len(weight), dtype=torch.long)
    with warnings.catch_warnings():
        # torch will move these tensors to another package; what replaces them was slower than float32 on this CPU.
        warnings.filterwarnings("ignore", "torch.quantize_per_tensor, torch.quantize_per_channel", UserWarning)
        rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        return torch.ops.quantized.linear_prepack(rounded, None)


def _fits(module: nn.Module) -> bool:
    return type(module) is nn.Linear
