"""The viewer: all runs of a folder on loopback, following those that are going on.

In: a folder of run directories. Out: an HTTP service that reads and never writes. The page is the report's own; it is
fed by requests instead of by what is packed into it, and asks again every few seconds. Requests name runs and
collections, never paths: a name that is not in the listing is not found. Not here: access for others; the service
has no password and listens on loopback unless it is told otherwise.
"""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.report.bodies import chunk
from understudy.report.collect import collect, run_version
from understudy.report.data import Document
from understudy.report.page import live_page
from understudy.runs import BadRecordError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

N_KEPT = 4
"""Documents that are held in memory, so that a page that asks again costs nothing while nothing changes."""


@dataclass(slots=True)
class _Shelf:
    """The documents that were asked for last, by run, as long as their files stay as they are."""

    documents: dict[Path, Document] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, run_dir: Path) -> Document:
        with self.lock:
            version = run_version(run_dir)
            held = self.documents.pop(run_dir, None)
            document = held if held is not None and held.version == version else collect(run_dir)
            self.documents[run_dir] = document
            while len(self.documents) > N_KEPT:
                del self.documents[next(iter(self.documents))]
            return document


def serve_view(runs_dir: Path, host: str = "127.0.0.1", port: int = 7788) -> None:
    """Serve until interrupted. Raises ``FileNotFoundError`` where there is no such folder, ``OSError`` for a taken port."""
    if not runs_dir.is_dir():
        raise FileNotFoundError(f"{runs_dir}: expected a folder of run directories, there is none")
    import uvicorn

    print(f"Serving {runs_dir} at http://{host}:{port}/ (Ctrl-C ends it)")  # noqa: T201  the one thing a user needs
    uvicorn.run(view_app(runs_dir), host=host, port=port, log_level="warning")


def view_app(runs_dir: Path) -> Starlette:
    """The service itself, for a server of one's own."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import HTMLResponse, RedirectResponse, Response
    from starlette.routing import Route

    shelf = _Shelf()

    def run_dir(request: Request) -> Path:
        found = {path.name: path for path in run_dirs(runs_dir)}.get(request.path_params["run"])
        if found is None:
            raise HTTPException(404, "no such run")
        return found

    def index(request: Request) -> Response:
        return HTMLResponse(_index_page(runs_dir))

    def page(request: Request) -> Response:
        return HTMLResponse(live_page(run_dir(request).name))

    def to_page(request: Request) -> Response:
        return RedirectResponse(f"{request.url.path}/")

    def document(request: Request) -> Response:
        folder = run_dir(request)
        if request.query_params.get("have") == run_version(folder):
            return Response(status_code=204)
        return _packed(shelf.get(folder).model_dump_json(exclude_defaults=True).encode())

    def bodies(request: Request) -> Response:
        folder, place = run_dir(request), request.path_params["place"]
        collections = shelf.get(folder).collections
        if place >= len(collections):
            raise HTTPException(404, "no such collection")
        return _packed(chunk(folder, collections[place].key, request.path_params["number"]))

    def broken(request: Request, error: Exception) -> Response:
        return Response(str(error), status_code=500, media_type="text/plain")

    def _packed(content: bytes) -> Response:
        headers = {"Content-Encoding": "gzip", "Cache-Control": "no-store"}
        return Response(gzip.compress(content, compresslevel=1), headers=headers, media_type="application/json")

    return Starlette(
        routes=[
            Route("/", index),
            Route("/{run}", to_page),
            Route("/{run}/", page),
            Route("/{run}/document", document),
            Route("/{run}/chunk/{place:int}/{number:int}", bodies),
        ],
        exception_handlers={BadRecordError: broken},
    )


def run_dirs(runs_dir: Path) -> list[Path]:
    """The run directories of a folder, the one that changed last first. A folder that is a run counts as one."""
    if (runs_dir / "manifest.json").is_file():
        return [runs_dir.resolve()]
    found = [path.parent for path in runs_dir.glob("*/manifest.json")]
    return sorted(found, key=lambda path: -max(one.stat().st_mtime for one in (path, *path.glob("*/*"))))


def _index_page(runs_dir: Path) -> str:
    return live_page(str(escape(runs_dir.name)))
