"""Token ids that a model has no embedding for.

In: ids, a model. Out: nothing, or ``UnknownTokenError``. A tokenizer of another checkpoint gives such ids; on a GPU
they end the whole process, elsewhere they raise an ``IndexError`` without a message. Not here: rendering.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class UnknownTokenError(ValueError):
    """A token id is outside the model's embedding."""


def require_known_ids(model: PreTrainedModel, ids: Iterable[int]) -> None:
    """Raise ``UnknownTokenError`` if the model cannot read one of the ids."""
    n_rows = len(model.get_input_embeddings().weight)
    wrong = next((number for number in ids if not 0 <= number < n_rows), None)
    if wrong is not None:
        raise UnknownTokenError(
            f"{model.config.name_or_path}: expected token ids from 0 to {n_rows - 1}, the rows of its embedding; "
            f"got {wrong}. Does the tokenizer belong to this checkpoint?"
        )
