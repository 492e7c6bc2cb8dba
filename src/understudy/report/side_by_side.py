"""Several runs on one page: the same task, attempted in one run and in another.

In: run directories. Out: one self-contained HTML file that holds all evaluations of all of them, so that its reader can
choose any two. Attempts for training are left out to keep the file small; the viewer shows them too. Not here: a run's
own report (``page``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from understudy.records import Record
from understudy.report.as_json import as_json
from understudy.report.bodies import chunks
from understudy.report.data import CollectionKind
from understudy.report.outline import RunOutline, attempts_of, outline_of
from understudy.report.page import PageKind, element, file_page
from understudy.runs import write_atomic


class SideBySide(Record):
    """The contents of the page, without rows and texts."""

    title: str
    runs: tuple[RunOutline, ...]


def write_comparison(run_dirs: Sequence[Path], path: Path) -> Path:
    """Write the page and return its path.

    Raises ``FileNotFoundError`` if there is no such run, ``BadRecordError`` if one of its files is damaged.
    """
    runs = tuple(_evaluated(outline_of(one, name)) for one, name in zip(run_dirs, run_names(run_dirs), strict=True))
    title = " beside ".join(run.name for run in runs) if len(runs) < 3 else f"{len(runs)} runs side by side"
    document = SideBySide(title=title, runs=runs)
    data = "".join(_data(run_dirs, document))
    write_atomic(path, file_page(document.title, PageKind.COMPARE, data, _fallback(document)))
    return path


def run_names(run_dirs: Sequence[Path]) -> list[str]:
    """Distinct names: the shortest end of each directory's path that distinguishes it from the others. A directory that
    is given twice is numbered.
    """
    paths = [path.resolve() for path in run_dirs]
    longest = max((len(path.parts) for path in paths), default=1)
    names = [path.name for path in paths]
    for n_parts in range(2, longest + 1):
        n_dirs = {name: len({path for path, own in zip(paths, names, strict=True) if own == name}) for name in names}
        names = [
            "/".join(path.parts[-n_parts:]) if n_dirs[name] > 1 else name
            for path, name in zip(paths, names, strict=True)
        ]
    return list(_numbered(names))


def _numbered(names: Sequence[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield f"{name} ({seen[name]})" if seen[name] > 1 else name


def _evaluated(run: RunOutline) -> RunOutline:
    kept = tuple(one for one in run.collections if one.kind is CollectionKind.EVALUATE)
    return run.model_copy(update={"collections": kept})


def _data(run_dirs: Sequence[Path], document: SideBySide) -> Iterator[str]:
    yield element("document", as_json(document).encode())
    for number, (run_dir, run) in enumerate(zip(run_dirs, document.runs, strict=True)):
        for place, one in enumerate(run.collections):
            yield element(f"attempts-{number}-{place}", as_json(attempts_of(run_dir, one.key)).encode())
            for n, lines in enumerate(chunks(run_dir, one.key)):
                yield element(f"chunk-{number}-{place}-{n}", lines)


def _fallback(document: SideBySide) -> str:
    """What is read if no script runs: which runs the file holds."""
    items = "".join(
        f"<li>{escape(run.name)}: {escape(', '.join(one.label for one in run.collections) or 'nothing evaluated')}</li>"
        for run in document.runs
    )
    return f"<h1>{escape(document.title)}</h1><ul>{items}</ul><p>Open this file in a browser for the rest.</p>"
