"""Drops the privileges of the zygote before its first fork, and of an episode before it runs any code. In: the calling
process. Out: names of the protections that the kernel confirmed. None can be undone. ``report.py`` tests later whether
they hold; this module only returns the kernel's answers.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct

from .seccomp import ARCHITECTURES

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 36, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_CAPSET = {"x86_64": 126, "aarch64": 91}
_MADV_COLLAPSE = 25
_CPU_BACKSTOP_S = 3600
"""Ends a process even if its host is gone. The host enforces the limit of each action.
"""
_MAX_DESCRIPTORS = 280
"""A branch of 250 hands over as many sockets."""
# First Landlock ABI with the rights, and the mask of all file system rights there are at it.
_FILE_RIGHTS = ((1, (1 << 13) - 1), (2, (1 << 14) - 1), (3, (1 << 15) - 1), (5, (1 << 16) - 1))
_NETWORK_RIGHTS, _SCOPES = 0b11, 0b11


def _prctl(*arguments: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:5]]
    return bool(libc.prctl(*padded) == 0)


_python = ctypes.PyDLL(None)


def fork() -> int:
    """The C library's fork, without what Python does after its own: 0 in the child, under 0 if there is none.

    Python reseeds ``random`` and repairs the locks of other threads by running code, and in a child whose every write
    copies a page that costs more than half of all a trivial branch costs. There are no other threads here, and
    ``random`` must go on from where it was.
    """
    return int(_python.fork())


def use_huge_pages() -> None:
    """Move the libraries' objects into huge pages, of which a fork copies one entry where it copies 512 of small ones.

    A page that a child writes to is small again, and is copied alone. Linux before 6.1 and kernels without huge pages
    refuse, and everything stays as it is.
    """
    try:
        with open("/proc/self/maps") as file:  # noqa: PTH123
            lines = [line.split() for line in file]
    except OSError:
        return  # no /proc
    libc = ctypes.CDLL(None, use_errno=True)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for bounds, rights, *_, name in lines:
        if rights != "rw-p" or name not in ("0", "[heap]"):  # the inode of memory without a file
            continue
        start, end = (int(bound, 16) for bound in bounds.split("-"))
        libc.madvise(start, end - start, _MADV_COLLAPSE)


def become_zygote() -> None:
    """Adopt orphaned descendants, and refuse debuggers."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_DUMPABLE, 0)


def give_up_privileges() -> list[str]:
    """No new privileges through exec, no capabilities. Returns what took hold."""
    done = ["no_new_privs"] if _prctl(_PR_SET_NO_NEW_PRIVS, 1) else []
    for capability in range(64):
        if not _prctl(_PR_CAPBSET_DROP, capability):
            break
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    if libc.syscall(_CAPSET[os.uname().machine], header, bytes(24)) == 0:
        done.append("capabilities")
    return done


def restrict_files_and_network() -> int:
    """Landlock without a single rule: no file, no TCP, no abstract socket, no signal to the outside.

    Returns the ABI that took hold, 0 if the kernel has no Landlock.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    create = ARCHITECTURES[os.uname().machine].landlock
    abi: int = libc.syscall(create, None, ctypes.c_size_t(0), 1)
    if abi < 1:
        return 0
    files = max(mask for first, mask in _FILE_RIGHTS if first <= abi)
    attributes = struct.pack("=QQQ", files, _NETWORK_RIGHTS if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset: int = libc.syscall(create, attributes, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return 0
    taken = libc.syscall(create + 2, ruleset, 0) == 0
    os.close(ruleset)
    return abi if taken else 0


def die_with_parent() -> None:
    """SIGKILL when the parent dies. A fork does not inherit this."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def first_to_go_when_memory_is_short() -> None:
    """Make the kernel's out-of-memory killer prefer this process and its descendants."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(fd, b"1000")
        os.close(fd)
    except OSError:
        pass  # no /proc, or a container that forbids it: the address space limit stands


def address_space_bytes() -> int:
    """Virtual memory of this process, 0 if there is no /proc."""
    try:
        fd = os.open("/proc/self/statm", os.O_RDONLY)
        pages = int(os.read(fd, 100).split()[0])
        os.close(fd)
    except OSError:
        return 0
    return pages * resource.getpagesize()


def limit_resources(address_space: int) -> None:
    """Hard limits of one episode process. ``address_space``: bytes in all."""
    for kind, value in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_CPU, _CPU_BACKSTOP_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))
