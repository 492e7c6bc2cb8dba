"""The process of symbolic comparison: ``python -m understudy.grading.worker MEMORY_BYTES DEADLINE_S``.

In: length-prefixed JSON ``{"reference": …, "answer": …}`` on standard input, both LaTeX. Out: ``{"equal": …,
"how": …}`` on standard output; first of all it says that it is ready. Not here: what decides without sympy.

The answer is a model's word, so whatever it makes the parser or sympy do must end. This process loads the libraries and
never reads an answer; it forks a child that does. The kernel ends the child when a comparison outlives its deadline (an
alarm with its default action works in the middle of C code), and a new child costs milliseconds, not a new import.
Parent and child end when the pipe is closed.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import sys
from typing import BinaryIO

LENGTH = struct.Struct("!I")
MAX_MESSAGE_BYTES = 1 << 20


def write_message(stream: BinaryIO, message: dict[str, object]) -> None:
    """Write one message: its length in four bytes, then its JSON."""
    content = json.dumps(message).encode()
    stream.write(LENGTH.pack(len(content)) + content)
    stream.flush()


def read_message(stream: BinaryIO) -> dict[str, object] | None:
    """Read one message; None where the stream ended."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    if length > MAX_MESSAGE_BYTES:
        raise ValueError(f"message of {length} bytes, expected at most {MAX_MESSAGE_BYTES}")
    content = stream.read(length)
    return dict(json.loads(content)) if len(content) == length else None


def main() -> None:
    """Serve comparisons until the pipe is closed."""
    memory_bytes, deadline_s = int(sys.argv[1]), float(sys.argv[2])
    # Unbuffered: a child that is killed must not take half of the next question with it.
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What a library prints must not end up among the replies.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    from understudy.grading import symbolic

    write_message(replies, {"ready": symbolic.library_version()})
    while True:
        child = os.fork()
        if child == 0:
            _limit(memory_bytes)
            _serve(requests, replies, deadline_s)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status == 0:
            return
        how = f"took more than {deadline_s:g} s" if os.WIFSIGNALED(status) else "ended its process"
        write_message(replies, {"equal": False, "how": f"symbolic comparison {how}"})


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _serve(requests: BinaryIO, replies: BinaryIO, deadline_s: float) -> None:
    from understudy.grading.symbolic import equal_symbolically

    while (request := read_message(requests)) is not None:
        limit_s = min(deadline_s, float(str(request["limit_s"])))
        signal.setitimer(signal.ITIMER_REAL, max(limit_s, 0.001))
        equal, how = equal_symbolically(str(request["reference"]), str(request["answer"]))
        signal.setitimer(signal.ITIMER_REAL, 0)
        write_message(replies, {"equal": equal, "how": how})


if __name__ == "__main__":
    main()
