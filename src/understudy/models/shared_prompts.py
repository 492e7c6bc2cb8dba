"""Keys and values of prompts that several running rows share, as the candidates of a vote do: stored and read once.

In: the keys and values of prompts, which rows belong to which. Out: attention of one token per row over its prompt and
its own columns. Not here: what rows have written themselves (``growing_cache``).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

NO_PROMPT = -1
"""The number of the prompt of a row that shares none."""


class SharedPrompts:
    """Prompts, padded on the left, and the rows that read them."""

    def __init__(self, states: Sequence[tuple[torch.Tensor, torch.Tensor]], of_row: Sequence[int]) -> None:
        """``states``: keys and values of each layer: (prompts, heads, time, width). ``of_row``: each row's prompt."""
        self.states = list(states)
        self._assign(list(of_row))

    @property
    def n_tokens(self) -> int:
        """Columns, padding included."""
        return int(self.states[0][0].shape[2])

    def _assign(self, of_row: list[int]) -> None:
        """Set which rows read which prompt, and the places by which they are gathered."""
        n_prompts, n_heads = self.states[0][0].shape[:2]
        members: list[list[int]] = [[] for _ in range(n_prompts)]
        prompts = torch.tensor(of_row)
        places = torch.zeros_like(prompts)
        for row in sorted(range(len(of_row)), key=lambda row: of_row[row] == NO_PROMPT):
            if of_row[row] == NO_PROMPT:  # any place will do: the mask makes its weights 0
                prompts[row] = min(range(n_prompts), key=lambda prompt: len(members[prompt]))
            places[row] = len(members[prompts[row]])
            members[prompts[row]].append(row)
        most = max(map(len, members))
        heads = torch.arange(n_heads)
        filled = torch.tensor([rows + [0] * (most - len(rows)) for rows in members])  # (prompts, most)
        self.of_row = of_row
        self._gather = filled[:, None] * n_heads + heads[:, None]  # (prompts, heads, most), into rows x heads
        self._scatter = (prompts[:, None] * n_heads + heads) * most + places[:, None]  # (rows, heads), into the above

    def add(self, states: Sequence[tuple[torch.Tensor, torch.Tensor]], of_row: Sequence[int]) -> None:
        """Add prompts, and the rows that read them; both are padded to the longer one."""
        n_before = len(self.states[0][0])
        longest = max(self.n_tokens, states[0][0].shape[2])
        self.states = [
            (_stacked(ours[0], theirs[0], longest), _stacked(ours[1], theirs[1], longest))
            for ours, theirs in zip(self.states, states, strict=True)
        ]
        self._assign(self.of_row + [n_before + prompt for prompt in of_row])

    def keep(self, order: Sequence[int]) -> bool:
        """Keep these rows, in this order, and the prompts that they read; False if there are none."""
        of_row = [self.of_row[row] for row in order]
        used = sorted(set(of_row) - {NO_PROMPT})
        if not used:
            return False
        if len(used) < len(self.states[0][0]):
            places = compacted([prompt in used for prompt in range(len(self.states[0][0]))])
            self.states = [(moved(keys, places), moved(values, places)) for keys, values in self.states]
            number_of = {prompt: number for number, prompt in enumerate(places)}
            of_row = [number_of.get(prompt, NO_PROMPT) for prompt in of_row]
        self._assign(of_row)
        return True

    def drop_columns(self, unused: int) -> None:
        """Drop the first columns, which are padding in each prompt."""
        self.states = [(keys[:, :, unused:], values[:, :, unused:]) for keys, values in self.states]

    def of_row_in_layers(self, number: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Keys and values (heads, time, width) of the row's prompt, for each layer; empty if it shares none."""
        prompt = self.of_row[number]
        return [] if prompt == NO_PROMPT else [(keys[prompt], values[prompt]) for keys, values in self.states]

    def attend(
        self, layer: int, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """(rows, heads, queries per head, width).

        Args:
            layer: Its number.
            query: Scaled: (rows, heads, queries per head, width).
            keys: The rows' own: (rows, heads, time, width).
            values: As ``keys``.
            bias: Added to the scores, over the prompts' columns and the rows' own: (rows, 1, 1, columns).
        """
        prompt_keys, prompt_values = self.states[layer]
        scores = torch.cat([self._product(query, prompt_keys.mT), torch.matmul(query, keys.mT)], -1)
        if bias is not None:
            scores += bias
        of_prompt, of_own = scores.softmax(-1).split([self.n_tokens, keys.shape[2]], -1)
        return self._product(of_prompt, prompt_values).add_(torch.matmul(of_own, values))

    def _product(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Each row's ``left`` (rows, heads, n, k) times ``right`` (prompts, heads, k, m) of its prompt."""
        rows, heads, n, _ = left.shape
        gathered = left.reshape(rows * heads, n, -1)[self._gather].flatten(2, 3)  # (prompts, heads, most * n, k)
        product = torch.matmul(gathered, right)
        return product.view(-1, n, right.shape[-1])[self._scatter]


def compacted(is_kept: Sequence[bool]) -> list[int]:
    """The numbers of what is kept, ordered so that as few as possible move: the last ones fill the gaps."""
    n_kept = sum(is_kept)
    late = [number for number in range(n_kept, len(is_kept)) if is_kept[number]]
    return [number if is_kept[number] else late.pop() for number in range(n_kept)]


def moved(tensor: torch.Tensor, order: Sequence[int]) -> torch.Tensor:
    """The first ``len(order)`` entries of ``tensor``, whose entry n becomes the former ``order[n]``; changed in place.

    ``order`` comes from ``compacted``.
    """
    for place, number in enumerate(order):
        if place != number:
            tensor[place] = tensor[number]
    return tensor[: len(order)]


def pad_time(tensor: torch.Tensor, length: int) -> torch.Tensor:
    """Pad keys or values (rows, heads, time, width) with zeros on the left of the time axis."""
    missing = length - tensor.shape[2]
    return torch.nn.functional.pad(tensor, (0, 0, missing, 0)) if missing else tensor


def _stacked(ours: torch.Tensor, theirs: torch.Tensor, length: int) -> torch.Tensor:
    return torch.cat([pad_time(ours, length), pad_time(theirs, length)])
