"""The words of the house: every record that crosses a room's door or is written to a file.

In: nothing, this is the ground floor. Out: frozen pydantic models that refuse unknown keys, and
their closed sets as ``StrEnum``. Not here: behaviour, files, prompts.

Three joints keep the data from walking back (see ARCHITECTURE.md):

* ``Trajectory.messages`` are exactly what the model saw and said; a ``Step`` holds facts about them.
* A ``Score`` lies beside its trajectory and is joined to it by ``trajectory_id``.
* A ``FirstThought`` is an ordinary artifact: one stage writes it, the next one reads it.

Times are measured, so no two runs agree on them. All of them live in ``Timing`` records, and
``Trajectory.without_timing()`` is what two runs of the same recipe must agree on.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

JSON_SCHEMA_VERSION = 1
"""Written into every manifest; raised when a stored record can no longer be read by this module."""


class Record(BaseModel):
    """Base of all records: frozen, unknown keys refused, nothing coerced silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, ser_json_inf_nan="constants")


# --- tasks ------------------------------------------------------------------------------------


class TaskKind(StrEnum):
    """What kind of answer a task wants, and so which grader judges it by default."""

    FACT = "fact"
    """A short factual answer, judged by exact match and F1."""
    MATHS = "maths"
    """A mathematical expression, judged by equality."""


class Task(Record):
    """One problem with its reference answer."""

    id: Annotated[str, Field(min_length=1)]
    """Unique within its task set."""
    question: Annotated[str, Field(min_length=1)]
    answer: Annotated[str, Field(min_length=1)]
    """The reference answer."""
    aliases: tuple[str, ...] = ()
    """Other spellings that count as right."""
    kind: TaskKind
    source: str
    """Name of the task set it comes from, such as ``math500``."""
    split: str = ""
    level: str = ""
    """Difficulty as the source names it, empty where it names none."""
    type: str = ""
    """Subject or question type as the source names it, empty where it names none."""


# --- conversation -----------------------------------------------------------------------------


class Role(StrEnum):
    """Who speaks. Observations are user messages, as chat templates of all model families allow."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Message(Record):
    """One message of a conversation, exactly as the model saw or said it."""

    role: Role
    content: str


class Usage(Record):
    """Tokens and money of one or more model calls."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 0
    cost_usd: float | None = None
    """None where the model's price is not known."""

    def __add__(self, other: Usage) -> Usage:
        costs = [c for c in (self.cost_usd, other.cost_usd) if c is not None]
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            requests=self.requests + other.requests,
            cost_usd=sum(costs) if costs else None,
        )

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class FinishReason(StrEnum):
    """Why a model stopped writing."""

    STOP = "stop"
    """End of turn, or a stop string."""
    LENGTH = "length"
    """The token limit of the request or of the context window."""
    OTHER = "other"
    """Anything else a server says, such as a content filter."""


class Completion(Record):
    """One sampled reply of a model."""

    text: str
    """What the model wrote, without stop string and without the prefix it was made to continue."""
    finish_reason: FinishReason
    usage: Usage = Usage()
    """The prompt is counted once per request: on the first of its n completions."""
    token_ids: tuple[int, ...] | None = None
    """Sampled ids, where the model gives them."""
    logprobs: tuple[float, ...] | None = None
    """Natural log-probability of each sampled token, where the model gives them."""

    @property
    def mean_logprob(self) -> float | None:
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else None


# --- what happens in a step -------------------------------------------------------------------


class ParseProblem(StrEnum):
    """Why a reply holds no action that can be run."""

    NO_CODE = "no_code"
    SEVERAL_BLOCKS = "several_blocks"
    CUT_BY_LENGTH = "cut_by_length"
    """The token limit ended the reply in mid-action: never called a format error."""
    SYNTAX_ERROR = "syntax_error"
    EMPTY = "empty"
    """Neither thought nor code."""


class ExecutionStatus(StrEnum):
    """How one run of code ended."""

    OK = "ok"
    ERROR = "error"
    """The code raised; the episode's state is kept."""
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    """The process died of a signal that no limit explains."""
    VIOLATION = "violation"
    """The code tried what isolation forbids."""


class ToolCall(Record):
    """One call that the code of a step made."""

    name: str
    arguments: str
    """The arguments as JSON, cut to 2,000 characters."""
    error: str | None = None
    """What the code was told instead of a value, None where it got one."""
    cached: bool = False
    """The answer was already known: no second search was made."""


class Candidate(Record):
    """One of the N replies that were sampled at a step with self-consistent actions."""

    reply: str
    parse_problem: ParseProblem | None = None
    execution_status: ExecutionStatus | None = None
    """None where the reply did not parse, so nothing was run."""
    observation: str = ""
    """What this candidate's code yielded."""
    vote: int | None = None
    """Number of its group of equal outcomes, groups counted from 0; None where it failed."""
    mean_logprob: float | None = None
    completion_tokens: int = 0
    chosen: bool = False


class Timing(Record):
    """Measured seconds. Never part of a comparison between two runs."""

    model_s: float = 0.0
    code_s: float = 0.0

    def __add__(self, other: Timing) -> Timing:
        return Timing(model_s=self.model_s + other.model_s, code_s=self.code_s + other.code_s)


class Step(Record):
    """Facts about one thought, one action and one observation; their text is in the messages."""

    message_index: int
    """Index in ``Trajectory.messages`` of the assistant message of this step."""
    parse_problem: ParseProblem | None = None
    execution_status: ExecutionStatus | None = None
    """None where no code was run."""
    error_name: str = ""
    """Class of the exception that the code raised, such as ``ZeroDivisionError``."""
    is_final: bool = False
    """The code called ``final_answer``."""
    given_chars: int = 0
    """Leading characters of the message that were put in the model's mouth (first-thought prefix)."""
    tool_calls: tuple[ToolCall, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    """All N candidates, the chosen one too; empty without self-consistent actions."""
    candidates_saved: int = 0
    """Candidates that adaptive sampling did not ask for, since they could not change the vote."""
    usage: Usage = Usage()
    mean_logprob: float | None = None
    timing: Timing = Timing()

    @property
    def failed(self) -> bool:
        return self.parse_problem is not None or self.execution_status not in (None, ExecutionStatus.OK)


class StopReason(StrEnum):
    """How an attempt ended. ``PROVIDER`` and ``SANDBOX`` are failures of the program, not of the model:
    they are retried on resume and never graded as an answer.
    """

    ANSWERED = "answered"
    STEP_LIMIT = "step_limit"
    TOKEN_BUDGET = "token_budget"
    CONTEXT_FULL = "context_full"
    """The conversation no longer fits the model's context window."""
    CUT_BY_LENGTH = "cut_by_length"
    """A chain of thought that hit its token limit before an answer."""
    PROVIDER = "provider"
    """The model's server failed after all retries."""
    SANDBOX = "sandbox"
    """The sandbox failed, which is not the same as code that failed in it."""

    @property
    def is_program_failure(self) -> bool:
        return self in (StopReason.PROVIDER, StopReason.SANDBOX)


class PrefixMode(StrEnum):
    """What an agent's first step is given of a chain of thought (paper section 4.1, and alternatives)."""

    NONE = "none"
    PREFIX = "prefix"
    """The forced beginning of the first thought."""
    PLAN = "plan"
    """Shown as a hint in the user turn, not put in the model's mouth."""
    QUESTION = "question"
    """The first thought must name what has to be looked up; needs no chain of thought."""


class PrefixDelivery(StrEnum):
    """How a first-thought prefix reached the model."""

    CONTINUED = "continued"
    """The server continued an assistant message."""
    COMPLETION = "completion"
    """The rendered prompt went through a raw completion endpoint."""
    INSTRUCTED = "instructed"
    """The model was told to begin so: it may not have."""


class FirstThought(Record):
    """The beginning of a chain of thought, to be given to an agent run of the same task."""

    task_id: str
    text: str
    trajectory_id: str
    """The chain-of-thought run that it was taken from."""
    correct: bool | None = None
    """Whether that run was graded correct; None where it was not graded."""


class Failure(Record):
    """A failure of the program during an attempt."""

    kind: StopReason
    message: str


class Trajectory(Record):
    """The record of one attempt at one task."""

    task: Task
    attempt: int = 0
    agent: str
    """Kind of agent: ``code_agent``, ``chain_of_thought``, …"""
    model: str
    """Name of the model as the recipe or the server names it."""
    seed: int
    """Derived from (recipe seed, task id, attempt)."""
    prompt_hash: str = ""
    """Content hash of the prompts in use."""
    messages: tuple[Message, ...]
    steps: tuple[Step, ...]
    stop_reason: StopReason
    answer: str | None = None
    """What the attempt gave as its answer, None where it gave none."""
    answer_was_asked: bool = False
    """The answer came after the step limit, when the model was asked once for it."""
    prefix_mode: PrefixMode = PrefixMode.NONE
    prefix_delivery: PrefixDelivery | None = None
    failure: Failure | None = None
    usage: Usage = Usage()
    timing: Timing = Timing()

    @property
    def id(self) -> str:
        """Key of the attempt within its file: what scores and examples join on."""
        return trajectory_id(self.task.id, self.attempt)

    def without_timing(self) -> Self:
        """The same record with all measured seconds at zero, for comparison between runs."""
        steps = tuple(step.model_copy(update={"timing": Timing()}) for step in self.steps)
        return self.model_copy(update={"steps": steps, "timing": Timing()})

    @model_validator(mode="after")
    def _steps_point_at_assistant_messages(self) -> Self:
        for number, step in enumerate(self.steps, 1):
            if not 0 <= step.message_index < len(self.messages):
                raise ValueError(
                    f"step {number} names message {step.message_index}, but there are {len(self.messages)} messages"
                )
            message = self.messages[step.message_index]
            if message.role is not Role.ASSISTANT:
                raise ValueError(f"step {number} names message {step.message_index}, a {message.role} message")
        return self


def trajectory_id(task_id: str, attempt: int) -> str:
    """Key of one attempt: what resume, scores and examples go by."""
    return f"{task_id}#{attempt}"


# --- judgement --------------------------------------------------------------------------------


class Score(Record):
    """One judgement of one trajectory."""

    trajectory_id: str
    grader: str
    """Name of the grader: ``maths``, ``exact_match``, ``judge`` …"""
    grader_version: str
    correct: bool | None
    """None where the grader could not judge, which is not the same as wrong."""
    value: float | None = None
    """Graded value in [0, 1] where there is one beside right and wrong, such as token F1."""
    answer: str | None = None
    """The answer as extracted from the trajectory."""
    explanation: str = ""
    supported: bool | None = None
    """Whether an observation of the trajectory contains the reference answer; None where that has no meaning."""


# --- training ---------------------------------------------------------------------------------


class TrainSpan(Record):
    """A range of characters of one message that is trained."""

    message_index: int
    start: int
    end: int
    """One past the last character. A span that ends where the content ends also trains the end-of-turn token."""
    weight: float = 1.0


class Example(Record):
    """Messages and which parts of them are trained."""

    id: str
    task_id: str
    trajectory_id: str
    messages: tuple[Message, ...]
    spans: tuple[TrainSpan, ...]
    """In order, not overlapping. What no span covers is read, not learnt."""


class DropReason(StrEnum):
    """Why a trajectory did not become an example."""

    INCORRECT = "incorrect"
    NOT_SCORED = "not_scored"
    PROGRAM_FAILURE = "program_failure"
    UNPARSEABLE_STEP = "unparseable_step"
    VOID_TURN = "void_turn"
    """A turn with neither code nor answer."""
    STEP_LIMIT = "step_limit"
    """Did not end by itself."""
    TOO_LONG = "too_long"
    UNSUPPORTED = "unsupported"
    """A factual answer that no observation contains."""
    NO_SEARCH = "no_search"
    NOT_SELECTED = "not_selected"
    """Another attempt at the same task was kept."""
    NEAR_DUPLICATE = "near_duplicate"
    CONTAMINATED = "contaminated"
    NOTHING_TRAINED = "nothing_trained"


class Dropped(Record):
    """One trajectory that was not kept, and why."""

    trajectory_id: str
    reason: DropReason
    detail: str = ""


# --- results ----------------------------------------------------------------------------------


class Interval(Record):
    """A confidence interval of a mean in [0, 1]."""

    low: float
    high: float
    level: float = 0.95


class TaskSetMetrics(Record):
    """Figures of one system on one task set."""

    task_set: str
    n: int
    """Trajectories, program failures included."""
    n_tasks: int
    n_correct: int
    n_not_scored: int = 0
    accuracy: float
    """Not-scored trajectories count as wrong."""
    interval: Interval
    mean_value: float | None = None
    """Mean of ``Score.value`` where the grader gives one."""
    search_rate: float | None = None
    """Share of trajectories that searched at least once."""
    searches_per_task: float | None = None
    support_rate: float | None = None
    """Share of factual trajectories whose reference answer an observation contains."""
    stop_reasons: dict[StopReason, int] = {}
    step_failures: dict[str, int] = {}
    """Steps by ``ParseProblem`` or ``ExecutionStatus``, only those that failed."""
    mean_steps: float = 0.0
    usage: Usage = Usage()
    """Sum over all trajectories."""
    timing: Timing = Timing()


class Metrics(Record):
    """Figures of one system: ``metrics.json`` of an evaluation."""

    system: str
    """Label of the system as the recipe names it."""
    model: str
    agent: str
    is_program: bool = False
    """The model is a program, not a language model: said wherever these figures are shown."""
    task_sets: tuple[TaskSetMetrics, ...]
    average: float
    """Unweighted mean of the accuracies of all task sets."""


class Comparison(Record):
    """A paired comparison of two systems on the same tasks."""

    system: str
    baseline: str
    task_set: str
    n_tasks: int
    difference: float
    """Accuracy of the system less that of the baseline."""
    interval: Interval
    """Paired bootstrap, clustered by task. ``low`` and ``high`` are in [-1, 1]."""
    n_only_system: int
    """Tasks that only the system solves."""
    n_only_baseline: int
    p_value: float
    """Exact McNemar test, two-sided."""


# --- a run --------------------------------------------------------------------------------------


class StageKind(StrEnum):
    """The kinds of stages, in the order in which data walks through them; also their folders in a run."""

    ROLLOUT = "rollout"
    PREFIXES = "prefixes"
    CURATE = "curate"
    TRAIN = "train"
    EVALUATE = "evaluate"


class StageState(StrEnum):
    """Where a stage of a run stands."""

    RUNNING = "running"
    """Begun, and perhaps killed: what it wrote is kept and gone on from."""
    DONE = "done"


class StageRecord(Record):
    """``stage.json``: what a stage was told, and how it ended. Written by the walk, read by the report."""

    kind: StageKind
    name: str
    state: StageState
    fingerprint: str
    """Digest of settings and inputs: a stage whose fingerprint is the same is not run again."""
    settings: dict[str, JsonValue]
    inputs: dict[str, str] = {}
    """Fingerprints of the stages that it took from, by ``kind/name``."""
    started: str
    """UTC, ISO 8601."""
    seconds: float = 0.0
    """Wall seconds over all tries."""
    counts: dict[str, float] = {}
    """What came out, by name: tasks, kept, dropped_incorrect, trained_tokens, …"""


class Manifest(Record):
    """``manifest.json``: what was run, with what, on what."""

    schema_version: int = JSON_SCHEMA_VERSION
    name: str
    recipe: dict[str, JsonValue]
    """The recipe as it was understood, defaults filled in."""
    seed: int
    prompts_hash: str
    created: str
    """UTC, ISO 8601."""
    commit: str | None
    """Of the checkout that ran; ends in ``+changes`` where it had uncommitted ones. None outside a checkout."""
    versions: dict[str, str]
    """Installed versions of what results depend on, by package."""
    machine: dict[str, str]
    """Operating system, processor, cores, memory, GPU."""
