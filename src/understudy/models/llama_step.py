"""One token of many rows on a CPU, for models that are built as Llama, with as little work as possible per layer.

In: such a model in memory, the rows' last tokens, their keys and values. Out: the next logits, equal to those of the
model's own ``forward`` up to the rounding of sums. Query, key and value are one product, gate and up another one; their
weights are stored transposed, which is the faster order for few rows. The modules of the model then hold views of the
same memory, so prompts are still read by transformers. Not here: prompts, other architectures, GPUs, and models that
are trained or saved, whose weights must stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from understudy.models.growing_cache import growing_cache
from understudy.models.int8 import Int8Linear
from understudy.models.shared_prompts import SharedPrompts

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel

FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""Values of ``model_type``."""


@dataclass(frozen=True, slots=True)
class _Layer:
    norm: nn.Module
    query_key_value: nn.Module
    query_norm: nn.Module | None
    key_norm: nn.Module | None
    output: nn.Module
    second_norm: nn.Module
    gate_up: nn.Module
    down: nn.Module
    activation: nn.Module


class LlamaStep:
    """The step of one model; the model's weights are rearranged when it is made."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Raises ``ValueError`` unless ``fits(model)``."""
        if not fits(model):
            raise ValueError(f"expected a model on the CPU that is built as Llama, got {type(model).__name__}")
        parts: Any = model
        attention = parts.model.layers[0].self_attn
        self._model = parts.model
        self._head = parts.lm_head
        self._width = int(attention.head_dim)
        self._scaling = float(attention.scaling)
        self._n_kept = attention.k_proj.out_features // self._width
        self._n_queries = attention.q_proj.out_features // self._width
        self._layers = [_layer(layer) for layer in parts.model.layers]

    def __call__(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        mask: torch.Tensor | None,
        cache: DynamicCache,
        prompts: SharedPrompts | None,
    ) -> torch.Tensor:
        """Next logits (rows, vocabulary).

        Args:
            tokens: (rows,).
            positions: Place of each token in its row: (rows, 1).
            mask: (rows, time), 0 on padding; None if nothing is padded.
            cache: Keys and values; those of the tokens are appended.
            prompts: What comes before the cache's own columns, for several rows at once.
        """
        hidden = self._model.embed_tokens(tokens)  # (rows, hidden)
        cos, sin = self._model.rotary_emb(hidden, position_ids=positions)  # (rows, 1, width)
        half = self._width // 2
        turn = cos, torch.cat([-sin[..., :half], sin[..., half:]], -1)
        bias = None if mask is None else _bias(mask, hidden.dtype)
        for number, (layer, states) in enumerate(zip(self._layers, cache.layers, strict=True)):
            query, key, value = self._projected(layer, _normed(layer.norm, hidden), turn)
            keys, values = states.update(key, value)
            read = prompts.attend(number, query, keys, values, bias) if prompts else _attend(query, keys, values, bias)
            hidden = hidden + layer.output(read.reshape(len(tokens), -1))
            gate, up = layer.gate_up(_normed(layer.second_norm, hidden)).chunk(2, -1)
            hidden = hidden + layer.down(layer.activation(gate).mul_(up))
        return _head_product(self._head, _normed(self._model.norm, hidden))

    def _projected(
        self, layer: _Layer, hidden: torch.Tensor, turn: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scaled query (rows, kept heads, queries per head, width), key and value (rows, kept heads, 1, width)."""
        rows, n_turned = len(hidden), self._n_queries + self._n_kept
        heads = layer.query_key_value(hidden).view(rows, -1, self._width)
        if layer.query_norm is not None and layer.key_norm is not None:
            query, key = heads[:, : self._n_queries], heads[:, self._n_queries : n_turned]
            turned = torch.cat([layer.query_norm(query), layer.key_norm(key)], 1)
        else:
            turned = heads[:, :n_turned]
        turned = torch.addcmul(turned * turn[0], turned.roll(self._width // 2, -1), turn[1])
        query, key = turned[:, : self._n_queries], turned[:, self._n_queries :]
        query = query.mul(self._scaling).view(rows, self._n_kept, -1, self._width)
        return query, key[:, :, None], heads[:, n_turned:, None]


def fits(model: PreTrainedModel) -> bool:
    """Whether the model is one of ``FAMILIES``, on the CPU, with plain linear layers and full attention."""
    if model.config.model_type not in FAMILIES or model.device.type != "cpu":
        return False
    layers: Sequence[Any] = getattr(getattr(model, "model", None), "layers", ())
    return len(layers) > 0 and all(map(_is_plain, layers)) and growing_cache(model)[1]  # without sliding windows


def _is_plain(layer: Any) -> bool:
    attention, mlp = layer.self_attn, layer.mlp
    merged = [attention.q_proj, attention.k_proj, attention.v_proj], [mlp.gate_proj, mlp.up_proj]
    kinds = set(map(type, [*merged[0], *merged[1], attention.o_proj, mlp.down_proj]))
    alike = all(len({getattr(one, "bias", None) is None for one in group}) == 1 for group in merged)
    return alike and kinds in ({nn.Linear}, {Int8Linear})


def _layer(layer: Any) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    return _Layer(
        norm=layer.input_layernorm,
        query_key_value=_merged([attention.q_proj, attention.k_proj, attention.v_proj]),
        query_norm=getattr(attention, "q_norm", None),
        key_norm=getattr(attention, "k_norm", None),
        output=attention.o_proj,
        second_norm=layer.post_attention_layernorm,
        gate_up=_merged([mlp.gate_proj, mlp.up_proj]),
        down=mlp.down_proj,
        activation=mlp.act_fn,
    )


class _Beside(nn.Module):  # type: ignore[misc]
    """The outputs of several layers of eight bits, side by side."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self._modules_beside = list(modules)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.cat([one(inputs) for one in self._modules_beside], -1)


def _merged(modules: Sequence[nn.Linear]) -> nn.Module:
    """One layer for all of them. Their own weights become views of its weight, which is stored as (in, out)."""
    if type(modules[0]) is not nn.Linear:
        return _Beside(modules)
    weight = torch.cat([one.weight.detach().t() for one in modules], 1)
    biases = [one.bias.detach() for one in modules if one.bias is not None]
    merged = nn.Linear(1, 1, bias=False, device="meta")
    merged.in_features, merged.out_features = weight.shape
    merged.weight = nn.Parameter(weight.t(), requires_grad=False)
    merged.bias = nn.Parameter(torch.cat(biases), requires_grad=False) if biases else None
    first = 0
    for one in modules:
        one.weight = nn.Parameter(merged.weight[first : first + one.out_features], requires_grad=False)
        first += one.out_features
    return merged


def _normed(norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    """The module's own result; in float32 by one call, which rounds in the same format."""
    if hidden.dtype is torch.float32:
        return nn.functional.rms_norm(hidden, hidden.shape[-1:], norm.weight, norm.variance_epsilon)
    result: torch.Tensor = norm(hidden)
    return result


def _head_product(head: nn.Module, hidden: torch.Tensor) -> torch.Tensor:
    """With the weights first, the product of a large vocabulary with a few rows is faster."""
    if type(head) is nn.Linear and head.bias is None and len(hidden) > 1:
        return torch.mm(head.weight, hidden.t()).t().contiguous()
    logits: torch.Tensor = head(hidden)
    return logits


def _bias(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """(rows, 1, 1, time): what is added to scores."""
    zeros = torch.zeros(mask.shape, dtype=dtype)
    return zeros.masked_fill_(mask == 0, float("-inf"))[:, None, None]


def _attend(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """(rows, kept heads, queries per head, width)."""
    scores = torch.matmul(query, keys.mT)
    if bias is not None:
        scores += bias
    return torch.matmul(scores.softmax(-1), values)
