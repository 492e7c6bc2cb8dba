"""The labelling page of the viewer. In: a ``Labelling``. Out: routes below ``/label/``: the page, its sample, the texts
of one attempt, and the only request of the viewer that writes. A page of another origin cannot make it: it must be JSON
and, if a browser names its origin, from this host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import ValidationError

from understudy.records import MarkVerdict, Record
from understudy.report.as_json import as_json
from understudy.report.collect import name_of
from understudy.report.labelling import Labelling, NotMarkableError
from understudy.report.page import PageKind, live_page
from understudy.report.visible import readable
from understudy.runs import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route


class MarkRequest(Record):
    """What the page sends: an attempt with its verdict, or neither to take back the last mark."""

    id: str = ""
    verdict: MarkVerdict | None = None


def label_routes(labelling: Labelling) -> list[Route]:
    """The routes of one labelling."""
    from starlette.routing import Route

    def page(_request: Request) -> Response:
        from starlette.responses import HTMLResponse

        return HTMLResponse(live_page(name_of(labelling.run_dir), PageKind.LABEL))

    def sample(_request: Request) -> Response:
        return _json(as_json(labelling.sample()))

    def body(request: Request) -> Response:
        return _or_problem(lambda: as_json(labelling.body(request.query_params.get("id", ""))))

    async def mark(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        if not _is_own(request):
            return _json("{}", status=403)
        asked = await request.body()
        return await run_in_threadpool(_or_problem, lambda: as_json(_marked(labelling, asked)))

    return [
        Route("/label/", page),
        Route("/label/sample", sample),
        Route("/label/body", body),
        Route("/label/mark", mark, methods=["POST"]),
    ]


def _marked(labelling: Labelling, asked: bytes) -> Record:
    try:
        request = MarkRequest.model_validate_json(asked)
    except ValidationError as error:
        raise NotMarkableError(explain(error, "mark")) from None
    return labelling.undo() if request.verdict is None else labelling.mark(request.id, request.verdict)


def _is_own(request: Request) -> bool:
    origin = request.headers.get("origin")
    is_here = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    return is_here and request.headers.get("content-type", "").partition(";")[0].strip() == "application/json"


def _or_problem(answer: Callable[[], str]) -> Response:
    try:
        return _json(answer())
    except NotMarkableError as error:
        return _problem(str(error), 404)
    except OSError as error:
        return _problem(f"the mark is not stored: {error}", 507)


def _problem(text: str, status: int) -> Response:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(readable(text), status_code=status)


def _json(text: str, status: int = 200) -> Response:
    from starlette.responses import Response

    headers = {"Cache-Control": "no-store"}
    return Response(text, status_code=status, headers=headers, media_type="application/json")
