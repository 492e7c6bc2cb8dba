"""The cost of running code: ``python -m benchmarks.bench_sandbox [--n N]``, compared with smolagents'
LocalPythonExecutor in the same run.

CPU is that of the host, the zygote and all sandboxed processes together, in milliseconds, from the kernel's own counts;
wall is the median. The last table divides the time of a branch of eight. smolagents runs candidates one after another
in one interpreter, as the paper's released code does, so its eight candidates do not start from one state.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil
from smolagents.local_python_executor import LocalPythonExecutor  # type: ignore[import-untyped]

from understudy.sandbox import Episode, HostFunction, Limits, Sandbox

TRIVIAL = "x = 3 * 7\nx"
CALL = "answer = search('a question')"
SYMPY = "import sympy\ny = sympy.Symbol('y')\nr = sympy.solve(y ** 2 - 5 * y + {i}, y)\nr"
LOOP = "total = 0\nfor i in range(100000):\n    total = (total + i * i) % 1000003\ntotal"
LIMITS = Limits(cpu_s=120, wall_s=300)


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of one repetition."""

    cpu_ms: float
    wall_ms: float


def cpu_s(sandbox: Sandbox | None) -> float:
    """CPU seconds so far of this process and, where there is one, of a sandbox's whole tree."""
    total = time.process_time()
    if sandbox is None:
        return total
    zygote = psutil.Process(sandbox._zygote().pid)
    for process in [zygote, *zygote.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def measure(work: Callable[[], object], n: int, sandbox: Sandbox | None = None) -> Cost:
    """Run ``work`` ``n`` times after one that is not counted."""
    work()
    time.sleep(0.1)
    before, walls = cpu_s(sandbox), []
    for _ in range(n):
        start = time.perf_counter()
        work()
        walls.append(time.perf_counter() - start)
    time.sleep(0.1)  # the last ones are still being reaped
    return Cost((cpu_s(sandbox) - before) / n * 1000, statistics.median(walls) * 1000)


def row(name: str, ours: Cost, theirs: Cost | None) -> None:
    """One line of the table."""
    text = f"{name:<34}{ours.cpu_ms:>9.2f}{ours.wall_ms:>9.2f}"
    if theirs is not None:
        text += f"{theirs.cpu_ms:>11.2f}{theirs.wall_ms:>9.2f}"
        text += f"{theirs.cpu_ms / max(ours.cpu_ms, 1e-6):>9.1f}x{theirs.wall_ms / max(ours.wall_ms, 1e-6):>8.1f}x"
    print(text)


def peer() -> LocalPythonExecutor:
    """A fresh smolagents interpreter with the same tool."""
    executor = LocalPythonExecutor(["numpy", "sympy"], timeout_seconds=300)
    executor.send_tools({"search": lambda query: f"about {query}"})
    executor("import sympy\nx = 0")
    return executor


def branch(episode: Episode, codes: Sequence[str]) -> None:
    """Eight candidates from one state, the first one committed."""
    episode.commit(episode.branch(codes)[0])


def compare(sandbox: Sandbox, n: int) -> None:
    """The table beside smolagents."""
    functions = {"search": HostFunction(lambda query: f"about {query}", pure=False)}
    print(f"\n{'':<34}{'understudy':>18}{'smolagents':>20}{'theirs / ours':>19}")
    print(f"{'milliseconds':<34}{'CPU':>9}{'wall':>9}{'CPU':>11}{'wall':>9}{'CPU':>10}{'wall':>9}")
    row("new episode, one action, end", measure(lambda: new_episode(sandbox), n, sandbox), measure(peer, n))
    theirs = peer()
    with sandbox.episode(functions) as episode:
        pairs = (
            ("trivial action", TRIVIAL, n * 10),
            ("tool call", CALL, n * 10),
            ("sympy solve", SYMPY.format(i=6), n),
        )
        for name, code, times in (*pairs, ("loop of 100,000", LOOP, 3)):
            ours = measure(lambda code=code: episode.run(code), times, sandbox)  # type: ignore[misc]
            row(name, ours, measure(lambda code=code: theirs(code), times))  # type: ignore[misc]
    for name, codes, times in (
        ("eight branches, trivial", [f"x = x + {i}\nx" for i in range(8)], n),
        ("eight branches, sympy solve", [SYMPY.format(i=i) for i in range(8)], n // 2),
        ("eight branches, loop of 100,000", [LOOP] * 8, 2),
    ):
        with sandbox.episode(functions) as episode:
            episode.run("import sympy\nx = 0")
            ours = measure(lambda codes=codes: branch(episode, codes), times, sandbox)  # type: ignore[misc]
        row(name, ours, measure(lambda codes=codes: [theirs(code) for code in codes], times))  # type: ignore[misc]


def new_episode(sandbox: Sandbox) -> None:
    """From nothing to a first value."""
    with sandbox.episode() as episode:
        episode.run("1")


def profile(n: int) -> None:
    """What binds a branch of eight: the same with other zygotes, and with fewer branches."""
    print(f"\n{'where a branch goes, milliseconds':<34}{'CPU':>9}{'wall':>9}{'private MB of an episode':>28}")
    for name, preload in (("nothing preloaded", ()), ("numpy", ("numpy",)), ("numpy and sympy", ("numpy", "sympy"))):
        with Sandbox(preload=preload, limits=LIMITS) as sandbox, sandbox.episode() as episode:
            episode.run("x = 0")
            for n_branches in (1, 8):
                cost = measure(lambda k=n_branches: branch(episode, ["x"] * k), n, sandbox)  # type: ignore[misc]
                label = f"{n_branches} trivial, {name}"
                print(f"{label:<34}{cost.cpu_ms:>9.2f}{cost.wall_ms:>9.2f}{private_mb(sandbox):>28.1f}")


def private_mb(sandbox: Sandbox) -> float:
    """Private memory of the one live episode, where this user may see it."""
    try:
        zygote = psutil.Process(sandbox._zygote().pid)
        alive = [p for p in zygote.children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
        return float(alive[-1].memory_full_info().uss) / (1 << 20)
    except (psutil.Error, IndexError):
        return float("nan")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=20)
    n = parser.parse_args().n
    start, start_cpu = time.perf_counter(), time.process_time()
    with Sandbox(limits=LIMITS) as sandbox:
        opened = Cost(cpu_s(sandbox) * 1000 - start_cpu * 1000, (time.perf_counter() - start) * 1000)
        print(f"opening with numpy and sympy: {opened.cpu_ms:.0f} ms CPU, {opened.wall_ms:.0f} ms wall, once a run")
        print(
            f"rollback chosen here: {'a fork for every action' if sandbox._forks else 'in place, replay after a death'}"
        )
        compare(sandbox, n)
    profile(n)


if __name__ == "__main__":
    main()
