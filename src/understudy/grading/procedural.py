"""The grader of questions of reasoning-gym: the scoring of the generator that made the question.

In: a trajectory whose task names its generator. Out: a score. Only the full score counts as right; a partial score is
kept as the score's value. Other tasks are judged as ``auto`` judges them. Not here: making questions
(``understudy.tasks.procedural``).
"""

from __future__ import annotations

from understudy.grading.config import AutoConfig, ReasoningGymConfig
from understudy.grading.grader import Judgement, grade_with
from understudy.grading.kinds import TaskGrader, auto
from understudy.records import Score, Task, Trajectory
from understudy.tasks.procedural import METADATA_KEY, entry_of


class GeneratorGrader:
    """Scores an answer as the generator of its question does."""

    name = "reasoning_gym"
    version = "1"
    needs_reference = False

    def judge(self, task: Task, answer: str) -> Judgement:
        """Judge an answer, which is not missing."""
        dataset, entry = entry_of(task)
        try:
            value = float(dataset.score_answer(answer=answer, entry=entry))
        except Exception as error:  # scorers are foreign code, and an answer may hold anything
            return Judgement(False, f"the scoring of {task.type} raised {type(error).__name__}: {error}", answer, 0.0)
        value = min(max(value, 0.0), 1.0)
        return Judgement(value == 1.0, f"{task.type} scored it {value:g}", answer, value)


class ReasoningGymGrader:
    """Judges what reasoning-gym made by its scoring, and all else as ``auto`` does."""

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
