"""The viewer: all runs of a folder on loopback; it follows running ones.

In: a folder of run directories. Out: an HTTP service that reads, and writes only the marks of a labelling. The page is
that of the report, but it requests its data from the service, and again every few seconds. Requests name runs and
collections, never paths: names that are not listed are not found. Not here: access for others; the service has no
password and listens on loopback unless another host is chosen.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.extras import require
from understudy.records import Record
from understudy.report.as_json import as_json
from understudy.report.bodies import chunk
from understudy.report.collect import collect, name_of, run_version
from understudy.report.data import Document
from understudy.report.label_routes import label_routes
from understudy.report.labelling import Labelling
from understudy.report.outline import attempts_of, attempts_version, outline_of
from understudy.report.page import PageKind, live_page
from understudy.report.runs_list import list_runs, run_dirs
from understudy.report.stage_files import collection_kind, stage_dirs
from understudy.report.visible import readable
from understudy.runs import BadRecordError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response


class Problem(Record):
    """An error as the viewer's answer."""

    problem: str
    """Which file of the run could not be read, and why."""


LOOPBACK = ("localhost", "127.0.0.1")
N_KEPT = 4
"""Documents, and rows of collections, that are held in memory, so that a page that asks again costs nothing while
nothing changes."""


def serve_view(runs_dir: Path, host: str = "127.0.0.1", port: int = 7788, labelling: Labelling | None = None) -> None:
    """Serve until interrupted. ``labelling``: also serve the page that marks its sample.

    Raises ``FileNotFoundError`` if there is no such folder, ``MissingExtraError`` without the extra ``serve``.
    """
    if not runs_dir.is_dir():
        raise FileNotFoundError(f"{runs_dir}: expected a folder of run directories, there is none")
    require("serve", "the viewer")
    import uvicorn

    path = "" if labelling is None else "label/"
    print(f"Serving {runs_dir} at http://{host}:{port}/{path} (Ctrl-C ends it)")  # noqa: T201  the one thing a user needs
    uvicorn.run(view_app(runs_dir, host, labelling), host=host, port=port, log_level="warning")


def view_app(runs_dir: Path, host: str = "127.0.0.1", labelling: Labelling | None = None) -> Starlette:
    """The service itself, for a server of one's own.

    On loopback it answers only to loopback host names, so that no foreign page can read runs through DNS rebinding.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Route

    viewer = _Viewer(runs_dir)
    names = list(LOOPBACK) if host in LOOPBACK else ["*"]
    return Starlette(
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=names)],
        routes=[
            Route("/", viewer.index),
            Route("/runs", viewer.runs),
            Route("/run/{run}/", viewer.page),
            Route("/run/{run}/document", viewer.document),
            Route("/run/{run}/outline", viewer.outline),
            Route("/run/{run}/attempts/{kind}/{name}", viewer.attempts),
            Route("/run/{run}/chunk/{kind}/{name}/{number:int}", viewer.chunk),
            Route("/compare/", viewer.compare),
            *(() if labelling is None else label_routes(labelling)),
        ],
    )


class _Viewer:
    """Answers requests. Recently requested documents are cached until their files change."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._kept: dict[Path, Document] = {}
        self._rows: dict[tuple[Path, str], tuple[str, bytes]] = {}
        """Rows of single collections, packed, by run and key: their version and the answer."""
        self._lock = threading.Lock()

    def index(self, _request: Request) -> Response:
        return _html(live_page(name_of(self._runs_dir), PageKind.INDEX))

    def runs(self, _request: Request) -> Response:
        return _packed(list_runs(self._runs_dir).model_dump_json())

    def page(self, request: Request) -> Response:
        return _html(live_page(name_of(self._run_dir(request))))

    def document(self, request: Request) -> Response:
        from starlette.responses import Response

        run_dir = self._run_dir(request)
        if request.query_params.get("have") == run_version(run_dir):
            return Response(status_code=204)
        return _answer(_or_problem(lambda: _gzipped(as_json(self._document(run_dir)))))

    def compare(self, _request: Request) -> Response:
        return _html(live_page(name_of(self._runs_dir), PageKind.COMPARE))

    def outline(self, request: Request) -> Response:
        run_dir = self._run_dir(request)
        return _answer(_or_problem(lambda: _gzipped(as_json(outline_of(run_dir)))))

    def attempts(self, request: Request) -> Response:
        run_dir = self._run_dir(request)
        key = self._key(request, run_dir)
        return _answer(_or_problem(lambda: self._packed_rows(run_dir, key)))

    def chunk(self, request: Request) -> Response:
        run_dir = self._run_dir(request)
        key = self._key(request, run_dir)
        return _packed(chunk(run_dir, key, request.path_params["number"]).decode())

    def _key(self, request: Request, run_dir: Path) -> str:
        """The collection that a request names, if the run has it."""
        from starlette.exceptions import HTTPException

        key = f"{request.path_params['kind']}/{request.path_params['name']}"
        if key not in {
            str(one.relative_to(run_dir)) for one in stage_dirs(run_dir) if collection_kind(one) is not None
        }:
            raise HTTPException(404, "no such collection")
        return key

    def _run_dir(self, request: Request) -> Path:
        from starlette.exceptions import HTTPException

        found = {readable(path.name): path for path in run_dirs(self._runs_dir)}.get(request.path_params["run"])
        if found is None:
            raise HTTPException(404, "no such run")
        return found

    def _packed_rows(self, run_dir: Path, key: str) -> bytes:
        version = attempts_version(run_dir, key)
        with self._lock:
            found = self._rows.pop((run_dir, key), None)
            if found is None or found[0] != version:
                found = version, _gzipped(as_json(attempts_of(run_dir, key)))
            self._rows[run_dir, key] = found
            while len(self._rows) > N_KEPT:
                del self._rows[next(iter(self._rows))]
            return found[1]

    def _document(self, run_dir: Path) -> Document:
        with self._lock:
            kept = self._kept.pop(run_dir, None)
            document = kept if kept is not None and kept.version == run_version(run_dir) else collect(run_dir)
            self._kept[run_dir] = document
            while len(self._kept) > N_KEPT:
                del self._kept[next(iter(self._kept))]
            return document


def _or_problem(read: Callable[[], bytes]) -> bytes:
    """The result, or a record that names the file of the run that could not be read; packed."""
    try:
        return read()
    except (BadRecordError, LookupError, OSError, ValueError, ArithmeticError) as error:
        return _gzipped(as_json(Problem(problem=readable(str(error)))))


def _html(page: str) -> Response:
    from starlette.responses import HTMLResponse

    return HTMLResponse(page)


def _packed(text: str) -> Response:
    return _answer(_gzipped(text))


def _gzipped(text: str) -> bytes:
    return gzip.compress(text.encode(), compresslevel=1)


def _answer(packed: bytes) -> Response:
    from starlette.responses import Response

    headers = {"Content-Encoding": "gzip", "Cache-Control": "no-store"}
    return Response(packed, headers=headers, media_type="application/json")
