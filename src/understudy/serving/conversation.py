"""One conversation with the served agent, and one turn of it.

In: what the user says. Out: how the turn ended, events while it runs. Not here: which conversation it is
(``conversations.py``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from understudy.agents import TurnEnd, TurnEvents
from understudy.records import (
    ConversationEnd,
    Message,
    ServedConversation,
    ServedTurn,
    Step,
    StopReason,
    Task,
    Usage,
)
from understudy.runs import derive_seed
from understudy.serving.asked import Asked, Exchanged
from understudy.serving.events import Listener, Replied, Stepped
from understudy.serving.metrics import Metrics
from understudy.serving.served_agent import ServedAgent

_INTERRUPT_S = 0.25
"""How often running code is interrupted until its turn has ended: the next code may just be starting."""


class Conversation:
    """The state of one conversation. ``Conversations`` guards it."""

    def __init__(self, served: ServedAgent, asked: Asked, conversation_id: str, seed: int, metrics: Metrics) -> None:
        self.id = conversation_id
        self.name = asked.name
        self.metadata: Mapping[str, JsonValue] = asked.metadata
        self.turn: Turn | None = None
        """The turn that runs."""
        self.idle_since = time.monotonic()
        self.metrics = metrics
        self._served = served
        self._started = _now()
        self._exchanged = asked.earlier
        self._n_earlier = len(asked.earlier)
        self._turns: list[ServedTurn] = []
        self.n_steps = 0
        """Finished steps of all turns."""
        source = f"served:{served.label}"
        task = Task(id=conversation_id, question=asked.said, source=source, metadata=dict(asked.metadata))
        self.session = served.session(task, derive_seed(seed, asked.name, asked.said), asked.earlier)

    @property
    def action_format(self) -> str:
        """As trajectories name it."""
        return self._served.action_format

    def fits(self, earlier: Exchanged) -> bool:
        """Whether these messages are those of the conversation."""
        return _stripped(earlier) == _stripped(self._exchanged)

    def has(self, metadata: Mapping[str, JsonValue]) -> bool:
        """Whether it has these metadata; a later turn need not repeat them."""
        return all(self.metadata.get(key) == value for key, value in metadata.items())

    def begin_turn(self, said: str, limit_s: float) -> Turn:
        """The turn is to be run next."""
        self.turn = Turn(self, said, limit_s)
        return self.turn

    def end_turn(self, turn: Turn) -> None:
        """Record a turn that has run; another may begin."""
        self._turns.append(turn.record())
        self._exchanged = (*self._exchanged, (turn.said, turn.result.answer or ""))
        self.idle_since = time.monotonic()

    def record(self, end: ConversationEnd, trajectories: Iterable[str]) -> ServedConversation:
        """As the log keeps it. ``trajectories``: their ids."""
        return ServedConversation(
            id=self.id,
            trajectories=tuple(trajectories),
            name=self.name,
            agent=self._served.label,
            started=self._started,
            ended=_now(),
            end=end,
            turns=tuple(self._turns),
            n_earlier=self._n_earlier,
        )


class Turn(TurnEvents):
    """One turn. It is run once, in one thread; it may be stopped from any thread."""

    def __init__(self, conversation: Conversation, said: str, limit_s: float) -> None:
        super().__init__()
        self.conversation = conversation
        self.said = said
        self.result = TurnEnd(StopReason.STOPPED)
        """How it ended."""
        self.usage = Usage()
        self.has_crashed = False
        """An error of the program ended it, so the state of the conversation is not known."""
        self.is_deferred = False
        """A cascade's teacher took over in this turn."""
        self.is_late = False
        """It was stopped because it took too long."""
        self.ends_conversation: ConversationEnd | None = None
        """The conversation ends with this turn, for this reason."""
        self.is_over = threading.Event()
        self.limit_s = limit_s
        self._listener: Listener | None = None
        self._first_step = conversation.n_steps
        self._n_steps = 0
        self._started, self._started_at = _now(), time.monotonic()
        self.seconds = 0.0

    def run(self, listener: Listener | None = None) -> TurnEnd:
        """Let the agent work. ``listener``: called with each event, in this thread. Raises errors of a user's code and
        of the program.
        """
        self._listener = listener
        alarm = threading.Timer(self.limit_s, self._stop_late)
        alarm.daemon = True
        alarm.start()
        try:
            self.result = self.conversation.session.turn(self.said, self)
        except Exception as error:
            self.has_crashed = True
            self.result = TurnEnd(StopReason.STOPPED, error=f"{type(error).__name__}: {error}")
            raise
        finally:
            alarm.cancel()
            self.seconds = time.monotonic() - self._started_at
            self.is_over.set()
        return self.result

    def stop(self, end: ConversationEnd | None = None) -> None:
        """Stop the work; it ends soon. ``end``: the conversation ends too. Stopping twice is allowed."""
        self.ends_conversation = self.ends_conversation or end
        if not self.stopped.is_set():
            self.stopped.set()
            threading.Thread(target=self._interrupt, name="understudy-interrupt", daemon=True).start()

    def replied(self, message: Message) -> None:
        """Tell the client."""
        if self._listener is not None:
            self._listener(Replied(number=self._n_steps, message=message))

    def stepped(self, step: Step, message: Message, observations: tuple[Message, ...]) -> None:
        """Count, and tell the client."""
        self.usage += step.usage
        self.conversation.metrics.count_step(step)
        if self._listener is not None:
            event = Stepped(number=self._n_steps, facts=step, message=message, observations=observations)
            self._listener(event)
        self._n_steps += 1
        self.conversation.n_steps += 1

    def deferred(self) -> None:
        """Count it."""
        self.is_deferred = True
        self.conversation.metrics.count_deferral()

    def record(self) -> ServedTurn:
        """As the log keeps it."""
        return ServedTurn(
            started=self._started,
            seconds=round(self.seconds, 4),
            stop_reason=self.result.stop_reason,
            first_step=self._first_step,
            n_steps=self._n_steps,
            is_deferred=self.is_deferred,
            error=self.result.error,
        )

    def _stop_late(self) -> None:
        self.is_late = True
        self.stop()

    def _interrupt(self) -> None:
        while not self.is_over.is_set():
            self.conversation.session.interrupt()
            self.is_over.wait(_INTERRUPT_S)


def _stripped(exchanged: Exchanged) -> list[tuple[str, str]]:
    return [(said.strip(), answer.strip()) for said, answer in exchanged]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
