"""Questions of the toy world: facts over one and two pages, and word problems.

In: a split, a limit and a seed. Out: ``Task`` records, levels in turn. ``parse_fact`` reads a fact question back into
its entity and relations, which is how the teacher program works: from the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import Literal

from understudy.records import Task, TaskKind
from understudy.tasks.toy.arithmetic import make_problem
from understudy.tasks.toy.encyclopedia import world
from understudy.tasks.toy.names import Partition
from understudy.tasks.toy.world import WORDS, Relation, World, relations_of

Split = Literal["train", "dev", "test"]

ONE_HOP, TWO_HOP, MATH = "1-hop", "2-hop", "math"


@dataclass(frozen=True, slots=True)
class FactQuestion:
    """A question that is answered by following relations from an entity."""

    entity: str
    relations: tuple[Relation, ...]
    """In the order in which they are followed."""

    @property
    def text(self) -> str:
        *inner, last = self.relations
        subject = self.entity
        for relation in inner:
            subject = WORDS[relation].noun.format(subject)
        return WORDS[last].question.format(subject)


def toy_tasks(split: Split, limit: int, seed: int, draw: int = 0) -> list[Task]:
    """``limit`` tasks of a split: one-hop, two-hop, math in turn. A smaller limit gives the beginning of the list.

    ``seed`` makes the world, whose pages are ``toy_passages(seed)``; ``draw`` asks other questions about the same one.

    Raises:
        ValueError: the world has fewer different questions than ``limit``.
    """
    partition = Partition(split)
    shuffle = f"{seed} {partition}" + (f" {draw}" if draw else "")
    streams = (_facts(seed, partition, 1, shuffle), _facts(seed, partition, 2, shuffle), _problems(partition, shuffle))
    prefix = f"toy-{split}-{draw}." if draw else f"toy-{split}-"
    tasks: list[Task] = []
    for stream in cycle(streams):
        if len(tasks) >= limit:
            return tasks
        task = next(stream, None)
        if task is None:
            raise ValueError(f"toy {split}: {limit} tasks were requested, but the world has only {len(tasks)}")
        tasks.append(task.model_copy(update={"id": f"{prefix}{len(tasks):04d}"}))
    raise AssertionError("a cycle of three streams does not end")


def parse_fact(question: str) -> FactQuestion | None:
    """The fact question in a text; None if there is none."""
    for last in WORDS:
        if (subject := _subject(question, WORDS[last].question)) is None:
            continue
        for inner in WORDS:
            if (entity := _subject(subject, WORDS[inner].noun)) is not None:
                return FactQuestion(entity, (inner, last))
        return FactQuestion(subject, (last,))
    return None


def _facts(seed: int, partition: Partition, n_hops: int, shuffle: str) -> Iterator[Task]:
    here = world(seed, partition)
    questions = list(_one_hop(here) if n_hops == 1 else _two_hops(here))
    Random(f"toy facts {shuffle} {n_hops}").shuffle(questions)
    level = ONE_HOP if n_hops == 1 else TWO_HOP
    for question in questions:
        answer = question.entity
        for relation in question.relations:
            answer = here.entities[answer].object_of(relation)
        yield _task(question.text, answer, TaskKind.FACT, partition, level)


def _one_hop(here: World) -> Iterator[FactQuestion]:
    for entity in here.entities.values():
        yield from (FactQuestion(entity.name, (relation,)) for relation, _ in entity.facts)


def _two_hops(here: World) -> Iterator[FactQuestion]:
    for entity in here.entities.values():
        for inner, _ in entity.facts:
            for last in relations_of(WORDS[inner].object):
                if {inner, last} != {Relation.SPOUSE}:
                    yield FactQuestion(entity.name, (inner, last))


def _problems(partition: Partition, shuffle: str) -> Iterator[Task]:
    rng, seen = Random(f"toy problems {shuffle}"), set[str]()
    while True:
        problem = make_problem(rng)
        if problem.question not in seen:
            seen.add(problem.question)
            yield _task(problem.question, str(problem.answer), TaskKind.MATH, partition, MATH)


def _task(question: str, answer: str, kind: TaskKind, partition: Partition, level: str) -> Task:
    return Task(id="toy", question=question, answer=answer, kind=kind, source="toy", split=str(partition), type=level)


def _subject(text: str, template: str) -> str | None:
    before, after = template.split("{}")
    found = re.fullmatch(re.escape(before) + "(.+)" + re.escape(after), text)
    return found.group(1) if found else None
