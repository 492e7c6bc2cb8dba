"""The log of a served agent: a folder that is curated and watched later.

In: conversations. Out: ``agent.json``, ``trajectories.jsonl`` and ``conversations.jsonl``, a line for each conversation
that has ended. While a conversation lives, ``open/ID.json`` holds it up to its last turn, so that a killed server loses
no finished turn: the next start moves what it finds there to the other files. One server writes to a folder at a time.
Storing never affects a client: failures are reported and counted. Not here: reading the log.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from understudy.closing import Closing
from understudy.records import Record, ServedAgentRecord, ServedConversation, Trajectory
from understudy.run_layout import CONVERSATIONS, SERVED_AGENT, TRAJECTORIES
from understudy.runs import JsonlWriter, lock_folder, read_jsonl, read_record, write_atomic

_OPEN = "open"


class ServedLogError(OSError):
    """The log cannot be written; the message says why."""


class _Open(Record):
    """A conversation that has not ended."""

    conversation: ServedConversation
    trajectories: tuple[Trajectory, ...]


class ServedLog(Closing):
    """A folder. Safe from many threads."""

    def __init__(self, folder: Path, agent: ServedAgentRecord, say: Callable[[str], None] = print) -> None:
        """Raises ``ServedLogError`` if another server writes there, or if the folder is of another agent."""
        self.folder = folder
        self.n_failed = 0
        """Conversations that could not be stored."""
        self._say = say
        self._mutex = threading.Lock()
        (folder / _OPEN).mkdir(parents=True, exist_ok=True)
        self._lock: int | None = _locked(folder)
        try:
            _write_agent(folder, agent)
            self._trajectories = JsonlWriter(folder / TRAJECTORIES)
            self._conversations = JsonlWriter(folder / CONVERSATIONS)
            self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    def keep(self, conversation: ServedConversation, trajectories: Sequence[Trajectory]) -> None:
        """Store a conversation that continues. Its record says that it was killed, which is true unless a later record
        replaces it.
        """
        open_one = _Open(conversation=conversation, trajectories=tuple(trajectories))
        self._safely(lambda: write_atomic(self._open_path(conversation.id), open_one.model_dump_json()))

    def end(self, conversation: ServedConversation, trajectories: Sequence[Trajectory]) -> None:
        """Store a conversation that has ended. ``trajectories``: none if it failed before it began."""

        def write() -> None:
            with self._mutex:
                for trajectory in trajectories:
                    self._trajectories.write(trajectory)
                self._conversations.write(conversation)
            self._open_path(conversation.id).unlink(missing_ok=True)

        self._safely(write)

    def close(self) -> None:
        """Make the files durable and release the folder. Closing twice is allowed."""
        self._trajectories.close()
        self._conversations.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _open_path(self, conversation_id: str) -> Path:
        return self.folder / _OPEN / f"{conversation_id}.json"

    def _recover(self) -> None:
        found = sorted((self.folder / _OPEN).glob("*.json"))
        if not found:
            return
        stored = {one.id for one in read_jsonl(self.folder / TRAJECTORIES, Trajectory)}
        ended = {one.id for one in read_jsonl(self.folder / CONVERSATIONS, ServedConversation)}
        for path in found:
            left = read_record(path, _Open)
            for trajectory in left.trajectories:
                if trajectory.id not in stored:
                    self._trajectories.write(trajectory)
            if left.conversation.id not in ended:
                self._conversations.write(left.conversation)
            path.unlink()
        self._say(f"{self.folder}: {len(found)} conversations that a killed server had left were stored")

    def _safely(self, write: Callable[[], object]) -> None:
        try:
            write()
        except (OSError, ValueError) as error:  # a full disk; a file that is closed already
            self.n_failed += 1
            self._say(f"{self.folder}: a conversation was not stored: {error}")


def _write_agent(folder: Path, agent: ServedAgentRecord) -> None:
    path = folder / SERVED_AGENT
    if path.exists():
        before = read_record(path, ServedAgentRecord)
        differing = [name for name in type(agent).model_fields if getattr(before, name) != getattr(agent, name)]
        if differing and differing != ["run"]:
            raise ServedLogError(
                f"{folder}: is the log of another agent (other {', '.join(differing)}); name another folder with --log"
            )
    write_atomic(path, agent.model_dump_json(indent=1) + "\n")


def _locked(folder: Path) -> int:
    try:
        return lock_folder(folder)
    except OSError:
        raise ServedLogError(f"{folder}: another server writes there; name another folder with --log") from None
