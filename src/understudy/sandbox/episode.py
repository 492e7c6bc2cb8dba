"""An episode: one state of a Python program, moved on by one action after another, or by the best of several.

In: code. Out: an ``Execution`` for each. An episode belongs to one thread at a time; different episodes may run at
once. Code that fails is data; ``SandboxError`` is raised only when the sandbox itself fails.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from understudy.sandbox.action import Action, Phase, Terms
from understudy.sandbox.answering import Answering, InThisThread, InThreads
from understudy.sandbox.calls import Calls
from understudy.sandbox.channel import Channel
from understudy.sandbox.execution import Execution, SandboxError
from understudy.sandbox.family import Condition, Done, Family, found, found_again
from understudy.sandbox.launcher import Birth, Zygote
from understudy.sandbox.loop import Loop

MAX_BRANCHES = 64


class Episode:
    """A context manager; leaving it kills every process of the episode."""

    def __init__(
        self, zygote: Callable[[], Zygote], birth: Birth, terms: Terms, calls: Calls, *, forks: bool = False
    ) -> None:
        self._zygote, self._birth, self._terms, self._calls = zygote, birth, terms, calls
        self._forks = forks
        """Every action runs in a fork, so a death costs nothing; otherwise in place, and a death costs a replay."""
        self._branches: dict[int, tuple[Action, Family]] = {}
        self._log: list[Done] = []
        self._family: Family | None = found(zygote, birth)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- one action ---------------------------------------------------------------------------

    def run(self, code: str) -> Execution:
        """Run ``code`` on the state and move on to the state it leaves. Branches that were not committed are
        dropped.
        """
        self._drop_branches()
        family = self._living()
        if self._forks and family.gate is not None:
            return replace(self.commit(self._branch([code], has_effects=True)[0]), branch=None)
        action = Action(code, self._terms, self._calls, family.process.channel)
        action.begin(family.process)
        self._drive([action], InThisThread(self._calls), family)
        return self._settle(action, family)

    def _settle(self, action: Action, family: Family) -> Execution:
        """Make the outcome of an action in the state's own process part of the log, or forget that process."""
        execution = _outcome(action)
        if execution.state_kept:
            self._log.append(Done(action.code, tuple(action.answers)))
        else:
            self._end_family(family)
        return execution

    # --- branches -----------------------------------------------------------------------------

    def branch(self, codes: Sequence[str], *, keep_earlier: bool = False) -> list[Execution]:
        """Run each of ``codes`` from the present state, side by side, each once. The state itself stays until
        ``commit``.

        A branch that comes to a call with effects stops before it, with ``Execution.waits_for`` set. With
        ``keep_earlier`` the branches of the calls before stay as well, and any of them all may be committed.
        """
        if not 1 <= len(codes) <= MAX_BRANCHES:
            raise ValueError(f"from 1 to {MAX_BRANCHES} branches are possible, {len(codes)} were asked for")
        return self._branch(codes, has_effects=False, keep_earlier=keep_earlier)

    def _branch(self, codes: Sequence[str], has_effects: bool, keep_earlier: bool = False) -> list[Execution]:
        if not keep_earlier:
            self._drop_branches()
        family = self._living()
        if family.gate is None and self._terms.is_gated:
            return self._branch_by_replay(codes)
        actions, theirs = self._sockets(codes)
        for action in actions:
            action.may_have_effects = has_effects
        if family.gate is not None:
            family.gate.permit(family.process.pid, len(codes))
        orders = [action.order() for action in actions]
        family.process.channel.send({"t": "branch", "orders": orders}, tuple(sock.fileno() for sock in theirs))
        for sock in theirs:
            sock.close()
        self._branches.update({self._n_branches() + index: (action, family) for index, action in enumerate(actions)})
        answering = InThisThread(self._calls) if has_effects else InThreads(self._calls, self._terms.executor)
        try:
            self._drive(actions, answering, family, is_parent=True)
        finally:
            if family.gate is not None:
                family.gate.permit(0, 0)
        return [_outcome(action) for action in actions]

    def _n_branches(self) -> int:
        """Numbers are given in order and never twice before a commit."""
        return len(self._branches)

    def _sockets(self, codes: Sequence[str]) -> tuple[list[Action], list[socket.socket]]:
        actions, theirs = [], []
        for index, code in enumerate(codes, self._n_branches()):
            ours, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            actions.append(Action(code, self._terms, self._calls, Channel(ours), branch=index))
            theirs.append(far)
        return actions, theirs

    def _branch_by_replay(self, codes: Sequence[str]) -> list[Execution]:
        """Where no fork can be guarded: a new family for each branch, brought to the same state."""
        actions = []
        for index, code in enumerate(codes, self._n_branches()):
            family = found_again(self._zygote, self._birth, self._log, self._terms, self._calls)
            action = Action(code, self._terms, self._calls, family.process.channel, branch=index)
            self._branches[index] = (action, family)
            actions.append(action)
            action.begin(family.process)
        self._drive(actions, InThreads(self._calls, self._terms.executor), None)
        return [_outcome(action) for action in actions]

    def commit(self, execution: Execution) -> Execution:
        """Go on from the state that this branch left; all others are killed.

        A branch that waits before a call with effects makes it now, and the finished execution is returned; otherwise
        it is the same one. A branch whose process is gone leaves the state as it was before it.
        """
        if execution.branch is None or execution.branch not in self._branches:
            raise ValueError("this execution is no branch that branch() has given since the last action")
        action, family = self._branches.pop(execution.branch)
        self._drop_branches()
        if action.phase is Phase.WAITING:
            action.resume()
            self._branches = {execution.branch: (action, family)}
            self._drive([action], InThisThread(self._calls), family)
            self._branches = {}
            execution = _outcome(action)
        self._adopt(action, family, execution)
        return execution

    def _adopt(self, action: Action, family: Family, execution: Execution) -> None:
        own = family is self._family
        if not execution.state_kept or action.process is None:
            if own:
                self._bury(action, family)
            else:
                family.end()
            return
        self._log.append(Done(action.code, tuple(action.answers)))
        if own:
            family.move_to(action.process)
        elif self._family is not None:
            self._end_family(self._family)
        self._family = family

    def _drop_branches(self) -> None:
        branches, self._branches = self._branches, {}
        for action, family in branches.values():
            if family is self._family:
                self._bury(action, family)
            else:
                family.end()

    def _bury(self, action: Action, family: Family) -> None:
        if action.process is not None:
            family.bury(action.process)
        else:
            action.channel.close()

    # --- the state ----------------------------------------------------------------------------

    def _living(self) -> Family:
        """The family with the present state, made again from the log where it has died."""
        condition = Condition.ALIVE if self._family is None else self._family.condition()
        if self._family is not None and condition is not Condition.ALIVE:
            self._end_family(self._family)
            if condition is Condition.SPOILT and self._log:
                self._log.pop()
        if self._family is None:
            self._family = found_again(self._zygote, self._birth, self._log, self._terms, self._calls)
        return self._family

    def _drive(
        self, actions: list[Action], answering: Answering, family: Family | None, is_parent: bool = False
    ) -> None:
        """Drive to the end, or leave nothing behind that is half done."""
        gate = family.gate if family else None
        parent = family.process if family and is_parent else None
        try:
            Loop(actions, answering, gate, parent).run()
        except BaseException:
            self._drop_branches()
            if family is not None:
                self._end_family(family)
            raise
        finally:
            answering.close()

    def _end_family(self, family: Family) -> None:
        family.end()
        if family is self._family:
            self._family = None

    def close(self) -> None:
        """Kill every process of the episode. Closing twice is fine."""
        self._drop_branches()
        if self._family is not None:
            self._end_family(self._family)


def _outcome(action: Action) -> Execution:
    if action.execution is None:
        raise SandboxError("an action ended without an outcome")
    return action.execution
