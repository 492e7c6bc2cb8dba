"""Comparisons of hostile answers end in time, and the pool stays usable."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.grading.attempts import task
from understudy.grading.config import MathConfig
from understudy.grading.math_grader import MathGrader
from understudy.grading.pool import WorkerPool

DEADLINE_S = 0.3


def nested(depth: int) -> str:
    return r"\frac{1}{" * depth + "2" + "}" * depth


HOSTILE = (
    "9**9**9",
    "9**9**9**9**9",
    "x**9**9**9",
    r"x^{9^{9^{9}}}",
    "(x+1)**9999",
    "10000000!",
    "1" * 100_000,
    "x" * 100_000,
    nested(10_000),
    nested(200),
    "(" * 3_000 + ")" * 3_000,
    "[" * 1_500 + "]" * 1_500,
    "{" * 2_000,
    r"\boxed{" * 2_000,
    r"\sqrt[" * 100,
    r"\sum_{k=1}^{10^{9}} \frac{1}{k^x}",
    r"\binom{10^9}{5\cdot 10^8} x",
    "*".join(f"(x+{i})" for i in range(150)),
    ",".join(f"x^{i}+y" for i in range(60)),
    "1e999999999",
    "x/0",
    "\x00\x01\ud800",
    "$" * 5_000,
    "\\" * 4_000,
    "9" * 4_500,
    ", ".join(["1±2"] * 60),
)


@pytest.mark.parametrize("reference", ["2k+1", "1,-2", r"\text{east}"])
def test_a_hostile_batch_is_never_right_and_leaves_the_pool_alive(pool: WorkerPool, reference: str) -> None:
    grader = MathGrader(MathConfig(deadline_s=DEADLINE_S), pool)
    assert pool.ask("2k", "k+k", 30.0).equal
    started = pool.n_started
    for answer in HOSTILE:
        judgement = grader.judge(task(reference), answer)
        # What was not compared to its end is not judged; everything else is wrong.
        is_late = "symbolic comparison" in judgement.explanation and "answer is too" not in judgement.explanation
        assert judgement.correct is (None if is_late else False), (answer[:40], judgement.explanation)
    assert pool.n_started == started
    assert pool.ask("2k", "k+k", 30.0).equal


def test_what_takes_too_long_is_ended_and_costs_its_deadline(pool: WorkerPool) -> None:
    reply = pool.ask("2k+1", r"x^{9^{9^{9}}}", 0.3)
    assert reply.equal is None
    assert "too long" in reply.how
    assert pool.ask("2k", "k+k", 30.0).cpu_s < 0.3


def test_a_killed_worker_is_replaced(pool: WorkerPool) -> None:
    assert pool.ask("2k", "k+k", 30.0).equal
    started = pool.n_started
    for child in _workers():
        child.kill()
    replies = [pool.ask("x+1", "1+x", 30.0) for _ in range(2)]
    assert replies[0].equal is None
    assert replies[1].equal
    assert pool.n_started == started + 1


def test_many_threads_share_few_workers(pool: WorkerPool) -> None:
    def ask(number: int) -> bool:
        return pool.ask(f"{number}k+1", f"1+{number}k", 30.0).equal and not pool.ask(f"{number}k", "k", 30.0).equal

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(2, 34)))


def test_closing_stops_all_processes() -> None:
    before = {child.pid for child in _workers()}
    with WorkerPool(1, 4.0, 2**31) as own:
        assert own.ask("x+1", "1+x").equal
        assert {child.pid for child in _workers()} - before
    assert not {child.pid for child in _workers()} - before


def test_workers_end_with_their_parent() -> None:
    program = (
        "import os, psutil\n"
        "from understudy.grading.pool import WorkerPool\n"
        "pool = WorkerPool(1, 4.0, 2**31)\n"
        "pool.ask('x+1', '1+x')\n"
        "print(*[child.pid for child in psutil.Process().children(recursive=True)], flush=True)\n"
        "os._exit(1)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    pids = [int(pid) for pid in run.stdout.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 20
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(psutil.pid_exists, pids))


def _workers() -> list[psutil.Process]:
    assert threading.current_thread() is threading.main_thread()
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "understudy.grading.worker" in child.cmdline()]
