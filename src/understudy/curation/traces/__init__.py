"""Traces that people already have: logs of conversations that other programs wrote become trajectories.

``rows → reader → Conversation → join → Trajectory, Score`` or ``RefusedRow``; a ``TraceReport`` accounts for all rows.

* A **reader** knows one format: ``fits(value)`` says whether a row has it, ``read(rows)`` yields what the rows hold.
  One file a reader; ``TRACE_READERS`` is their registry, so a user's reader is a class named in a recipe.
* A **Conversation** is a whole conversation or one request with its reply: messages with calls, results and reasoning,
  tool schemas, and which messages the log shows as replies of the model.
* **Joining** makes one conversation of all requests that repeat its beginning (``joining``); a fork stays two.
* A row that cannot be read is a **RefusedRow** with file, row and reason. Nothing becomes empty text: pictures, hosted
  tools, lost history and errors of the provider are reasons.
* What a log holds beside and a trajectory cannot (encrypted reasoning) is counted in ``TraceReport.notes``.

In: rows of files (``understudy.datafiles``). Out: ``Imported``. Not here: choosing among trajectories; configs and
files, see ``understudy.curation.importing``.
"""

from understudy.curation.traces.conversation import (
    Conversation,
    Feedback,
    Found,
    OtherRow,
    ReplyFacts,
    TraceReader,
)
from understudy.curation.traces.kinds import TRACE_READERS, open_readers
from understudy.curation.traces.node import Node
from understudy.curation.traces.reading import Imported, TraceReport, read_traces
from understudy.curation.traces.refusals import RefusalReason, RefusedRow, TraceError
from understudy.curation.traces.row_reader import RowReader
from understudy.curation.traces.trajectories import Naming
from understudy.curation.traces.turns import Turns

__all__ = [
    "TRACE_READERS",
    "Conversation",
    "Feedback",
    "Found",
    "Imported",
    "Naming",
    "Node",
    "OtherRow",
    "RefusalReason",
    "RefusedRow",
    "ReplyFacts",
    "RowReader",
    "TraceError",
    "TraceReader",
    "TraceReport",
    "Turns",
    "open_readers",
    "read_traces",
]
