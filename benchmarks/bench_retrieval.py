"""Vector search, passage reads and the service, each beside its peer in the same run.

Vectors against faiss Flat (fp32, tuned), passages against ``datasets``, the service against the design of
Search-R1's server over the same pretended GPU. Every bar of the project is printed beside what was reached.
``python -m benchmarks.bench_retrieval`` runs a small version in minutes, ``--rows 1000000`` the full one; ``--folder``
keeps what was built.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import torch

from benchmarks.retrieval_data import CORPUS, DIM, build, queries
from benchmarks.retrieval_load import ask
from benchmarks.retrieval_real_text import measure
from understudy.retrieval.dense import DenseIndex
from understudy.retrieval.device_rows import DeviceRows
from understudy.retrieval.exact import exact_search
from understudy.retrieval.passages import JsonlPassages, index_passages
from understudy.retrieval.tuning import recall
from understudy.retrieval.vectors import VectorFile

_OPENING = """
import json, sys, time
from pathlib import Path
import faiss, numpy as np, psutil
from understudy.retrieval.dense import DenseIndex
faiss.omp_set_num_threads(1)
queries = np.load(sys.argv[2])
process = psutil.Process()
before = process.memory_info().rss
start = time.perf_counter()
index = DenseIndex.open(Path(sys.argv[1]), "made up")
opened_s = time.perf_counter() - start
for query in queries:
    index.search(query[None], 10)
after = process.memory_info().rss
print(json.dumps({"open_s": opened_s, "searched_bytes": after - before}))
"""


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--passages", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load on a server")
    parser.add_argument("--soak-s", type=float, default=0.0, help="seconds of 256 clients at the end; the bar wants 60")
    parser.add_argument("--real-text", type=int, default=1500, help="docstrings to encode, some 25 a second")
    parser.add_argument("--folder", type=Path, help="keep vectors and corpus here and use them again")
    parser.add_argument("--only", choices=["vectors", "passages", "service", "real-text"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        if options.only in (None, "vectors"):
            vectors(folder / f"vectors-{options.rows}", options.rows)
        if options.only in (None, "passages"):
            passages(folder / f"passages-{options.passages}", options.passages)
        if options.only in (None, "service"):
            service(options.seconds, options.soak_s)
        if options.only in (None, "real-text"):
            real_text(folder / f"real-text-{options.real_text}", options.real_text)


def vectors(folder: Path, rows: int) -> None:
    """Recall, speed, memory and opening time of the dense index, against faiss Flat."""
    import faiss

    faiss.omp_set_num_threads(1)
    built_s = time.process_time()
    facts = build(folder, rows, 0.975)
    built_s = time.process_time() - built_s
    assert facts.codes is not None
    tuning = facts.codes.tuning
    print(f"## Vectors: {rows:,} x {DIM}, one thread; built in {built_s:.0f} CPU-s (0: kept from before)")
    print(
        f"{facts.codes.config.n_lists} lists; by the autotuner {tuning.n_probes} probed, {tuning.n_candidates} rescored"
    )
    asked = queries(1000, 3, rows)
    file, _ = VectorFile.open(folder)
    truth = [found for found, _ in exact_search(file, asked, 10)]
    index = DenseIndex.open(folder, CORPUS)
    found = [index.search(query[None], 10)[0][0] for query in asked]
    flat = faiss.IndexFlatIP(DIM)
    for _, block in file.blocks(16384):
        flat.add(block)
    _flat_found = [flat.search(query[None], 10)[1][0] for query in asked[:20]]
    assert all(set(a) == set(b) for a, b in zip(_flat_found, truth, strict=False))
    speeds = _interleaved(
        {
            "ours": lambda n, first: [index.search(query[None], 10) for query in asked[first : first + n]],
            "flat": lambda n, first: [flat.search(query[None], 10) for query in asked[first : first + n]],
        },
        {"ours": 100, "flat": 5},
    )
    faiss.cvar.distance_compute_blas_threshold = 4 * DIM  # the tuning: without it a batch is searched one by one
    batches: dict[str, Callable[[int, int], object]] = {
        "ours": lambda n, first: index.search(asked[first : first + n], 10),
        "flat": lambda n, first: flat.search(asked[first : first + n], 10),
    }
    torch.set_num_threads(1)
    on_devices = [DeviceRows(file, name) for name in ("cpu", "cuda") if name == "cpu" or torch.cuda.is_available()]
    for on_device in on_devices:
        same = on_device.search(asked[:64], 10)
        assert all(np.array_equal(found, rows) for (found, _), rows in zip(same, truth, strict=False))
        batches[f"all on {on_device.device.type}"] = partial(_search_batch, on_device, asked)
    batch_speeds = _interleaved(batches, dict.fromkeys(batches, 64))
    for on_device in on_devices:
        on_device.close()
    memory = _opening(folder, asked[:300])
    bars: list[tuple[str, float, str, bool]] = []
    at_3, at_10 = recall([f[:3] for f in found], truth, 3), recall(found, truth, 10)
    bars.append(("recall@3", at_3, ">= .98", at_3 >= 0.98))
    bars.append(("recall@10", at_10, ">= .97", at_10 >= 0.97))
    ratio = speeds["ours"][0] / speeds["flat"][0]
    bars.append(("batch 1, times Flat (CPU)", ratio, ">= 15", ratio >= 15))
    share = memory["searched_bytes"] / (4 * DIM * rows)
    bars.append(("resident after 300 searches, share of fp32", share, "<= .05", share <= 0.05))
    bars.append(("opening, seconds", memory["open_s"], "<= .5", memory["open_s"] <= 0.5))
    for name, (per_cpu, per_wall) in {**speeds, **{f"{n}, batch 64": s for n, s in batch_speeds.items()}}.items():
        print(f"{name:<22} {per_cpu:8.1f} queries/CPU-s {per_wall:8.1f} queries/s")
    _print_bars(bars)
    index.close()
    file.close()


def _search_batch(on_device: DeviceRows, asked: np.ndarray, n: int, first: int) -> object:
    return on_device.search(asked[first : first + n], 10)


def passages(folder: Path, rows: int) -> None:
    """Random reads of passages, against ``datasets`` row by row."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus = folder / "corpus.jsonl"
    if not corpus.exists():
        _write_corpus(corpus, rows)
    index_passages(corpus, folder / "index")
    from datasets import disable_progress_bars, load_dataset

    disable_progress_bars()
    before, start = psutil.Process().memory_info().rss, time.perf_counter()
    store = JsonlPassages(folder / "index")
    open_s, open_mb = time.perf_counter() - start, (psutil.Process().memory_info().rss - before) / 1e6
    table = load_dataset("json", data_files=str(corpus), split="train", cache_dir=str(folder / "datasets"))
    wanted = random.Random(0).choices(range(rows), k=4000)
    speeds = _interleaved(
        {
            "ours": lambda n, first: store.fetch(wanted[first : first + n]),
            "datasets": lambda n, first: [table[row] for row in wanted[first : first + n]],
        },
        {"ours": 800, "datasets": 800},
    )
    print(f"\n## Passages: {rows:,}, random rows")
    for name, (per_cpu, per_wall) in speeds.items():
        print(f"{name:<16} {per_cpu:10.0f} rows/CPU-s {per_wall:10.0f} rows/s")
    ratio = speeds["ours"][0] / speeds["datasets"][0]
    _print_bars(
        [
            ("times datasets", ratio, ">= 3", ratio >= 3),
            ("opening, seconds", open_s, "<= .5", open_s <= 0.5),
            ("opening, resident MB", open_mb, "<= 100", open_mb <= 100),
        ]
    )
    store.close()


def service(seconds: float, soak_s: float) -> None:
    """Requests a second and the slow end of the latencies, against the reference design."""
    print("\n## Service: 1 query a request, 30 % repeated; pretended GPU of 26 ms a call")
    bars: list[tuple[str, float, str, bool]] = []
    with _server("reference") as reference, _server("ours") as ours:
        for n_clients, wanted in ((1, 0), (8, 3), (64, 7), (256, 6)):
            theirs = ask(reference, n_clients, seconds, seed=n_clients)
            mine = ask(ours, n_clients, seconds, seed=n_clients)
            for name, load in (("reference", theirs), ("ours", mine)):
                print(
                    f"{n_clients:4} clients  {name:<10} {load.rate:7.1f} requests/s   p50 {load.p50_s * 1e3:6.0f} ms   "
                    f"p99 {load.p99_s * 1e3:6.0f} ms   {load.n_errors} errors"
                )
            if wanted:
                ratio = mine.rate / theirs.rate
                bars.append((f"times the reference, {n_clients} clients", ratio, f">= {wanted}", ratio >= wanted))
        share = mine.p99_s / theirs.p99_s
        bars.append(("p99 at 256 clients, share of the reference's", share, "<= .2", share <= 0.2))
        if soak_s:
            soak = ask(ours, 256, soak_s, seed=0)
            print(f" 256 clients for {soak.wall_s:.0f} s: {soak.n_requests} requests, {soak.n_errors} errors")
            bars.append(("errors", soak.n_errors, "0", soak.n_errors == 0))
    _print_bars(bars)


def real_text(folder: Path, n_passages: int) -> None:
    """Recall on vectors of real text."""
    folder.mkdir(parents=True, exist_ok=True)
    found = measure(folder, n_passages)
    print(f"\n## Real text: {found.n_passages:,} docstrings by all-MiniLM-L6-v2, {found.n_queries} queries")
    print(f"{found.n_lists} lists; by the autotuner {found.n_probes} probed, {found.n_candidates} rescored")
    _print_bars(
        [
            ("recall@3", found.at_3, ">= .98", found.at_3 >= 0.98),
            ("recall@10", found.at_10, ">= .97", found.at_10 >= 0.97),
            ("scores other than exact search's", found.n_score_differences, "0", found.n_score_differences == 0),
        ]
    )


def _interleaved(
    systems: dict[str, Callable[[int, int], object]], sizes: dict[str, int], rounds: int = 5
) -> dict[str, tuple[float, float]]:
    """Items per CPU-second and per second of each system, taking turns; the first round is not counted."""
    spent = {name: [0.0, 0.0] for name in systems}
    for turn in range(rounds + 1):
        for name, run in systems.items():
            cpu, wall = time.process_time(), time.perf_counter()
            run(sizes[name], turn * sizes[name] % 600)
            if turn:
                spent[name][0] += time.process_time() - cpu
                spent[name][1] += time.perf_counter() - wall
    return {name: (rounds * sizes[name] / cpu, rounds * sizes[name] / wall) for name, (cpu, wall) in spent.items()}


def _opening(folder: Path, asked: np.ndarray) -> dict[str, float]:
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file.name, asked)
        command = [sys.executable, "-c", _OPENING, str(folder), file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _write_corpus(path: Path, rows: int) -> None:
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(20_000)]
    with path.open("w") as file:
        for row in range(rows):
            text = " ".join(draw.choices(words, k=100))
            file.write(json.dumps({"id": str(row), "contents": f'"Title {row}"\n{text}'}) + "\n")


@contextmanager
def _server(name: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    with subprocess.Popen([sys.executable, "-m", "benchmarks.retrieval_load", name, str(port)]) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def _print_bars(bars: list[tuple[str, float, str, bool]]) -> None:
    for name, value, bar, is_met in bars:
        print(f"  {name:<46} {value:9.3f}   bar {bar:<8} {'met' if is_met else 'NOT MET'}")


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    main()
