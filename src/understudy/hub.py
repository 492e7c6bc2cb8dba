"""Access to the Hugging Face Hub without a network: only the local cache is used, and the reason is known at once.

In: the name of a model or file to load. Out: a context in which the Hub's own libraries load it. Outside of this
context, these libraries repeat each request for minutes if there is no network. Not here: loading.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

TIMEOUT_S = 5.0
"""Time limit of the request that shows whether the Hub answers."""


@contextmanager
def hub_or_cache() -> Iterator[str]:
    """Restrict the Hub's libraries to their cache if the Hub does not answer. Yields the reason; empty if it answers.

    The Hub is asked once per process, and not at all if ``HF_HUB_OFFLINE`` is set.
    """
    from huggingface_hub import constants

    reason = "" if constants.is_offline_mode() else why_unreachable(constants.ENDPOINT)
    if not reason:
        yield ""
        return
    settings: list[Any] = [
        module for name in ("huggingface_hub.constants", "datasets.config") if (module := sys.modules.get(name))
    ]
    before = [module.HF_HUB_OFFLINE for module in settings]
    for module in settings:
        module.HF_HUB_OFFLINE = True
    try:
        yield reason
    finally:
        for module, value in zip(settings, before, strict=True):
            module.HF_HUB_OFFLINE = value


@contextmanager
def naming_what_is_missing(path: str) -> Iterator[None]:
    """Add to the Hub's error that no folder was found, and where it was looked for.

    If the Hub cannot be reached, only its local cache is searched.
    """
    folder = Path(path).expanduser()
    if folder.is_dir() or folder.is_file():
        yield
        return
    with hub_or_cache() as unreachable:
        try:
            yield
        except OSError as error:
            reason = f"{unreachable}, and its cache does not hold it" if unreachable else str(error).partition("\n")[0]
            looked_at = f"{path}: the folder {folder.absolute()} does not exist"
            raise OSError(f"{looked_at}, and as a Hub id it cannot be loaded: {reason}") from error


@cache
def why_unreachable(endpoint: str, timeout_s: float = TIMEOUT_S) -> str:
    """The reason why a server cannot be reached, as a clause; empty if it gives any answer."""
    found = [f"{endpoint} did not answer within {timeout_s:g} s"]

    def ask() -> None:
        try:
            httpx.head(endpoint, timeout=timeout_s)
            found.append("")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            found.append(f"{endpoint} cannot be reached ({str(error) or type(error).__name__})")

    # Resolving a name may take longer than the time limit of the request.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(timeout_s)
    return found[-1]
