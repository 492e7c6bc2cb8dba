"""The recorder's cost per request: the same requests to one server, alternately directly and through the recorder.

    python -m benchmarks.bench_recorder [--in-flight 64] [--requests 640] [--latency 0.5] [--spread 0.5] [--rounds 3]

Answers of the upstream take between half and one and a half times the latency, each request the same time in both ways.
Rounds alternate between the two ways, so that both meet the same load of the machine. The overhead is the median over
all requests of the difference between the two ways. With ``--spread 0`` all answers come at the same moment, and a
request also waits for those before it. It also counts answers that failed, and compares the stored lines with the
answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

import httpx
import psutil
from aiohttp import ClientError, ClientSession, TCPConnector

TEXT = "A question about an order. " * 40


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        return int(found.getsockname()[1])


async def ask(client: ClientSession, url: str, number: int) -> float | None:
    """Seconds until the whole answer is there; None if there is none."""
    system, user = {"role": "system", "content": "You help."}, {"role": "user", "content": f"{number} {TEXT}"}
    asked = {"model": "fixed", "messages": [system, user]}
    started = time.perf_counter()
    try:
        async with client.post(f"{url}/v1/chat/completions", json=asked) as answer:
            await answer.read()
    except ClientError:
        return None
    return time.perf_counter() - started if answer.status == 200 else None


async def round_of(url: str, n_requests: int, in_flight: int) -> list[float | None]:
    """Keep ``in_flight`` requests under way until all are answered."""
    gate = asyncio.Semaphore(in_flight)
    async with ClientSession(connector=TCPConnector(limit=0)) as client:

        async def one(number: int) -> float | None:
            async with gate:
                return await ask(client, url, number)

        return list(await asyncio.gather(*(one(number) for number in range(n_requests))))


def until_up(url: str) -> None:
    for _ in range(1200):
        try:
            httpx.get(url)
            return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise TimeoutError(url)


def cpu_s(process: psutil.Process) -> float:
    """CPU time of a process and of its children, in seconds."""
    every = [process, *process.children(recursive=True)]
    return float(sum(times.user + times.system for times in (one.cpu_times() for one in every)))


def shown(name: str, taken: list[float | None]) -> float:
    """Print a row; return the median in seconds."""
    known = sorted(one for one in taken if one is not None)
    middle, last = median(known), quantiles(known, n=20)[-1]
    print(f"{name:<12}{middle * 1e3:>12.2f}{last * 1e3:>12.2f}{len(taken) - len(known):>8}{len(taken):>10}")
    return middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--requests", type=int, default=640)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--spread", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ports = free_port(), free_port()
    upstream, recorder = (f"http://127.0.0.1:{port}" for port in ports)
    serving = [sys.executable, "-m", "benchmarks.latency_server", str(ports[0]), str(options.latency)]
    serving.append(str(options.spread))
    with tempfile.TemporaryDirectory() as folder:
        recording = [sys.executable, "-m", "understudy", "record", f"--upstream={upstream}"]
        recording += [f"--out={folder}", f"--port={ports[1]}"]
        processes = [subprocess.Popen(one, stderr=subprocess.DEVNULL) for one in (serving, recording)]
        try:
            until_up(f"{upstream}/v1/models")
            until_up(f"{recorder}/understudy/health")
            direct: list[float | None] = []
            through: list[float | None] = []
            watched = psutil.Process(processes[1].pid)
            before_s = cpu_s(watched)
            for _ in range(options.rounds):
                direct += asyncio.run(round_of(upstream, options.requests, options.in_flight))
                through += asyncio.run(round_of(recorder, options.requests, options.in_flight))
            used_s = cpu_s(watched) - before_s
            figures = httpx.get(f"{recorder}/understudy/health").json()
        finally:
            for process in processes:
                process.terminate()
                process.wait()
        lines = [json.loads(line) for path in Path(folder).glob("*.jsonl") for line in path.read_text().splitlines()]
    print(f"{options.in_flight} in flight, the server takes {options.latency * 1e3:.0f} ms")
    print(f"{'':<12}{'median ms':>12}{'95 % ms':>12}{'failed':>8}{'requests':>10}")
    before, after = shown("direct", direct), shown("recorded", through)
    differences = [two - one for one, two in zip(direct, through, strict=True) if one is not None and two is not None]
    print(f"overhead: {median(differences) * 1e3:.2f} ms at the median of a request's difference")
    print(f"ratio of the medians: {after / before:.4f}")
    print(f"CPU time of the recorder: {used_s / len(through) * 1e3:.2f} ms a request")
    print(f"stored lines: {len(lines)}, not stored: {figures['not_stored']}, late: {figures['late']}")


if __name__ == "__main__":
    main()
