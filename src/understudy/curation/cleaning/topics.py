"""Off-topic conversations by clustering.

In: what users say. Out: clusters with their size, their characteristic words and their distance from all others; the
fault ``off_topic`` for conversations of small and of far clusters. By default they are counted: only clusters that the
user names, or that are smaller than a stated share, are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from understudy.curation.cleaning.check import Check
from understudy.curation.cleaning.clustering import Floats, Ints, Vectors, k_means, tf_idf, unit
from understudy.curation.cleaning.faults import Fault, FaultAction
from understudy.records import Record, Role, Trajectory
from understudy.registry import PartConfig

_FEWEST = 12
"""Fewer conversations have no clusters."""
_N_WORDS = 3
_N_EXAMPLES = 3
_FAR = 0.5
"""A cluster is far if it is less similar to the rest than this share of the median similarity."""


class TopicsConfig(PartConfig):
    """Clusters conversations by what users say, and counts or drops those of odd clusters."""

    kind: str = "topics"
    clusters: Annotated[int, Field(ge=2, le=200)] = 8
    small: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """A cluster with less than this share of the conversations is small."""
    drop: tuple[str, ...] = ()
    """Names of clusters whose conversations are dropped, as an earlier run shows them."""
    drop_below: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Clusters with less than this share of the conversations are dropped."""
    seed: Annotated[int, Field(ge=0)] = 0


class TopicCluster(Record):
    """A line of ``clusters.jsonl``."""

    name: str
    """Its most characteristic words."""
    n: int
    share: float
    """Of all conversations."""
    similarity: float
    """Cosine between its mean and that of all other conversations."""
    is_small: bool = False
    is_far: bool = False
    is_dropped: bool = False
    examples: tuple[str, ...] = ()
    """Ids of the trajectories nearest to its mean."""


class TopicsCheck(Check):
    """Clusters conversations."""

    def __init__(self, config: TopicsConfig) -> None:
        self._config = config
        self.clusters: tuple[TopicCluster, ...] = ()
        self._of: dict[str, TopicCluster] = {}

    def prepare(self, trajectories: Sequence[Trajectory]) -> None:
        """Make the clusters. Raises ``ValueError`` if one that is to be dropped does not exist."""
        if len(trajectories) >= _FEWEST:
            vectors = tf_idf([said_by_users(one) for one in trajectories])
            if vectors.words:
                labels = k_means(vectors, min(self._config.clusters, len(trajectories) // 2), self._config.seed)
                self.clusters = _described(vectors, labels, [one.id for one in trajectories], self._config)
                self._of = {one.id: self.clusters[label] for one, label in zip(trajectories, labels, strict=True)}
        names = [one.name for one in self.clusters]
        if unknown := [name for name in self._config.drop if name not in names]:
            known = ", ".join(names) or "none, there are too few conversations"
            raise ValueError(f"topics.drop: there is no cluster {unknown[0]!r}; there are: {known}")

    def examine(self, trajectory: Trajectory) -> Iterator[Fault]:
        """The faults of one trajectory."""
        cluster = self._of.get(trajectory.id)
        if cluster is not None and (cluster.is_dropped or cluster.is_small or cluster.is_far):
            action = FaultAction.DROP if cluster.is_dropped else FaultAction.COUNT
            yield Fault("off_topic", f"cluster {cluster.name}, {100 * cluster.share:.1f} %", action)


def said_by_users(trajectory: Trajectory) -> str:
    """The user's messages; the question if there are none."""
    said = [one.content for one in trajectory.messages if one.role is Role.USER]
    is_dialogue = bool(trajectory.tools) or any(one.tool_calls for one in trajectory.messages)
    return "\n".join(said) if said and is_dialogue else trajectory.task.question


def _described(vectors: Vectors, labels: Ints, ids: list[str], config: TopicsConfig) -> tuple[TopicCluster, ...]:
    k = int(labels.max()) + 1
    sums = vectors.sums(labels, k)
    sizes = np.bincount(labels, minlength=k)
    similarities = _to_the_rest(sums)
    far = _FAR * float(np.median(similarities))
    cosines = vectors.times(unit(sums))
    names: list[str] = []
    found = []
    for number in range(k):
        share = float(sizes[number] / len(ids))
        names.append(_name(vectors, sums[number], names))
        found.append(
            TopicCluster(
                name=names[-1],
                n=int(sizes[number]),
                share=share,
                similarity=round(float(similarities[number]), 4),
                is_small=share < config.small,
                is_far=bool(similarities[number] < far),
                is_dropped=names[-1] in config.drop or share < config.drop_below,
                examples=tuple(ids[place] for place in _nearest(labels, cosines, number)),
            )
        )
    return tuple(found)


def _to_the_rest(sums: Floats) -> Floats:
    """Cosine of each sum with the sum of all others: shape (k,)."""
    own, rest = unit(sums), unit(sums.sum(axis=0) - sums)
    cosines: Floats = (own * rest).sum(axis=1)
    return cosines


def _nearest(labels: Ints, cosines: Floats, number: int) -> list[int]:
    members = np.flatnonzero(labels == number)
    order = np.argsort(-cosines[members, number], kind="stable")
    return [int(place) for place in members[order][:_N_EXAMPLES]]


def _name(vectors: Vectors, total: Floats, taken: Sequence[str]) -> str:
    best = [place for place in np.argsort(-total, kind="stable")[:_N_WORDS] if total[place] > 0]
    name = "-".join(vectors.words[place] for place in best) or "no-words"
    return name if name not in taken else f"{name}-{len(taken) + 1}"
