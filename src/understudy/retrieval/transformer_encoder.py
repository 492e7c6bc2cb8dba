"""BERT-like encoders such as e5, through transformers.

In: a ``TransformerEncoderConfig``. Out: an ``Encoder``. Prefix, cut to ``max_tokens``, pool, make length 1. Texts
are batched by length, so little is computed on padding. On a GPU the weights are fp16.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from understudy.hub import naming_what_is_missing
from understudy.retrieval.encoder import (
    EncoderFacts,
    Pooling,
    TransformerEncoderConfig,
    Vectors,
    normalised,
    prefixed,
    weights_hash,
)


class TransformerEncoder:
    """See ``Encoder``."""

    def __init__(self, config: TransformerEncoderConfig) -> None:
        """Raises ``OSError`` if the model is not found."""
        self._config = config
        self._device = _device(config.device)
        dtype = torch.float16 if self._device.type == "cuda" else torch.float32
        with naming_what_is_missing(config.model):
            self._tokenizer = AutoTokenizer.from_pretrained(config.model)
            self._model = AutoModel.from_pretrained(config.model, dtype=dtype).to(self._device).eval()
        folder = Path(config.model)
        self.facts = EncoderFacts(
            kind="transformer",
            model=str(folder.resolve()) if folder.is_dir() else config.model,
            weights=weights_hash(folder) if folder.is_dir() else "",
            query_prefix=config.query_prefix,
            passage_prefix=config.passage_prefix,
            pooling=config.pooling,
            max_tokens=config.max_tokens,
            dim=int(self._model.config.hidden_size),
        )

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """See ``Encoder``."""
        return self._encode(prefixed(self._config.query_prefix, texts))

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """See ``Encoder``."""
        return self._encode(prefixed(self._config.passage_prefix, texts))

    def _encode(self, texts: list[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.facts.dim), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for start in range(0, len(by_length), self._config.batch_size):
            rows = by_length[start : start + self._config.batch_size]
            vectors[rows] = self._forward([texts[row] for row in rows])
        return normalised(vectors)

    def _forward(self, texts: list[str]) -> Vectors:
        batch = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self._config.max_tokens, return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            states = self._model(**batch).last_hidden_state.float()  # (texts, tokens, dim)
        if self._config.pooling is Pooling.CLS:
            pooled = states[:, 0]
        else:
            mask = batch["attention_mask"].unsqueeze(-1).float()  # (texts, tokens, 1)
            pooled = (states * mask).sum(dim=1) / mask.sum(dim=1)
        result: Vectors = pooled.cpu().numpy()
        return result


def _device(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
