"""A conversation with an agent, turn by turn: the user is whoever calls ``turn``, not a task's script.

In: what the user says. Out: how each turn ended, and the record of the conversation as one trajectory. Between two
turns the state stays: the history, the variables of the sandbox, the world. Agents that act have sessions of their own
(``acting_session.py``); here is the way for all other agents, which see the conversation so far as a text. Not here:
HTTP, time-outs (``understudy.serving``).
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from understudy.agents.agent import Agent
from understudy.closing import Closing
from understudy.records import Message, Step, StopReason, Task, Trajectory

ResultT = TypeVar("ResultT")


class TurnStoppedError(Exception):
    """The turn was stopped from outside."""


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """How a turn ended."""

    stop_reason: StopReason
    answer: str | None = None
    """None unless it was answered."""
    error: str = ""
    """What failed, for infrastructure errors."""


class TurnEvents:
    """What a turn reports while it runs; the default reports nothing. It also carries the wish to stop the turn, which
    may be set from any thread.
    """

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def replied(self, message: Message) -> None:
        """The model has replied, and its action begins. Not called if a vote decides which reply is kept."""

    def stepped(self, step: Step, message: Message, observations: tuple[Message, ...]) -> None:
        """A step has ended: its facts, the kept reply, and what the model sees next."""

    def deferred(self) -> None:
        """A cascade's teacher has taken over."""

    def check(self) -> None:
        """Raises ``TurnStoppedError`` if the turn has to stop."""
        if self.stopped.is_set():
            raise TurnStoppedError

    def wait_for(self, work: Callable[[], ResultT]) -> ResultT:
        """The result of a call that cannot be interrupted, such as a request to a server. If the turn is stopped, the
        call is abandoned: its thread ends by itself. Raises ``TurnStoppedError``, and what the call raises.
        """
        results: list[ResultT] = []
        errors: list[BaseException] = []
        is_over = threading.Event()

        def run() -> None:
            try:
                results.append(work())
            except BaseException as error:  # raised again below, in the thread that waits
                errors.append(error)
            is_over.set()

        threading.Thread(target=run, name="understudy-waited-for", daemon=True).start()
        while not is_over.wait(_STOP_POLL_S):
            self.check()
        if errors:
            raise errors[0]
        return results[0]


_STOP_POLL_S = 0.1


class Session(Closing, ABC):
    """A conversation, and a context manager that closes it. Used by one thread at a time, but for ``interrupt``."""

    @abstractmethod
    def turn(self, said: str, events: TurnEvents | None = None) -> TurnEnd:
        """Let the agent work on what the user says. Mistakes, failures and a stop are how the turn ends; only errors of
        a user's own code are raised.
        """

    @abstractmethod
    def interrupt(self) -> None:
        """End the code that runs now; from any thread. The turn itself ends at its next check."""

    @abstractmethod
    def records(self) -> tuple[Trajectory, ...]:
        """The conversation so far: one trajectory, or one for each turn; none before the first turn."""


class RepeatedAgent(Session):
    """A conversation with an agent that knows single attempts only: each turn is an attempt of its own."""

    def __init__(self, agent: Agent, task: Task, seed: int, earlier: tuple[tuple[str, str], ...] = ()) -> None:
        """``earlier``: what was said before, each with the agent's answer."""
        self._agent = agent
        self._task = task
        self._seed = seed
        self._exchanged = list(earlier)
        self._trajectories: list[Trajectory] = []
        self._n_turns = 0

    def turn(self, said: str, events: TurnEvents | None = None) -> TurnEnd:
        """One attempt at the question, which begins with the conversation so far."""
        events = events or TurnEvents()
        task = self._task.model_copy(update={"question": as_text(self._exchanged, said)})
        number, self._n_turns = self._n_turns, self._n_turns + 1
        try:
            events.check()
            trajectory = events.wait_for(lambda: self._agent.solve(task, number, self._seed))
        except TurnStoppedError:
            return TurnEnd(StopReason.STOPPED)
        self._trajectories.append(trajectory)
        report(trajectory, events)
        answer = trajectory.answer
        if answer is not None:
            self._exchanged.append((said, answer))
        error = "" if trajectory.failure is None else trajectory.failure.message
        return TurnEnd(trajectory.stop_reason if answer is None else StopReason.ANSWERED, answer, error)

    def interrupt(self) -> None:
        """An attempt of such an agent cannot be interrupted; it is abandoned."""

    def records(self) -> tuple[Trajectory, ...]:
        """The attempt of each turn; its question holds the earlier turns."""
        return tuple(self._trajectories)


def report(trajectory: Trajectory, events: TurnEvents) -> None:
    """Report what a finished attempt did."""
    if trajectory.cascade is not None and trajectory.cascade.is_deferred:
        events.deferred()
    starts = [step.message_index for step in trajectory.steps]
    for step, end in zip(trajectory.steps, [*starts[1:], len(trajectory.messages)], strict=True):
        after = trajectory.messages[step.message_index + 1 : end]
        events.stepped(step, trajectory.messages[step.message_index], after)


def as_text(exchanged: list[tuple[str, str]], said: str) -> str:
    """A conversation as one question; without earlier turns, what is said now."""
    if not exchanged:
        return said
    before = "\n\n".join(f"User: {asked}\n\nAssistant: {answer}" for asked, answer in exchanged)
    return f"The conversation so far:\n\n{before}\n\nThe user now says:\n\n{said}"


def open_session(agent: Agent, task: Task, seed: int = 0, earlier: tuple[tuple[str, str], ...] = ()) -> Session:
    """A conversation with any agent. ``task``: its metadata describe the world of the conversation.

    ``earlier``: what was said before, each with the agent's answer, if the client knows more than this process.
    """
    own: Callable[..., Session] | None = getattr(agent, "session", None)
    return RepeatedAgent(agent, task, seed, earlier) if own is None else own(task, seed, earlier)
