"""Losses of a pass: the cross-entropy of next tokens, and log-probabilities of rows.

In: a model, a pass. Out: sums of losses. Logits are made at trained positions only, and never for more positions at
once than fit a bounded memory. Not here: steps and optimisers. Importing this module loads torch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn import functional

from understudy.training.layout import RowPass

Metrics = dict[str, float]
LOGITS_AT_ONCE = 1 << 25
"""Numbers, 128 MiB in float32. Up to here the model's own head computes all logits of a pass."""
_CHANGES_OF_LOGITS = (
    "final_logit_softcapping", "logit_scale", "logits_scaling", "output_multiplier", "lm_head_multiplier"
)  # fmt: skip
"""Settings, in transformers' words, by which a family changes its logits after the head."""


class NextToken:
    """Cross-entropy of the next token, a weighted mean over all trained tokens."""

    def weight(self, one: RowPass) -> float:
        return float(one.weights.sum())

    def loss_sum(self, model: Any, one: RowPass) -> tuple[torch.Tensor, Metrics]:
        """No logits if nothing is trained."""
        return loss_by_fused_head(model, one) if on_gpu(model) else loss_by_logits(model, one), {}


def row_logprobs(model: Any, one: RowPass) -> torch.Tensor:
    """Sum of the targets' log-probabilities, each times its weight, for each row: (R,), float32."""
    weights = one.weights.to(model.device)
    if on_gpu(model):
        return (_fused_logprobs(model, one) * weights).sum(-1)
    wanted = one.weights > 0
    per_target = -_cross_entropy(model, one, wanted) * weights[wanted]  # (N,)
    rows = wanted.nonzero()[:, 0].to(model.device)
    return torch.zeros(len(wanted), device=model.device).index_add(0, rows, per_target)


def on_gpu(model: Any) -> bool:
    return bool(next(model.parameters()).device.type == "cuda")


def loss_by_fused_head(model: Any, one: RowPass) -> torch.Tensor:
    """By TRL's head, which makes logits a tile at a time: on a GPU, whose memory all of them would fill."""
    return -(_fused_logprobs(model, one) * one.weights.to(model.device)).sum()


def loss_by_logits(model: Any, one: RowPass) -> torch.Tensor:
    """By the model's own head, at the trained positions only: fastest on a CPU."""
    wanted = one.weights > 0  # (R, W)
    return (_cross_entropy(model, one, wanted) * one.weights[wanted].to(model.device)).sum()


def _fused_logprobs(model: Any, one: RowPass) -> torch.Tensor:
    """Log-probabilities of the targets, (R, W); 0 if the weight is 0."""
    labels = one.targets.masked_fill(one.weights == 0, -100).to(model.device)
    output = model(**_inputs(model, one), labels=labels, shift_labels=labels, fused_lm_head=True)
    logprobs: torch.Tensor = output.log_probs
    return logprobs


def _cross_entropy(model: Any, one: RowPass, wanted: torch.Tensor) -> torch.Tensor:
    """Of the wanted targets, (N,)."""
    targets = one.targets[wanted].to(model.device)
    head = _unwrapped(model).get_output_embeddings()
    if len(targets) * head.weight.shape[0] > LOGITS_AT_ONCE:
        return _cross_entropy_in_parts(model, one, wanted)
    with _head_sees_only(head, wanted.to(model.device)):
        logits = model(**_inputs(model, one), use_cache=False).logits[0]  # (N, V); N may be 0 on one of several devices
    return functional.cross_entropy(logits.float(), targets, reduction="none")


def _cross_entropy_in_parts(model: Any, one: RowPass, wanted: torch.Tensor) -> torch.Tensor:
    """The same, without ever holding all logits."""
    head = _unwrapped(model).get_output_embeddings()
    if not _is_plain(_unwrapped(model).config, head):
        return -_fused_logprobs(model, one)[wanted.to(model.device)]
    with head_sees_one(head, wanted.to(model.device)) as seen:
        model(**_inputs(model, one), use_cache=False)
    targets = one.targets[wanted].to(model.device)
    losses: torch.Tensor = CrossEntropyInParts.apply(seen[0], head.weight, head.bias, targets)
    return losses


def _is_plain(config: Any, head: Any) -> bool:
    """Whether the logits are the head's product, without a scale or cap behind it, and the head is in one place."""
    changed = any(getattr(config.get_text_config(), name, None) not in (None, 1.0) for name in _CHANGES_OF_LOGITS)
    return type(head) is torch.nn.Linear and type(head.weight) is torch.nn.Parameter and not changed


def _inputs(model: Any, one: RowPass) -> dict[str, torch.Tensor]:
    return {"input_ids": one.input_ids.to(model.device), "position_ids": one.position_ids.to(model.device)}


class CrossEntropyInParts(torch.autograd.Function):  # type: ignore[misc]  # torch has no type for it
    """Cross-entropy, (N,), of targets (N,) under a head: states (N, H), weight (V, H), bias (V,) or None.

    Logits of a part of the positions are held at a time. Under a frozen head the gradient of the states is computed
    with them, in the forward pass, so that nothing is computed twice. The gradient of a trained head needs the
    gradient of each loss, which only the backward pass knows: it computes the logits again.
    """

    @staticmethod
    def forward(
        ctx: Any, states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
    ) -> torch.Tensor:
        ctx.is_trained = any(ctx.needs_input_grad[1:3])
        losses = torch.empty(len(states), dtype=torch.promote_types(weight.dtype, torch.float32), device=states.device)
        gradient = None if ctx.is_trained else torch.empty_like(states)
        for part in _parts(states, weight):
            losses[part], by_logits = _losses_and_gradient(states[part], weight, bias, targets[part])
            if gradient is not None:
                gradient[part] = by_logits.to(weight.dtype) @ weight
        ctx.save_for_backward(*((states, weight, bias, targets) if gradient is None else (gradient,)))
        return losses

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if ctx.is_trained:
            states, weight, bias, targets = ctx.saved_tensors
            return (*_gradients_of_trained_head(states, weight, bias, targets, grad), None)
        (gradient,) = ctx.saved_tensors
        return gradient * grad[:, None].to(gradient.dtype), None, None, None


def _gradients_of_trained_head(
    states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor, grad: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Of states, weight and bias, for the gradient (N,) of the losses."""
    of_states, of_weight = torch.empty_like(states), torch.zeros_like(weight)
    of_bias = None if bias is None else torch.zeros_like(bias)
    for part in _parts(states, weight):
        _, by_logits = _losses_and_gradient(states[part], weight, bias, targets[part])
        by_logits = by_logits.mul_(grad[part, None]).to(weight.dtype)
        of_states[part] = by_logits @ weight
        of_weight.addmm_(by_logits.T, states[part])
        if of_bias is not None:
            of_bias += by_logits.sum(0)
    return of_states, of_weight, of_bias


def _parts(states: torch.Tensor, weight: torch.Tensor) -> Iterator[slice]:
    n_part = max(1, LOGITS_AT_ONCE // len(weight))
    return (slice(start, start + n_part) for start in range(0, len(states), n_part))


def _losses_and_gradient(
    states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses (N,), and the gradient (N, V) of each by its logits."""
    logits = functional.linear(states, weight, bias)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    of_target = targets[:, None]
    log_sums = torch.logsumexp(logits, -1, keepdim=True)
    losses = (log_sums - logits.gather(-1, of_target))[:, 0]
    by_logits = logits.sub_(log_sums).exp_()
    return losses, by_logits.scatter_add_(-1, of_target, torch.full_like(log_sums, -1.0))


def _unwrapped(model: Any) -> Any:
    while not hasattr(model, "get_output_embeddings"):
        model = model.module  # DistributedDataParallel and its like
    return model


@contextlib.contextmanager
def _head_sees_only(head: Any, wanted: torch.Tensor) -> Iterator[None]:
    """Within, the output head computes logits for the wanted positions only, (1, N, V) for (R, W) positions.

    The head is what costs most of a small model's time and memory. Whatever a family does to the logits after its
    head is done to each of them by itself, so it stays right.
    """
    hook = head.register_forward_pre_hook(lambda _head, inputs: (inputs[0][wanted][None], *inputs[1:]))
    try:
        yield
    finally:
        hook.remove()


@contextlib.contextmanager
def head_sees_one(head: Any, wanted: torch.Tensor) -> Iterator[list[torch.Tensor]]:
    """Within, the output head computes logits of one position. Yields a list that gets the wanted states, (N, H)."""
    seen: list[torch.Tensor] = []

    def keep(_head: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        seen.append(inputs[0][wanted])
        return (inputs[0][:1, :1], *inputs[1:])

    hook = head.register_forward_pre_hook(keep)
    try:
        yield seen
    finally:
        hook.remove()
