"""A real HTTP server that fails, in turn, in every way a model server has been seen to fail."""

from __future__ import annotations

import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Json = Mapping[str, object] | list[object] | str
Answer = tuple[int, Json]


def reply(*texts: str, **fields: object) -> Answer:
    choices = [{"index": i, "message": {"content": t}, "finish_reason": "stop"} for i, t in enumerate(texts)]
    return 200, {"choices": choices, "usage": {"prompt_tokens": 3, "completion_tokens": 2 * len(texts)}, **fields}


def refuse(status: int, message: str) -> Answer:
    return status, {"error": {"message": message}}


FAULTS = ("429", "500", "dropped", "hang", "broken json", "no choices")


@dataclass
class Faulty:
    """What the server does and what it has seen."""

    answer: Callable[[dict[str, object]], Answer]
    fault_of: Callable[[int], str | None] = lambda number: None
    owned_by: str = "somebody"
    models: Answer | None = None
    """What ``/v1/models`` answers, where it is not a list as OpenAI's."""
    hang_s: float = 1.5
    url: str = ""
    bodies: list[dict[str, object]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    most_in_flight: int = 0
    _in_flight: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Iterator[int] = field(default_factory=itertools.count)


@contextmanager
def running(faulty: Faulty) -> Iterator[Faulty]:
    """Serve on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if faulty.models is not None:
                self._send(*faulty.models)
                return
            self._send(200, {"data": [{"id": "other", "owned_by": "nobody"}, {"id": "m", "owned_by": faulty.owned_by}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with faulty._lock:
                faulty.bodies.append(body)
                faulty.paths.append(self.path)
                faulty._in_flight += 1
                faulty.most_in_flight = max(faulty.most_in_flight, faulty._in_flight)
                fault = faulty.fault_of(next(faulty._numbers))
                if fault:
                    faulty.faults.append(fault)
            try:
                self._fail(fault) if fault else self._send(*faulty.answer(body))
            finally:
                with faulty._lock:
                    faulty._in_flight -= 1

        def _fail(self, fault: str) -> None:
            if fault == "429":
                self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.05"})
            elif fault == "500":
                self._send(500, {"error": {"message": "oops"}})
            elif fault == "dropped":  # a reset, not a polite end
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            elif fault == "hang":
                time.sleep(faulty.hang_s)
                self.close_connection = True
            elif fault == "broken json":
                self._send_bytes(200, b'{"choices": [{"message": {"content": "al')
            elif fault == "no choices":
                self._send(200, {"choices": []})
            else:
                raise AssertionError(fault)

        def _send(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
            content = body if isinstance(body, str) else json.dumps(body)
            self._send_bytes(status, content.encode(), headers)

        def _send_bytes(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, the base class's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    with Server(("127.0.0.1", 0), Handler) as server:
        faulty.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield faulty
        finally:
            server.shutdown()
            thread.join()
