"""The process of symbolic comparison: ``python -m understudy.grading.worker MEMORY_BYTES DEADLINE_S``.

In: length-prefixed JSON ``{"way": …, "reference": …, "answer": …}`` on standard input, both LaTeX. Out: ``{"equal": …,
"how": …}`` on standard output, with null if it could not decide; the first message says that it is ready. Not here:
comparisons without sympy.

The answer is untrusted, so every computation that it causes in the parser or sympy must end. This process loads the
libraries and never reads an answer; it forks a child that does. The kernel ends the child when a comparison outlives
its deadline (a timer's default action works in the middle of C code), and a new child costs milliseconds, not a new
import. Parent and child end when the pipe is closed.

The deadline is in CPU seconds, so that a verdict hardly depends on the load of the machine; a second limit on wall time
ends computations that wait.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import sys
import time
from typing import IO, BinaryIO

LENGTH = struct.Struct("!I")
MAX_MESSAGE_BYTES = 1 << 20
CLOCK_LIMIT_S = 20.0
"""Ten times the limit in CPU seconds, so it is reached only on a machine with ten times too much load."""


def write_message(stream: IO[bytes], message: dict[str, object]) -> None:
    """Write one message: its length in four bytes, then its JSON."""
    content = json.dumps(message).encode()
    stream.write(LENGTH.pack(len(content)) + content)
    stream.flush()


def read_message(stream: BinaryIO) -> dict[str, object] | None:
    """Read one message; None if the stream ended."""
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
    os.dup2(2, 1)  # The output of libraries must not mix with the replies.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for timer in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(timer, signal.SIG_DFL)
    from understudy.grading import symbolic

    symbolic.warm_up()
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
        is_late = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM)
        how = "took too long" if is_late else "ended its process"
        write_message(replies, {"equal": None, "how": f"symbolic comparison {how}", "cpu_s": deadline_s})


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _serve(requests: BinaryIO, replies: BinaryIO, deadline_s: float) -> None:
    from understudy.grading.symbolic import compare

    while (request := read_message(requests)) is not None:
        limit_s = min(deadline_s, float(str(request["limit_s"])))
        started_s = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, max(limit_s, 0.001))
        signal.setitimer(signal.ITIMER_REAL, CLOCK_LIMIT_S)
        equal, how = compare(str(request["way"]), str(request["reference"]), str(request["answer"]))
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        write_message(replies, {"equal": equal, "how": how, "cpu_s": time.process_time() - started_s})


if __name__ == "__main__":
    main()
