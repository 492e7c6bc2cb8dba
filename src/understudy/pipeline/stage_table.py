"""The table of stages that ship with the package, in the order in which data passes them.

The command line, recipes, the order of a run and ``understudy kinds`` read it. It imports nothing, so that ``--help``
is quick.
"""

from __future__ import annotations

from typing import NamedTuple


class StageEntry(NamedTuple):
    """One kind of stage."""

    part: str
    """``module:Class`` in ``PACKAGE``."""
    about: str


PACKAGE = "understudy.pipeline.stages"
STAGE_TABLE = {
    "rollout": StageEntry("rollout:Rollout", "Let agents attempt tasks, and grade the attempts."),
    "imported": StageEntry("imported:Imported", "Take attempts from a file that was made elsewhere."),
    "clean": StageEntry("clean:Clean", "Drop or mend faulty attempts, such as those with personal data."),
    "prefixes": StageEntry("prefixes:Prefixes", "Take first thoughts from a chain-of-thought rollout."),
    "repair": StageEntry("repair:Repair", "Let a teacher correct the first wrong step of a student's wrong attempts."),
    "curate": StageEntry("curate:Curate", "Choose attempts and make training examples of them."),
    "train": StageEntry("train:Train", "Fine-tune a base model on curated examples."),
    "on_policy": StageEntry(
        "on_policy:OnPolicy", "Distil a teacher's token probabilities at the student's own replies."
    ),
    "dpo": StageEntry("dpo:Dpo", "Train a student on pairs: a verified correction against the wrong step."),
    "evaluate": StageEntry("evaluate:Evaluate", "Let a system attempt test tasks, and measure it."),
    "signals": StageEntry("signals:SignalsStage", "Measure which signals tell right from wrong, and set a threshold."),
    "agreement": StageEntry("agreement:AgreementStage", "Compare a model's next actions with stored ones."),
}
"""Kind → where it is and what it does."""
