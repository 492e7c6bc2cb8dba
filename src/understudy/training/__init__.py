"""Training: examples become a student's checkpoint.

``checkpoint/`` holds an adapter or full weights, the tokenizer and ``student.json``. Not promised: a good student;
``understudy.evaluation`` measures that. Importing this package loads no torch.
"""

from understudy.models.finite import NotFiniteError
from understudy.training.checkpoint import merge, read_card
from understudy.training.config import (
    Attention,
    Dtype,
    EvalCallbackConfig,
    LoraSettings,
    Method,
    OverLong,
    Schedule,
    TrainConfig,
)
from understudy.training.dpo import DpoConfig, DpoJob, train_dpo
from understudy.training.encoding import NothingToTrainError, TokenCounts, TrainSequence, VocabularyError, encode
from understudy.training.jobs import TrainingFailure, TrainingJob, read_failure, read_job, write_job
from understudy.training.on_policy import (
    Divergence,
    OnPolicyConfig,
    OnPolicyJob,
    TokenizersDifferError,
    distil_on_policy,
)
from understudy.training.progress import TrainingProgress, read_progress
from understudy.training.resume import OtherTrainingError
from understudy.training.summary import EvalLine, LogLine, StudentCard, TrainSummary
from understudy.training.training import TrainJob, train

__all__ = [
    "Attention",
    "Divergence",
    "DpoConfig",
    "DpoJob",
    "Dtype",
    "EvalCallbackConfig",
    "EvalLine",
    "LogLine",
    "LoraSettings",
    "Method",
    "NotFiniteError",
    "NothingToTrainError",
    "OnPolicyConfig",
    "OnPolicyJob",
    "OtherTrainingError",
    "OverLong",
    "Schedule",
    "StudentCard",
    "TokenCounts",
    "TokenizersDifferError",
    "TrainConfig",
    "TrainJob",
    "TrainSequence",
    "TrainSummary",
    "TrainingFailure",
    "TrainingJob",
    "TrainingProgress",
    "VocabularyError",
    "distil_on_policy",
    "encode",
    "merge",
    "read_card",
    "read_failure",
    "read_job",
    "read_progress",
    "train",
    "train_dpo",
    "write_job",
]
