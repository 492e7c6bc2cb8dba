"""The built-in task sources: files, Hub data sets, the paper's benchmarks, the toy world.

In: the config of a source. Out: rows with their tasks, each with its place for messages. Not here: what a row means.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from understudy.datafiles import BadRow, Row, hub_rows, read_rows
from understudy.runs import sha256_of
from understudy.tasks.benchmarks import SOURCE_URL, Benchmark, benchmark_named
from understudy.tasks.config import (
    BenchmarkConfig,
    FieldMap,
    FileConfig,
    HubConfig,
    OwnQuestionsConfig,
    SuiteConfig,
    ToyConfig,
)
from understudy.tasks.download import DownloadError, default_cache_dir, fetch_once
from understudy.tasks.rows import RowReader
from understudy.tasks.source import BadTaskError, Found, SourceFacts


class FileSource:
    """Questions of a file or folder."""

    def __init__(self, config: FileConfig) -> None:
        self._config = config
        self.facts = SourceFacts(config.name or config.path.name.split(".")[0], config.split)

    def find(self) -> Iterator[Found]:
        path = self._config.path
        split = self._config.split if path.is_dir() else ""
        return _found(_reader(self._config, self.facts.name), read_rows(path, split))


class HubSource:
    """Questions of a Hub data set."""

    def __init__(self, config: HubConfig) -> None:
        self._config = config
        self.facts = SourceFacts(config.name or config.hub, config.split)

    def find(self) -> Iterator[Found]:
        config = self._config
        rows = hub_rows(config.hub, config.subset, config.split, config.revision, config.cache_dir)
        return _found(_reader(config, self.facts.name), rows)


class BenchmarkSource:
    """Questions of the paper."""

    def __init__(self, config: BenchmarkConfig) -> None:
        self._config = config
        self._benchmark = it = benchmark_named(config.name, config.split)
        self.facts = SourceFacts(it.name, it.split, it.licence, keeps_repeated=True)

    def find(self) -> Iterator[Found]:
        it = self._benchmark
        rows = list(benchmark_rows(benchmark_file(it, self._config.data_dir, self._config.cache_dir)))
        fields = benchmark_fields(rows[0])
        return _found(RowReader(fields, it.kind, it.name, it.split, f"{it.name}/", needs_answer=True), rows)


class ToySource:
    """Questions about the toy world; the limit is how many are made."""

    def __init__(self, config: ToyConfig) -> None:
        self._config = config
        self.facts = SourceFacts(config.name, config.split, licence="Apache-2.0", draws=True)

    def find(self) -> Iterator[Found]:
        from understudy.tasks.toy import RECIPES_WORLD, toy_tasks

        config = self._config
        for task in toy_tasks(config.split, config.limit, RECIPES_WORLD, draw=config.seed):
            yield Found(task.id, task)


class SuiteSource:
    """Questions of the suite; which of a set's pool is drawn by limit and seed."""

    def __init__(self, config: SuiteConfig) -> None:
        self._config = config
        self.facts = SourceFacts(config.name, config.split, licence="Apache-2.0")

    def find(self) -> Iterator[Found]:
        from understudy.tasks.suite import suite_tasks

        for task in suite_tasks(self._config.name, self._config.split):
            yield Found(task.id, task)


def benchmark_file(
    benchmark: Benchmark, data_dir: Path | None, cache_dir: Path | None, source_url: str = SOURCE_URL
) -> Path:
    """The benchmark's file, from the folder that the user names, else from the cache, else fetched into it.

    Raises ``DownloadError`` if the file is not there or is not the one that the paper used.
    """
    if data_dir is None:
        place = (cache_dir or default_cache_dir()) / "benchmarks" / benchmark.file
        return fetch_once(f"{source_url}/{benchmark.url_path}", benchmark.sha256, place)
    path = data_dir / benchmark.file
    if not path.is_file():
        raise DownloadError(f"data_dir: {path} expected for {benchmark.name} {benchmark.split}, there is no such file")
    if (got := sha256_of(path)) != benchmark.sha256:
        raise DownloadError(f"data_dir: {path} is not the paper's file: expected {benchmark.sha256}, got {got}")
    return path


def benchmark_rows(path: Path) -> Iterator[Row]:
    """The examples of one of the paper's files."""
    examples = json.loads(path.read_text(encoding="utf-8"))["examples"]
    for number, values in enumerate(examples, 1):
        yield Row(values, number, f"{path}, example {number}")


def benchmark_fields(row: Row) -> FieldMap:
    """The field map that fits a file of the paper: not all of them have levels and types."""
    values = row.value if isinstance(row.value, Mapping) else {}
    kind = next((key for key in ("type", "subject") if key in values), None)
    return FieldMap(id="id", level="level" if "level" in values else None, type=kind)


def _reader(config: OwnQuestionsConfig, name: str) -> RowReader:
    # Splits of one data set often number their rows alike.
    prefix = f"{name}/{config.split}/" if config.split else f"{name}/"
    return RowReader(config.fields, config.task_kind, name, config.split, prefix)


def _found(reader: RowReader, rows: Iterable[Row | BadRow]) -> Iterator[Found]:
    for row in rows:
        if isinstance(row, BadRow):
            raise BadTaskError(str(row))
        yield Found(row.place, reader.read(row))
