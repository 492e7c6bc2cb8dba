"""The layout of a run directory: the names of its files and folders, and where its stages are.

In: a run directory. Out: paths. Not here: the contents of the files (``understudy.records``), and writing them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from understudy.records import StageRef

MANIFEST = "manifest.json"
"""Recipe with defaults filled in, versions, commit, seed, machine; written before the first record."""
STAGE = "stage.json"
"""In each stage's folder: its settings and how it ended."""
TRAJECTORIES = "trajectories.jsonl"
SCORES = "scores.jsonl"
PREFIXES = "prefixes.jsonl"
TRIES = "tries.jsonl"
"""Every teacher correction that was tried."""
REFUSED = "refused.jsonl"
"""Rows of foreign data that were not imported, with a reason each."""
FINDINGS = "findings.jsonl"
"""What a cleaning dropped, changed or counted, with a reason each."""
CLUSTERS = "clusters.jsonl"
"""The topics of a cleaning's conversations."""
RELABELLED = "relabelled.jsonl"
"""Replies that a teacher wrote again, with their originals."""
EXAMPLES = "examples.jsonl"
PAIRS = "pairs.jsonl"
"""Preference pairs."""
DROPPED = "dropped.jsonl"
CHECKPOINT = "checkpoint"
TRAINING_LOG = "log.jsonl"
EVAL_LOG = "eval_callback.jsonl"
"""How a student replied while it was trained."""
TRAINING_OUTPUT = "output.log"
"""What a training's process printed."""
PARITY = "parity.json"
"""How the student differs from its base, and that it is the same merged."""
METRICS = "metrics.json"
STEPS = "steps.jsonl"
"""Stored steps, each with the action that a model would take."""
AGREEMENT = "agreement.json"
SIGNALS_FILE = "signals.json"
"""What the signals of a student are worth, with their thresholds."""
DEFERRALS = "deferrals.json"
"""Accuracy against cost of the cascades that were evaluated, with both ends."""
COMPARISONS = "comparisons.json"
REPORT = "report.html"
MARKS = "marks.jsonl"
"""A person's verdicts on attempts, of all stages."""
CORPUS = "corpus.jsonl"
"""The encyclopedia of a generated world, where a recipe searches it."""
SERVED = "served"
"""Logs of served agents, a folder each."""
SERVED_AGENT = "agent.json"
"""In such a folder: what was served."""
CONVERSATIONS = "conversations.jsonl"
"""In such a folder: how each conversation went; its trajectory is in the file of trajectories."""
ARCHIVE = "archived"
"""Stages whose settings were changed since: nothing that was computed is deleted."""

EVALUATE = "evaluate"
"""The kind of stage whose folder holds metrics."""


def stage_folder(run_dir: Path, ref: StageRef) -> Path:
    """Where a stage's files are."""
    return run_dir / ref.kind / ref.name


def stage_refs(run_dir: Path) -> Iterator[StageRef]:
    """All folders of stages, by kind and name; archived ones and logs of served agents are left out."""
    for kind in sorted(_folders(run_dir)):
        if kind.name not in (ARCHIVE, SERVED):
            yield from (StageRef(kind=kind.name, name=folder.name) for folder in sorted(_folders(kind)))


def _folders(path: Path) -> Iterator[Path]:
    return (below for below in path.iterdir() if below.is_dir() and not below.name.startswith("."))
