"""Imported trajectories: attempts that were made elsewhere.

In: a file, a folder or a Hub data set in any format that ``understudy.curation.traces`` reads, so that a user without
a teacher starts from data that exists. Out: trajectories with their scores, each row that was refused, with the
reason, and a report that accounts for all rows.

Beside its format's own fields a row may have ``question``, ``answer`` (the reference), ``generated_answer``, ``score``
and ``model``. What the data does not say stays empty, such as which tools a code agent's code called. Not here:
downloading.
"""

from understudy.curation.importing.config import ImportConfig
from understudy.curation.importing.importing import NothingImportedError, import_trajectories
from understudy.curation.traces import Imported, RefusalReason, RefusedRow

__all__ = [
    "ImportConfig",
    "Imported",
    "NothingImportedError",
    "RefusalReason",
    "RefusedRow",
    "import_trajectories",
]
