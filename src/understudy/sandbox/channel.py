"""The host's end of the connection to one sandboxed process. Everything that comes in is hostile.

In: a socket that never blocks. Out: frames that have passed size, form and sender checks. The kernel stamps each
message with the sender's pid, so a process that inherited another one's socket cannot send on it. A descriptor is
taken once at most, with the first frame, before the process has run any model-written code.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Iterator

from understudy.sandbox.inside.frames import Assembler, Frame, FrameError, pack

MAX_FRAME_BYTES = 4 << 20
_READ_BYTES = 1 << 16
_MAX_READS = 16
"""Reads in one turn: a flooding process must not keep the host from checking the clock."""
_CREDENTIALS = struct.Struct("=iII")


class Channel:
    """Frames to and from one process."""

    def __init__(self, sock: socket.socket, takes_descriptor: bool = False) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket = sock
        self._assembler = Assembler(MAX_FRAME_BYTES)
        self._outbox = bytearray()
        self._descriptors: tuple[int, ...] = ()
        self._takes_descriptor = takes_descriptor
        self.pid = 0
        """The sender as the kernel reports it; 0 before the first frame."""
        self.descriptor: int | None = None
        """What came with the first frame."""
        self.n_bytes = 0
        """Received so far."""
        self.is_closed = False

    def fileno(self) -> int:
        """For ``poll``."""
        return self._socket.fileno()

    @property
    def has_outgoing(self) -> bool:
        """Whether ``flush`` has work left."""
        return bool(self._outbox)

    @property
    def has_part_of_frame(self) -> bool:
        """Whether a frame has begun to come."""
        return self._assembler.n_waiting > 0

    def send(self, frame: Frame, descriptors: tuple[int, ...] = ()) -> None:
        """Queue one frame and send what the socket takes now. Descriptors need an empty queue."""
        if descriptors and self._outbox:
            raise ValueError("descriptors can be sent only when nothing else is queued")
        self._outbox += pack(frame)
        self._descriptors = descriptors
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes. ``receive`` notices a closed peer."""
        try:
            while self._outbox:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", self._descriptors))]
                sent = self._socket.sendmsg([self._outbox], rights if self._descriptors else [])
                self._descriptors = ()
                del self._outbox[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._outbox.clear()

    def receive(self) -> Iterator[Frame]:
        """Frames that have come; good ones before a bad one, which raises ``FrameError``.

        Sets ``is_closed`` at the end of the stream.
        """
        for _ in range(_MAX_READS):
            if not self._read():
                break
        for frame in self._assembler.frames():
            self._takes_descriptor = False
            yield frame

    def _read(self) -> bool:
        """One read. False when there is nothing more for now."""
        space = socket.CMSG_SPACE(_CREDENTIALS.size)
        if self._takes_descriptor:
            space += socket.CMSG_SPACE(4)
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_READ_BYTES, space, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return False
        except OSError:
            data, ancillary = b"", []
        self._look_at(ancillary)
        if not data:
            self.is_closed = True
            return False
        self.n_bytes += len(data)
        self._assembler.feed(data)
        return len(data) == _READ_BYTES

    def _look_at(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, body in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                pid = _CREDENTIALS.unpack_from(body)[0]
                if self.pid and pid and pid != self.pid:
                    raise FrameError(f"process {pid} sent on the channel of process {self.pid}")
                self.pid = self.pid or pid
            elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._take(array.array("i", body[: len(body) - len(body) % 4]))

    def _take(self, descriptors: array.array[int]) -> None:
        for descriptor in descriptors:
            if self._takes_descriptor and self.descriptor is None:
                self.descriptor = descriptor
            else:
                os.close(descriptor)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
