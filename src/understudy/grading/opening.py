"""The public verb of the room: a config becomes a grader, and its processes end with it.

In: ``GradingConfig`` and, for a judge, a model. Out: a ``Grader`` in a context manager. Not here: judging.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from understudy.grading.config import GraderKind, GradingConfig, JudgeConfig
from understudy.grading.facts import ExactMatchGrader
from understudy.grading.grader import AnswerGrader, Grader, grade_with
from understudy.grading.math_grader import MathGrader
from understudy.grading.pool import WorkerPool
from understudy.models.model import Model
from understudy.records import Score, TaskKind, Trajectory


@contextmanager
def open_grader(config: GradingConfig | None = None, judge_model: Model | None = None) -> Iterator[Grader]:
    """Open the grader that the config names. ``judge_model`` stays the caller's to close.

    No process is started before the first answer that needs one, and no model is asked for where no judge is wanted.
    Raises ``ValueError`` where a judge is wanted and no model is given, or the other way round.
    """
    config = config or GradingConfig()
    if (config.kind is GraderKind.JUDGE) != (judge_model is not None):
        missing = "a model is needed" if judge_model is None else "no model is asked for"
        raise ValueError(f"kind: {config.kind.value!r} came, {missing}: judge_model goes with kind 'judge' only")
    math = config.math
    with WorkerPool(math.n_workers, math.deadline_s, math.worker_memory_bytes) as pool:
        yield _KindGrader(_choice(config, MathGrader(math, pool), judge_model))


def _choice(config: GradingConfig, math: MathGrader, judge_model: Model | None) -> Callable[[TaskKind], AnswerGrader]:
    exact = ExactMatchGrader()
    if config.kind is GraderKind.MATH:
        return lambda _: math
    if config.kind is GraderKind.EXACT_MATCH:
        return lambda _: exact
    facts: AnswerGrader = exact
    if judge_model is not None:
        from understudy.grading.judge import JudgeGrader

        facts = JudgeGrader(judge_model, config.judge or JudgeConfig())
    return lambda kind: math if kind is TaskKind.MATH else facts


class _KindGrader:
    """Hands each trajectory to the grader for its kind of task."""

    def __init__(self, choose: Callable[[TaskKind], AnswerGrader]) -> None:
        self._choose = choose

    def grade(self, trajectory: Trajectory) -> Score:
        return grade_with(self._choose(trajectory.task.kind), trajectory)
