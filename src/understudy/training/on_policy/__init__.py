"""On-policy distillation from stored prefixes: the student samples its own action, and the teacher returns its
probability.

In: examples (their stored steps are the prefixes), a student's weights, a teacher with the same tokenizer, in this
process or behind a server. Out: a checkpoint and a log, as of a training. No tool is called and no code is run: the
states are stored ones, the actions are the student's own (GKD 2024; ReOPD and SOD 2026). Not here: several GPUs.
"""

from understudy.training.on_policy.config import Divergence, OnPolicyConfig
from understudy.training.on_policy.distillation import OnPolicyJob, distil_on_policy
from understudy.training.on_policy.prefixes import TokenizersDifferError

__all__ = ["Divergence", "OnPolicyConfig", "OnPolicyJob", "TokenizersDifferError", "distil_on_policy"]
