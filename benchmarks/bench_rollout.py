"""Episodes per second against a server of fixed latency, the ideal, and smolagents; memory of live episodes.

An episode is two requests and two runs of code. The ideal is in-flight / (2 x latency): all time is waiting.
smolagents is run in its usual way, one CodeAgent per episode in a thread pool, on the same server. CPU is that of this
process and of the sandbox's processes, without the server's; ``cores`` is CPU / wall, and where it nears the
machine's cores, they bind. Run as ``python -m benchmarks.bench_rollout``.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from understudy.agents import CodeAgentConfig, open_agent
from understudy.models import OpenAIChatConfig, open_model
from understudy.models.process import ServerProcess
from understudy.records import Task, TaskKind
from understudy.rollouts import Outcome, RolloutConfig, rollout
from understudy.sandbox import Sandbox

LEVELS = (1, 16, 64, 256)
WAVES = 4
"""Episodes a level, in multiples of those in flight."""
REQUESTS_AN_EPISODE = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """One level of one system."""

    n_episodes: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.n_episodes / self.wall_s


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-s", type=float, default=2.0)
    parser.add_argument("--levels", type=int, nargs="*", default=LEVELS)
    parser.add_argument("--no-peer", action="store_true", help="without smolagents")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {options.latency_s:g} s a request, {REQUESTS_AN_EPISODE} requests an episode\n")
    columns = ("in flight", "ideal /s", "ours /s", "of ideal", "cores", "CPU ms")
    peer_columns = ("peer /s", "of ideal", "CPU ms", "ratio")
    with latency_server(options.latency_s) as url, Sandbox() as sandbox:
        run_ours(url, sandbox, 1, 1)  # imports and first connections are not measured
        if not options.no_peer:
            run_smolagents(url, 1, 1)
        print_row(columns if options.no_peer else columns + peer_columns)
        for level in options.levels:
            n = max(4, level * WAVES)
            ideal = level / (REQUESTS_AN_EPISODE * options.latency_s)
            ours = measure(partial(run_ours, url, sandbox, n, level), n)
            row = [f"{level:d}", f"{ideal:.2f}", f"{ours.rate:.2f}", f"{ours.rate / ideal:.0%}"]
            row += [f"{ours.cpu_s / ours.wall_s:.2f}", f"{1000 * ours.cpu_s / n:.1f}"]
            if not options.no_peer:
                peer = measure(partial(run_smolagents, url, n, level), n)
                row += [f"{peer.rate:.2f}", f"{peer.rate / ideal:.0%}", f"{1000 * peer.cpu_s / n:.1f}"]
                row += [f"{ours.rate / peer.rate:.2f}"]
            print_row(row)
        print()
        print_memory(sandbox, 256)


def print_row(cells: Sequence[str]) -> None:
    """One line of the table."""
    print(" ".join(f"{cell:>9}" for cell in cells), flush=True)


@contextmanager
def latency_server(latency_s: float) -> Iterator[str]:
    """The latency server, running inside a ``with`` block; yields its base URL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = str(listening.getsockname()[1])
    command = [sys.executable, "-m", "benchmarks.latency_server", port, str(latency_s)]
    with ServerProcess(command, f"http://127.0.0.1:{port}/health", deadline_s=60.0):
        yield f"http://127.0.0.1:{port}/v1"


def measure(run: Callable[[], None], n_episodes: int) -> Measured:
    """Wall and CPU of a run. What a process used that has ended counts where its parent has reaped it."""
    before_s, started = cpu_s(), time.perf_counter()
    run()
    return Measured(n_episodes, time.perf_counter() - started, cpu_s() - before_s)


def cpu_s() -> float:
    """CPU seconds of this process, its sandboxes and what they have reaped, without the server."""
    total = 0.0
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        try:
            if "benchmarks.latency_server" in process.cmdline():
                continue
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
        if process.pid != me.pid:
            total += times.children_user + times.children_system
    return total


def run_ours(url: str, sandbox: Sandbox, n_episodes: int, in_flight: int) -> None:
    """A rollout into a file, as a recipe would run it."""
    tasks = [
        Task(id=str(number), question="What is six times seven?", answer="42", kind=TaskKind.MATH, source="bench")
        for number in range(n_episodes)
    ]
    config = OpenAIChatConfig(model="fixed", base_urls=(url,), max_in_flight=in_flight, timeout_s=120.0)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        model = open_model(config)
        stack.callback(model.close)
        agent = open_agent(CodeAgentConfig(), model, sandbox)
        path = Path(folder) / "trajectories.jsonl"
        summary = rollout(tasks, agent, path, RolloutConfig(in_flight=in_flight), progress=None)
    if summary.outcomes != {Outcome.ANSWERED: n_episodes}:
        outcomes = {str(outcome): count for outcome, count in summary.outcomes.items()}
        raise RuntimeError(f"not all of {n_episodes} episodes were answered: {outcomes}")


def run_smolagents(url: str, n_episodes: int, in_flight: int) -> None:
    """A CodeAgent an episode, in a thread pool."""
    from smolagents import CodeAgent, OpenAIServerModel

    logging.disable(logging.WARNING)

    def solve(_: int) -> object:
        model = OpenAIServerModel("fixed", api_base=url, api_key="none")
        return CodeAgent(tools=[], model=model, verbosity_level=0, max_steps=5).run("What is six times seven?")

    with ThreadPoolExecutor(in_flight) as pool:
        answers = list(pool.map(solve, range(n_episodes)))
    if answers != [42] * n_episodes:
        raise RuntimeError(f"smolagents did not answer all: {answers[:3]}")


def print_memory(sandbox: Sandbox, n_live: int) -> None:
    """Memory that live episodes take, after each has run something."""
    me = psutil.Process()
    before_host, before = me.memory_info().rss, pss_bytes()
    with ExitStack() as stack:
        started = time.perf_counter()
        episodes = [stack.enter_context(sandbox.episode({}, seed)) for seed in range(n_live)]
        for episode in episodes:
            episode.run("import numpy as np, sympy as sp\nx = np.arange(1000).sum()\nsp.factor('x**2 - 1')\nprint(x)")
        wall_s = time.perf_counter() - started
        each = (pss_bytes() - before) / n_live
        host = (me.memory_info().rss - before_host) / n_live
    print(f"{n_live} live episodes, numpy and sympy used in each: {each / 2**20:.1f} MiB PSS each in the sandbox,")
    print(f"{max(0.0, host) / 2**20:.2f} MiB each in the host, {n_live * (each + host) / 2**30:.2f} GiB together;")
    print(f"{1000 * wall_s / n_live:.0f} ms wall to start and run each, one after another.")


def pss_bytes() -> int:
    """Proportional set size of all processes below this one: shared pages are counted once."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total


if __name__ == "__main__":
    main()
