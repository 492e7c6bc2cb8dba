"""The document behind a report: everything that is shown, as typed records, before anything is drawn.

In: nothing. Out: ``Document`` and its parts, which ``collect`` fills and page and terminal draw. Not here: reading
files, drawing. The texts of trajectories are not in the document: they travel beside it in chunks (``Body``).
"""

from __future__ import annotations

from enum import StrEnum

from understudy.curation import CleaningSummary
from understudy.records import (
    Agreement,
    Comparison,
    DeferralCurve,
    Example,
    Interval,
    MarkAgreement,
    Metrics,
    Record,
    Score,
    SignalReport,
    StageState,
    StopReason,
    Trajectory,
)

CHUNK_ROWS = 50
"""Rows whose texts travel together: small enough to unpack in a few milliseconds."""


class Verdict(StrEnum):
    """The result of an attempt in lists and filters."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_SCORED = "not_scored"
    FAILURE = "failure"
    """An infrastructure error, which does not count for or against the model."""
    EXAMPLE = "example"
    """A training example: there is nothing to judge."""


class Row(Record):
    """The facts of one trajectory or example that a list shows; its text is in a ``Body``."""

    line: int
    """Index of its record in the file, counted from 0: names the chunk that its text travels in."""
    id: str
    task_id: str
    task_set: str
    question: str
    """Cut to 160 characters."""
    answer: str = ""
    """Cut to 80 characters, empty if none was given."""
    reference: str = ""
    verdict: Verdict
    n_steps: int
    errors: tuple[str, ...] = ()
    """Kinds of the steps that failed, each named once."""
    stop: StopReason | None = None
    n_searches: int = 0
    n_cut: int = 0
    """Replies that were cut at a stop string because the model had written beyond it."""
    tokens: int = 0
    """Prompt and completion tokens of all model calls."""
    fate: str = ""
    """The decision of curation: ``kept``, a drop reason, or empty."""


class CollectionKind(StrEnum):
    """What a collection is; also the kind of the stage that wrote it, if that is none of a user's own."""

    EVALUATE = "evaluate"
    ROLLOUT = "rollout"
    REPAIR = "repair"
    CURATE = "curate"
    """Training examples."""


class Collection(Record):
    """The trajectories, or examples, of one stage: one file, in its order."""

    key: str
    """``evaluate/<system>``, ``rollout/<stage>``, ``repair/<stage>``, ``curate/<stage>``."""
    kind: CollectionKind
    label: str
    is_program: bool = False
    rows: tuple[Row, ...] = ()


class Unit(StrEnum):
    """The unit in which text is counted."""

    TOKENS = "tokens"
    CHARACTERS = "characters"


class Mask(Record):
    """One training sequence as the student reads it, with its loss weights."""

    texts: tuple[str, ...]
    """Tokens as text, or stretches of characters: joined, they are the sequence."""
    weights: tuple[float, ...]
    """Loss weight of each text; 0 is read, not learnt."""
    unit: Unit


class Body(Record):
    """The text of one row: what the reading view shows."""

    trajectory: Trajectory | None = None
    scores: tuple[Score, ...] = ()
    example: Example | None = None
    masks: tuple[Mask, ...] = ()


class SystemRole(StrEnum):
    """The role of a system in the sentence of the report."""

    STUDENT = "student"
    BASELINE = "baseline"
    TEACHER = "teacher"
    OTHER = "other"


class CandidateErrors(Record):
    """Errors of self-consistent actions before and after the vote."""

    n_steps: int = 0
    """Steps with candidates."""
    n_candidates: int = 0
    failed: dict[str, int] = {}
    """Candidates that failed, by kind."""
    chosen_failed: dict[str, int] = {}
    """Steps whose chosen candidate failed, by kind."""


class System(Record):
    """One row of the table of distillation."""

    key: str
    """Of its collection."""
    role: SystemRole
    metrics: Metrics
    interval: Interval
    """Of ``metrics.average``."""
    n: int
    tokens_per_question: float
    seconds_per_question: float
    cost_per_question_usd: float | None = None
    """None if a price is not known."""
    paper: float | None = None
    """The paper's figure for the same cell, in [0, 1]."""
    candidates: CandidateErrors | None = None


class CurvePoint(Record):
    """One measured point of a training curve."""

    step: float
    value: float


class Curve(Record):
    """One quantity of one training over its steps."""

    stage: str
    quantity: str
    """As the log names it, such as ``loss``."""
    points: tuple[CurvePoint, ...]


class TextAmount(Record):
    """Amount of text of one kind in the examples, and its trained share."""

    part: str
    """``system``, ``question``, ``observation``, ``thought``, ``code``."""
    trained: int
    read: int


class Curation(Record):
    """The kept and the dropped attempts of one curation."""

    stage: str
    key: str
    """Its folder in the run directory."""
    n_kept: int
    dropped: dict[str, int]
    """Trajectories by drop reason, most frequent first."""
    unit: Unit
    amounts: tuple[TextAmount, ...]


class Cleaning(Record):
    """What one cleaning dropped, changed and counted."""

    stage: str
    key: str
    """Its folder in the run directory."""
    attempts: str
    """Key of the stage whose attempts it cleaned; empty if it does not say."""
    summary: CleaningSummary


class Stage(Record):
    """The state of one stage of the run."""

    kind: str
    name: str
    collection: CollectionKind | None = None
    """The kind of its records; None if they cannot be listed one by one."""
    state: StageState
    error: str = ""
    """Why it failed."""
    n: int
    """Records written so far."""
    inputs: tuple[str, ...] = ()
    """Its input stages, as ``kind/name``."""
    counts: dict[str, float] = {}
    """Counts of its results, by name."""
    files: tuple[tuple[str, int], ...] = ()
    """Names and sizes in bytes of the files in its folder."""
    facts: tuple[tuple[str, str], ...] = ()
    """The contents of its ``stage.json``, flattened to text."""

    @property
    def key(self) -> str:
        """Its folder in the run directory."""
        return f"{self.kind}/{self.name}"

    @property
    def has_attempts(self) -> bool:
        return self.collection not in (None, CollectionKind.CURATE)


class Sentence(Record):
    """The opening sentence: how good the student is, and whether the gain is significant."""

    text: str
    doubt: str = ""
    """A second sentence about significance, and about what the intervals do not cover."""


class Document(Record):
    """One run, ready to be drawn."""

    title: str
    run: str
    state: StageState
    sentence: Sentence
    in_domain: tuple[str, ...] = ()
    systems: tuple[System, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    mark_agreements: tuple[MarkAgreement, ...] = ()
    signal_reports: dict[str, SignalReport] = {}
    """What signals are worth, by the key of the stage."""
    deferrals: tuple[DeferralCurve, ...] = ()
    collections: tuple[Collection, ...] = ()
    curves: tuple[Curve, ...] = ()
    curations: tuple[Curation, ...] = ()
    cleanings: tuple[Cleaning, ...] = ()
    stages: tuple[Stage, ...] = ()
    manifest: tuple[tuple[str, str], ...] = ()
    """Recipe, versions, commit and seeds, flattened to ``path.to.key`` and text."""
    version: str = ""
    """Changes when any file of the run changes: what a page that follows a running run asks for."""


class RunEntry(Record):
    """One run in the viewer's list."""

    name: str
    state: StageState
    created: str = ""
    """UTC, ISO 8601."""
    n_stages: int = 0
    n_done: int = 0
    stage: str = ""
    """The one that is not done yet, else the last one."""
    error: str = ""
    """Why the run failed."""
    systems: tuple[tuple[str, float], ...] = ()
    """Label and average accuracy of the evaluated systems."""
    problem: str = ""
    """Why nothing else is known: the file that could not be read."""


class RunList(Record):
    """The runs that the viewer shows."""

    folder: str
    runs: tuple[RunEntry, ...]
