"""The attempts of a stage and their scores, as files; and how a stage ends.

In: props and a stage that has attempts. Out: records, or new scores. Not here: making attempts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from understudy.grading import grade_all
from understudy.pipeline.props import Props
from understudy.progress import Progress
from understudy.recipe import StageRef
from understudy.records import Score, Trajectory
from understudy.rollouts import read_trajectories
from understudy.runs import read_jsonl, write_jsonl

Counts = dict[str, float]


class StageFailedError(Exception):
    """A stage could not be brought to its end; what it computed is kept, and running it again goes on."""


def trajectories_path(props: Props, ref: StageRef) -> Path:
    """Where the attempts of a stage are."""
    return props.directory.folder(ref) / "trajectories.jsonl"


def scores_path(props: Props, ref: StageRef) -> Path:
    """Where their scores are."""
    return props.directory.folder(ref) / "scores.jsonl"


def read_graded(props: Props, ref: StageRef) -> tuple[list[Trajectory], list[Score]]:
    """The attempts of a stage and their scores."""
    return list(read_trajectories(trajectories_path(props, ref))), list(read_jsonl(scores_path(props, ref), Score))


def grade_stage(props: Props, ref: StageRef, given: Mapping[str, Score] = MappingProxyType({})) -> list[Score]:
    """Grade all attempts of a stage and write ``scores.jsonl`` whole.

    ``given``: verdicts that stand, by trajectory id.
    """
    trajectories = list(read_trajectories(trajectories_path(props, ref)))
    graded = dict(given)
    ungraded = [one for one in trajectories if one.id not in given]
    with Progress(f"{ref} grading", len(ungraded), quiet=props.quiet) as progress:
        for score in grade_all(props.grader(), ungraded) if ungraded else ():
            graded[score.trajectory_id] = score
            progress.advance()
    scores = [graded[one.id] for one in trajectories]
    write_jsonl(scores_path(props, ref), scores)
    return scores
