"""Servers on the nodes of a Ray cluster, with a stand-in for vLLM; the GPUs are numbers that Ray counts."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.models.engines.conftest import FakeVllm, until
from tests.models.engines.test_pool import Adapters, Local, asked, option, unchecked
from understudy.models import LocalConfig
from understudy.models.engines.engine import EngineError
from understudy.models.engines.pool import ServerPool
from understudy.models.process import ServerStartError

pytest.importorskip("ray")
from tests.ray_nodes import running_cluster, start_node

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # Ray itself leaves sockets and files to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture
def on_nodes(local: Local) -> Callable[..., LocalConfig]:
    def config(name: str, adapter: Path | None = None, wait_s: float = 120, **settings: object) -> LocalConfig:
        return local(name, adapter, ray={"wait_for_nodes_s": wait_s, "cpus_per_replica": 0}, **settings)

    return config


def pids(fake: FakeVllm) -> list[int]:
    return [int(str(start["pid"])) for start in fake.noted("pid")]


def test_each_node_has_a_server_that_comes_back_and_is_stopped(
    fake: FakeVllm, on_nodes: Local, adapters: Adapters
) -> None:
    with running_cluster(head_cpus=1, head_gpus=1) as cluster:
        start_node(cluster, 1, 1)
        with ServerPool(unchecked) as pool, ThreadPoolExecutor(8) as threads:
            model = pool.open(on_nodes("one", adapters("one", 4)))
            later = pool.open(on_nodes("two", adapters("two", 4)))
            replies = [threads.submit(asked, one) for one in [model, later] * 20]
            os.kill(pids(fake)[0], signal.SIGKILL)
            texts = [reply.result().partition("@")[0] for reply in replies]
            until(lambda: len(pids(fake)) == 3)
            assert texts == ["one", "two"] * 20
            starts = fake.noted("pid")
            assert {start["gpus"] for start in starts} == {"0"}
            assert "127.0.0.1" not in {option(start, "host") for start in starts}
            assert starts[2]["port"] == starts[0]["port"] != starts[1]["port"]
        until(lambda: fake.running() == set())


def test_the_servers_of_other_nodes_answer_when_one_is_lost(fake: FakeVllm, on_nodes: Local) -> None:
    with running_cluster(head_cpus=1, head_gpus=1) as cluster:
        second = start_node(cluster, 1, 1)
        with ServerPool(unchecked) as pool:
            model = pool.open(on_nodes("one"))
            assert len(fake.running()) == 4  # each has a worker
            cluster.remove_node(second, allow_graceful=False)
            until(lambda: len(fake.running()) == 2, within_s=120)  # Ray has to notice it first
            assert [asked(model) for _ in range(6)] == ["base"] * 6
            until(lambda: pool.open(on_nodes("again")) is not None and len(pids(fake)) == 3, within_s=200)
        until(lambda: fake.running() == set())


def test_no_room_is_said_and_unused_servers_make_room(fake: FakeVllm, on_nodes: Local) -> None:
    with running_cluster(head_cpus=1, head_gpus=1), ServerPool(unchecked) as pool:
        with pytest.raises(EngineError, match=r"no room for 1 servers .* \(Ray cluster: 1 of 1 GPUs free, 1 of 1 CPUs"):
            pool.open(on_nodes("large", gpus_per_replica=2, wait_s=1))
        pool.open(on_nodes("first")).close()
        second = pool.open(on_nodes("second", extra_arguments=["--other"]))
        assert asked(second) == "base"
        assert len(fake.running()) == 2
        with pytest.raises(EngineError, match=r"servers in use: second: 1 of 0\.9"):
            pool.open(on_nodes("third", wait_s=1))


def test_a_server_that_does_not_start_is_an_error_with_the_end_of_its_log(fake: FakeVllm, on_nodes: Local) -> None:
    with running_cluster(head_cpus=1), ServerPool(unchecked) as pool:
        config = on_nodes("one", extra_arguments=["--unknown"])
        Path(fake.executable).write_text("#!/bin/sh\necho no such argument >&2\nexit 3\n")
        with pytest.raises(ServerStartError, match=r"status 3 before it was healthy(.|\n)*no such argument"):
            pool.open(config)
