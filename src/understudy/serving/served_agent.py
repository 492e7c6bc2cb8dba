"""The agent that is served.

In: an opened agent and its label. Out: sessions. Not here: opening it (``understudy.pipeline``), conversations.
"""

from __future__ import annotations

from dataclasses import dataclass

from understudy.agents import Agent, Session, open_session, written_format
from understudy.records import ServedAgentRecord, Task


@dataclass(frozen=True, slots=True)
class ServedAgent:
    """An opened agent, which the caller closes."""

    label: str
    """Its name for clients: the model of their requests."""
    agent: Agent
    run: str = ""
    """Folder of its run, if it has one."""

    def session(self, task: Task, seed: int, earlier: tuple[tuple[str, str], ...]) -> Session:
        """A conversation; see ``understudy.agents.open_session``."""
        return open_session(self.agent, task, seed, earlier)

    @property
    def action_format(self) -> str:
        """As trajectories name it."""
        return written_format(self.agent.facts.agent) or ""

    def record(self) -> ServedAgentRecord:
        """What the log says of it."""
        facts = self.agent.facts
        return ServedAgentRecord(
            label=self.label,
            model=facts.model,
            run=self.run,
            agent=facts.agent.kind,
            prompt_hash=facts.prompt_hash,
            tools=facts.tools,
        )
