"""Fetches a public file once, and accepts it only with the recorded checksum.

In: an address, a SHA-256, a place. Out: the file in its place. Not here: retries beyond a plain second try, resuming of
half files (these files are under a megabyte), any file without a checksum.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import httpx

from understudy.runs import sha256_of, write_atomic

TIMEOUT_S = 60.0
MAX_BYTES = 64 * 1024 * 1024
"""Far more than the size of any of the files; a larger download is wrong."""


class DownloadError(Exception):
    """The file could not be fetched, or is not the expected one."""


def default_cache_dir() -> Path:
    """``understudy`` in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "understudy"


def fetch_once(url: str, sha256: str, place: Path) -> Path:
    """Return ``place``, which has the file with that SHA-256; fetch it if it is missing or damaged.

    Raises ``DownloadError`` if the server does not give it, or gives other bytes: these are not kept.
    """
    if place.exists() and sha256_of(place) == sha256:
        return place
    content = _get(url)
    got = hashlib.sha256(content).hexdigest()
    if got != sha256:
        raise DownloadError(f"{url}: expected SHA-256 {sha256}, got {got} ({len(content):,} bytes); not kept")
    write_atomic(place, content)
    return place


def _get(url: str) -> bytes:
    transport = httpx.HTTPTransport(retries=1)
    try:
        with (
            httpx.Client(transport=transport, timeout=TIMEOUT_S, follow_redirects=True) as client,
            client.stream("GET", url) as response,
        ):
            response.raise_for_status()
            return _read_limited(url, response)
    except httpx.HTTPError as error:
        raise DownloadError(
            f"{url}: {error or type(error).__name__}. Name a folder that already holds the file with the key data_dir"
        ) from error


def _read_limited(url: str, response: httpx.Response) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise DownloadError(f"{url}: expected at most {MAX_BYTES:,} bytes, got more")
    return bytes(content)
