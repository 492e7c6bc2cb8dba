"""What an environment and a dialogue cost: ``python -m benchmarks.bench_environments [--n N]``.

The reference calls of N tasks of BFCL's base set are made in five ways: as methods of BFCL's classes, through a world
in this process, through a world in a process of its own, by an agent that calls tools, and by an agent that writes
code. Agents make one call a step. Their model is a program that knows the calls, so a step's time is that of our code:
the action, the dialogue, the observation and the record.
"""

from __future__ import annotations

import argparse
import ast
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.bfcl_parity import FORMS, Form, opened_agent
from understudy.agents import AgentRuntime, RuntimeConfig
from understudy.environments import ENVIRONMENTS, Worlds
from understudy.environments.bfcl import BfclEnvironment
from understudy.environments.config import BfclConfig
from understudy.sandbox import SandboxConfig
from understudy.tasks.bfcl import BfclEntry, bfcl_tasks, load_set

Call = tuple[str, tuple[Any, ...], dict[str, Any]]
Dialogue = list[list[Call]]
"""The calls of each turn."""


def as_call(text: str) -> Call:
    """A Python call with literal arguments, as a name and values."""
    node: Any = ast.parse(text, mode="eval").body
    named = {one.arg: ast.literal_eval(one.value) for one in node.keywords}
    return node.func.id, tuple(map(ast.literal_eval, node.args)), named


def direct(task: Any, turns: Dialogue) -> Iterator[float]:
    """Seconds of each call of a method of BFCL's classes."""
    objects = BfclEnvironment(BfclConfig(), task)._objects.values()
    for calls in turns:
        for name, args, kwargs in calls:
            method = next(getattr(one, name) for one in objects if hasattr(one, name))
            start = time.perf_counter()
            method(*args, **kwargs)
            yield time.perf_counter() - start


def through(worlds: Worlds) -> Callable[[Any, Dialogue], Iterator[float]]:
    """Seconds of each call through a world."""

    def timed(task: Any, turns: Dialogue) -> Iterator[float]:
        with worlds.make(task) as world:
            for number, calls in enumerate(turns):
                if number:
                    world.begin_turn(number)
                for name, args, kwargs in calls:
                    start = time.perf_counter()
                    world.call(name, args, kwargs)
                    yield time.perf_counter() - start

    return timed


def row(name: str, seconds: list[float], base: float, unit: str) -> None:
    """One line of the table."""
    mean = statistics.fmean(seconds)
    print(f"| {name} | {len(seconds)} {unit} | {1e3 * statistics.median(seconds):.3f} | {1e3 * mean:.3f} |"
          f" {1e3 * (mean - base):.3f} |", flush=True)  # fmt: skip


def solved(form: Form, runtime: AgentRuntime, entries: list[BfclEntry], tasks: list[Any]) -> list[float]:
    """Seconds of a step of each dialogue, with the making of its world and the records of its steps."""
    found = []
    for entry, task in zip(entries, tasks, strict=True):
        agent = opened_agent(runtime, form, entry, 1)
        start = time.perf_counter()
        trajectory = agent.solve(task)
        found.append((time.perf_counter() - start) / len(trajectory.steps))
    return found


def copies(tasks: list[Any]) -> tuple[list[float], list[float]]:
    """Seconds of a deep copy of the objects, and of a world's fork up to its first call that may change it."""
    plain, forked = [], []
    with Worlds("bfcl") as worlds:
        for task in tasks:
            objects = BfclEnvironment(BfclConfig(), task)._objects
            start = time.perf_counter()
            copy.deepcopy(objects)
            plain.append(time.perf_counter() - start)
            with worlds.make(task) as world:
                start = time.perf_counter()
                fork = world.fork()
                fork._own()
                forked.append(time.perf_counter() - start)
                fork.close()
    return plain, forked


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--n", type=int, default=50, help="number of tasks")
    n = parser.parse_args().n
    tasks, entries = list(bfcl_tasks("base")[:n]), list(load_set("base")[:n])
    turns = [[[as_call(call) for call in calls] for calls in entry.truth] for entry in entries]
    print("| done by | measured | median ms | mean ms | mean above the direct call, ms |\n|---|---|---|---|---|")
    base = 0.0
    isolated = ENVIRONMENTS.validate({"kind": "bfcl", "isolated": True})
    with Worlds("bfcl") as local, Worlds(isolated) as other:
        ways = {"the class itself": direct, "a world": through(local), "a world, isolated": through(other)}
        for name, way in ways.items():
            list(way(tasks[0], turns[0]))
            seconds = [one for task, calls in zip(tasks, turns, strict=True) for one in way(task, calls)]
            base = base or statistics.fmean(seconds)
            row(name, seconds, base, "calls")
    config = RuntimeConfig(environment=ENVIRONMENTS.validate("bfcl"), sandbox=SandboxConfig(preload=()))
    with AgentRuntime(config) as runtime:
        for form, name in zip(FORMS, ("an agent that calls tools", "an agent that writes code"), strict=True):
            solved(form, runtime, entries[:1], tasks[:1])
            row(name, solved(form, runtime, entries, tasks), base, "dialogues, ms a step")
    plain, forked = copies(tasks)
    row("a deep copy of the objects", plain, statistics.fmean(plain), "copies")
    row("a copy of the world", forked, statistics.fmean(plain), "copies")


if __name__ == "__main__":
    main()
