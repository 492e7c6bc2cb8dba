"""The stage ``prefixes``: the first thoughts of a chain-of-thought rollout, which an agent's first step begins with.

Takes: graded attempts. Writes: ``prefixes.jsonl``, whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from understudy.agents import FirstThoughtConfig, make_first_thoughts
from understudy.annotations import AttemptsRef
from understudy.pipeline.attempts import read_graded
from understudy.pipeline.context import RunContext
from understudy.pipeline.stage import Counts, Stage
from understudy.records import FirstThought, Target
from understudy.run_layout import PREFIXES
from understudy.runs import read_jsonl, write_jsonl


class PrefixesConfig(FirstThoughtConfig):
    """The attempts whose first thoughts are taken."""

    rollout: AttemptsRef


class Prefixes(Stage[PrefixesConfig]):
    """Take first thoughts from a chain-of-thought rollout."""

    kind = "prefixes"
    provides = Target.FIRST_THOUGHTS
    Config: ClassVar = PrefixesConfig

    def run(self) -> Counts:
        trajectories, scores = read_graded(self.context, self.context.stage_named(Target.ATTEMPTS, self.config.rollout))
        by_id = {score.trajectory_id: score for score in scores}
        made = make_first_thoughts(trajectories, by_id, self.config)
        write_jsonl(self.folder / PREFIXES, made.thoughts)
        return {"kept": len(made.thoughts), **{f"dropped_{reason}": n for reason, n in made.left_out.items()}}


def read_prefixes(context: RunContext, name: str) -> Sequence[FirstThought]:
    """The first thoughts of a stage."""
    folder = context.directory.folder(context.stage_named(Target.FIRST_THOUGHTS, name))
    return list(read_jsonl(folder / PREFIXES, FirstThought))
