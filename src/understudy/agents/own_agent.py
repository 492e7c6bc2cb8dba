"""A user's own agent, checked against the contract of agents. In: an object with ``solve``. Out: an ``Agent``: a
failing server or sandbox becomes a record, and an error in the user's code becomes an ``AgentError`` that names the
agent, the task and the place. Not here: what the agent does.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

from understudy.agents.agent import Agent, AgentFacts
from understudy.agents.history import AttemptFacts, History
from understudy.models import ContextFullError, ProviderError
from understudy.models.model import ProgramError
from understudy.records import FirstThought, StopReason, Task, Trajectory
from understudy.retrieval import RetrievalError
from understudy.sandbox import SandboxError
from understudy.tools import ToolDownError


class AgentError(ValueError):
    """An error in a user's agent: it raised an exception, or its ``solve`` returned the wrong type."""


def open_own_agent(make: Callable[[], Agent], facts: AgentFacts) -> Agent:
    """Make a user's agent. ``facts``: what is recorded of it if it has none of its own. Raises ``AgentError``."""
    try:
        agent = make()
    except Exception as error:
        if type(error).__module__.startswith("understudy."):
            raise  # a part that the agent asked for cannot be opened
        raise AgentError(
            f"{facts.agent.kind}: making it raised {type(error).__name__}: {error}{_place(error)}"
        ) from error
    return OwnAgent(agent, getattr(agent, "facts", facts))


class OwnAgent:
    """Calls a user's agent. Safe to call from many threads at once if the user's agent is."""

    def __init__(self, agent: Agent, facts: AgentFacts) -> None:
        self._agent = agent
        self.facts = facts

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory:
        """One attempt. Raises ``AgentError``, and ``ToolDownError`` as any agent does."""
        facts = self.facts
        history = History(AttemptFacts(task, attempt, facts.agent.kind, facts.model, seed, facts.prompt_hash), [])
        try:
            trajectory: object = self._agent.solve(task, attempt, seed, first_thought)
        except ContextFullError:
            return history.trajectory(StopReason.CONTEXT_FULL)
        except (ProviderError, RetrievalError) as error:
            return history.trajectory(StopReason.PROVIDER, error=error)
        except (ToolDownError, ProgramError):
            raise
        except SandboxError as error:
            return history.trajectory(StopReason.SANDBOX, error=error)
        except Exception as error:  # user code may raise anything
            raise AgentError(f"{self._at(task)}: raised {type(error).__name__}: {error}{_place(error)}") from error
        if not isinstance(trajectory, Trajectory):
            raise AgentError(f"{self._at(task)}: expected solve to return a Trajectory; got {trajectory!r:.80}")
        if (trajectory.task, trajectory.attempt) != (task, attempt):
            got = f"{trajectory.task.id!r}, attempt {trajectory.attempt}"
            raise AgentError(f"{self._at(task)}: expected the record of attempt {attempt} at this task; got {got}")
        return trajectory

    def _at(self, task: Task) -> str:
        return f"{self.facts.agent.kind}, task {task.id!r}"


def _place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f" ({frame.filename}, line {frame.lineno})"
