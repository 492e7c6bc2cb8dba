"""AgentDojo's suites: tasks in worlds whose data may contain injected instructions.

In: the name of a suite, and an attack or none. Out: tasks whose metadata name the user task, the injected task and the
injected texts. Not here: worlds (``understudy.environments.agentdojo``), grading (``understudy.grading.agentdojo``).

Suites, attacks and checks are those of the package ``agentdojo`` (Debenedetti et al. 2024, MIT).
"""

from understudy.tasks.agentdojo.data import DojoEntry, entry_of, injection_ids, open_state, user_ids
from understudy.tasks.agentdojo.tasks import agentdojo_tasks

__all__ = [
    "DojoEntry",
    "agentdojo_tasks",
    "entry_of",
    "injection_ids",
    "open_state",
    "user_ids",
]
