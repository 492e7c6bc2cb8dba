"""How much memory keys and values take, and how much a machine has.

In: a model's settings. Out: numbers and bytes. Importing this module loads no large package. Not here: the cache itself
(``growing_cache``).
"""

from __future__ import annotations

import os
from typing import Any


def numbers_per_token(settings: Any) -> int:
    """Keys and values of one token in all layers. Raises ``AttributeError`` for a model without attention."""
    n_heads = settings.num_attention_heads
    width = getattr(settings, "head_dim", None) or settings.hidden_size // n_heads
    n_kept = getattr(settings, "num_key_value_heads", None) or n_heads
    return int(2 * settings.num_hidden_layers * n_kept * width)


def machine_bytes() -> int:
    """The memory of this machine. Raises ``OSError`` or ``ValueError`` if it is unknown."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
