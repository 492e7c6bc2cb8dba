"""One episode's processes: the founder that the zygote forked, the process that holds the state, and the way back
after a death.

In: a zygote, the episode's functions and seed. Out: a living process in the wanted state. The state is the process;
where that is lost, it is made again from the log: the same code, seed and answers of functions, in a new founder.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from understudy.sandbox.action import Action, Terms
from understudy.sandbox.answering import InThisThread
from understudy.sandbox.calls import Answer, Call, Calls
from understudy.sandbox.channel import Channel
from understudy.sandbox.execution import SandboxError
from understudy.sandbox.fork_gate import ForkGate
from understudy.sandbox.inside.frames import FrameError
from understudy.sandbox.launcher import Birth, Zygote
from understudy.sandbox.loop import Loop
from understudy.sandbox.process import Process

_BIRTH_S = 60.0
_DEATH_S = 1.0


@dataclass(frozen=True, slots=True)
class Done:
    """One action that is part of the state, and the answers it was given."""

    code: str
    answers: tuple[tuple[str, Answer], ...]


class Condition(Enum):
    """What has become of the process that holds the state, between two actions."""

    ALIVE = auto()
    DEAD = auto()
    SPOILT = auto()
    """It speaks without being asked: the last action was not what it seemed, and does not count."""


@dataclass(slots=True)
class Family:
    """A founder and its descendants. One thread at a time."""

    zygote: Zygote
    founder: Process
    gate: ForkGate | None
    process: Process
    """Holds the state."""

    def condition(self) -> Condition:
        """Whether the state can still be used."""
        channel = self.process.channel
        try:
            unasked = [frame for frame in channel.receive() if frame["t"] not in ("branched", "out")]
        except FrameError:
            return Condition.SPOILT
        if unasked or channel.has_part_of_frame:
            return Condition.SPOILT
        return Condition.DEAD if channel.is_closed else Condition.ALIVE

    def move_to(self, process: Process) -> None:
        """``process``, a branch, holds the state from here on."""
        self.bury(self.process)
        self.process = process

    def bury(self, process: Process) -> None:
        """Kill one process of the family."""
        process.close()
        if process is not self.founder:
            self.zygote.reap(process.inner_pid)

    def end(self) -> None:
        """Kill all of them. Ending twice is fine."""
        self.process.close()
        self.founder.close()
        if self.gate is not None:
            self.gate.close()
            self.gate = None
        self.zygote.end(self.founder.inner_pid)


def found(zygotes: Callable[[], Zygote], birth: Birth) -> Family:
    """A new family in the state before any action; a zygote that dies over it is replaced once. Raises
    ``SandboxError``.
    """
    zygote = zygotes()
    try:
        return _found(zygote, birth)
    except SandboxError:
        if not zygote.dies_within(_DEATH_S):
            raise
    return _found(zygotes(), birth)


def _found(zygote: Zygote, birth: Birth) -> Family:
    channel = Channel(zygote.episode(birth), takes_descriptor=True)
    try:
        _wait_for_hello(channel)
        process = Process(channel)
    except (SandboxError, FrameError, OSError) as error:
        channel.close()
        raise SandboxError(f"an episode could not be started: {error}") from None
    gate = ForkGate(channel.descriptor) if channel.descriptor is not None else None
    return Family(zygote, process, gate, process)


def _wait_for_hello(channel: Channel) -> None:
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    deadline = time.monotonic() + _BIRTH_S
    while (left := deadline - time.monotonic()) > 0:
        poll.poll(left * 1000)
        frames = list(channel.receive())
        if frames and frames[0]["t"] == "hello":
            return
        if frames or channel.is_closed:
            raise SandboxError("its process died at once: no memory, no process numbers, or a filter was refused")
    raise SandboxError(f"its process was not ready within {_BIRTH_S:g} s")


def found_again(zygotes: Callable[[], Zygote], birth: Birth, log: list[Done], terms: Terms, calls: Calls) -> Family:
    """A new family in the state after ``log``. Raises ``SandboxError`` where the code does not do the same again."""
    family = found(zygotes, birth)
    try:
        for number, done in enumerate(log, 1):
            action = Action(done.code, terms, calls, family.process.channel)
            action.begin(family.process)
            Loop([action], Replay(calls, done), family.gate).run()
            if action.execution is None or not action.execution.state_kept:
                raise SandboxError(
                    f"the episode's state is lost: action {number} did not run again as it had run before"
                )
    except BaseException:
        family.end()
        raise
    return family


class Replay(InThisThread):
    """Gives the answers of the first time. A call that was not made then is made now if it is pure."""

    def __init__(self, calls: Calls, done: Done) -> None:
        super().__init__(calls)
        self._answers = list(done.answers)

    def ask(self, action: Action, call: Call) -> None:
        """Answer from the log."""
        if self._answers and self._answers[0][0] == call.key:
            action.answered(self._answers.pop(0)[1])
        elif self._calls.is_pure(call):
            self._calls.answer(call, action.answered)
        else:
            raise SandboxError(
                f"the episode's state is lost: on replay the code calls {call.name}, which has effects, anew"
            )
