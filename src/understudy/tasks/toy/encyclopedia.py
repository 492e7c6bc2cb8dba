"""The toy encyclopedia: one short page for each thing of the toy world.

In: the seed of a world. Out: passages as plain records, or as a corpus file that a search engine reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from understudy.tasks.toy.names import Partition
from understudy.tasks.toy.world import WORDS, Entity, World

RECIPES_WORLD = 0
"""Seed of the world of recipes: of their ``toy`` tasks, and of their corpus ``toy``."""


@dataclass(frozen=True, slots=True)
class ToyPassage:
    """One page of the encyclopedia."""

    id: str
    title: str
    text: str


@lru_cache(maxsize=8)
def world(seed: int, partition: Partition) -> World:
    """The world of a seed and a partition, built once."""
    return World(seed, partition)


def toy_passages(seed: int) -> list[ToyPassage]:
    """All pages, those of the training, the development and the test world together."""
    partitions = (Partition.TRAIN, Partition.DEV, Partition.TEST)
    entities = [entity for part in partitions for entity in world(seed, part).entities.values()]
    return [ToyPassage(f"toy-{number:04d}", entity.name, page(entity)) for number, entity in enumerate(entities)]


def page(entity: Entity) -> str:
    """The text of an entity's page: one sentence that states all its facts."""
    facts = [f"{WORDS[relation].predicate} {found}" for relation, found in entity.facts]
    return f"{entity.name} is a {entity.kind}, {', '.join(facts[:-1])} and {facts[-1]}."
