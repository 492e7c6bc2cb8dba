"""The built-in kinds of graders: which answer grader judges which task. In: a config, and a model for a judge. Out: a
``Grader`` that owns its worker processes. Not here: judging.
"""

from __future__ import annotations

from collections.abc import Callable

from understudy.grading.config import AutoConfig, ExactMatchConfig, JudgeConfig, MathConfig, MathOptions
from understudy.grading.facts import ExactMatchGrader
from understudy.grading.grader import AnswerGrader, grade_with
from understudy.grading.judge import JudgeGrader
from understudy.grading.math_grader import MathGrader
from understudy.grading.points import is_point
from understudy.grading.pool import WorkerPool
from understudy.models.model import Model
from understudy.records import Score, TaskKind, Trajectory


class TaskGrader:
    """Hands each trajectory to the grader for its task."""

    def __init__(self, choose: Callable[[Trajectory], AnswerGrader], pool: WorkerPool | None = None) -> None:
        self._choose = choose
        self._pool = pool

    def grade(self, trajectory: Trajectory) -> Score:
        """Judge one attempt."""
        return grade_with(self._choose(trajectory), trajectory)

    def close(self) -> None:
        """End the processes of symbolic comparison."""
        if self._pool is not None:
            self._pool.close()


def auto(config: AutoConfig) -> TaskGrader:
    """Mathematical tasks by equality, factual ones by exact match."""
    pool, exact = _pool(config), ExactMatchGrader()
    equality = _equality(config, pool)
    return TaskGrader(lambda one: equality(one) if one.task.kind is TaskKind.MATH else exact, pool)


def math(config: MathConfig) -> TaskGrader:
    """All tasks by mathematical equality."""
    pool = _pool(config)
    return TaskGrader(_equality(config, pool), pool)


def exact_match(_config: ExactMatchConfig) -> TaskGrader:
    """All tasks by exact match."""
    exact = ExactMatchGrader()
    return TaskGrader(lambda _: exact)


def judge(config: JudgeConfig, model: Model) -> TaskGrader:
    """Mathematical tasks with a reference by equality, all others by a model."""
    pool = _pool(config)
    equality, judging = _equality(config, pool), JudgeGrader(model, config)
    return TaskGrader(
        lambda one: equality(one) if one.task.kind is TaskKind.MATH and one.task.references else judging, pool
    )


def _equality(options: MathOptions, pool: WorkerPool) -> Callable[[Trajectory], MathGrader]:
    """The grader of a mathematical answer: whether ``[3, 4]`` may be an interval depends on the attempt."""
    strict, lenient = MathGrader(options, pool), MathGrader(options, pool, lists_are_points=True)
    return lambda trajectory: lenient if is_point(trajectory) else strict


def _pool(options: MathOptions) -> WorkerPool:
    return WorkerPool(options.n_workers, options.deadline_s, options.worker_memory_bytes)
