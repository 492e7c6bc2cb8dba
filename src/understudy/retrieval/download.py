"""``understudy index download``: published corpora, and their published vectors if wanted.

In: a ``DownloadConfig``. Out: files in a folder, and an index of ours built from them. An interrupted download is
resumed (``Range``, with ``If-Range``: a file that has changed meanwhile is fetched from its start); a finished one
is not fetched again. A file published in pieces is written as one.

wiki-18: the Wikipedia dump of December 2018 in 21 M passages of 100 words, and e5-base-v2's vectors of them, as
Search-R1 publishes them (``PeterJinGo/wiki-18-corpus``, ``PeterJinGo/wiki-18-e5-index``), under their own licences.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from understudy.progress import Progress
from understudy.records import Record
from understudy.retrieval.build import BuildConfig, IndexInfo, build_index
from understudy.retrieval.encoder import EncoderConfig, TransformerEncoderConfig
from understudy.runs import read_record, write_atomic

if TYPE_CHECKING:
    import httpx

_CHUNK_BYTES = 1 << 20
_FIRST_PAUSE_S = 0.5
_MAX_PAUSE_S = 30.0


class DownloadError(Exception):
    """A file could not be fetched; the received part is kept for the next attempt."""


class CorpusSource(Record):
    """The place of a corpus on a server of data sets."""

    corpus_path: str
    vector_paths: tuple[str, ...]
    """Pieces of one faiss flat index, in order."""
    encoder: EncoderConfig
    """The encoder of the vectors."""


CORPORA = {
    "wiki-18": CorpusSource(
        corpus_path="datasets/PeterJinGo/wiki-18-corpus/resolve/main/wiki-18.jsonl.gz",
        vector_paths=(
            "datasets/PeterJinGo/wiki-18-e5-index/resolve/main/part_aa",
            "datasets/PeterJinGo/wiki-18-e5-index/resolve/main/part_ab",
        ),
        encoder=TransformerEncoderConfig(model="intfloat/e5-base-v2"),
    )
}


class DownloadConfig(Record):
    """The download and the index that is built from it."""

    name: Literal["wiki-18"] = "wiki-18"
    folder: Path
    """Files go into ``download`` in it, the index into the folder itself."""
    vectors: bool = False
    """Fetch the published vectors too (60 GB) and build a dense index from them."""
    lexical: bool = True
    recall: Annotated[float, Field(gt=0, le=1)] = 0.98
    base_url: str = "https://huggingface.co"
    """A mirror can stand here."""
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Time-out without data from the server."""
    attempts: Annotated[int, Field(ge=1)] = 8
    """Failed attempts in a row without a single byte."""


class _State(Record):
    """Beside an unfinished file: which piece is being fetched, where it begins, and its version."""

    piece: int = 0
    start_byte: int = 0
    etag: str = ""


def download_corpus(config: DownloadConfig, *, quiet: bool = False) -> IndexInfo:
    """Fetch missing files, then build the index. Raises ``DownloadError``."""
    import httpx

    published = CORPORA[config.name]
    fetched = config.folder / "download"
    corpus = fetched / "corpus.jsonl.gz"
    flat_index = fetched / "vectors.faiss" if config.vectors else None
    with httpx.Client(base_url=config.base_url, timeout=config.timeout_s, follow_redirects=True) as client:
        fetch_file(client, (published.corpus_path,), corpus, config.attempts, quiet=quiet)
        if flat_index is not None:
            fetch_file(client, published.vector_paths, flat_index, config.attempts, quiet=quiet)
    return build_index(
        BuildConfig(
            corpus=corpus,
            folder=config.folder,
            lexical=config.lexical,
            encoder=published.encoder if config.vectors else None,
            flat_index=flat_index,
            recall=config.recall,
        ),
        quiet=quiet,
    )


def fetch_file(client: httpx.Client, urls: Sequence[str], path: Path, attempts: int, *, quiet: bool = False) -> None:
    """Fetch pieces in order into one file, resuming if an earlier call was interrupted. Raises ``DownloadError``."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.touch()
    with Progress(f"fetch {path.name} (MiB)", None, done=part.stat().st_size >> 20, quiet=quiet) as progress:
        fetch = _Fetch(client, part, path.with_name(path.name + ".state.json"), progress)
        for piece in range(fetch.state().piece, len(urls)):
            fetch.begin(piece)
            _retried(fetch, urls[piece], attempts)
    part.replace(path)
    fetch.state_path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Fetch:
    """One unfinished file and where its bytes come from."""

    client: httpx.Client
    part: Path
    state_path: Path
    progress: Progress

    def state(self) -> _State:
        return read_record(self.state_path, _State) if self.state_path.exists() else _State()

    def begin(self, piece: int) -> None:
        if piece > self.state().piece:
            self._save(_State(piece=piece, start_byte=self.part.stat().st_size))

    def stream(self, url: str) -> None:
        """Fetch what is missing of the current piece."""
        state = self.state()
        have = self.part.stat().st_size - state.start_byte
        headers = {"Accept-Encoding": "identity"}
        if have and state.etag:
            headers |= {"Range": f"bytes={have}-", "If-Range": state.etag}
        with self.client.stream("GET", url, headers=headers) as response:
            if response.status_code == 416:  # nothing is missing: it was cut after its last byte
                return
            response.raise_for_status()
            if response.status_code != 206:  # the first time, a changed file, or a server without ranges
                os.truncate(self.part, state.start_byte)
                self._save(state.model_copy(update={"etag": response.headers.get("etag", "")}))
            with self.part.open("ab") as file:
                for chunk in response.iter_bytes(_CHUNK_BYTES):
                    file.write(chunk)
                    self.progress.advance(len(chunk) >> 20)

    def _save(self, state: _State) -> None:
        write_atomic(self.state_path, state.model_dump_json())


def _retried(fetch: _Fetch, url: str, attempts: int) -> None:
    """Fetch one piece; only attempts in a row that brought nothing are counted."""
    import httpx

    left = attempts
    while True:
        before = fetch.part.stat().st_size
        try:
            fetch.stream(url)
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            left = attempts if fetch.part.stat().st_size > before else left - 1
            is_final = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
            if left == 0 or is_final:
                raise DownloadError(f"{fetch.client.base_url.join(url)}: {error}; {fetch.part} is kept") from error
            time.sleep(min(_MAX_PAUSE_S, _FIRST_PAUSE_S * 2 ** (attempts - left)))
        else:
            return
