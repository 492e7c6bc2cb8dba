"""Conversations from the logs of other programs become trajectories.

``rows → reader → Conversation → join → Trajectory, Score`` or ``RefusedRow``; a ``TraceReport`` accounts for all rows.

* A **reader** knows one format: ``fits(value)`` says whether a row has this format, and ``read(rows)`` yields the
  conversations. Each reader is one file. ``TRACE_READERS`` is their registry, so a recipe can name a user's own class.
* A **Conversation** is a complete conversation, or one request with its reply: messages with calls, results and
  reasoning, tool schemas, and which messages the log marks as replies of the model.
* **Joining** merges all requests that repeat the beginning of one conversation (``joining``); a fork stays two
  conversations.
* A row that cannot be read is a **RefusedRow** with file, row and reason. Nothing is silently replaced by empty text:
  pictures, hosted tools, missing history and errors of the provider are reasons for a refusal.
* What a log contains and a trajectory cannot express (encrypted reasoning) is counted in ``TraceReport.notes``.

In: rows of files (``understudy.datafiles``). Out: ``Imported``. Not here: the choice among trajectories; configs and
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
from understudy.curation.traces.reading import Imported, TraceReport
from understudy.curation.traces.refusals import RefusalReason, RefusedRow, TraceError
from understudy.curation.traces.row_reader import RowReader
from understudy.curation.traces.turns import Turns

__all__ = [
    "TRACE_READERS",
    "Conversation",
    "Feedback",
    "Found",
    "Imported",
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
]
