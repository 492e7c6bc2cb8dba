"""Environments of these tests."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, JsonValue

from understudy.environments import Environment, EnvironmentFailedError, action
from understudy.records import Task
from understudy.tools import ToolError

SHELF: list[str] = []
"""State outside of all objects, as careless classes have it."""


class Yard(Environment):
    """Boxes in piles, and a crane."""

    class Config(BaseModel):
        """Options."""

        n_piles: int = 3

    def __init__(self, config: Config, task: Task) -> None:
        self.piles: list[list[str]] = [[] for _ in range(config.n_piles)]
        self.piles[0] = [str(each) for each in task.metadata.get("boxes", ["a", "b"])]
        self.log: dict[str, int] = {"moves": 0}
        self._hidden = task.id

    @action(read_only=True)
    def look(self, pile: int) -> list[str]:
        """What is on a pile, the lowest first."""
        return self._pile(pile)

    @action
    def move(self, source: int, target: int) -> str:
        """Move the highest box of a pile to another one."""
        if not self._pile(source):
            raise ToolError(f"pile {source} is empty")
        box = self.piles[source].pop()
        self._pile(target).append(box)
        self.log["moves"] += 1
        return box

    @action
    def add(self, pile: int, box: str = "new") -> int:
        """Put a box on a pile; returns its height."""
        self._pile(pile).append(box)
        return len(self.piles[pile])

    @action
    def drop(self) -> None:
        """Drop what the crane holds."""
        raise RuntimeError("the crane is stuck")

    @action
    def explode(self) -> None:
        """Break the yard itself."""
        raise EnvironmentFailedError("the yard is gone")

    def _pile(self, number: int) -> list[str]:
        if not 0 <= number < len(self.piles):
            raise ToolError(f"there is no pile {number}")
        return self.piles[number]


class Careless(Environment):
    """Keeps its state in its module, and can kill its process."""

    def __init__(self, task: Task) -> None:
        self.task_id = task.id

    @action
    def put(self, what: str) -> int:
        """Put something on the shelf."""
        SHELF.append(what)
        return len(SHELF)

    @action
    def die(self) -> None:
        """End the process."""
        os._exit(3)

    @action(timeout_s=0.2)
    def sleep(self) -> None:
        """Never answer."""
        time.sleep(60)

    @action(read_only=True)
    def process(self) -> int:
        """Number of the process."""
        return os.getpid()

    def state(self) -> Mapping[str, JsonValue]:
        return {"shelf": list(SHELF)}


class Ledger(Environment):
    """A database in memory, which deepcopy cannot copy."""

    def __init__(self, task: Task) -> None:
        self._open()
        self._database.execute("CREATE TABLE entries (amount INTEGER)")

    def _open(self) -> None:
        self._database = sqlite3.connect(":memory:", check_same_thread=False)

    @action
    def book(self, amount: int) -> int:
        """Write an amount; returns the sum."""
        self._database.execute("INSERT INTO entries VALUES (?)", (amount,))
        return self.total()

    @action(read_only=True)
    def total(self) -> int:
        """The sum of all amounts."""
        return int(self._database.execute("SELECT coalesce(sum(amount), 0) FROM entries").fetchone()[0])

    def state(self) -> Mapping[str, JsonValue]:
        return {"total": self.total()}

    def snapshot(self) -> Any:
        self._database.commit()
        return self._database.serialize()

    def restore(self, snapshot: Any) -> None:
        self._open()
        self._database.deserialize(snapshot)

    def close(self) -> None:
        self._database.close()


class Broken(Environment):
    """Cannot be made."""

    def __init__(self, task: Task) -> None:
        raise OSError("no such yard")


class Uncopyable(Environment):
    """Holds what cannot be copied."""

    def __init__(self, task: Task) -> None:
        self._line = sqlite3.connect(":memory:", check_same_thread=False)

    @action
    def touch(self) -> None:
        """Do something."""

    def state(self) -> Mapping[str, JsonValue]:
        return {}
