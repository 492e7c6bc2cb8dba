"""Train: examples come in, a student's checkpoint goes out.

``checkpoint/`` holds an adapter or full weights, the tokenizer and ``student.json``. Not promised: that the student is
any good; that is for ``understudy.evaluation`` to say. Importing this room loads no torch.
"""

from understudy.training.checkpoint import merge, read_card
from understudy.training.claim import OtherTrainingError
from understudy.training.config import (
    Attention,
    Dtype,
    LoraSettings,
    Method,
    OverLong,
    Probe,
    Schedule,
    TrainConfig,
)
from understudy.training.encoding import NothingToTrainError, TokenCounts, TrainSequence, encode
from understudy.training.on_policy import Divergence, OnPolicyConfig, TokenizersDifferError, distil_on_policy
from understudy.training.order import OnPolicyOrder, TrainOrder
from understudy.training.summary import LogLine, ProbeLine, StudentCard, TrainSummary
from understudy.training.training import train

__all__ = [
    "Attention",
    "Divergence",
    "Dtype",
    "LogLine",
    "LoraSettings",
    "Method",
    "NothingToTrainError",
    "OnPolicyConfig",
    "OnPolicyOrder",
    "OtherTrainingError",
    "OverLong",
    "Probe",
    "ProbeLine",
    "Schedule",
    "StudentCard",
    "TokenCounts",
    "TokenizersDifferError",
    "TrainConfig",
    "TrainOrder",
    "TrainSequence",
    "TrainSummary",
    "distil_on_policy",
    "encode",
    "merge",
    "read_card",
    "train",
]
