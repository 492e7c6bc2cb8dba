"""The grader of mathematical answers.

In: a task with its reference, and an answer in LaTeX, Python or plain text. Out: a judgement. Not here: how two texts
are compared (``comparison``), the processes of symbolic comparison (``pool``).

The released code's ×100 / ÷100 leniency is the option ``percent_leniency``.
"""

from __future__ import annotations

import threading

from understudy.grading.answers import mathematical_answer
from understudy.grading.comparison import Comparison
from understudy.grading.config import MathOptions
from understudy.grading.grader import Judgement, is_no_answer
from understudy.grading.pool import WorkerPool
from understudy.records import Task

MAX_ANSWER_CHARS = 4_000
"""Longer than any reference; a longer answer can only be equal as a text."""
MAX_REMEMBERED = 50_000


class MathGrader:
    """Right if the answer equals the reference or an alias. It does not close the pool, which belongs to the caller."""

    name = "math"
    needs_reference = True

    def __init__(self, config: MathOptions, pool: WorkerPool, *, lists_are_points: bool = False) -> None:
        """``lists_are_points``: an answer ``[3, 4]`` is not an interval, see ``points``."""
        self._config = config
        self._pool = pool
        self._lists_are_points = lists_are_points
        self._remembered: dict[tuple[str, str], tuple[bool | None, str]] = {}
        self._lock = threading.Lock()
        options = [f"rel_tol={config.rel_tol:g}"]
        options += ["exact_integers"] if config.exact_integers else []
        options += ["percent_leniency"] if config.percent_leniency else []
        self.version = f"6 {' '.join(options)}"

    def judge(self, task: Task, answer: str) -> Judgement:
        """Judge one answer."""
        given = mathematical_answer(answer)
        if is_no_answer(given):
            return Judgement(False, "no answer", given)
        how, is_open = "", False
        for reference in task.references:
            equal, how = self.equal(reference, given)
            if equal:
                return Judgement(True, f"equals {reference!r}: {how}", given[:MAX_ANSWER_CHARS])
            is_open = is_open or equal is None
        if is_open:
            return Judgement(None, f"not judged against {task.answer!r}: {how}", given[:MAX_ANSWER_CHARS])
        return Judgement(False, f"not {task.answer!r}: {how}", given[:MAX_ANSWER_CHARS])

    def equal(self, reference: str, answer: str) -> tuple[bool | None, str]:
        """Whether two mathematical texts are equal, None if undecided, and the way of comparing."""
        if reference.strip() == answer.strip():
            return True, "same text"
        if len(answer) > MAX_ANSWER_CHARS:
            return False, f"the answer has {len(answer):,} signs, at most {MAX_ANSWER_CHARS:,} are read"
        key = (reference, answer)
        with self._lock:
            found = self._remembered.get(key)
        if found is None:
            comparison = Comparison(self._config, self._pool, lists_are_points=self._lists_are_points)
            found = comparison.equal(reference, answer)
            with self._lock:
                if len(self._remembered) < MAX_REMEMBERED:
                    self._remembered[key] = found
        return found
