"""Which trajectories are imported, and facts that their rows do not state.

In: keys of a recipe. Out: an ``ImportConfig``. Not here: reading anything.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from understudy.annotations import InputPath
from understudy.records import Record, TaskKind


class ImportConfig(Record):
    """Trajectories from elsewhere, in one of the formats that ``understudy kinds`` lists as readers."""

    path: InputPath | None = None
    """A JSONL, JSON or Parquet file, plain or gzipped; a folder of these, or one that ``datasets`` saved."""
    hub: str | None = None
    """A data set on the Hugging Face Hub: ``owner/name``. Either this or ``path``."""
    subset: str | None = None
    """Configuration of the Hub data set, if it has several."""
    revision: str | None = None
    """Commit or tag of the Hub data set."""
    split: str = ""
    """Split of the folder or data set; empty: the only one."""
    task_kind: TaskKind = TaskKind.FACT
    """Kind of the tasks' answers, ``fact`` or ``math``. It decides how attempts without a score are graded."""
    agent: Literal["code_agent", "chain_of_thought"] = "code_agent"
    """Kind of the attempts without tools: actions in code, or chains of thought."""
    reader: str = ""
    """The reader of the rows: a kind (``understudy kinds``) or ``package.module:Class``; empty: the one that fits."""
    final_tools: tuple[str, ...] = ("final_answer", "final_result")
    """Tools whose call is the answer; the conversation may end with it."""

    @property
    def label(self) -> str:
        """Name of the data, which becomes ``Task.source``."""
        return self.hub or (self.path.name.split(".")[0] if self.path else "")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.path is None) == (self.hub is None):
            got = "neither" if self.path is None else "both"
            raise ValueError(f"path, hub: expected one of them, got {got}")
        if self.path is not None and (self.subset or self.revision):
            raise ValueError("subset, revision: apply to a Hub data set only; path names a file or folder")
        return self

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return () if self.hub is None else ("hub",)
