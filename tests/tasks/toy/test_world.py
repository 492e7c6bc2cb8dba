"""The world holds together, and no name of it leaves its partition."""

from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.tasks.toy import toy_passages
from understudy.tasks.toy.encyclopedia import page, world
from understudy.tasks.toy.names import Partition, partition_of
from understudy.tasks.toy.world import WORDS, Kind, Relation, World, relations_of

SEEDS = st.integers(min_value=0, max_value=10_000)


@given(SEEDS)
@settings(max_examples=5, deadline=None)
def test_all_words_belong_to_the_partition_of_their_world(seed: int) -> None:
    for partition in Partition:
        here = World(seed, partition, size=6)
        for entity in here.entities.values():
            objects = [found for _, found in entity.facts if not found.isdigit()]
            for word in " ".join([entity.name, *objects]).split():
                assert partition_of(word) is partition


@given(SEEDS)
@settings(max_examples=5, deadline=None)
def test_every_object_that_should_have_a_page_has_one_of_its_kind(seed: int) -> None:
    here = World(seed, Partition.TRAIN, size=6)
    for entity in here.entities.values():
        assert {relation for relation, _ in entity.facts} == set(relations_of(entity.kind))
        for relation, found in entity.facts:
            wanted = WORDS[relation].object
            if wanted in (Kind.RIVER, Kind.YEAR):
                assert found not in here.entities
            else:
                assert here.entities[found].kind is wanted
                assert found != entity.name


def test_marriage_goes_both_ways() -> None:
    here = World(3, Partition.DEV, size=6)
    people = [entity for entity in here.entities.values() if entity.kind is Kind.PERSON]
    for person in people:
        spouse = here.entities[person.object_of(Relation.SPOUSE)]
        assert spouse.object_of(Relation.SPOUSE) == person.name


def test_the_same_seed_gives_the_same_world_and_another_seed_another_one() -> None:
    first, same, other = (World(seed, Partition.TEST, size=6).entities for seed in (1, 1, 2))
    assert first == same
    assert first.keys().isdisjoint(other.keys())


def test_a_page_tells_every_fact_once() -> None:
    for entity in list(world(0, Partition.TEST).entities.values())[::20]:
        text = page(entity)
        for relation, found in entity.facts:
            assert text.count(f"{WORDS[relation].predicate} {found}") == 1


def test_passages_have_unique_ids_and_titles() -> None:
    passages = toy_passages(0)
    assert len({passage.id for passage in passages}) == len(passages)
    assert len({passage.title for passage in passages}) == len(passages)
    assert all(passage.text.startswith(passage.title) for passage in passages)
