"""The student's own actions at stored states.

In: the student as it is now, prefixes, a seed. Out: token ids. The same student and seed give the same actions, so a
killed distillation resumes with the actions that it would have sampled. Not here: tools; no code is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from understudy.models.decoding import Decoder
from understudy.models.sampling import Row
from understudy.runs import derive_seed
from understudy.training.on_policy.config import OnPolicyConfig


def sample_actions(
    model: Any, tokenizer: Any, prefixes: Sequence[Sequence[int]], end_id: int, config: OnPolicyConfig, seed: int
) -> list[list[int]]:
    """One action after each prefix, end of turn included if the student came to one."""
    rows = [
        Row(
            prefix,
            config.max_new_tokens,
            config.temperature,
            top_p=1.0,
            stop=(),
            stream=np.random.Generator(np.random.Philox(key=derive_seed(seed, number))),
        )
        for number, prefix in enumerate(prefixes)
    ]
    # Not generate(): it would take penalties from the checkpoint's generation_config.json.
    decoder = Decoder(model, tokenizer, frozenset([end_id]))
    with _acting(model):
        decoder.admit([[row] for row in rows])
        while decoder.rows:
            decoder.step()
    return [row.ids for row in rows]


@contextmanager
def _acting(model: Any) -> Iterator[None]:
    """A context in which dropout is off."""
    model.eval()
    try:
        yield
    finally:
        model.train()
