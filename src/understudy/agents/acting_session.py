"""A conversation with an agent that acts: the history, the way to act and the world stay from turn to turn.

In: what the user says. Out: how each turn ended; the conversation as one trajectory. Not here: the steps of a turn
(``acting_agent.py``), sessions of other agents (``session.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any, Protocol

from understudy.agents.acting import Actions
from understudy.agents.dialogue import Dialogue
from understudy.agents.history import History
from understudy.agents.session import Session, TurnEnd, TurnEvents, TurnStoppedError
from understudy.environments import EnvironmentFailedError, World
from understudy.models import ContextFullError, ProviderError
from understudy.records import Failure, Role, StopReason, Task, Trajectory
from understudy.sandbox import SandboxError


class ActsInTurns(Protocol):
    """What a session needs of an agent."""

    def begin_history(self, task: Task, attempt: int, seed: int) -> History: ...
    def open_world(self, task: Task) -> AbstractContextManager[World | None]: ...
    def prompt(self, history: History, world: World | None) -> None: ...
    def open_actions(self, history: History, world: World | None) -> AbstractContextManager[Actions]: ...
    def run_turn(self, history: History, actions: Actions, turn: int, events: TurnEvents) -> TurnEnd: ...


class ActingSession(Session):
    """A conversation, turn by turn. Used by one thread at a time, but for ``interrupt``."""

    def __init__(
        self,
        agent: ActsInTurns,
        task: Task,
        seed: int,
        earlier: Sequence[tuple[str, str]],
        recorded: Callable[[Trajectory], Trajectory] = lambda made: made,
    ) -> None:
        """Opens nothing before the first turn. ``recorded``: adds to the record of the conversation."""
        self._agent, self._recorded = agent, recorded
        self._history = agent.begin_history(task, 0, seed)
        self._earlier = tuple(earlier)
        self._stack = ExitStack()
        self._world: World | None = None
        self._before: Mapping[str, Any] = {}
        self._dialogue: Dialogue | None = None
        self._actions: Actions | None = None
        self._end = TurnEnd(StopReason.STOPPED)

    def turn(self, said: str, events: TurnEvents | None = None) -> TurnEnd:
        """Run steps until an answer, a limit, a failure or a stop. A step that did not finish leaves no trace in the
        history.
        """
        events = events or TurnEvents()
        try:
            self._end = self._turn(said, events)
        except TurnStoppedError:
            self._end = TurnEnd(StopReason.STOPPED)
        except ContextFullError as error:
            self._end = TurnEnd(StopReason.CONTEXT_FULL, error=str(error))
        except ProviderError as error:
            self._end = _failed(StopReason.PROVIDER, error)
        except SandboxError as error:
            self._end = _failed(StopReason.SANDBOX, error)
        return self._end

    def interrupt(self) -> None:
        """End the code that runs now; from any thread."""
        if self._actions is not None:
            self._actions.interrupt()

    def records(self) -> tuple[Trajectory, ...]:
        """The conversation so far. The steps of earlier turns, which were given as texts, are not in it."""
        if not self._history.messages:
            return ()
        end = self._end
        trajectory = self._history.trajectory(end.stop_reason, end.answer)
        try:
            record = None if self._world is None else self._world.record(self._before)
        except EnvironmentFailedError:
            record = None
        is_failure = end.stop_reason.is_infrastructure_error
        failure = Failure(kind=end.stop_reason, message=end.error) if is_failure else None
        return (self._recorded(trajectory.model_copy(update={"environment": record, "failure": failure})),)

    def close(self) -> None:
        """End the sandbox's processes and the world. Closing twice is allowed."""
        self._actions = None
        self._stack.close()

    def _turn(self, said: str, events: TurnEvents) -> TurnEnd:
        if self._actions is None:
            self._open(said)
        else:
            self._hear(said)
        actions, dialogue = self._actions, self._dialogue
        assert actions is not None
        assert dialogue is not None
        events.check()
        return self._agent.run_turn(self._history, actions, dialogue.turn, events)

    def _open(self, said: str) -> None:
        """Make the world, open the way to act, and begin the history with the earlier turns and what is said now."""
        agent, history = self._agent, self._history
        self._stack.close()
        asked, answers = [*(one for one, _ in self._earlier), said], [answer for _, answer in self._earlier]
        task = history.facts.task.model_copy(update={"question": asked[0], "turns": ()})
        history.facts = replace(history.facts, task=task)
        self._world = self._stack.enter_context(agent.open_world(task))
        agent.prompt(history, self._world)
        self._before = {} if self._world is None else self._world.state()
        self._dialogue = Dialogue(task, self._world)
        self._actions = self._stack.enter_context(agent.open_actions(history, self._world))
        for number, answer in enumerate(answers):
            if answer:
                history.add(self._actions.restated(answer, number))
            self._hear(asked[number + 1])

    def _hear(self, said: str) -> None:
        """The user says something after the question."""
        history = self._history
        assert self._actions is not None
        assert self._dialogue is not None
        history.say(Role.USER, self._dialogue.begin_turn(said, self._actions.announced))
        task = history.facts.task
        history.facts = replace(history.facts, task=task.model_copy(update={"turns": (*task.turns, said)}))


def _failed(reason: StopReason, error: Exception) -> TurnEnd:
    return TurnEnd(reason, error=f"{type(error).__name__}: {error}")
