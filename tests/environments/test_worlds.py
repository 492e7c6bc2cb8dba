"""Worlds: their tools, their copies, and whether a failure is that of the model or of the environment."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from understudy.environments import EnvironmentFailedError, World, Worlds
from understudy.records import Task
from understudy.sandbox import Sandbox
from understudy.tools import ToolError, ToolUnavailableError

HERE = "tests.environments.yard"
TASK = Task(id="t1", question="Tidy up.", metadata={"boxes": ["a", "b", "c"]})


def make(name: str, **options: Any) -> Worlds:
    return Worlds(f"{HERE}:{name}") if not options else Worlds(_config(name, options))


def _config(name: str, options: Mapping[str, Any]) -> Any:
    from understudy.environments import ENVIRONMENTS

    return ENVIRONMENTS.validate({"kind": f"{HERE}:{name}", **options})


def do(world: World, name: str, *args: object, **kwargs: object) -> object:
    return next(tool for tool in world.tools if tool.name == name)(*args, **kwargs)


def test_marked_methods_are_tools_of_the_attempts_own_world() -> None:
    with make("Yard", n_piles=2) as worlds, worlds.make(TASK) as world, worlds.make(TASK) as other:
        assert [f"{tool.name}{tool.signature}" for tool in world.tools] == [
            "look(pile: int) -> list[str]",
            "move(source: int, target: int) -> str",
            "add(pile: int, box: str = 'new') -> int",
            "drop() -> None",
            "explode() -> None",
        ]
        before = world.state()
        assert do(world, "move", 0, target=1) == "c"
        assert do(world, "look", 1) == ["c"]
        assert do(other, "look", 1) == []
        record = world.record(before)
    assert record.kind == f"{HERE}:Yard"
    assert record.before == {"piles": [["a", "b", "c"], []], "log": {"moves": 0}}
    assert record.after == {"piles": [["a", "b"], ["c"]], "log": {"moves": 1}}


def test_what_an_action_raises_is_for_the_model() -> None:
    with make("Yard") as worlds, worlds.make(TASK) as world:
        with pytest.raises(ToolError, match="there is no pile 7"):
            do(world, "look", 7)
        with pytest.raises(ToolError, match="drop failed: RuntimeError: the crane is stuck"):
            do(world, "drop")
        with pytest.raises(ToolError, match="missing 1 required"):
            do(world, "move", 1)
        with pytest.raises(EnvironmentFailedError, match="the yard is gone"):
            do(world, "explode")


def test_a_world_that_cannot_be_made_or_copied_is_no_fault_of_the_model() -> None:
    with make("Broken") as worlds, pytest.raises(EnvironmentFailedError, match=r"no such yard.*yard\.py, line"):
        worlds.make(TASK)
    copying = pytest.raises(EnvironmentFailedError, match="write snapshot and restore")
    with make("Uncopyable") as worlds, worlds.make(TASK) as world, world.fork() as fork, copying:
        do(fork, "touch")


@pytest.mark.parametrize("isolated", [False, True])
def test_a_database_is_copied_by_its_own_snapshot(isolated: bool) -> None:
    with make("Ledger", isolated=isolated) as worlds, worlds.make(TASK) as world:
        do(world, "book", 5)
        with world.fork() as first, world.fork() as second:
            assert do(first, "book", 10) == 15
            assert do(second, "total") == 5
            assert first.digest() != ""
            assert second.digest() == ""
            world.adopt(first)
        assert world.state() == {"total": 15}


def test_a_process_of_its_own_keeps_careless_state_apart() -> None:
    with make("Careless", isolated=True) as worlds, worlds.make(TASK) as world, worlds.make(TASK) as other:
        assert [do(world, "put", "a"), do(other, "put", "b"), do(world, "put", "c")] == [1, 1, 2]
        with world.fork() as fork:
            assert do(fork, "process") == do(world, "process")  # no copy before it is needed
            assert do(fork, "put", "d") == 3
            assert do(fork, "process") != do(world, "process")
            assert world.state() == {"shelf": ["a", "c"]}


def test_a_process_that_dies_or_hangs_is_an_infrastructure_error() -> None:
    with make("Careless", isolated=True) as worlds:
        with worlds.make(TASK) as world, pytest.raises(EnvironmentFailedError, match="does not answer"):
            do(world, "die")
        with worlds.make(TASK) as world:
            assert do(world, "put", "x") == 1


def test_an_action_that_takes_too_long_ends_the_attempt() -> None:
    late = pytest.raises(ToolUnavailableError, match=r"did not answer within 0\.2 s")
    with make("Careless", isolated=True) as worlds, worlds.make(TASK) as world, late:
        do(world, "sleep")


def test_a_kind_that_is_no_environment_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected a subclass of understudy"):
        Worlds("tests.environments.yard:Task")
    with pytest.raises(ValidationError, match="n_pile"):
        _config("Yard", {"n_pile": 2})


Call = tuple[str, tuple[object, ...]]


def random_calls(rng: random.Random) -> list[Call]:
    choices: list[Call] = [
        ("look", (rng.randrange(4),)),
        ("move", (rng.randrange(3), rng.randrange(4))),
        ("add", (rng.randrange(3), f"box{rng.randrange(3)}")),
        ("drop", ()),
    ]
    return [rng.choice(choices) for _ in range(rng.randrange(6))]


def play(world: World, calls: list[Call]) -> list[str]:
    results = []
    for name, args in calls:
        try:
            results.append(repr(do(world, name, *args)))
        except ToolError as error:
            results.append(str(error))
    return results


@pytest.mark.parametrize(("isolated", "n_sequences"), [(False, 200), (True, 4)])
def test_candidates_start_from_one_state_and_losers_leave_nothing(isolated: bool, n_sequences: int) -> None:
    """Random calls before, eight branches of random calls, a random winner, random calls after."""
    rng = random.Random(0)
    with make("Yard", isolated=isolated) as worlds:
        for _ in range(n_sequences):
            before, after = random_calls(rng), random_calls(rng)
            branches = [random_calls(rng) for _ in range(8)]
            winner = rng.randrange(8)
            with worlds.make(TASK) as world:
                play(world, before)
                forks = [world.fork() for _ in branches]
                results = [play(fork, calls) for fork, calls in zip(forks, branches, strict=True)]
                states = [fork.state() for fork in forks]
                for fork, calls, result, state in zip(forks, branches, results, states, strict=True):
                    with worlds.make(TASK) as alone:  # the same calls in a world without candidates
                        play(alone, before)
                        start = alone.state()
                        assert play(alone, calls) == result
                        assert alone.state() == state
                    assert world.state() == start
                    assert (fork.digest() == "") == (state == start)
                world.adopt(forks[winner])
                for fork in forks:
                    fork.close()
                assert world.state() == states[winner]
                with worlds.make(TASK) as alone:
                    expected = play(alone, [*before, *branches[winner], *after])
                    assert play(world, after) == expected[len(expected) - len(after) :]
                    assert world.state() == alone.state()


@pytest.fixture(scope="module")
def sandbox() -> Any:
    with Sandbox(preload=()) as opened:
        yield opened


def test_branches_of_code_act_on_copies(sandbox: Sandbox) -> None:
    with make("Yard") as worlds, worlds.make(TASK) as world, sandbox.episode(host_state=world) as episode:
        assert episode.run("x = move(0, 1)\nx").value == "c"
        codes = [
            "print(move(0, 1))",
            "move(0, 2)\nprint(look(2))",
            "print(look(1))",
            "move(1, 0)\nmove(0, 1)\nprint(x)",
        ]
        branches = episode.branch(codes)
        assert [one.waits_for for one in branches] == [None] * 4
        assert [one.printed for one in branches] == ["b\n", "['b']\n", "['c']\n", "c\n"]
        assert [bool(one.effects) for one in branches] == [True, True, False, True]  # the last one counted its moves
        assert world.state()["piles"] == [["a", "b"], ["c"], []]
        episode.commit(branches[1])
        assert world.state()["piles"] == [["a"], ["c"], ["b"]]
        assert [call.name for call in branches[1].tool_calls] == ["move", "look"]
        assert episode.run("look(0)").value == "['a']"
        assert episode.run("look(9)").error.startswith("ToolError: there is no pile 9\n")


def test_a_winner_whose_process_dies_leaves_what_it_did(sandbox: Sandbox) -> None:
    """As without a vote: calls that were made are made, whatever becomes of the variables."""
    with make("Yard") as worlds, worlds.make(TASK) as world, sandbox.episode(host_state=world) as episode:
        (branch,) = episode.branch(["move(0, 1)\nimport random\nrandom._os._exit(3)"])
        episode.commit(branch)
        assert world.state()["piles"] == [["a", "b"], ["c"], []]


def test_equal_reads_are_asked_again_after_a_change(sandbox: Sandbox) -> None:
    with make("Yard") as worlds, worlds.make(TASK) as world, sandbox.episode(host_state=world) as episode:
        assert episode.run("look(1)").value == "[]"
        episode.run("move(0, 1)")
        assert episode.run("look(1)").value == "['c']"
