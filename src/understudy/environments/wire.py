"""Messages between this process and the process of an environment.

In: pickled values. Out: frames on a Unix socket, each with a length and a body. Both ends are trusted, because an
environment is the user's own code. Not here: the content of messages.
"""

from __future__ import annotations

import pickle
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("!Q")


def send(sock: socket.socket, value: object, descriptors: tuple[int, ...] = ()) -> None:
    """Send a value. Raises ``OSError`` if the other end is closed."""
    body = pickle.dumps(value)
    if descriptors:
        socket.send_fds(sock, [_LENGTH.pack(len(body))], list(descriptors))
    else:
        sock.sendall(_LENGTH.pack(len(body)))
    sock.sendall(body)


def receive(sock: socket.socket) -> Any:
    """Receive a value. Raises ``EOFError`` if the other end is closed, ``OSError`` for an error of the connection."""
    return receive_with_descriptor(sock)[0]


def receive_with_descriptor(sock: socket.socket) -> tuple[Any, int | None]:
    """The value, and the file descriptor that was sent with it."""
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
