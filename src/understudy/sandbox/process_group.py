"""The processes of one episode, and how its state is restored after a crash.

In: a zygote, the episode's functions and seed. Out: a running process in the wanted state. The memory of the process
is the state. If the process dies, the log is replayed in a new one: the same code, seed and answers of functions.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from understudy.sandbox.action import Action, ActionSettings
from understudy.sandbox.answering import InThisThread
from understudy.sandbox.calls import Answer, Call, Calls
from understudy.sandbox.channel import Channel
from understudy.sandbox.execution import SandboxError
from understudy.sandbox.fork_guard import ForkGuard
from understudy.sandbox.inside.frames import FrameError
from understudy.sandbox.launcher import EpisodeRequest, Zygote
from understudy.sandbox.loop import Loop
from understudy.sandbox.process import Process

_START_S = 60.0
_DEATH_S = 1.0


@dataclass(frozen=True, slots=True)
class PastAction:
    """One action that is part of the state, and the answers to its calls."""

    code: str
    answers: tuple[tuple[str, Answer], ...]


class Condition(Enum):
    """The condition of the process that holds the state, between two actions."""

    ALIVE = auto()
    DEAD = auto()
    CORRUPT = auto()
    """It sent unexpected frames, so the last action is not trusted and does not count."""


@dataclass(slots=True)
class ProcessGroup:
    """The process that the zygote forked (the root) and its descendants. Not thread-safe."""

    zygote: Zygote
    root: Process
    guard: ForkGuard | None
    process: Process
    """Holds the state."""

    def condition(self) -> Condition:
        """Whether the state can still be used."""
        channel = self.process.channel
        try:
            unasked = [frame for frame in channel.receive() if frame["t"] not in ("branched", "out")]
        except FrameError:
            return Condition.CORRUPT
        if unasked or channel.has_part_of_frame:
            return Condition.CORRUPT
        return Condition.DEAD if channel.is_closed else Condition.ALIVE

    def move_to(self, process: Process) -> None:
        """Make ``process``, a branch, the one that holds the state."""
        self.kill(self.process)
        self.process = process

    def kill(self, process: Process) -> None:
        """Kill one process of the group."""
        process.close()
        if process is not self.root:
            self.zygote.reap(process.inner_pid)

    def end(self) -> None:
        """Kill all of them. Ending twice is fine."""
        self.process.close()
        self.root.close()
        if self.guard is not None:
            self.guard.close()
            self.guard = None
        self.zygote.end(self.root.inner_pid)


def start_group(zygotes: Callable[[], Zygote], request: EpisodeRequest) -> ProcessGroup:
    """A new group in the state before any action. If the zygote dies meanwhile, a new zygote is tried once.

    Raises ``SandboxError``.
    """
    zygote = zygotes()
    try:
        return _start(zygote, request)
    except SandboxError:
        if not zygote.dies_within(_DEATH_S):
            raise
    return _start(zygotes(), request)


def _start(zygote: Zygote, request: EpisodeRequest) -> ProcessGroup:
    channel = Channel(zygote.episode(request), takes_descriptor=True)
    try:
        _wait_for_hello(channel)
        process = Process(channel)
    except (SandboxError, FrameError, OSError) as error:
        channel.close()
        raise SandboxError(f"an episode could not be started: {error}") from None
    guard = ForkGuard(channel.descriptor) if channel.descriptor is not None else None
    return ProcessGroup(zygote, process, guard, process)


def _wait_for_hello(channel: Channel) -> None:
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    deadline = time.monotonic() + _START_S
    while (left := deadline - time.monotonic()) > 0:
        poll.poll(left * 1000)
        frames = list(channel.receive())
        if frames and frames[0]["t"] == "hello":
            return
        if frames or channel.is_closed:
            raise SandboxError("its process died at once: no memory, no process numbers, or a filter was refused")
    raise SandboxError(f"its process was not ready within {_START_S:g} s")


def restore_group(
    zygotes: Callable[[], Zygote],
    request: EpisodeRequest,
    log: list[PastAction],
    settings: ActionSettings,
    calls: Calls,
) -> ProcessGroup:
    """A new group in the state after ``log``. Raises ``SandboxError`` if the code behaves differently on replay."""
    group = start_group(zygotes, request)
    try:
        for number, done in enumerate(log, 1):
            action = Action(done.code, settings, calls, group.process.channel)
            action.begin(group.process)
            Loop([action], Replay(done), group.guard).run()
            if action.execution is None or not action.execution.state_kept:
                raise SandboxError(
                    f"the episode's state is lost: action {number} did not run again as it had run before"
                )
    except BaseException:
        group.end()
        raise
    return group


class Replay(InThisThread):
    """Gives the answers of the first run. A call that the first run did not make is made now if it is pure."""

    def __init__(self, done: PastAction) -> None:
        self._answers = list(done.answers)

    def ask(self, action: Action, call: Call) -> None:
        """Answer from the log."""
        if self._answers and self._answers[0][0] == call.key:
            action.answered(self._answers.pop(0)[1])
        elif action.calls.is_pure(call):
            action.calls.answer(call, action.answered)
        else:
            raise SandboxError(
                f"the episode's state is lost: on replay the code calls {call.name} again, which has effects"
            )
