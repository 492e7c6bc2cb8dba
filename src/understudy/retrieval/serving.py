"""``understudy index serve``: open an engine, serve it, close it.

In: a ``ServeConfig``. Out: a running server until it is interrupted, or, with ``running_server``, for as long as a
``with`` block lasts.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from understudy.extras import require
from understudy.records import Record
from understudy.retrieval.batching import BatchingRetriever
from understudy.retrieval.config import DenseConfig, RetrievalConfig
from understudy.retrieval.opening import open_engine
from understudy.retrieval.retriever import RetrievalError, Retriever
from understudy.retrieval.service import RetrievalService, ServiceConfig
from understudy.runs import digest

if TYPE_CHECKING:
    import uvicorn

_BACKLOG = 4096


class ServeConfig(Record):
    """What is served, and how."""

    retrieval: RetrievalConfig
    service: ServiceConfig = ServiceConfig()


def serve_index(config: ServeConfig) -> None:
    """Serve until SIGINT or SIGTERM."""
    require("serve", "the retrieval service")
    import uvicorn

    config.service.token()  # a missing token is said before anything is loaded
    with closing(own(open_engine(config.retrieval), config.service)) as retriever:
        about: dict[str, str | int] = {"kind": config.retrieval.kind, "config": digest(config.retrieval)}
        if isinstance(config.retrieval, DenseConfig):
            about["device"] = config.retrieval.device
        uvicorn.Server(_settings(RetrievalService(retriever, config.service, about), config.service)).run()


def own(engine: Retriever, config: ServiceConfig) -> BatchingRetriever:
    """The engine with the queue, the batches and the cache of the service."""
    return BatchingRetriever(
        engine, max_batch=config.max_batch, max_waiting=config.max_waiting, cache_entries=config.cache_entries
    )


@contextmanager
def running_server(retriever: BatchingRetriever, config: ServiceConfig) -> Iterator[str]:
    """Serve a retriever from a thread of this process; yields the URL. The retriever stays open.

    Raises ``RetrievalError`` if the server does not start, such as on a port that is taken.
    """
    require("serve", "the retrieval service")
    import uvicorn

    about: dict[str, str | int] = {"kind": "in process"}
    server = uvicorn.Server(_settings(RetrievalService(retriever, config, about), config))
    try:
        listener = socket.create_server((config.host, config.port), backlog=_BACKLOG)
    except OSError as error:
        raise RetrievalError(f"the server did not start on {config.host}:{config.port} ({error})") from error
    thread = threading.Thread(target=server.run, args=([listener],), name="retrieval-server", daemon=True)
    thread.start()
    try:
        yield f"http://{config.host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _settings(service: RetrievalService, config: ServiceConfig) -> uvicorn.Config:
    import uvicorn

    return uvicorn.Config(
        service,
        host=config.host,
        port=config.port,
        log_level="warning",
        access_log=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=5,
    )
