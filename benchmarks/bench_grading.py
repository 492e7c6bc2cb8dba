"""What grading costs and gets wrong: ``python -m benchmarks.bench_grading [--data-dir FOLDER]``.

Four tables: wrong verdicts on the pairs of the tests, of ours and of Math-Verify alone in the same run; throughput of
10,000 mathematical answers against Math-Verify alone in the same run; a hostile batch; and decontamination. With
``--data-dir`` (the folder with the paper's files) the references are the real ones, without it they are made up.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.grading.pairs import EQUAL, UNEQUAL
from tests.grading.test_corpus import FACTS, KINDS, pairs

from understudy.grading import grade_all, open_grader
from understudy.records import StopReason, Task, TaskKind, Trajectory
from understudy.tasks import TEST_SETS, TRAINING_SETS, BenchmarkConfig, find_contamination, load_tasks

ResultT = TypeVar("ResultT")

PEER_LIMIT_S = 5.0
"""CPU seconds for Math-Verify's verdict on one pair; ours has two."""

MATH_SETS = ("math500", "gsm_hard", "aime", "olymmath")
MADE_UP = (
    "42",
    r"\frac{1}{2}",
    "2k+2",
    "(3,4]",
    "1,-2",
    r"\frac{\sqrt{3}}{3}",
    "x^2 + 1",
    r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
)
HOSTILE = (
    "9**9**9",
    "x**9**9**9",
    r"x^{9^{9^{9}}}",
    "(x+1)**9999",
    "1" * 100_000,
    r"\frac{1}{" * 10_000 + "2" + "}" * 10_000,
    "(" * 3_000 + ")" * 3_000,
    r"\sum_{k=1}^{10^{9}} \frac{1}{k^x}",
    "10000000!",
    "[" * 1_500 + "]" * 1_500,
)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--n", type=int, default=10_000)
    arguments = parser.parse_args()
    compare_on_pairs()
    references = _references(arguments.data_dir)
    _throughput(_attempts(references, arguments.n))
    _hostile()
    if arguments.data_dir is not None:
        _decontamination(arguments.data_dir)


def compare_on_pairs() -> None:
    """Wrong verdicts of both on the same pairs, and their CPU seconds."""
    _math_verify(_attempt("x + 1", "$1 + x$"))  # Loads it before its time is taken.
    sets = {"pairs.py": [(True, *pair) for pair in EQUAL] + [(False, *pair) for pair in UNEQUAL]}
    sets |= {kind: pairs(kind) for kind in KINDS if kind != FACTS}
    print(f"\nwrong verdicts on {sum(map(len, sets.values())):,} pairs of reference and answer")
    _row("", "pairs", "ours", "", "Math-Verify", "")
    _row("kind", "", "refused", "passed", "refused", "passed")
    totals = [0, 0, 0, 0]
    own_s = peer_s = 0.0
    with open_grader() as grader:
        grader.grade(_attempt("x + 1", "1 + x"))  # Starts a worker.
        for kind, rows in sets.items():
            started_s = _cpu_s()
            ours = [grader.grade(_attempt(reference, answer)).correct for _, reference, answer in rows]
            own_s += _cpu_s() - started_s
            started_s = _children_s()
            theirs = _peer_verdicts(rows)
            peer_s += _children_s() - started_s
            counts = [*_wrong(rows, ours), *_wrong(rows, theirs)]
            totals = [total + count for total, count in zip(totals, counts, strict=True)]
            _row(kind, str(len(rows)), *map(str, counts))
    _row("all", str(sum(map(len, sets.values()))), *map(str, totals))
    _row("CPU s", "", f"{own_s:.1f}", "", f"{peer_s:.1f}", "")
    print("refused: right but not judged right; passed: judged right, though it is wrong or undecidable")


def _wrong(rows: Sequence[tuple[bool | None, str, str]], verdicts: Sequence[bool | None]) -> tuple[int, int]:
    both = list(zip((row[0] for row in rows), verdicts, strict=True))
    refused = sum(expected is True and verdict is not True for expected, verdict in both)
    return refused, sum(expected is not True and verdict is True for expected, verdict in both)


def _peer_verdicts(rows: Sequence[tuple[bool | None, str, str]]) -> list[bool]:
    """Math-Verify's verdicts, from a process that is replaced where a pair keeps it busy: that pair is not right."""
    verdicts: list[bool] = []
    while len(verdicts) < len(rows):
        verdicts += _peer_process(rows[len(verdicts) :])
        verdicts += [False] if len(verdicts) < len(rows) else []
    return verdicts


def _peer_process(rows: Sequence[tuple[bool | None, str, str]]) -> list[bool]:
    """The verdicts up to the first that takes too long."""
    source, target = os.pipe()
    child = os.fork()
    if child == 0:
        for _, reference, answer in rows:
            signal.setitimer(signal.ITIMER_PROF, PEER_LIMIT_S)
            is_right = any(_math_verify(_attempt(reference, text)) for text in (answer, f"${answer}$"))
            os.write(target, b"1" if is_right else b"0")
        os._exit(0)
    os.close(target)
    with os.fdopen(source, "rb") as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return [sign == ord("1") for sign in said]


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _references(data_dir: Path | None) -> list[str]:
    if data_dir is None:
        return list(MADE_UP)
    sets = [load_tasks(BenchmarkConfig(name=name, data_dir=data_dir)).tasks for name in MATH_SETS]
    return [task.answer for tasks in sets for task in tasks]


def _attempts(references: Sequence[str], n: int) -> list[Trajectory]:
    """Half of the answers are the reference in other clothes, half are another question's reference."""
    generator = random.Random(0)
    attempts = []
    for number in range(n):
        reference = references[number % len(references)]
        other = generator.choice(references)
        answer = generator.choice((reference, rf"\boxed{{{reference}}}", other, rf"\boxed{{{other}}}"))
        attempts.append(_attempt(reference, answer, number))
    return attempts


def _attempt(reference: str, answer: str, number: int = 0) -> Trajectory:
    task = Task(id="t", question="?", answer=reference, kind=TaskKind.MATH, source="bench")
    return Trajectory(
        task=task,
        attempt=number,
        agent="bench",
        model="bench",
        seed=0,
        messages=(),
        steps=(),
        stop_reason=StopReason.ANSWERED,
        answer=answer,
    )


def _throughput(attempts: list[Trajectory]) -> None:
    print(f"\n{len(attempts):,} mathematical answers, {os.cpu_count()} cores")
    with open_grader() as grader:
        grader.grade(_attempt("x + 1", "1 + x"))  # Starts a worker.
        wall_s, cpu_s, scores = _timed(lambda: list(grade_all(grader, attempts)))
    ways = Counter(score.explanation.partition(": ")[2].split(" (")[0] for score in scores)
    _row("", "wall s", "CPU s", "answers/s", "right")
    _row(
        "understudy",
        f"{wall_s:.1f}",
        f"{cpu_s:.1f}",
        f"{len(scores) / wall_s:.0f}",
        str(sum(s.correct is True for s in scores)),
    )
    sample = attempts[:: max(len(attempts) // 1_000, 1)]
    peer_wall_s, peer_cpu_s, peer_right = _timed(lambda: sum(_math_verify(t) for t in _delimited(sample)))
    scale = len(attempts) / len(sample)
    _row(
        "Math-Verify alone*",
        f"{peer_wall_s * scale:.1f}",
        f"{peer_cpu_s * scale:.1f}",
        f"{len(sample) / peer_wall_s:.0f}",
        f"{peer_right * scale:.0f}",
    )
    ratio = peer_wall_s * scale / wall_s
    print(f"* measured on {len(sample):,}, in this process, without protection; ratio of wall times {ratio:.1f}")
    print("decided by:", ", ".join(f"{way} {n}" for way, n in ways.most_common(8)))


def _math_verify(attempt: Trajectory) -> bool:
    from math_verify import parse, verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # It warns that it is not protected, which is the point.
    gold = parse(f"${attempt.task.answer}$", parsing_timeout=None)
    return bool(verify(gold, parse(attempt.answer or "", parsing_timeout=None), timeout_seconds=None))


def _delimited(attempts: Sequence[Trajectory]) -> list[Trajectory]:
    return [one.model_copy(update={"answer": f"${one.answer}$"}) for one in attempts]


def _hostile() -> None:
    print("\nhostile answers to 2k+1 (limit 2 CPU seconds, 20 s on the clock)")
    _row("answer", "wall s", "right", "found")
    with open_grader() as grader:
        grader.grade(_attempt("x + 1", "1 + x"))
        for answer in HOSTILE:
            started = time.perf_counter()
            score = grader.grade(_attempt("2k+1", answer))
            _row(
                answer[:24],
                f"{time.perf_counter() - started:.2f}",
                str(score.correct),
                score.explanation.partition(": ")[2][:60],
            )
        print("pool alive:", grader.grade(_attempt("2k", "k+k")).correct)


def _decontamination(data_dir: Path) -> None:
    def load(sets: Sequence[tuple[str, str]]) -> list[Task]:
        configs = (BenchmarkConfig(name=name, split=split, data_dir=data_dir) for name, split in sets)
        return [task for config in configs for task in load_tasks(config).tasks]

    train, test = load(TRAINING_SETS), load(TEST_SETS)
    wall_s, cpu_s, pairs = _timed(lambda: find_contamination(train, test))
    print(f"\ndecontamination of {len(train):,} x {len(test):,} questions: {wall_s:.2f} s wall, {cpu_s:.2f} s CPU")
    counts = Counter((pair.test_id.split("/")[0], pair.rule.value) for pair in pairs)
    _row("test set", "rule", "pairs")
    for (name, rule), n in sorted(counts.items()):
        _row(name, rule, str(n))


def _timed(work: Callable[[], ResultT]) -> tuple[float, float, ResultT]:
    """Wall seconds, CPU seconds with those of finished and living children as far as known, and the result."""
    wall, cpu = time.perf_counter(), _cpu_s()
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(work).result()
    return time.perf_counter() - wall, _cpu_s() - cpu, result


def _cpu_s() -> float:
    import psutil

    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


def _row(*cells: str) -> None:
    print(f"{cells[0]:<26}" + "".join(f"{cell:>12}" for cell in cells[1:]))


if __name__ == "__main__":
    main()
