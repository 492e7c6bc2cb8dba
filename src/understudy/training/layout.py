"""How the sequences of one optimiser step lie in rows.

In: the sequences of a step. Out: passes, each a few rows of equal width that go through the model together. With
packing, sequences are laid end to end, longest first, each into the fullest row that still has room (best fit
decreasing), in rows as long as the longest sequence that fits a pass: attention then costs no more than it does for
padded rows, and the number of sequences a step stays what the protocol says. A longer sequence goes alone. Positions
start at 0 in each sequence, from which the model derives the mask that keeps neighbours apart. Not here: token ids, the
model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.training.encoding import TrainSequence

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class RowPass:
    """Tensors of one pass through the model. Not a record: it is not part of the public API."""

    input_ids: torch.Tensor  # (R, W) int64
    position_ids: torch.Tensor  # (R, W) int64, 0 at the start of each sequence
    targets: torch.Tensor  # (R, W) int64, the id that follows; anything where the weight is 0
    weights: torch.Tensor  # (R, W) float32, loss weight of the target; 0 for what is read only

    @property
    def n_tokens(self) -> int:
        """Padding included."""
        return int(self.input_ids.numel())


def arrange(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Best fit decreasing: indices of ``lengths`` by row, no row longer than ``capacity``.

    A sequence longer than ``capacity`` gets a row of its own.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        fitting = [row for row, left in enumerate(room) if left >= lengths[index]]
        if fitting:
            row = min(fitting, key=lambda r: room[r])
            rows[row].append(index)
            room[row] -= lengths[index]
        else:
            rows.append([index])
            room.append(capacity - lengths[index])
    return rows


def passes_of(
    sequences: Sequence[TrainSequence],
    *,
    packing: bool,
    tokens_per_pass: int | None,
    pad_id: int,
    one_row: bool = False,
) -> list[RowPass]:
    """Lay out the sequences of a step. ``one_row``: each pass is a single row, as flash attention wants packed rows."""
    lengths = [len(sequence) for sequence in sequences]
    longest = max(lengths)
    bound = tokens_per_pass or sum(lengths)
    # A sequence that is longer than a pass goes alone: a mask between neighbours takes the square of the row's length.
    capacity = max(longest, bound) if one_row else min(longest, bound)
    rows = arrange(lengths, capacity) if packing else [[index] for index in range(len(lengths))]
    rows.sort(key=lambda row: sum(lengths[index] for index in row))
    passes = []
    while rows:
        width = sum(lengths[index] for index in rows[-1])
        n_rows = 1 if one_row else max(1, (tokens_per_pass or len(rows) * width) // width)
        together, rows = rows[-n_rows:], rows[:-n_rows]
        passes.append(lay_out([[sequences[index] for index in row] for row in together], width, pad_id))
    return passes


def lay_out(rows: list[list[TrainSequence]], width: int, pad_id: int) -> RowPass:
    """Tensors of rows, each of which holds its sequences end to end and is padded to ``width``."""
    import torch

    input_ids, positions, targets, weights = [], [], [], []
    for row in rows:
        n_pad = width - sum(map(len, row))
        input_ids.append([token for sequence in row for token in sequence.ids] + [pad_id] * n_pad)
        # Padding counts on from where the last sequence ended: nothing before it can see it.
        n_last = len(row[-1])
        counted = [position for sequence in row for position in range(len(sequence))]
        positions.append(counted + list(range(n_last, n_last + n_pad)))
        # The last token of a sequence has no target: what follows it belongs to another one.
        targets.append([token for s in row for token in (*s.ids[1:], pad_id)] + [pad_id] * n_pad)
        weights.append([weight for s in row for weight in (*s.weights[1:], 0.0)] + [0.0] * n_pad)
    return RowPass(
        input_ids=torch.tensor(input_ids),
        position_ids=torch.tensor(positions),
        targets=torch.tensor(targets),
        weights=torch.tensor(weights, dtype=torch.float32),
    )
