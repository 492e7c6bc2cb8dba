"""Two retrieval servers with the same simulated GPU, and their clients.

The reference is re-created after Search-R1's server: a synchronous endpoint in a thread pool, for each request one
encode and one search of the GPU under a lock (the original has none and crashes), no batches across requests, no
cache. Starlette stands in for FastAPI, which is the same server with more work a request.

The GPU: e5-base needs about 8 ms a call, a flat index of 21 M rows one pass of its memory, about 18 ms a call, both
hardly more for a batch than for one. ``python -m benchmarks.retrieval_load reference|ours port`` serves.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.retrieval.retriever import Hit, Passage

REPEATED = 0.3
"""Share of the queries that were asked before."""


class PretendedGpu:
    """Costs the time of a GPU and none of the CPU; answers with made-up passages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        with self._lock:
            time.sleep(0.008 + 0.0001 * len(queries))
            time.sleep(0.018 + 0.0001 * len(queries))
        return [
            [Hit(Passage(str(n), f"About {query}", "word " * 100), 0.9 - 0.01 * n) for n in range(k)]
            for query in queries
        ]

    def close(self) -> None:
        """Nothing to give back."""


def serve_reference(port: int) -> None:
    """One request at a time, as the design that nearly every project carries a copy of."""
    import uvicorn
    from pydantic import BaseModel
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    class QueryRequest(BaseModel):
        queries: list[str]
        topk: int = 3
        return_scores: bool = False

    gpu = PretendedGpu()

    def answer(request: QueryRequest) -> list[list[dict[str, object]]]:
        answers = gpu.search(request.queries, request.topk)
        return [
            [{"document": {"id": h.passage.id, "contents": h.passage.contents}, "score": h.score} for h in hits]
            for hits in answers
        ]

    async def retrieve(request: Request) -> JSONResponse:
        body = QueryRequest.model_validate(await request.json())
        return JSONResponse({"result": await run_in_threadpool(answer, body)})

    app = Starlette(routes=[Route("/retrieve", retrieve, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def serve_ours(port: int) -> None:
    """The service of the package over the same GPU."""
    import uvicorn

    from understudy.retrieval.service import RetrievalService, ServiceConfig
    from understudy.retrieval.serving import own

    config = ServiceConfig(port=port)
    service = RetrievalService(own(PretendedGpu(), config), config, {})
    uvicorn.run(service, host="127.0.0.1", port=port, log_level="warning", access_log=False, backlog=4096)


@dataclass(frozen=True, slots=True)
class Load:
    """What clients saw."""

    n_clients: int
    n_requests: int
    n_errors: int
    wall_s: float
    p50_s: float
    p99_s: float

    @property
    def rate(self) -> float:
        return self.n_requests / self.wall_s


def ask(port: int, n_clients: int, seconds: float, seed: int) -> Load:
    """Clients that each keep one connection and ask again as soon as they are answered."""
    return asyncio.run(_ask(port, n_clients, seconds, seed))


async def _ask(port: int, n_clients: int, seconds: float, seed: int) -> Load:
    latencies: list[float] = []
    asked: list[str] = []
    draw = random.Random(seed)
    end = time.monotonic() + seconds

    def query() -> str:
        if asked and draw.random() < REPEATED:
            return draw.choice(asked)
        asked.append(f"question {seed} {len(asked)}")
        return asked[-1]

    async def client() -> int:
        n_errors = 0
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < end:
            body = json.dumps({"queries": [query()], "topk": 3, "return_scores": True}).encode()
            head = f"POST /retrieve HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            start = time.monotonic()
            writer.write(head.encode() + body)
            reply = await reader.readuntil(b"\r\n\r\n")
            length = int(reply.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            answer = await reader.readexactly(length)
            latencies.append(time.monotonic() - start)
            n_errors += not (reply.startswith(b"HTTP/1.1 200") and answer.count(b'"score"') == 3)
        writer.close()
        return n_errors

    start = time.monotonic()
    n_errors = sum(await asyncio.gather(*(client() for _ in range(n_clients))))
    wall_s = time.monotonic() - start
    latencies.sort()
    last = len(latencies) - 1
    return Load(n_clients, len(latencies), n_errors, wall_s, latencies[last // 2], latencies[round(last * 0.99)])


if __name__ == "__main__":
    {"reference": serve_reference, "ours": serve_ours}[sys.argv[1]](int(sys.argv[2]))
