"""The grader of questions of reasoning-gym: uses the scoring of the generator that made the question.

In: a trajectory whose task names its generator. Out: a score. Only the full score counts as correct; a partial score is
kept as the value of the score. Other tasks are graded by ``auto``. Not here: making questions
(``understudy.tasks.procedural``).
"""

from __future__ import annotations

from understudy.grading.config import AutoConfig, ReasoningGymConfig
from understudy.grading.grader import Judgement, grade_with
from understudy.grading.kinds import TaskGrader, auto
from understudy.records import Score, Task, Trajectory
from understudy.tasks.procedural import METADATA_KEY, entry_of


class GeneratorGrader:
    """Scores an answer with the generator of its question."""

    name = "reasoning_gym"
    version = "1"
    needs_reference = False

    def judge(self, task: Task, answer: str) -> Judgement:
        """Grade an answer; it must not be missing."""
        dataset, entry = entry_of(task)
        try:
            value = float(dataset.score_answer(answer=answer, entry=entry))
        except Exception as error:  # scorers are foreign code, and an answer may contain anything
            return Judgement(False, f"the scoring of {task.type} raised {type(error).__name__}: {error}", answer, 0.0)
        value = min(max(value, 0.0), 1.0)
        return Judgement(value == 1.0, f"{task.type} scored it {value:g}", answer, value)


class ReasoningGymGrader:
    """Grades questions of reasoning-gym with its own scoring, and all other tasks with ``auto``."""

    def __init__(self, config: ReasoningGymConfig) -> None:
        self._scored = GeneratorGrader()
        self._others: TaskGrader = auto(AutoConfig.model_validate(config.model_dump(exclude={"kind"})))

    def grade(self, trajectory: Trajectory) -> Score:
        """Judge one attempt."""
        if METADATA_KEY in trajectory.task.metadata:
            return grade_with(self._scored, trajectory)
        return self._others.grade(trajectory)

    def close(self) -> None:
        """End the processes of symbolic comparison."""
        self._others.close()
