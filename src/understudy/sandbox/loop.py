"""Runs one action, or several branches at once, until they end, in the thread that uses the episode.

In: actions and the fork guard of their episode. Out: nothing; each action holds its execution. One ``poll`` waits for
frames, for fork requests, for answers of the host's functions and for the next limit.
"""

from __future__ import annotations

import select
from collections.abc import Sequence

from understudy.sandbox.action import Action, Phase
from understudy.sandbox.answering import Answering
from understudy.sandbox.channel import Channel
from understudy.sandbox.execution import SandboxError
from understudy.sandbox.fork_guard import ForkGuard
from understudy.sandbox.inside.frames import FrameError
from understudy.sandbox.process import Process

_MAX_SLEEP_S = 5.0


class Loop:
    """One event loop. ``parent`` is the process that forks the branches; None if nothing is forked."""

    def __init__(
        self, actions: Sequence[Action], answering: Answering, guard: ForkGuard | None, parent: Process | None = None
    ) -> None:
        self._actions, self._answering, self._guard = list(actions), answering, guard
        self._parent = parent
        self._parent_channel: Channel | None = parent.channel if parent else None

    def run(self) -> None:
        """Until every action has ended, or waits to be committed. Raises ``SandboxError``."""
        for action in self._actions:
            self._ask(action)
        while live := [a for a in self._actions if a.phase not in (Phase.ENDED, Phase.WAITING)]:
            sleep_s = min([_MAX_SLEEP_S, *(action.check_limits() for action in live)])
            self._wait(live, sleep_s)

    def _wait(self, live: list[Action], sleep_s: float) -> None:
        poll = select.poll()
        by_descriptor: dict[int, Action] = {}
        for action in live:
            if action.phase is not Phase.ENDED:
                channel = action.channel
                by_descriptor[channel.fileno()] = action
                poll.register(channel.fileno(), select.POLLIN | (select.POLLOUT if channel.has_outgoing else 0))
        for other in (self._guard, self._answering, self._parent_channel):
            descriptor = other.fileno() if other is not None else None
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        for descriptor, event in poll.poll(max(1, int(sleep_s * 1000))):
            self._wake(descriptor, event, by_descriptor.get(descriptor))

    def _wake(self, descriptor: int, event: int, action: Action | None) -> None:
        if action is not None:
            self._serve(action, event)
        elif descriptor == self._answering.fileno():
            self._answering.deliver()
        elif self._guard is not None and descriptor == self._guard.fileno():
            self._answer_fork(event)
        else:
            self._read_parent()

    def _serve(self, action: Action, event: int) -> None:
        if event & select.POLLOUT:
            action.channel.flush()
        if event & ~select.POLLOUT:
            if action.phase is Phase.STARTING:
                self._accept_branch(action)
            elif action.phase is not Phase.ENDED:
                action.read()
                self._ask(action)

    def _ask(self, action: Action) -> None:
        if action.phase is Phase.CALLING and action.call is not None and not action.is_asking:
            action.is_asking = True
            self._answering.ask(action, action.call)

    def _accept_branch(self, action: Action) -> None:
        """Handle a branch's first frame: its process exists and runs."""
        try:
            frames = list(action.channel.receive())
            if frames and frames[0]["t"] == "hello" and self._parent is not None:
                action.attach(Process(action.channel, self._parent), frames[1:])
                self._ask(action)
            elif frames or action.channel.is_closed:
                action.start_failed("could not be forked: the kernel refuses more processes or more memory")
        except (FrameError, OSError, SandboxError) as error:
            action.start_failed(f"did not say hello: {error}")

    def _answer_fork(self, event: int) -> None:
        if self._guard is not None and event & select.POLLIN:
            self._guard.answer()
        elif self._guard is not None:
            self._guard = None  # all processes of the group are gone

    def _read_parent(self) -> None:
        """The parent reports that it has forked all branches, or has died."""
        if self._parent_channel is None:
            return
        try:
            is_done = bool(list(self._parent_channel.receive())) or self._parent_channel.is_closed
        except FrameError:
            is_done = True
        if is_done:
            self._parent_channel = None
