"""Profiles a branch into eight: ``python -m benchmarks.profile_branch [--n N] [--host]``.

CPU milliseconds (``/proc/PID/schedstat``) and minor page faults (``/proc/PID/stat``) of the parent that forks, of the
eight branches until they have answered, of their deaths, and of the host. ``--host`` prints the host's own profile
instead. Run it as root: other users cannot see these processes.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from understudy.sandbox import Episode, Limits, Sandbox
from understudy.sandbox.config import Rollback

N_BRANCHES = 8
CODES = ["x"] * N_BRANCHES


@dataclass(frozen=True, slots=True)
class Spent:
    """What one process has used since it started."""

    cpu_ms: float
    faults: int


def spent(pid: int) -> Spent:
    """Also for a process that has ended and is not reaped."""
    cpu_ns = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    faults = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])
    return Spent(cpu_ns / 1e6, faults)


def page_table_kb(pid: int) -> int:
    """Page tables, which every fork copies."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmPTE:")).split()[1])


def rss_mb(pid: int) -> float:
    """Resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / (1 << 20)


def once(episode: Episode) -> dict[str, float]:
    """One branch of eight: whose CPU, whose faults."""
    group = episode._live_group()
    parent = group.process.pid
    before, host = spent(parent), time.thread_time()
    wall = time.perf_counter()
    episode.branch(CODES)
    wall = time.perf_counter() - wall
    host = time.thread_time() - host
    children = [action.process.pid for action, _ in episode._branches.values() if action.process is not None]
    after, born = spent(parent), [spent(pid) for pid in children]
    host_drop = time.thread_time()
    episode._drop_branches()
    host_drop = time.thread_time() - host_drop
    time.sleep(0.05)
    dead = [spent(pid) for pid in children]
    figures = {
        "parent: CPU": after.cpu_ms - before.cpu_ms,
        "parent: faults": after.faults - before.faults,
        "8 branches, to the answer: CPU": sum(s.cpu_ms for s in born),
        "8 branches: faults": sum(s.faults for s in born),
        "8 deaths: CPU": sum(s.cpu_ms for s in dead) - sum(s.cpu_ms for s in born),
        "host, branch(): CPU": host * 1000,
        "host, dropping: CPU": host_drop * 1000,
        "wall of branch()": wall * 1000,
    }
    figures["all CPU"] = sum(value for name, value in figures.items() if name.endswith("CPU"))
    return figures


def table(n: int) -> None:
    """The split for three zygotes."""
    columns: dict[str, dict[str, float]] = {}
    for name, preload in (("nothing", ()), ("numpy", ("numpy",)), ("numpy+sympy", ("numpy", "sympy"))):
        sandbox = Sandbox(preload=preload, limits=Limits(cpu_s=60, wall_s=60), rollback=Rollback.REPLAY)
        with sandbox, sandbox.episode() as episode:
            episode.run("x = 0")
            for _ in range(3):
                episode.commit(episode.branch(CODES)[0])
            rows = [once(episode) for _ in range(n)]
            pid = episode._live_group().process.pid
            columns[name] = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
            columns[name] |= {"page tables kB": page_table_kb(pid), "resident MB": rss_mb(pid)}
    print(f"{'median of ' + str(n) + ', ms or counts':<34}" + "".join(f"{name:>14}" for name in columns))
    for key in columns["nothing"]:
        print(f"{key:<34}" + "".join(f"{column[key]:>14.2f}" for column in columns.values()))


def host_profile(n: int) -> None:
    """Functions of the host, by their own time."""
    with Sandbox(limits=Limits(cpu_s=60, wall_s=60)) as sandbox, sandbox.episode() as episode:
        episode.run("x = 0")
        profile = cProfile.Profile(time.thread_time)
        profile.enable()
        for _ in range(n):
            episode.commit(episode.branch(CODES)[0])
        profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(14)


def main() -> None:
    """Print one table or the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--host", action="store_true")
    arguments = parser.parse_args()
    if arguments.host:
        host_profile(arguments.n)
    else:
        table(arguments.n)


if __name__ == "__main__":
    main()
