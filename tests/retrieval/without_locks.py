"""Runs the command line where one folder is on a file system without locks: ``python -m … FOLDER ARGUMENTS``.

``flock`` of files below FOLDER is answered with ENOSYS by a process that watches over this one (seccomp notification).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import sys
from pathlib import Path

_FLOCK = {"x86_64": (73, 317), "aarch64": (32, 277)}
"""Numbers of ``flock`` and ``seccomp``."""
_LOAD_NUMBER, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NOTIFY, _ALLOW = 0x7FC00000, 0x7FFF0000
_RECEIVE, _RESPOND = 0xC0502100, 0xC0182101


def forbid_locks(folder: Path) -> None:
    """From now on no file below ``folder`` can be locked by this process, nor by native code in it."""
    here, there = socket.socketpair()
    watched = os.getpid()
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        _watch(watched, socket.recv_fds(there, 1, 1)[1][0], folder)
    socket.send_fds(here, [b"."], [_install()])


def _install() -> int:
    flock, seccomp = _FLOCK[os.uname().machine]
    steps = [(_LOAD_NUMBER, 0, 0, 0), (_IF_EQUAL, 0, 1, flock), (_RETURN, 0, 0, _NOTIFY), (_RETURN, 0, 0, _ALLOW)]
    program = b"".join(struct.pack("HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(held)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)
    listener = int(libc.syscall(seccomp, 1, 8, header))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "the filter was refused")
    return listener


def _watch(watched: int, listener: int, folder: Path) -> None:
    while True:
        question = bytearray(80)
        fcntl.ioctl(listener, _RECEIVE, question)
        number, file = struct.unpack_from("=Q", question)[0], struct.unpack_from("=Q", question, 32)[0]
        is_below = Path(f"/proc/{watched}/fd/{file}").readlink().is_relative_to(folder)
        answer = (number, 0, -errno.ENOSYS, 0) if is_below else (number, 0, 0, 1)
        fcntl.ioctl(listener, _RESPOND, struct.pack("=QqiI", *answer))


if __name__ == "__main__":
    forbid_locks(Path(sys.argv.pop(1)).resolve())
    from understudy.cli.app import main

    main()
