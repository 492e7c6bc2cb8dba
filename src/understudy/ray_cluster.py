"""Membership of this process in a Ray cluster (extra ``ray``).

In: an address. Out: a cluster that stays joined as long as anybody in this process uses it. Not here: actors.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import ray


@dataclass(slots=True)
class _Membership:
    n_users: int = 0
    is_ours: bool = False
    """Whether the cluster was joined here, and not by the program that uses this package."""
    lock: threading.Lock = field(default_factory=threading.Lock)


_membership = _Membership()


@contextmanager
def joined_cluster(address: str | None) -> Iterator[None]:
    """Join the cluster at ``address``, as ``ray.init`` takes it, or use the one that this process is in already.

    The last user leaves what was joined here. Raises ``ConnectionError`` if there is no such cluster.
    """
    with _membership.lock:
        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            ray.init(address=address, include_dashboard=False, log_to_driver=False)
            _membership.is_ours = True
        _membership.n_users += 1
    try:
        yield
    finally:
        with _membership.lock:
            _membership.n_users -= 1
            if _membership.n_users == 0 and _membership.is_ours:
                _membership.is_ours = False
                ray.shutdown()
