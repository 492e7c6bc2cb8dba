"""The core types: every record that one package passes to another or writes to a file.

In: nothing; this is the lowest layer. Out: frozen pydantic models that refuse unknown keys, and
their closed sets as ``StrEnum``. Not here: behaviour, files, prompts.

Three rules keep data from flowing back (see ARCHITECTURE.md):

* ``Trajectory.messages`` are exactly what the model saw and wrote; a ``Step`` holds facts about them.
* A ``Score`` is stored beside its trajectory and joined to it by ``trajectory_id``.
* A ``FirstThought`` is an ordinary artifact: one stage writes it, the next one reads it.

Measured times differ between runs. All of them are in ``Timing`` records, and two runs of the same recipe must agree
on ``Trajectory.without_timing()``.
"""

from understudy.records.agreement import Action, ActionKind, Agreement, AgreementRate, StepAgreement
from understudy.records.conversation import Completion, FinishReason, FunctionCall, Message, Role, ToolSchema, Usage
from understudy.records.deferral import DeferralCurve, DeferralPoint, SignalFigures, SignalReport
from understudy.records.example import Dropped, DropReason, Example, SpanPart, TrainSpan
from understudy.records.mark import Mark, MarkAgreement, MarkVerdict
from understudy.records.preference import PreferencePair
from understudy.records.record import Record
from understudy.records.results import (
    Breakdown,
    BreakdownTable,
    Comparison,
    DeferralFigures,
    GroupAccuracy,
    Interval,
    Metrics,
    Rate,
    Robustness,
    TaskSetMetrics,
)
from understudy.records.run import JSON_SCHEMA_VERSION, Manifest, StageRecord, StageRef, StageState, Target
from understudy.records.score import Score
from understudy.records.served import (
    SERVED_LOG_VERSION,
    ConversationEnd,
    ServedAgentRecord,
    ServedConversation,
    ServedTurn,
)
from understudy.records.step import (
    Candidate,
    ExecutionStatus,
    ParseProblem,
    Step,
    Timing,
    ToolCall,
    sounds_like_search,
)
from understudy.records.task import ATTACK, Task, TaskKind
from understudy.records.trajectory import (
    CascadeRecord,
    EnvironmentRecord,
    Failure,
    FirstThought,
    PrefixDelivery,
    PrefixMode,
    StopReason,
    Trajectory,
    trajectory_id,
)

__all__ = [
    "ATTACK",
    "JSON_SCHEMA_VERSION",
    "SERVED_LOG_VERSION",
    "Action",
    "ActionKind",
    "Agreement",
    "AgreementRate",
    "Breakdown",
    "BreakdownTable",
    "Candidate",
    "CascadeRecord",
    "Comparison",
    "Completion",
    "ConversationEnd",
    "DeferralCurve",
    "DeferralFigures",
    "DeferralPoint",
    "DropReason",
    "Dropped",
    "EnvironmentRecord",
    "Example",
    "ExecutionStatus",
    "Failure",
    "FinishReason",
    "FirstThought",
    "FunctionCall",
    "GroupAccuracy",
    "Interval",
    "Manifest",
    "Mark",
    "MarkAgreement",
    "MarkVerdict",
    "Message",
    "Metrics",
    "ParseProblem",
    "PreferencePair",
    "PrefixDelivery",
    "PrefixMode",
    "Rate",
    "Record",
    "Robustness",
    "Role",
    "Score",
    "ServedAgentRecord",
    "ServedConversation",
    "ServedTurn",
    "SignalFigures",
    "SignalReport",
    "SpanPart",
    "StageRecord",
    "StageRef",
    "StageState",
    "Step",
    "StepAgreement",
    "StopReason",
    "Target",
    "Task",
    "TaskKind",
    "TaskSetMetrics",
    "Timing",
    "ToolCall",
    "ToolSchema",
    "TrainSpan",
    "Trajectory",
    "Usage",
    "sounds_like_search",
    "trajectory_id",
]
