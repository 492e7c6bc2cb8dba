"""Reinforcement learning of a trained student with TRL's GRPO: the agent, its world and its grader as TRL uses them.

In: ``setup.json``, which ``understudy export-rl`` writes. Out: a ``Session`` with what ``GRPOTrainer`` takes: data set,
``rollout_func`` or ``environment_factory``, rewards. The script beside the file is the user's to change. Not promised:
that TRL keeps these two interfaces, which it calls experimental (written for TRL 1.16).
"""

from understudy.reinforcement.script import write_script
from understudy.reinforcement.session import Session, open_session
from understudy.reinforcement.setup import RlSetup

__all__ = ["RlSetup", "Session", "open_session", "write_script"]
