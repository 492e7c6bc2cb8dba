"""An encoder that is a table: the mean of a text's token vectors. Thousands of texts a second on one core.

In: a folder with ``tokenizer.json`` and a ``model.safetensors`` that holds one matrix (tokens, dim), as
model2vec writes them. Out: an ``Encoder``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from understudy.retrieval.encoder import EncoderFacts, StaticEncoderConfig, Vectors, normalised, prefixed, weights_hash


class StaticEncoder:
    """See ``Encoder``. A text's vector depends on that text alone, to the last bit."""

    def __init__(self, config: StaticEncoderConfig) -> None:
        """Raises ``ValueError`` if the folder does not hold exactly one matrix."""
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        tensors = load_file(config.model / "model.safetensors")
        if len(tensors) != 1 or (table := next(iter(tensors.values()))).ndim != 2:
            shapes = {name: tensor.shape for name, tensor in tensors.items()}
            raise ValueError(f"{config.model}: expected one matrix (tokens, dim), got {shapes}")
        self._table: Vectors = table.astype(np.float32)
        self._tokenizer = Tokenizer.from_file(str(config.model / "tokenizer.json"))
        self.facts = EncoderFacts(
            kind="static", model=str(config.model.resolve()), weights=weights_hash(config.model), query_prefix="",
            passage_prefix="", pooling="mean", max_tokens=0, dim=table.shape[1],
        )  # fmt: skip

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """See ``Encoder``."""
        encodings = self._tokenizer.encode_batch(prefixed("", texts), add_special_tokens=False)
        vectors = np.zeros((len(texts), self.facts.dim), dtype=np.float32)
        for row, encoding in enumerate(encodings):
            if encoding.ids:
                vectors[row] = self._table[encoding.ids].mean(axis=0)
        return normalised(vectors)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """See ``Encoder``."""
        return self.encode_queries(texts)
