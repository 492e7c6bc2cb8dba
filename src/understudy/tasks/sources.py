"""Rows of the outside world: a benchmark's JSON file, a JSONL file, a Hub data set.

In: a ``TaskSetConfig``. Out: ``Row`` after ``Row``, each with its place for messages. Not here: what a row means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from understudy.tasks.benchmarks import SOURCE_URL, Benchmark
from understudy.tasks.config import FieldMap, TaskSetConfig
from understudy.tasks.download import DownloadError, default_cache_dir, fetch_once, file_sha256
from understudy.tasks.rows import BadTaskError, Row


def benchmark_file(
    benchmark: Benchmark, data_dir: Path | None, cache_dir: Path | None, source_url: str = SOURCE_URL
) -> Path:
    """The benchmark's file, from the folder that the user names, else from the cache, else fetched into it.

    Raises ``DownloadError`` where the file is not there or is not the one that the paper used.
    """
    if data_dir is None:
        place = (cache_dir or default_cache_dir()) / "benchmarks" / benchmark.file
        return fetch_once(f"{source_url}/{benchmark.url_path}", benchmark.sha256, place)
    path = data_dir / benchmark.file
    if not path.is_file():
        raise DownloadError(f"data_dir: {path} expected for {benchmark.name} {benchmark.split}, there is no such file")
    if (came := file_sha256(path)) != benchmark.sha256:
        raise DownloadError(f"data_dir: {path} is not the paper's file: expected {benchmark.sha256}, came {came}")
    return path


def benchmark_rows(path: Path) -> Iterator[Row]:
    """The examples of one of the paper's files."""
    examples = json.loads(path.read_text(encoding="utf-8"))["examples"]
    for number, values in enumerate(examples, 1):
        yield Row(values, number, f"{path}, example {number}")


def benchmark_fields(row: Row) -> FieldMap:
    """The field map that fits a file of the paper: not all of them have levels and types."""
    kind = next((key for key in ("type", "subject") if key in row.values), None)
    return FieldMap(id="id", level="level" if "level" in row.values else None, type=kind)


def jsonl_rows(path: Path) -> Iterator[Row]:
    """One object a line; blank lines are passed over. Raises ``BadTaskError`` that names the line."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            place = f"{path}, line {number}"
            try:
                values = json.loads(line)
            except json.JSONDecodeError as error:
                raise BadTaskError(f"{place}: expected a JSON object, came {line[:60]!r} ({error})") from error
            if not isinstance(values, dict):
                raise BadTaskError(f"{place}: expected a JSON object, came {type(values).__name__}")
            yield Row(values, number, place)


def hub_rows(config: TaskSetConfig) -> Iterator[Row]:
    """The rows of a data set that ``datasets`` can load. Raises ``BadTaskError`` where the split is not clear."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ImportError("Hub data sets need the package datasets: pip install 'understudy[hub]'") from error
    cache = None if config.cache_dir is None else str(config.cache_dir)
    found = load_dataset(config.hub, config.subset, revision=config.revision, cache_dir=cache)
    splits = sorted(found)
    split = config.split or (splits[0] if len(splits) == 1 else "")
    if split not in found:
        raise BadTaskError(f"split: {config.hub} has {', '.join(splits)}, {config.split or 'nothing'!r} came")
    for number, values in enumerate(found[split], 1):
        yield Row(values, number, f"{config.hub} [{split}], row {number}")
