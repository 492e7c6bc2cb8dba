"""Episodes per second against a server of fixed latency, the ideal, and smolagents; memory of live episodes.

An episode is two requests and two runs of code. The ideal is in-flight / (2 x latency): all time is waiting.
smolagents is run in its usual way, one CodeAgent per episode in a thread pool, on the same server. CPU is that of this
process, of the sandbox's processes, and of the server, an episode; ``cores /s`` is what the cores that this process may
use could do if they did nothing else. The last table is the CPU of a request by several clients. Run as
``python -m benchmarks.bench_rollout``.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
from pydantic import JsonValue

from understudy.agents import CodeAgentConfig, open_agent
from understudy.models import OpenAIChatConfig, open_model
from understudy.models.http_client import HttpClient
from understudy.models.process import ServerProcess
from understudy.records import Task, TaskKind
from understudy.rollouts import Outcome, RolloutConfig, rollout
from understudy.sandbox import Sandbox

LEVELS = (1, 16, 64, 256)
WAVES = 4
"""Episodes a level, in multiples of those in flight."""
REQUESTS_AN_EPISODE = 2
PARTS = ("host", "sandbox", "server")


@dataclass(frozen=True, slots=True)
class Measured:
    """One level of one system."""

    n_episodes: int
    wall_s: float
    cpu_s: Mapping[str, float]
    """Of this process, the sandbox and the server."""

    @property
    def rate(self) -> float:
        return self.n_episodes / self.wall_s

    @property
    def cpu_ms(self) -> list[float]:
        """An episode's share, in the order of ``PARTS``."""
        return [1000 * self.cpu_s[part] / self.n_episodes for part in PARTS]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-s", type=float, default=2.0)
    parser.add_argument("--levels", type=int, nargs="*", default=LEVELS)
    parser.add_argument("--no-peer", action="store_true", help="without smolagents")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {options.latency_s:g} s a request, {REQUESTS_AN_EPISODE} requests an episode\n")
    columns = ("in flight", "ideal /s", "cores /s", "ours /s", "of ideal", *(f"{part} ms" for part in PARTS))
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
            cores = 1000 * len(os.sched_getaffinity(0)) / sum(ours.cpu_ms)
            row = [f"{level:d}", f"{ideal:.2f}", f"{cores:.2f}", f"{ours.rate:.2f}", f"{ours.rate / ideal:.0%}"]
            row += [f"{ms:.1f}" for ms in ours.cpu_ms]
            if not options.no_peer:
                peer = measure(partial(run_smolagents, url, n, level), n)
                row += [f"{peer.rate:.2f}", f"{peer.rate / ideal:.0%}", f"{peer.cpu_ms[0]:.1f}"]
                row += [f"{ours.rate / peer.rate:.2f}"]
            print_row(row)
        print()
        print_clients(url, options.levels)
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
    before, started = cpu_s(), time.perf_counter()
    run()
    wall_s = time.perf_counter() - started
    time.sleep(0.2)  # the last processes are still being reaped
    after = cpu_s()
    return Measured(n_episodes, wall_s, {part: after[part] - before[part] for part in PARTS})


def cpu_s() -> dict[str, float]:
    """CPU seconds of this process, of its sandboxes with what they have reaped, and of the server."""
    me = psutil.Process()
    total = dict.fromkeys(PARTS, 0.0)
    for process in (me, *me.children(recursive=True)):
        try:
            is_server = "benchmarks.latency_server" in process.cmdline()
            times = process.cpu_times()
        except psutil.Error:
            continue
        part = "host" if process.pid == me.pid else "server" if is_server else "sandbox"
        total[part] += times.user + times.system
        if part == "sandbox":
            total[part] += times.children_user + times.children_system
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


def print_clients(url: str, levels: Sequence[int]) -> None:
    """CPU of one request in the threads that make it, with as many threads as requests in flight."""
    import httpx
    import openai

    body: dict[str, JsonValue] = {"model": "fixed", "messages": [{"role": "user", "content": "word " * 500}]}
    print_row(("in flight", "ours ms", "openai ms", "ratio", "httpx ms", "ratio"))
    for level in levels:
        limits = httpx.Limits(max_connections=level)
        with (
            HttpClient(url, "none", 120.0, level) as ours,
            openai.OpenAI(base_url=url, api_key="none", max_retries=0) as sdk,
            httpx.Client(base_url=url, timeout=120.0, limits=limits) as plain,
        ):
            asks = (
                lambda ours=ours: ours.post("/chat/completions", body),
                lambda sdk=sdk: sdk.chat.completions.with_raw_response.create(**body),
                lambda plain=plain: plain.post("/chat/completions", json=body),
            )
            first = request_ms(asks[0], level)
            row = [f"{level:d}", f"{first:.2f}"]
            for ask in asks[1:]:
                try:
                    ms = request_ms(ask, level)
                except (openai.APIError, httpx.HTTPError) as error:  # a time-out of a peer costs no row
                    row += [type(error).__name__, ""]
                else:
                    row += [f"{ms:.2f}", f"{ms / first:.1f}"]
        print_row(row)


def request_ms(ask: Callable[[], object], n_threads: int) -> float:
    """Mean CPU of a request, after one that is not counted."""

    def several(_: int) -> float:
        ask()
        before = time.thread_time()
        for _ in range(WAVES):
            ask()
        return (time.thread_time() - before) / WAVES

    with ThreadPoolExecutor(n_threads) as pool:
        return 1000 * sum(pool.map(several, range(n_threads))) / n_threads


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
