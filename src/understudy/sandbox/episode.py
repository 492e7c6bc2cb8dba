"""An episode: the state of one Python program. Each action, or the best of several, changes it.

In: code. Out: an ``Execution`` for each. An episode belongs to one thread at a time; different episodes may run at
once. Code that fails is data; ``SandboxError`` is raised only when the sandbox itself fails.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import replace

from understudy.closing import Closing
from understudy.sandbox.action import Action, ActionSettings, Phase
from understudy.sandbox.answering import Answering, InThisThread, InThreads
from understudy.sandbox.calls import Calls
from understudy.sandbox.channel import Channel
from understudy.sandbox.execution import Execution, SandboxError
from understudy.sandbox.launcher import EpisodeRequest, Zygote
from understudy.sandbox.loop import Loop
from understudy.sandbox.process_group import Condition, PastAction, ProcessGroup, restore_group, start_group

MAX_BRANCHES = 64


class Episode(Closing):
    """A context manager; leaving it kills every process of the episode."""

    def __init__(
        self,
        zygote: Callable[[], Zygote],
        request: EpisodeRequest,
        settings: ActionSettings,
        calls: Calls,
        *,
        forks: bool = False,
    ) -> None:
        self._zygote, self._request, self._settings, self._calls = zygote, request, settings, calls
        self._forks = forks
        """Every action runs in a fork, so a crash costs nothing; otherwise in place, and a crash costs a replay."""
        self._branches: dict[int, tuple[Action, ProcessGroup]] = {}
        self._log: list[PastAction] = []
        self._group: ProcessGroup | None = start_group(zygote, request)

    # --- one action ---------------------------------------------------------------------------

    def run(self, code: str) -> Execution:
        """Run ``code`` on the state, which changes. Branches that were not committed are dropped."""
        self._drop_branches()
        group = self._live_group()
        if self._forks and group.guard is not None:
            return replace(self.commit(self._branch([code], has_effects=True)[0]), branch=None)
        action = Action(code, self._settings, self._calls, group.process.channel)
        action.begin(group.process)
        self._drive([action], InThisThread(), group)
        return self._settle(action, group)

    def _settle(self, action: Action, group: ProcessGroup) -> Execution:
        """Log an action that ran in the state's own process, or end that process if its state is lost."""
        execution = _outcome(action)
        if execution.state_kept:
            self._log.append(PastAction(action.code, tuple(action.answers)))
        else:
            self._end_group(group)
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
        group = self._live_group()
        if group.guard is None and self._settings.is_guarded:
            return self._branch_by_replay(codes)
        # An action that is sure to be kept acts on the host's state itself.
        actions, theirs = self._sockets(codes, [self._calls if has_effects else self._calls.of_branch() for _ in codes])
        for action in actions:
            action.may_have_effects = has_effects
        if group.guard is not None:
            group.guard.permit(group.process.pid, len(codes))
        jobs = [action.job() for action in actions]
        group.process.channel.send({"t": "branch", "jobs": jobs}, tuple(sock.fileno() for sock in theirs))
        for sock in theirs:
            sock.close()
        self._branches.update({self._n_branches() + index: (action, group) for index, action in enumerate(actions)})
        answering = InThisThread() if has_effects else InThreads(self._settings.executor)
        try:
            self._drive(actions, answering, group, is_parent=True)
        finally:
            if group.guard is not None:
                group.guard.permit(0, 0)
        return [_outcome(action) for action in actions]

    def _n_branches(self) -> int:
        """Numbers are consecutive and unique until a commit."""
        return len(self._branches)

    def _sockets(self, codes: Sequence[str], calls: Sequence[Calls]) -> tuple[list[Action], list[socket.socket]]:
        actions, theirs = [], []
        for index, (code, own) in enumerate(zip(codes, calls, strict=True), self._n_branches()):
            ours, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            actions.append(Action(code, self._settings, own, Channel(ours), branch=index))
            theirs.append(far)
        return actions, theirs

    def _branch_by_replay(self, codes: Sequence[str]) -> list[Execution]:
        """Where no fork can be guarded: replay the log in a new process group for each branch."""
        actions = []
        for index, code in enumerate(codes, self._n_branches()):
            group = restore_group(self._zygote, self._request, self._log, self._settings, self._calls)
            calls = self._calls.of_branch()
            action = Action(code, self._settings, calls, group.process.channel, branch=index)
            self._branches[index] = (action, group)
            actions.append(action)
            action.begin(group.process)
        self._drive(actions, InThreads(self._settings.executor), None)
        return [_outcome(action) for action in actions]

    def commit(self, execution: Execution) -> Execution:
        """Continue from the state of this branch; all other branches are killed.

        A branch that waits before a call with effects makes it now, and the finished execution is returned; otherwise
        ``execution`` itself. If the branch's process is gone, the state is the one before the branch.
        """
        if execution.branch is None or execution.branch not in self._branches:
            raise ValueError("expected a branch that branch() has returned since the last action")
        action, group = self._branches.pop(execution.branch)
        self._drop_branches()
        if action.phase is Phase.WAITING:
            action.resume()
            self._branches = {execution.branch: (action, group)}
            self._drive([action], InThisThread(), group)
            self._branches = {}
            execution = _outcome(action)
        self._make_current(action, group, execution)
        own, kept = self._calls.state, action.calls.state
        if own is not None and kept is not None and kept is not own:
            own.adopt(kept)
        return execution

    def _make_current(self, action: Action, group: ProcessGroup, execution: Execution) -> None:
        own = group is self._group
        if not execution.state_kept or action.process is None:
            if own:
                self._kill(action, group)
            else:
                group.end()
            return
        self._log.append(PastAction(action.code, tuple(action.answers)))
        if own:
            group.move_to(action.process)
        elif self._group is not None:
            self._end_group(self._group)
        self._group = group

    def _drop_branches(self) -> None:
        branches, self._branches = self._branches, {}
        for action, group in branches.values():
            if group is self._group:
                self._kill(action, group)
            else:
                group.end()
            if action.calls is not self._calls and action.calls.state is not None:
                action.calls.state.close()

    def _kill(self, action: Action, group: ProcessGroup) -> None:
        if action.process is not None:
            group.kill(action.process)
        else:
            action.channel.close()

    # --- the state ----------------------------------------------------------------------------

    def _live_group(self) -> ProcessGroup:
        """The group with the present state, restored from the log if it has died."""
        condition = Condition.ALIVE if self._group is None else self._group.condition()
        if self._group is not None and condition is not Condition.ALIVE:
            self._end_group(self._group)
            if condition is Condition.CORRUPT and self._log:
                self._log.pop()
        if self._group is None:
            self._group = restore_group(self._zygote, self._request, self._log, self._settings, self._calls)
        return self._group

    def _drive(
        self, actions: list[Action], answering: Answering, group: ProcessGroup | None, is_parent: bool = False
    ) -> None:
        """Run the actions to their ends. On an error every process is ended, so that nothing is left half done."""
        guard = group.guard if group else None
        parent = group.process if group and is_parent else None
        try:
            Loop(actions, answering, guard, parent).run()
        except BaseException:
            self._drop_branches()
            if group is not None:
                self._end_group(group)
            raise
        finally:
            answering.close()

    def _end_group(self, group: ProcessGroup) -> None:
        group.end()
        if group is self._group:
            self._group = None

    def interrupt(self) -> None:
        """Kill the code that runs now; from any thread. Its run ends as one that crashed, and the state before it is
        restored when the next code runs.
        """
        group = self._group
        running = [action.process for action, _ in tuple(self._branches.values())]
        for process in [*running, group.process if group else None]:
            if process is not None:
                process.kill()

    def close(self) -> None:
        """Kill every process of the episode. Closing twice is fine."""
        self._drop_branches()
        if self._group is not None:
            self._end_group(self._group)


def _outcome(action: Action) -> Execution:
    if action.execution is None:
        raise SandboxError("an action ended without an outcome")
    state = action.calls.state if action.calls.is_branch else None
    return action.execution if state is None else replace(action.execution, effects=state.digest())
