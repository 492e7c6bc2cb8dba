"""Rollouts: tasks times attempts in, ``trajectories.jsonl`` out.

``rollout(tasks, agent, path, config)`` appends the record of each attempt when it ends. It can be killed at any moment;
the next call resumes. ``read_trajectories(path)`` yields the valid records. Not promised: that two rollouts may write
to one file at once.
"""

from understudy.rollouts.config import Engine, RayConfig, RolloutConfig, RolloutSummary
from understudy.rollouts.outcomes import RULES, Outcome, Rule, outcome_of
from understudy.rollouts.resuming import ResumeError, read_trajectories
from understudy.rollouts.rollout import RolloutStoppedError, rollout
from understudy.rollouts.spec import AgentSpec, open_spec

__all__ = [
    "RULES",
    "AgentSpec",
    "Engine",
    "Outcome",
    "RayConfig",
    "ResumeError",
    "RolloutConfig",
    "RolloutStoppedError",
    "RolloutSummary",
    "Rule",
    "open_spec",
    "outcome_of",
    "read_trajectories",
    "rollout",
]
