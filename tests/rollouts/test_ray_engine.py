"""The same rollout on a real Ray cluster of two nodes, one of which goes away in mid-run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rollouts.walks import make_tasks, records, spec
from understudy.rollouts import Engine, Outcome, RayConfig, RolloutConfig, rollout

pytestmark = [
    pytest.mark.slow,
    # Ray itself leaves sockets and files to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

ON_RAY = RolloutConfig(attempts=2, in_flight=4, seed=3, engine=Engine.RAY, ray=RayConfig(n_workers=2))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    ray.init(address=made.address, include_dashboard=False, log_to_driver=False)
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def test_a_node_is_removed_in_mid_run(cluster, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    tasks, working = make_tasks(40), spec("think", wait_s=0.1)
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    path, whole = tmp_path / "ray" / "trajectories.jsonl", tmp_path / "threads" / "trajectories.jsonl"

    n_when_removed = []

    def remove() -> None:
        while not path.exists() or len(path.read_bytes().splitlines()) < 10:
            time.sleep(0.02)
        cluster.remove_node(second, allow_graceful=False)
        n_when_removed.append(len(path.read_bytes().splitlines()))

    remover = threading.Thread(target=remove)
    remover.start()
    summary = rollout(tasks, working, path, ON_RAY, progress=None)
    remover.join()
    assert 10 <= n_when_removed[0] < 80
    assert summary.outcomes == {Outcome.ANSWERED: 80}
    rollout(tasks, working, whole, ON_RAY.model_copy(update={"engine": Engine.THREADS}), progress=None)
    assert records(path) == records(whole)
    assert len(path.read_bytes().splitlines()) == 80
