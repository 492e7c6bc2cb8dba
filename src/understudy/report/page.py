"""The page: one self-contained HTML file, or the same page empty for the viewer that feeds it over HTTP.

In: a run directory. Out: ``report.html`` with style, script and all data inside. Its content security policy names the
only script and the only style by their digests and allows no connection. The page thus cannot send data, and text that
is interpreted as markup by mistake cannot run. Not here: the contents (``collect``), the drawing (``assets/``).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

from understudy.report.as_json import as_json
from understudy.report.bodies import chunks
from understudy.report.collect import collect
from understudy.report.config import ReportConfig
from understudy.report.data import Document
from understudy.report.sentence import named
from understudy.run_layout import REPORT
from understudy.runs import write_atomic

SCRIPTS = (
    "dom.js",
    "source.js",
    "state.js",
    "format.js",
    "python.js",
    "charts.js",
    "plots.js",
    "agreements.js",
    "robustness.js",
    "breakdowns.js",
    "cascades.js",
    "results.js",
    "figures.js",
    "cleaning.js",
    "training.js",
    "filters.js",
    "list.js",
    "steps.js",
    "reading.js",
    "two_panes.js",
    "trajectories.js",
    "label.js",
    "side_by_side.js",
    "pairs.js",
    "runs.js",
    "theme.js",
    "main.js",
)
"""In order: they are joined into one script, and each uses definitions of earlier ones."""
STYLES = ("base.css", "results.css", "trajectories.css", "pairs.css", "label.css")
CHAT_SCRIPTS = ("dom.js", "format.js", "python.js", "steps.js", "theme.js", "chat.js")
CHAT_STYLES = ("base.css", "trajectories.css", "chat.css")


class PageKind(StrEnum):
    """What a page shows."""

    RUN = "run"
    INDEX = "index"
    """The list of all runs: in the viewer only."""
    COMPARE = "compare"
    """Two systems of two runs, attempt by attempt."""
    LABEL = "label"
    """A sample of attempts that a person marks: in the viewer only."""
    CHAT = "chat"
    """A chat with a served agent: in its server only."""


def write_report(run_dir: Path, config: ReportConfig | None = None) -> Path:
    """Write ``report.html`` into a run directory and return its path.

    ``config`` None: as the run's recipe says. Raises as ``collect`` does.
    """
    document = collect(run_dir, config)
    path = run_dir / REPORT
    write_atomic(path, page_of(document, "".join(_data(run_dir, document))))
    return path


def page_of(document: Document, data: str) -> str:
    """The page with ``data`` in it: script elements that hold packed text and are never run."""
    return file_page(document.title, PageKind.RUN, data, _fallback(document))


def file_page(title: str, kind: PageKind, data: str, fallback: str) -> str:
    """A page that holds its data. ``fallback``: markup that is read if no script runs."""
    return _page(title=title, kind=kind, data=data, fallback=fallback, connect="'none'", live="")


def live_page(title: str, kind: PageKind = PageKind.RUN) -> str:
    """The page without data: it requests the data from its server again and again."""
    return _page(title=title, kind=kind, data="", fallback="", connect="'self'", live=" data-live")


def chat_page(label: str) -> str:
    """The page of a chat with a served agent, which requests all else from its server."""
    return _page(
        title=label,
        kind=PageKind.CHAT,
        data="",
        fallback="",
        connect="'self'",
        live=" data-live",
        scripts=CHAT_SCRIPTS,
        styles=CHAT_STYLES,
    )


def element(name: str, content: bytes) -> str:
    """Data in a page: packed text in a script element that is never run."""
    packed = base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode()
    return f'<script type="text/plain" id="{name}">{packed}</script>\n'


def _page(
    *,
    title: str,
    kind: PageKind,
    data: str,
    fallback: str,
    connect: str,
    live: str,
    scripts: tuple[str, ...] = SCRIPTS,
    styles: tuple[str, ...] = STYLES,
) -> str:
    style, script = _joined(styles), _joined(scripts)
    policy = (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; img-src data:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    parts = {
        "POLICY": policy,
        "TITLE": escape(title),
        "PAGE": f' data-page="{kind}"{live}',
        "STYLE": style,
        "FALLBACK": fallback,
        "DATA": data,
        "SCRIPT": script,
    }
    page = _asset("page.html")
    pieces = page.split("%%")  # pieces with odd indices are names; inserted text is never scanned again
    return "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))


def _data(run_dir: Path, document: Document) -> Iterator[str]:
    yield element("document", as_json(document).encode())
    for place, collection in enumerate(document.collections):
        for number, lines in enumerate(chunks(run_dir, collection.key)):
            yield element(f"chunk-{place}-{number}", lines)


def _fallback(document: Document) -> str:
    """What is read if no script runs, as in a mail's preview: the sentence and the bare table."""
    rows = "".join(
        f"<tr><th>{escape(named(one))}</th><td>{100 * one.metrics.average:.1f} %</td>"
        f"<td>{one.interval.percents}</td></tr>"
        for one in document.systems
    )
    table = f"<table><tr><th>System</th><th>Accuracy</th><th>95 % interval</th></tr>{rows}</table>" if rows else ""
    sentence = f"{escape(document.sentence.text)} {escape(document.sentence.doubt)}"
    return f"<h1>{escape(document.title)}</h1><p>{sentence}</p>{table}<p>Open this file in a browser for the rest.</p>"


@cache
def _asset(name: str) -> str:
    return files("understudy.report").joinpath("assets", name).read_text(encoding="utf-8")


def _joined(names: tuple[str, ...]) -> str:
    return "\n" + "\n".join(_asset(name) for name in names)


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
