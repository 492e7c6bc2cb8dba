"""Keeps the keys and values of tokens that a model has read, for later requests that begin with them.

In: token ids and their keys and values. Out: for a prompt, the longest beginning of it that is kept. An agent's next
prompt repeats its last prompt and reply, all episodes share their initial messages, and the candidates of a vote share
their prompt. Shared beginnings are stored once, in a tree of segments. If the limit is exceeded, the end of the least
recently used conversation is removed first. Used by one thread at a time. Not here: computing (``decoding``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

MIN_TOKENS = 16
"""A shorter beginning is not worth a lookup."""

Ids = np.ndarray
"""Token ids (time,)."""


@dataclass(slots=True, eq=False)
class _Segment:
    """Tokens that follow the first ``start`` tokens of the parent."""

    ids: Ids
    states: torch.Tensor
    """(layers, keys and values, heads, time, width)."""
    parent: _Segment | None = None
    start: int = 0
    offset: int = 0
    """Number of tokens before this segment."""
    children: list[_Segment] = field(default_factory=list)
    used_at: int = 0

    def path(self, length: int) -> Iterator[torch.Tensor]:
        """The states of the first ``length`` tokens of the conversation, last segment first."""
        segment: _Segment | None = self
        while segment is not None and segment.parent is not None:
            yield segment.states[:, :, :, : length - segment.offset]
            length = segment.offset
            segment = segment.parent


class Found(NamedTuple):
    """The longest kept beginning of a prompt."""

    segment: _Segment
    length: int
    """In tokens; 0 if nothing is kept."""


class PrefixCache:
    """A tree of segments. ``max_bytes``: the bound on all of them; 0: nothing is kept."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._clock = 0
        self.clear()

    @property
    def is_on(self) -> bool:
        """Whether anything can be kept."""
        return self._max_bytes > 0

    def clear(self) -> None:
        """Forget everything."""
        self._root = _Segment(np.empty(0, np.int64), torch.empty(0))
        self._leaves: set[_Segment] = set()
        self.n_bytes = 0

    def find(self, ids: Sequence[int]) -> Found:
        """At most all ids but the last one, whose logits must be computed."""
        if not self._root.children:
            return Found(self._root, 0)
        wanted = np.asarray(ids[:-1], np.int64)
        found = _longest(self._root, wanted)
        if found.length < MIN_TOKENS:
            return Found(self._root, 0)
        self._clock += 1
        segment: _Segment | None = found.segment
        while segment is not None:
            segment.used_at = self._clock
            segment = segment.parent
        return found

    def states(self, found: Found) -> torch.Tensor:
        """(layers, keys and values, heads, ``found.length``, width)."""
        return torch.cat(list(found.segment.path(found.length))[::-1], dim=3)

    def keep(self, ids: Sequence[int], states_from: Callable[[int], torch.Tensor]) -> None:
        """Keep the part that is not kept yet. ``states_from``: (layers, keys and values, heads, time, width) of the ids
        from a place on.
        """
        if not self.is_on:
            return
        every = np.asarray(ids, np.int64)
        segment, length = _longest(self._root, every)
        if length == len(every):
            return
        states = states_from(length)
        size = states.numel() * states.element_size()
        if size > self._max_bytes:
            return
        self._clock += 1
        added = _Segment(every[length:], states, segment, length - segment.offset, length, used_at=self._clock)
        segment.children.append(added)
        self._leaves.discard(segment)
        self._leaves.add(added)
        self.n_bytes += size
        while self.n_bytes > self._max_bytes:
            self._drop_one()

    def _drop_one(self) -> None:
        leaf = min(self._leaves, key=lambda one: one.used_at)
        self._leaves.remove(leaf)
        self.n_bytes -= leaf.states.numel() * leaf.states.element_size()
        parent = leaf.parent
        if parent is None:
            raise RuntimeError("the root of the tree is never dropped")
        parent.children.remove(leaf)
        if not parent.children and parent is not self._root:
            self._leaves.add(parent)


def common_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """The number of tokens with which all prompts begin."""
    first, *others = (np.asarray(prompt, np.int64) for prompt in prompts)
    return min((_n_equal(first, other) for other in others), default=len(first))


def _longest(segment: _Segment, ids: Ids) -> Found:
    """The longest beginning of ``ids`` on the paths through this segment. ``ids``: from the conversation's first on."""
    used = _n_equal(segment.ids, ids[segment.offset :])
    best = Found(segment, segment.offset + used)
    for child in segment.children:
        if child.start <= used:
            found = _longest(child, ids)
            if found.length > best.length:
                best = found
    return best


def _n_equal(one: Ids, other: Ids) -> int:
    """The number of ids with which both begin."""
    shared = min(len(one), len(other))
    different = np.flatnonzero(one[:shared] != other[:shared])
    return int(different[0]) if len(different) else shared
