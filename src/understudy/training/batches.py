"""The sequences of each optimiser step, decided for the whole training before it begins.

In: lengths of the sequences, the config. Out: one list of indices per step, the same for the same seed, however often
the training is killed and resumed. Every sequence is seen once an epoch. Not here: rows and passes (``layout``).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from understudy.runs import derive_seed
from understudy.training.config import TrainerConfig

BATCHES_PER_POOL = 50
"""With ``group_by_length``, lengths are sorted within pools of this many batches, so that the order stays random."""


def batch_indices(lengths: Sequence[int], config: TrainerConfig, *, group_by_length: bool = False) -> list[list[int]]:
    """Indices into ``lengths`` for each optimiser step. The last step of an epoch may hold fewer."""
    steps_per_epoch = math.ceil(len(lengths) / config.batch_size)
    n_steps = config.max_steps or max(1, round(steps_per_epoch * (config.epochs or 1)))
    steps: list[list[int]] = []
    for epoch in range(math.ceil(n_steps / steps_per_epoch)):
        steps.extend(_epoch(lengths, config, epoch, group_by_length))
    return steps[:n_steps]


def _epoch(lengths: Sequence[int], config: TrainerConfig, epoch: int, group_by_length: bool) -> Iterator[list[int]]:
    order = random.Random(derive_seed(config.seed, "order of sequences", epoch))
    indices = list(range(len(lengths)))
    order.shuffle(indices)
    if not group_by_length:
        yield from _chunks(indices, config.batch_size)
        return
    batches = []
    for pool in _chunks(indices, BATCHES_PER_POOL * config.batch_size):
        batches += list(_chunks(sorted(pool, key=lambda index: lengths[index]), config.batch_size))
    order.shuffle(batches)
    yield from batches


def _chunks(items: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
