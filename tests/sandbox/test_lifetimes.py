# ruff: noqa: E501 - code in one line
"""Nothing is left behind: not by ten thousand episodes, not by a host that is killed, not by a zygote that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from understudy.records import ExecutionStatus
from understudy.sandbox import HostFunction, Limits, Sandbox, SandboxError


def wait_until(claim: Callable[[], bool], timeout_s: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if claim():
            return True
        time.sleep(0.02)
    return claim()


def descendants(pid: int) -> list[psutil.Process]:
    """Those that live: a process that ended may wait a while until its parent looks at it."""
    try:
        return [one for one in psutil.Process(pid).children(recursive=True) if is_alive(one)]
    except psutil.NoSuchProcess:
        return []


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def n_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def n_descriptors_of(process: psutil.Process) -> int:
    """Those of an undumpable process are shown to root alone."""
    return process.num_fds() if os.getuid() == 0 else 0


@pytest.mark.parametrize("n_episodes", [150, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(3000)])])
def test_episodes_leak_nothing(n_episodes: int) -> None:
    with Sandbox(preload=(), limits=Limits(cpu_s=1, wall_s=5)) as sandbox:

        def one(number: int) -> None:
            with sandbox.episode({"f": HostFunction(lambda x: x)}, seed=number) as episode:
                assert episode.run(f"x = {number}\nf(x)").value == str(number)
                if number % 10 == 0:
                    episode.commit(episode.branch(["x + 1", "random = 1", "1 / 0"])[number % 3])
                if number % 25 == 0:
                    episode.run("import random\nrandom._os._exit(1)")
                    assert episode.run("x").value == str(number)

        for number in range(50):
            one(number)
        me, zygote = psutil.Process(), psutil.Process(sandbox._zygote().pid)
        assert wait_until(lambda: not zygote.children(recursive=True))
        before = (n_descriptors(), me.memory_info().rss, zygote.memory_info().rss, n_descriptors_of(zygote))
        for number in range(n_episodes):
            one(number)
        assert wait_until(lambda: not zygote.children(recursive=True))
        after = (n_descriptors(), me.memory_info().rss, zygote.memory_info().rss, n_descriptors_of(zygote))
    assert after[0] == before[0]
    assert after[3] == before[3]
    assert after[1] - before[1] < 8 << 20
    assert after[2] - before[2] < 4 << 20


@pytest.mark.parametrize("n_episodes", [64, pytest.param(256, marks=pytest.mark.slow)])
def test_live_episodes_within_stated_memory(light_sandbox: Sandbox, n_episodes: int) -> None:
    """Stated in docs/sandbox.md: at most 8 MiB of private memory for a live episode that has done little, 4 without
    numpy.
    """
    episodes = [light_sandbox.episode(seed=n) for n in range(n_episodes)]
    try:
        with ThreadPoolExecutor(16) as pool:
            values = list(pool.map(lambda e: e.run("import random\nx = random.random()\nx").value, episodes))
        assert len(set(values)) == n_episodes
        zygote = light_sandbox._zygote().pid
        assert wait_until(lambda: len(descendants(zygote)) == n_episodes), (
            "episodes of former tests may still be ending"
        )
        processes = descendants(zygote)
        if os.getuid() == 0:  # a process that no debugger may touch shows its memory to root alone
            private = [private_bytes(process.pid) for process in processes]
            assert max(private) < 4 << 20
        with ThreadPoolExecutor(16) as pool:
            assert list(pool.map(lambda e: e.run("x").value, episodes)) == values
    finally:
        for episode in episodes:
            episode.close()
    assert wait_until(lambda: not descendants(light_sandbox._zygote().pid))


def test_episodes_of_many_threads_do_not_mix(light_sandbox: Sandbox) -> None:
    def one(number: int) -> bool:
        with light_sandbox.episode({"mine": HostFunction(lambda: number)}) as episode:
            episode.run(f"x = {number}")
            executions = episode.branch(["x = x + mine()\nx", "x = -1"])
            episode.commit(executions[0])
            return episode.run("x, mine()").value == f"({2 * number}, {number})"

    with ThreadPoolExecutor(24) as pool:
        assert all(pool.map(one, range(72)))


HOST = """
import signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests in the background may have it ignored
from understudy.sandbox import Limits, Sandbox
sandbox = Sandbox(preload=(), limits=Limits(cpu_s=100, wall_s=100))
episode = sandbox.episode()
episode.run("x = 1")
print(sandbox._zygote().pid, flush=True)
episode.branch(["while True: pass", "import time\\ntime.sleep(99)", "try:\\n    while True: pass\\nfinally:\\n    while True: pass", "x"])
"""


def start_host() -> tuple[subprocess.Popen[str], psutil.Process]:
    """A host in mid-branch, and its zygote."""
    host = subprocess.Popen([sys.executable, "-c", HOST], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    zygote = psutil.Process(int(host.stdout.readline()))
    assert wait_until(lambda: len(descendants(zygote.pid)) == 5)
    return host, zygote


def test_a_host_killed_in_mid_branch_leaves_no_process() -> None:
    host, zygote = start_host()
    all_of_them = [zygote, *zygote.children(recursive=True)]
    host.send_signal(signal.SIGKILL)
    host.communicate()
    assert wait_until(lambda: not any(map(is_alive, all_of_them)))


def test_an_interrupted_host_leaves_no_process() -> None:
    host, zygote = start_host()
    all_of_them = [zygote, *zygote.children(recursive=True)]
    host.send_signal(signal.SIGINT)
    host.communicate()
    assert wait_until(lambda: not any(map(is_alive, all_of_them)))


def test_a_dead_zygote_is_replaced_and_the_state_made_again() -> None:
    with Sandbox(preload=(), limits=Limits(cpu_s=1, wall_s=5)) as sandbox:
        with sandbox.episode() as episode:
            episode.run("x = 41")
            os.kill(sandbox._zygote().pid, signal.SIGKILL)
            execution = episode.run("x + 1")
            if execution.status is not ExecutionStatus.OK:  # the death overtook the action
                execution = episode.run("x + 1")
            assert execution.value == "42"
        with sandbox.episode() as episode:
            assert episode.run("1").value == "1"


def test_closing_ends_every_process_and_refuses_the_rest() -> None:
    sandbox = Sandbox(preload=())
    episode = sandbox.episode()
    zygote = psutil.Process(sandbox._zygote().pid)
    children = zygote.children()
    assert children
    sandbox.close()
    sandbox.close()
    assert wait_until(lambda: not any(p.is_running() for p in (zygote, *children)))
    with pytest.raises(SandboxError, match="closed"):
        episode.run("1")
    with pytest.raises(SandboxError, match="closed"):
        sandbox.episode()
    episode.close()


@pytest.mark.skipif(os.getuid() != 0, reason="the descriptors of an undumpable process are shown to root alone")
def test_nothing_of_the_host_is_inherited() -> None:
    marker = os.memfd_create("secret")
    os.set_inheritable(marker, True)
    try:
        with Sandbox(preload=()) as sandbox, sandbox.episode():
            assert wait_until(lambda: len(descendants(sandbox._zygote().pid)) == 1)  # the probes' episodes are gone
            for process in [psutil.Process(sandbox._zygote().pid), *descendants(sandbox._zygote().pid)]:
                targets = [str(fd.readlink()) for fd in Path(f"/proc/{process.pid}/fd").iterdir()]
                assert not any("secret" in target for target in targets)
                assert all(t.startswith(("socket:", "/dev/null", "anon_inode:")) for t in targets), targets
                environment = Path(f"/proc/{process.pid}/environ").read_bytes()
                assert b"PATH=" not in environment
    finally:
        os.close(marker)


def private_bytes(pid: int) -> int:
    """Memory that nobody shares with this process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    line = next(line for line in rollup.splitlines() if line.startswith("Private_Dirty:"))
    return int(line.split()[1]) * 1024
