"""Weights and log-probabilities must be finite numbers.

In: a model's weights, or values that it computed. Out: nothing, or an error that names what is not finite. Not here:
the reaction. A training stops, and the verification of a student fails.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn


class NotFiniteError(ValueError):
    """A weight, a loss or a log-probability is NaN or infinite."""


def require_finite_weights(model: nn.Module, name: str, *, trained_only: bool = False) -> None:
    """Raise ``NotFiniteError`` with the first parameter or buffer of ``model`` that contains a NaN or an infinity.

    ``trained_only``: only parameters that are trained. Quantised weights are skipped: they are integers.
    """
    tensors = (*model.named_parameters(), *(() if trained_only else model.named_buffers()))
    for key, tensor in tensors:
        if trained_only and not tensor.requires_grad:
            continue
        n_wrong = _n_not_finite(tensor)
        if n_wrong:
            raise NotFiniteError(
                f"{name}: expected finite weights, but {n_wrong} of the {tensor.numel()} numbers of {key} are NaN or "
                "infinite"
            )


def require_finite(numbers: Iterable[float], what: str) -> None:
    """Raise ``NotFiniteError`` if one of the numbers is NaN or infinite."""
    wrong = next((number for number in numbers if not math.isfinite(number)), None)
    if wrong is not None:
        raise NotFiniteError(f"{what}: expected finite numbers, got {wrong}")


def _n_not_finite(tensor: torch.Tensor) -> int:
    if tensor.is_meta or not tensor.is_floating_point() or tensor.element_size() < 2:
        return 0
    own = tensor.to_local() if hasattr(tensor, "to_local") else tensor  # this device's part, if weights are divided
    return int(own.numel()) - int(own.detach().isfinite().sum())
