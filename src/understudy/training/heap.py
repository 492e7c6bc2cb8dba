"""How the C library hands out the memory of large tensors while layers compute their activations again.

In: whether such a pass comes. Out: nothing; the process's allocator is set. Layers that compute again leave one tensor
each between many that are freed. In glibc's heap they keep the freed memory from being used again: a step of 10,000
tokens then takes twice the memory of its tensors. Blocks of their own go back to the system at once, for a few per cent
of time. Not here: GPUs, and other C libraries, which are left as they are.
"""

from __future__ import annotations

import ctypes
import sys

_MMAP_THRESHOLD = -3
"""glibc's number of the setting."""
_OWN_BLOCK_BYTES = 1 << 20
_GLIBC_BYTES = 32 << 20
"""To where glibc raises the threshold by itself once large blocks were freed."""


def give_large_tensors_own_blocks(*, is_on: bool) -> None:
    """Blocks of 1 MiB go back to the system when they are freed; or, as glibc does by itself, those of 32 MiB."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "gnu_get_libc_version"):
        return
    libc.mallopt(_MMAP_THRESHOLD, _OWN_BLOCK_BYTES if is_on else _GLIBC_BYTES)
    if is_on:
        libc.malloc_trim(0)  # what loading and shorter passes left
