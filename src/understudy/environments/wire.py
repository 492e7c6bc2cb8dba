"""Messages between this process and the process of an environment.

In: pickled values. Out: frames of a length and a body on a Unix socket. Both ends are trusted: an environment is the
user's own code. Not here: what is said.
"""

from __future__ import annotations

import pickle
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("!Q")


def send(sock: socket.socket, value: object, descriptors: tuple[int, ...] = ()) -> None:
    """Raises ``OSError`` where the other end is gone."""
    body = pickle.dumps(value)
    if descriptors:
        socket.send_fds(sock, [_LENGTH.pack(len(body))], list(descriptors))
    else:
        sock.sendall(_LENGTH.pack(len(body)))
    sock.sendall(body)


def receive(sock: socket.socket) -> Any:
    """Raises ``EOFError`` where the other end is gone, ``OSError`` where that is an error of the line."""
    return receive_with_descriptor(sock)[0]


def receive_with_descriptor(sock: socket.socket) -> tuple[Any, int | None]:
    """The value, and the descriptor that came with it."""
    head, descriptors, _, _ = socket.recv_fds(sock, _LENGTH.size, 1)
    head += _exactly(sock, _LENGTH.size - len(head)) if head else b""
    if not head:
        raise EOFError("the other end has closed the line")
    body = _exactly(sock, _LENGTH.unpack(head)[0])
    return pickle.loads(body), descriptors[0] if descriptors else None


def _exactly(sock: socket.socket, n_bytes: int) -> bytes:
    parts = []
    while n_bytes:
        part = sock.recv(min(n_bytes, 1 << 20))
        if not part:
            raise EOFError("the other end has closed the line")
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)
