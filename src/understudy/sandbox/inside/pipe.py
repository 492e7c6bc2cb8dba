"""The sandboxed end of a channel: blocking, one frame at a time, safe when the time-out signal arrives.

In: a connected socket. Out: frames from the host with the descriptors that came along. The signal's handler must never
cut a frame in two, so it raises at once only between frames; during a frame, ``deferred`` is raised when the frame is
complete.
"""

from __future__ import annotations

import _socket
import array
import socket

from .frames import HEADER, Frame, FrameError, pack, parse

_MAX_FROM_HOST = 64 << 20
_MAX_DESCRIPTORS = 253
_HELLO = pack({"t": "hello"})


class Pipe:
    """One process's connection to the host."""

    def __init__(self, descriptor: int) -> None:
        self._socket = _socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=descriptor)
        self.busy = False
        self.deferred: BaseException | None = None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send_hello(self) -> None:
        """Send the first frame, which is always the same."""
        self._socket.sendall(_HELLO)

    def send(self, frame: Frame, descriptor: int | None = None) -> None:
        """Send one frame whole. Raises ``OSError`` when the host is gone."""
        self.busy = True
        try:
            data = pack(frame)
            if descriptor is None:
                self._socket.sendall(data)
            else:
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
                sent = self._socket.sendmsg([data], [rights])
                self._socket.sendall(data[sent:])
        finally:
            self._done()

    def ask(self, frame: Frame) -> Frame:
        """Send one frame and wait for the one that answers it."""
        self.busy = True
        try:
            self._socket.sendall(pack(frame))
            answer, _ = self._receive()
            return answer
        finally:
            self._done()

    def receive(self) -> tuple[Frame, list[int]]:
        """The next frame and its descriptors. Raises ``EOFError`` when the host has hung up."""
        self.busy = True
        try:
            return self._receive()
        finally:
            self._done()

    def _done(self) -> None:
        self.busy = False
        if self.deferred is not None:
            deferred, self.deferred = self.deferred, None
            raise deferred

    def _receive(self) -> tuple[Frame, list[int]]:
        descriptors = array.array("i")
        head = bytearray()
        while len(head) < HEADER.size:
            space = socket.CMSG_SPACE(_MAX_DESCRIPTORS * descriptors.itemsize) if not head else 0
            part, ancillary, _, _ = self._socket.recvmsg(HEADER.size - len(head), space, socket.MSG_CMSG_CLOEXEC)
            if not part:
                raise EOFError("the host has hung up")
            for level, kind, rights in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    descriptors.frombytes(rights[: len(rights) - len(rights) % descriptors.itemsize])
            head.extend(part)
        (size,) = HEADER.unpack(head)
        if size > _MAX_FROM_HOST:
            raise FrameError(f"frame of {size} bytes")
        return parse(self._read(size)), list(descriptors)

    def _read(self, size: int) -> bytes:
        body = bytearray()
        while len(body) < size:
            part = self._socket.recv(min(size - len(body), 1 << 20))
            if not part:
                raise EOFError("the host has hung up")
            body.extend(part)
        return bytes(body)
