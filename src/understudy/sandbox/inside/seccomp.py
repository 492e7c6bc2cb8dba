"""Which system calls an episode may make: one table, two architectures, compiled to classic BPF.

In: the machine's name as ``os.uname().machine`` gives it. Out: filter programs as bytes, and their installation in the
calling process. The list is an allowlist: what it does not name fails with EPERM, which Python shows as
``PermissionError``: the code gets a clear error and the state survives. Calls of a foreign architecture and x32 calls
kill the process, because honest code never makes them.

Two filters are stacked. The *fork guard* forwards each ``clone`` to the holder of the listener (the host); the
*allowlist* comes on top, once the listener is handed over. The kernel takes the strictest answer of the two.
"""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass

RET_KILL = 0x80000000
RET_ERRNO = 0x00050000
RET_NOTIFY = 0x7FC00000
RET_ALLOW = 0x7FFF0000
EPERM, EBUSY, ENOSYS = 1, 16, 38

_LOAD, _JUMP_EQ, _JUMP_GE, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_X32_BIT = 0x40000000
_SET_MODE_FILTER, _FLAG_NEW_LISTENER = 1, 8
FORK_FLAGS = 0x01200011
"""CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD: what glibc's fork asks for. A thread asks for CLONE_VM as
well.
"""


@dataclass(frozen=True)
class Condition:
    """Argument ``argument`` (from 0), masked, equals ``value``; all 64 bits are compared."""

    argument: int
    mask: int
    value: int


@dataclass(frozen=True)
class Architecture:
    """What is different from one machine to the next."""

    audit: int
    column: int
    """Column of ``NUMBERS``."""
    seccomp: int
    """Number of the seccomp call itself."""
    landlock: int = 444
    """Number of landlock_create_ruleset; add_rule and restrict_self follow it."""


ARCHITECTURES = {
    "x86_64": Architecture(audit=0xC000003E, column=0, seccomp=317),
    "aarch64": Architecture(audit=0xC00000B7, column=1, seccomp=277),
}

# name: (x86_64, aarch64); None if the architecture has no such call.
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "recvmsg": (47, 212),
    "recvfrom": (45, 207),
    "sendto": (44, 206),
    "getsockname": (51, 204),
    "getsockopt": (55, 209),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "brk": (12, 214),
    "madvise": (28, 233),
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getrandom": (318, 278),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "wait4": (61, 260),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "clone": (56, 220),
    "prctl": (157, 167),
    "clone3": (435, 435),
    "openat2": (437, 437),
    "faccessat2": (439, 439),
}

_NO_EXEC = Condition(2, 4, 0)
_CONDITIONS: dict[str, tuple[Condition, ...]] = {
    "mmap": (_NO_EXEC,),
    "mprotect": (_NO_EXEC,),
    "sendto": (Condition(4, (1 << 64) - 1, 0),),  # to the connected peer only, no address
    "clone": (Condition(0, (1 << 64) - 1, FORK_FLAGS),),
    "prctl": (Condition(0, (1 << 64) - 1, 1), Condition(1, (1 << 64) - 1, 9)),  # die with your parent, by SIGKILL
}
_NOT_HERE = ("clone3", "openat2", "faccessat2")
"""Answered ENOSYS, so that the C library falls back to the older call, whose arguments a filter can read."""


def _instruction(code: int, k: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, jump_true, jump_false, k)


def _errno(number: int) -> bytes:
    return _instruction(_RETURN, RET_ERRNO | number)


def _prologue(architecture: Architecture) -> list[bytes]:
    program = [
        _instruction(_LOAD, 4),
        _instruction(_JUMP_EQ, architecture.audit, 1, 0),
        _instruction(_RETURN, RET_KILL),
    ]
    program.append(_instruction(_LOAD, 0))
    if architecture.column == 0:
        program += [_instruction(_JUMP_GE, _X32_BIT, 0, 1), _instruction(_RETURN, RET_KILL)]
    return program


def _block(number: int, conditions: tuple[Condition, ...], action: int) -> list[bytes]:
    """Instructions that answer one call for good, and are skipped for every other call."""
    checks: list[tuple[int, int, int]] = []
    for condition in conditions:
        offset = 16 + 8 * condition.argument
        for half in (0, 1):
            mask = condition.mask >> (32 * half) & 0xFFFFFFFF
            if mask:
                checks.append((offset + 4 * half, mask, condition.value >> (32 * half) & 0xFFFFFFFF))
    body: list[bytes] = []
    for index, (offset, mask, value) in enumerate(checks):
        to_refusal = 3 * (len(checks) - index - 1) + 1
        body += [_instruction(_LOAD, offset), _instruction(_AND, mask), _instruction(_JUMP_EQ, value, 0, to_refusal)]
    body.append(_instruction(_RETURN, action))
    if checks:
        body.append(_errno(EPERM))
    return [_instruction(_JUMP_EQ, number, 0, len(body)), *body]


def fork_filter(machine: str) -> bytes:
    """The filter that asks the listener's holder about every ``clone`` and allows all other calls."""
    architecture = ARCHITECTURES[machine]
    number = NUMBERS["clone"][architecture.column]
    assert number is not None
    return b"".join([*_prologue(architecture), *_block(number, (), RET_NOTIFY), _instruction(_RETURN, RET_ALLOW)])


def allowlist(machine: str, fork: bool) -> bytes:
    """The filter that lets through what an episode needs. ``fork``: leave ``clone`` to the fork guard below."""
    architecture = ARCHITECTURES[machine]
    program = _prologue(architecture)
    for name, numbers in NUMBERS.items():
        number = numbers[architecture.column]
        if number is None or (name == "clone" and not fork):
            continue
        action = RET_ERRNO | ENOSYS if name in _NOT_HERE else RET_ALLOW
        program += _block(number, _CONDITIONS.get(name, ()), action)
    return b"".join([*program, _errno(EPERM)])


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install(program: bytes, listener: bool = False) -> int:
    """Put the calling process under ``program`` for good. Returns the listener's descriptor, or 0 without one.

    Raises ``OSError``: EBUSY if a filter of a container already has a listener, EINVAL or ENOSYS if the kernel
    has no seccomp filters.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    architecture = ARCHITECTURES[os.uname().machine]
    argument = _Program(len(program) // 8, program)
    flags = _FLAG_NEW_LISTENER if listener else 0
    result: int = libc.syscall(architecture.seccomp, _SET_MODE_FILTER, flags, ctypes.byref(argument))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")
    return result
