"""The live conversations of a served agent: found again, begun, ended when idle, bounded in number.

In: what a client says, with its name for the conversation or with the messages before. Out: a ``Turn``, which runs in
the caller's thread. Not here: HTTP, the log's files.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import replace

from understudy.closing import Closing
from understudy.records import ConversationEnd
from understudy.serving.asked import Asked, BusyError, ConversationBusyError, EndingError, GoneError, RefusedError
from understudy.serving.config import ConversationsConfig
from understudy.serving.conversation import Conversation, Turn
from understudy.serving.log import ServedLog
from understudy.serving.metrics import Metrics
from understudy.serving.served_agent import ServedAgent

_SWEEP_S = 0.5


class Conversations(Closing):
    """All conversations of one agent. Safe from many threads."""

    def __init__(
        self,
        served: ServedAgent,
        config: ConversationsConfig,
        log: ServedLog | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.served = served
        self.config = config
        self.metrics = metrics or Metrics()
        self._log = log
        self._lock = threading.RLock()
        self._live: dict[str, Conversation] = {}
        self._is_ending = self._is_closing = False
        self._closed = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="understudy-idle", daemon=True)
        self._sweeper.start()

    @property
    def n_live(self) -> int:
        """Conversations whose state is kept."""
        return len(self._live)

    @property
    def n_running(self) -> int:
        """Turns that run."""
        with self._lock:
            return sum(one.turn is not None for one in self._live.values())

    @property
    def is_ending(self) -> bool:
        """No turn may begin any more."""
        return self._is_ending

    @property
    def n_not_stored(self) -> int:
        """Conversations that the log could not store."""
        return 0 if self._log is None else self._log.n_failed

    def begin(self, asked: Asked) -> Turn:
        """Find or begin the conversation, and begin a turn. The caller runs the turn, and then ends it.

        Raises ``RefusedError``.
        """
        replaced: Conversation | None = None
        with self._lock:
            if self._is_ending:
                raise EndingError("the server is shutting down")
            if self.n_running >= self.config.max_turns:
                raise BusyError(f"{self.config.max_turns} turns are running, which is the limit; try again later")
            conversation = self._found(asked)
            if conversation is None and asked.must_exist:
                raise GoneError(f"the conversation {asked.name} is not kept any more; send what was said before")
            if conversation is not None and asked.name and asked.earlier and not conversation.fits(asked.earlier):
                replaced, conversation = conversation, None
                del self._live[replaced.id]
            elif conversation is None:
                replaced = self._make_room()
            conversation = conversation or self._new(asked)
            turn = conversation.begin_turn(asked.said, self.config.turn_s)
        if replaced is not None:
            self._end(replaced, ConversationEnd.CLOSED if replaced.name else ConversationEnd.REPLACED)
        return turn

    def end_turn(self, turn: Turn) -> None:
        """End a turn that has run, and the conversation with it if the turn says so or the state is not known."""
        conversation = turn.conversation
        conversation.end_turn(turn)
        self.metrics.count_turn(turn.result.stop_reason, turn.seconds)
        end = turn.ends_conversation or (ConversationEnd.FAILED if turn.has_crashed else None)
        if end is None and self._log is not None:
            trajectories = conversation.session.records()
            self._log.keep(conversation.record(ConversationEnd.KILLED, [one.id for one in trajectories]), trajectories)
        with self._lock:
            end = end or (ConversationEnd.SHUTDOWN if self._is_closing else None)
            if end is not None:
                self._live.pop(conversation.id, None)
            conversation.turn = None
        if end is not None:
            self._end(conversation, end)

    def find(self, name: str) -> Conversation | None:
        """A live conversation, by its name or its id."""
        with self._lock:
            named = (one for one in self._live.values() if name in (one.name, one.id))
            return next(named, None)

    def end_named(self, name: str) -> bool:
        """End a conversation that a client no longer needs; a turn that runs is stopped first. False if there is
        none.
        """
        conversation = self.find(name)
        if conversation is None:
            return False
        with self._lock:
            turn = conversation.turn
            if turn is None:
                self._live.pop(conversation.id, None)
        if turn is None:
            self._end(conversation, ConversationEnd.CLOSED)
        else:
            turn.stop(ConversationEnd.CLOSED)
        return True

    def drain(self) -> None:
        """Refuse new turns; running turns continue."""
        self._is_ending = True

    def close(self) -> None:
        """Stop what runs, end all conversations and wait for it. Closing twice is allowed."""
        self.drain()
        with self._lock:
            self._is_closing = True
            running = [one.turn for one in self._live.values() if one.turn is not None]
        for turn in running:
            turn.stop(ConversationEnd.SHUTDOWN)
        for turn in running:
            turn.is_over.wait(_CLOSE_S)
        self._closed.set()
        self._sweeper.join()
        with self._lock:
            left = [one for one in self._live.values() if one.turn is None]
            self._live = {one.id: one for one in self._live.values() if one.turn is not None}
        for conversation in left:
            self._end(conversation, ConversationEnd.SHUTDOWN)

    def _found(self, asked: Asked) -> Conversation | None:
        if asked.name:
            found = self.find(asked.name)
            if found is not None and found.turn is not None:
                raise ConversationBusyError(f"conversation {asked.name}: a turn is running; wait for its end")
            return found
        fitting = (
            one
            for one in self._live.values()
            if not one.name and one.turn is None and one.fits(asked.earlier) and one.has(asked.metadata)
        )
        return min(fitting, key=lambda one: one.idle_since, default=None) if asked.earlier else None

    def _make_room(self) -> Conversation | None:
        """The conversation that ends so that another may begin. Raises ``BusyError``."""
        if len(self._live) < self.config.max_conversations:
            return None
        idle = [one for one in self._live.values() if one.turn is None]
        unnamed = min((one for one in idle if not one.name), key=lambda one: one.idle_since, default=None)
        if unnamed is None:
            waits = [one.idle_since + self.config.idle_s - time.monotonic() for one in idle]
            raise BusyError(
                f"{self.config.max_conversations} conversations are open, which is the limit; end one, or try later",
                min(waits, default=0.0),
            )
        return self._live.pop(unnamed.id)

    def _new(self, asked: Asked) -> Conversation:
        if taken := [key for key in asked.metadata if key in self.config.metadata]:
            raise RefusedError(f"metadata.{taken[0]}: is set by the server; expected other keys")
        conversation_id = f"conv_{uuid.uuid4().hex[:20]}"
        whole = replace(asked, metadata={**self.config.metadata, **asked.metadata})
        conversation = Conversation(self.served, whole, conversation_id, self.config.seed, self.metrics)
        self._live[conversation_id] = conversation
        return conversation

    def _sweep(self) -> None:
        while not self._closed.wait(min(_SWEEP_S, self.config.idle_s / 4)):
            oldest = time.monotonic() - self.config.idle_s
            with self._lock:
                idle = [one for one in self._live.values() if one.turn is None and one.idle_since < oldest]
                for one in idle:
                    del self._live[one.id]
            for one in idle:
                self._end(one, ConversationEnd.IDLE)

    def _end(self, conversation: Conversation, end: ConversationEnd) -> None:
        """Free the state and write the log."""
        try:
            trajectories = conversation.session.records()
        finally:
            conversation.session.close()
        self.metrics.count_conversation(end)
        if self._log is not None:
            self._log.end(conversation.record(end, [one.id for one in trajectories]), trajectories)


_CLOSE_S = 10.0
"""How long closing waits for a turn that does not end, such as a tool that never returns."""
