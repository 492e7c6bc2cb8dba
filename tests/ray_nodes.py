"""A Ray cluster of several nodes on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Cluster = Any  # Ray's has no static type


@contextmanager
def running_cluster(head_cpus: int, head_gpus: int = 0) -> Iterator[Cluster]:
    """A cluster that this process is in, with one node."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
        made = Cluster(initialize_head=False)
        start_node(made, head_cpus, head_gpus)  # the first is the head
        ray.init(address=made.address, include_dashboard=False, log_to_driver=False)
        try:
            yield made
        finally:
            ray.shutdown()
            made.shutdown()


def start_node(cluster: Cluster, num_cpus: int, num_gpus: int = 0) -> Any:
    """Add a node. Ray gives one 30 seconds to start, which a busy machine may need several times."""
    for _ in range(5):
        try:
            node = cluster.add_node(num_cpus=num_cpus, num_gpus=num_gpus)
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
        else:
            return node
    pytest.skip("this machine is too busy for Ray: no node started within 30 s, five times")
