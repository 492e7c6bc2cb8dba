"""The same rollout on a real Ray cluster: nodes go away and join, workers die, programs break."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.ray_nodes import Cluster, running_cluster, start_node
from tests.rollouts.making import make_tasks, records, spec
from understudy.models import ProgramError
from understudy.records import Trajectory
from understudy.rollouts import (
    AgentSpec,
    Engine,
    Outcome,
    RayConfig,
    RolloutConfig,
    RolloutSummary,
    read_trajectories,
    rollout,
)

pytest.importorskip("ray")
from understudy.rollouts.ray_engine import WorkersLostError

pytestmark = [
    pytest.mark.slow,
    # Ray itself leaves sockets and files to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

ON_RAY = RolloutConfig(
    attempts=2, in_flight=4, seed=3, engine=Engine.RAY, ray=RayConfig(n_workers=2, wait_for_workers_s=200)
)


@pytest.fixture(scope="module")
def one_node() -> Iterator[Cluster]:
    with running_cluster(head_cpus=2) as cluster:
        yield cluster


def n_records(path: Path) -> int:
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def as_on_threads(working: AgentSpec, n_tasks: int, folder: Path) -> list[Trajectory]:
    path = folder / "threads" / "trajectories.jsonl"
    config = ON_RAY.model_copy(update={"engine": Engine.THREADS})
    rollout(make_tasks(n_tasks), working, path, config, progress=None)
    return records(path)


def roll_out_while(change: Callable[[], None], working: AgentSpec, n_tasks: int, path: Path) -> RolloutSummary:
    """Change the cluster when the file has ten records. Ray adds nodes in the main thread only."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(rollout, make_tasks(n_tasks), working, path, ON_RAY, progress=None)
        while n_records(path) < 10 and not running.done():
            time.sleep(0.02)
        change()
        assert n_records(path) < 2 * n_tasks
        return running.result()


def test_a_node_is_removed_in_mid_run(tmp_path: Path) -> None:
    path, working = tmp_path / "ray" / "trajectories.jsonl", spec("think", wait_s=0.1)
    with running_cluster(head_cpus=1) as cluster:
        second = start_node(cluster, 1)
        cluster.wait_for_nodes()
        summary = roll_out_while(lambda: cluster.remove_node(second, allow_graceful=False), working, 40, path)
    assert summary.outcomes == {Outcome.ANSWERED: 80}
    assert records(path) == as_on_threads(working, 40, tmp_path)
    assert n_records(path) == 80


def test_the_only_node_goes_away_and_another_joins(tmp_path: Path) -> None:
    """Two workers are wanted, there is room for one; it goes, and what comes later is used."""
    path, working = tmp_path / "ray" / "trajectories.jsonl", spec("think", wait_s=0.1)
    with running_cluster(head_cpus=0) as cluster:
        first = start_node(cluster, 1)
        cluster.wait_for_nodes()

        def replace() -> None:
            cluster.remove_node(first, allow_graceful=False)
            start_node(cluster, 2)

        summary = roll_out_while(replace, working, 20, path)
    assert summary.outcomes == {Outcome.ANSWERED: 40}
    assert records(path) == as_on_threads(working, 20, tmp_path)
    assert n_records(path) == 40


@pytest.mark.usefixtures("one_node")
def test_an_attempt_whose_worker_died_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    dying = spec("kill_worker", begins="3 ", marker=str(tmp_path / "marker"))
    assert rollout(make_tasks(8), dying, path, ON_RAY, progress=None).outcomes == {Outcome.ANSWERED: 16}
    assert n_records(path) == 16


@pytest.mark.usefixtures("one_node")
def test_an_attempt_that_kills_every_worker_ends_the_run_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    one_each = ON_RAY.model_copy(update={"in_flight": 2, "attempts": 1})
    with pytest.raises(WorkersLostError, match=r"t3#0: 5 workers died while they made this attempt"):
        rollout(make_tasks(8), spec("kill_worker", begins="3 "), path, one_each, progress=None)
    made = [one.task.id for one in read_trajectories(path)]
    assert "t3" not in made
    assert {"t0", "t1", "t2"} <= set(made)
    assert len(made) == len(set(made))


@pytest.mark.usefixtures("one_node")
def test_errors_of_the_program_reach_the_caller_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"raised ZeroDivisionError: a bug in the program"):
        rollout(make_tasks(4), spec("break_at", begins="2 "), tmp_path / "a.jsonl", ON_RAY, progress=None)
    with pytest.raises(Exception, match="no_such_program") as raised:
        rollout(make_tasks(4), spec("no_such_program"), tmp_path / "b.jsonl", ON_RAY, progress=None)
    assert "ray::" not in str(raised.value), "what opening the first agent raised, not Ray's report of it"


@pytest.mark.usefixtures("one_node")
def test_a_cluster_without_room_is_waited_for_and_then_reported(tmp_path: Path) -> None:
    short = ON_RAY.model_copy(update={"ray": RayConfig(n_workers=1, cpus_per_worker=64, wait_for_workers_s=3)})
    with pytest.raises(WorkersLostError, match=r"no worker for 3 s .*the cluster has no room"):
        rollout(make_tasks(1), spec(), tmp_path / "x.jsonl", short, progress=None)
