"""BFCL's multi-turn tasks: dialogues about worlds with state, with the correct calls.

In: the name of a set and a split. Out: tasks whose metadata contain the initial state of the world and the correct
calls. Not here: the worlds (``understudy.environments.bfcl``), grading (``understudy.grading.bfcl``).

The data, the worlds and the checker are those of the package ``bfcl-eval`` (Apache-2.0), unchanged.
"""

from understudy.tasks.bfcl.data import BfclEntry, entry_of, load_set, split_numbers
from understudy.tasks.bfcl.tasks import bfcl_tasks

__all__ = ["BfclEntry", "bfcl_tasks", "entry_of", "load_set", "split_numbers"]
