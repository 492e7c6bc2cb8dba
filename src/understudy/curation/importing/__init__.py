"""Imported trajectories: attempts that were made elsewhere.

In: a file, a folder or a Hub data set with rows of one of the shapes below. A user without a teacher can start from
existing data. Out: trajectories with their scores, and each row that was refused, with the reason.

* smolagents memory logs: ``agent.memory.get_full_steps()``, ``get_succinct_steps()``, or ``RunResult.dict()``, as a
  list or under ``steps``;
* smolagents' memory as messages: ``agent.write_memory_to_messages()``, as a list or under ``messages``;
* the data sets of the paper's authors: ``question``, ``true_answer``, ``generated_answer``, ``score`` and
  ``log_data``, JSON text or an object with ``messages`` in smolagents' roles;
* OpenAI's chat format: ``messages`` of roles system (or developer), user and assistant, whose content is text.

Beside any of these a row may have ``question``, ``answer`` (the reference), ``generated_answer``, ``score`` and
``model``. Facts that the data lacks stay empty, such as which tools the code called. A row with tool calls, pictures or
separate reasoning is refused, because without them it would not be what the model wrote. Not here: downloading.
"""

from understudy.curation.importing.config import ImportConfig
from understudy.curation.importing.importing import (
    Imported,
    NothingImportedError,
    RefusalReason,
    RefusedRow,
    import_trajectories,
)

__all__ = [
    "ImportConfig",
    "Imported",
    "NothingImportedError",
    "RefusalReason",
    "RefusedRow",
    "import_trajectories",
]
