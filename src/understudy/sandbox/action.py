"""One run of code in one process, from the host's side: a state machine driven by frames and by the clock.

In: frames of a hostile process. Out: an ``Execution``. The host alone enforces the time limits: first by a signal,
on which the code can stop with its state intact, then by SIGKILL. What was printed before a kill is kept.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum, auto

from understudy.records import ExecutionStatus, ToolCall
from understudy.sandbox.broker import ImportBroker
from understudy.sandbox.calls import Answer, Call, Calls, clean, refusal
from understudy.sandbox.channel import Channel
from understudy.sandbox.execution import Execution, Limits, SandboxError, Usage
from understudy.sandbox.inside.frames import Frame, FrameError
from understudy.sandbox.printed import Printed
from understudy.sandbox.process import Process, explain_death

_MAX_BYTES = 64 << 20
_MAX_IMPORTS = 4_000
_START_S = 30.0
_CUT_NOTE_CHARS = 50
"""A cut text ends with the number of missing characters."""
_STATUSES = frozenset(("ok", "error", "timeout", "memory", "violation"))
_NUMBERS = itertools.count(1)


class Phase(Enum):
    """The phase of an action."""

    STARTING = auto()
    """Its process was requested and has not sent its first frame."""
    RUNNING = auto()
    CALLING = auto()
    """A function of the host is running; the wall clock is paused."""
    WAITING = auto()
    """Paused before a call with effects until its branch is committed."""
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class ActionSettings:
    """Settings that all actions of a sandbox share."""

    limits: Limits
    broker: ImportBroker
    executor: Executor
    """Runs functions of the host for branches."""
    is_guarded: bool
    """A fork needs the host's permission. False at level ``rlimits``, where forks are free."""


class Action:
    """One run of code. ``call`` is set while a call waits for its answer."""

    def __init__(
        self, code: str, settings: ActionSettings, calls: Calls, channel: Channel, branch: int | None = None
    ) -> None:
        self.code = code
        self.number = next(_NUMBERS)
        """Sent back with the end of the code, so that a late end is not mistaken for that of the next action."""
        self.branch = branch
        self.channel = channel
        self.process: Process | None = None
        self.phase = Phase.STARTING
        self.call: Call | None = None
        self.is_asking = False
        self.answers: list[tuple[str, Answer]] = []
        self.execution: Execution | None = None
        self.may_have_effects = branch is None
        self.calls = calls
        self._settings = settings
        self._printed = Printed(settings.limits.output_chars)
        self._records: list[ToolCall] = []
        self._n_imports = 0
        self._killed: Execution | None = None
        self._soft_since: float | None = None
        self._started = time.monotonic()
        self._paused_since: float | None = None
        self._paused_s = self._cpu_before_s = 0.0
        self._bytes_before = 0

    # --- running ---------------------------------------------------------------------------------

    def begin(self, process: Process) -> None:
        """Send the code to an idle process."""
        self._cpu_before_s = process.cpu_s()
        self._start_clock(process)
        self.channel.send({"t": "run", **self.job()})

    def job(self) -> Frame:
        """The job for the process, as a frame."""
        return {"code": self.code, "number": self.number, "output_chars": self._settings.limits.output_chars}

    def attach(self, process: Process, frames: Sequence[Frame]) -> None:
        """Take the process that was forked for this code and already runs it; ``frames`` came right after its hello."""
        self._start_clock(process)
        self._read(frames)

    def _start_clock(self, process: Process) -> None:
        self.process = process
        self.phase = Phase.RUNNING
        self._started = time.monotonic()
        self._bytes_before = self.channel.n_bytes

    def read(self) -> None:
        """Handle the frames that have arrived."""
        self._read(self.channel.receive())

    def _read(self, frames: Iterable[Frame]) -> None:
        try:
            for frame in frames:
                self._handle(frame)
            if self.channel.n_bytes - self._bytes_before > _MAX_BYTES:
                raise FrameError(f"more than {_MAX_BYTES} bytes in one action")
        except FrameError as error:
            self._kill(ExecutionStatus.VIOLATION, f"the code broke the sandbox's protocol ({error})")
        if self.channel.is_closed and self.phase is not Phase.ENDED:
            self._died()

    def _handle(self, frame: Frame) -> None:
        kind = frame["t"]
        if kind == "out" and isinstance(frame.get("text"), str):
            self._printed.add(clean(str(frame["text"])))
        elif kind == "branched":
            pass  # it says that the process has forked, and can arrive after the branches of the last action are done
        elif kind == "done" and self.phase is Phase.RUNNING:
            if frame.get("number") == self.number:
                self._finish(frame)
        elif kind == "call" and self.phase is Phase.RUNNING:
            self._called(self.calls.parse(frame))
        elif kind == "import" and self.phase is Phase.RUNNING and self._n_imports < _MAX_IMPORTS:
            self._n_imports += 1
            self.channel.send(self._settings.broker.answer(frame.get("name")))
        else:
            raise FrameError(f"frame {kind!r:.40} is out of place")

    # --- calls --------------------------------------------------------------------------------

    def _called(self, call: Call) -> None:
        if len(self._records) >= self._settings.limits.tool_calls:
            self.channel.send(refusal(self._settings.limits.tool_calls))
            return
        self.call = call
        self._paused_since = time.monotonic()
        if self.may_have_effects or self.calls.may_branch(call):
            self.phase = Phase.CALLING
        else:
            self.phase = Phase.WAITING
            self.execution = self._execution(ExecutionStatus.OK, waits_for=call.name)

    def resume(self) -> None:
        """The branch was committed: make the call it waits for, and all later ones."""
        self.may_have_effects = True
        self.execution = None
        self.phase = Phase.CALLING

    def answered(self, answer: Answer) -> None:
        """Send the answer of ``call`` to the code."""
        if self.phase is not Phase.CALLING or self.call is None:
            return
        self.answers.append((self.call.key, answer))
        self._records.append(answer.record)
        self.phase, self.call, self.is_asking = Phase.RUNNING, None, False
        self._paused_s += time.monotonic() - (self._paused_since or 0.0)
        self._paused_since = None
        self.channel.send(answer.frame)

    # --- the clock ----------------------------------------------------------------------------

    def _wall_s(self) -> float:
        now = self._paused_since or time.monotonic()
        return now - self._started - self._paused_s

    def _cpu_s(self) -> float:
        return self.process.cpu_s() - self._cpu_before_s if self.process else 0.0

    def check_limits(self) -> float:
        """Enforce the limits. Returns the seconds until the next check."""
        limits = self._settings.limits
        if self.phase is Phase.STARTING:
            if self._wall_s() > _START_S:
                self.start_failed(f"did not start within {_START_S:g} s")
            return 1.0
        if self._killed is not None or self.phase in (Phase.ENDED, Phase.WAITING):
            return 1.0
        if self._soft_since is not None:
            left = self._soft_since + limits.grace_s - time.monotonic()
            if left <= 0:
                self._kill(ExecutionStatus.TIMEOUT, self._time_text())
            return max(left, 0.001)
        cpu_left = limits.cpu_s - self._cpu_s()
        wall_left = limits.wall_s - self._wall_s() if self._paused_since is None else 1.0
        left = min(cpu_left, wall_left)
        if left <= 0 and self.process is not None:
            self._soft_since = time.monotonic()
            self.process.signal(signal.SIGXCPU)
            return max(limits.grace_s, 0.001)
        return max(left, 0.001)

    def _time_text(self) -> str:
        limits = self._settings.limits
        if self._cpu_s() >= limits.cpu_s:
            return f"the code used its {limits.cpu_s:g} CPU seconds and was stopped"
        return f"the code ran for its {limits.wall_s:g} seconds and was stopped"

    # --- the end ------------------------------------------------------------------------------

    def _finish(self, frame: Frame) -> None:
        status, dropped = frame.get("status"), frame.get("dropped")
        if not isinstance(status, str) or status not in _STATUSES:
            raise FrameError(f"status {status!r:.40} is unknown")
        if isinstance(dropped, int) and 0 <= dropped < 1 << 62:
            self._printed.dropped += dropped
        error = _text(frame, "error") or ""
        if status == "timeout":
            error = f"Timeout: {self._time_text()}" + error[error.find("\n") :] if "\n" in error else self._time_text()
        execution = self._execution(
            ExecutionStatus(status),
            value=_text(frame, "value"),
            final=_text(frame, "final"),
            name="Timeout" if status == "timeout" else _text(frame, "name") or "",
            error=error,
            state_kept=status != "memory",
            restored=self.calls.known(frame.get("restored")),
        )
        if status == "memory" and self.process is not None:
            self.process.kill()  # what filled the memory may still be in a variable
        self._end(execution)

    def _kill(self, status: ExecutionStatus, text: str) -> None:
        if self.process is None:
            raise SandboxError(f"a process without code broke the protocol: {text}")
        self.process.kill()
        name = "Timeout" if status is ExecutionStatus.TIMEOUT else "Violation"
        self._end(self._execution(status, name=name, error=f"{name}: {text}", state_kept=False))

    def start_failed(self, why: str) -> None:
        """End the action: its process could not be started."""
        error = f"Crash: the branch {why}"
        self._end(self._execution(ExecutionStatus.CRASHED, name="Crash", error=error, state_kept=False))

    def _died(self) -> None:
        if self.process is None:
            raise SandboxError("an action was read that had no process")
        number = self.process.death_signal()
        self.process.kill()  # it may have closed its line and live on
        status, name, text = explain_death(number)
        self._end(self._execution(status, name=name, error=f"{name}: {text}", state_kept=False))

    def _end(self, execution: Execution) -> None:
        self.execution = execution
        self.phase = Phase.ENDED

    def _execution(
        self,
        status: ExecutionStatus,
        *,
        value: str | None = None,
        final: str | None = None,
        name: str = "",
        error: str = "",
        state_kept: bool = True,
        restored: tuple[str, ...] = (),
        waits_for: str | None = None,
    ) -> Execution:
        limit = self._settings.limits.output_chars
        cut = limit + _CUT_NOTE_CHARS
        return Execution(
            status=status,
            printed="".join(self._printed.parts),
            value=None if value is None else value[:cut],
            is_final=final is not None,
            final_answer=None if final is None else final[:cut],
            error_name=name[:200],
            error=error[:limit],
            tool_calls=tuple(self._records),
            usage=Usage(cpu_s=self._cpu_s(), wall_s=self._wall_s()),
            branch=self.branch,
            dropped_chars=self._printed.dropped,
            restored=restored,
            waits_for=waits_for,
            state_kept=state_kept,
        )


def _text(frame: Frame, key: str) -> str | None:
    value = frame.get(key)
    return clean(value) if isinstance(value, str) else None
