"""Direct preference optimisation: the better of two replies at one state becomes likelier, the worse one less likely.

In: preference pairs, a student's weights. Out: a checkpoint and a log, as of a training on examples. Both replies are
rendered as acting renders them, and the loss is on their tokens alone. The reference is the student before the first
step. Rafailov et al. 2023; label smoothing: Mitchell 2023; the term on the chosen reply: Pang et al. 2024.
"""

from understudy.training.dpo.config import DpoConfig
from understudy.training.dpo.dpo import DpoJob, train_dpo

__all__ = ["DpoConfig", "DpoJob", "train_dpo"]
