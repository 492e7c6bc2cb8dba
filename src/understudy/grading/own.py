"""Graders that users write: a function, or a class with ``grade``, named in a recipe as ``package.module:name``.

In: a trajectory, and the return value of the user's code: a bool, a number in [0, 1], a ``Judgement``, a ``Score``, or
None if it cannot judge. Out: a ``Score``. Not here: finding the code (``understudy.registry``).

    def refund_is_right(trajectory: Trajectory) -> Judgement:
        return Judgement(trajectory.answer == "12.50", "compared with the shop's ledger")

A number is right if it is 1; ``Judgement(correct, explanation, value=0.7)`` decides otherwise. Tasks need no reference
answer, and attempts without an answer are judged too, because their actions may count.
"""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable
from typing import Any

from understudy.grading.grader import Judgement, infrastructure_error, score_of
from understudy.records import Score, Trajectory


class GraderError(ValueError):
    """A user's grader raised an exception, or returned something that is not a judgement."""


class FunctionGrader:
    """A plain function as a grader."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def grade(self, trajectory: Trajectory) -> Any:
        """Call the function."""
        return self._function(trajectory)


def own_grader(name: str, version: str, part: object) -> OwnGrader:
    """A user's part as a grader: a function, or an object with a method ``grade``. Raises ``GraderError`` for anything
    else.
    """
    grade = getattr(part, "grade", part)
    if not callable(grade):
        raise GraderError(
            f"grader {name}: expected a function or a method grade(trajectory); got {type(part).__name__}"
        )
    return OwnGrader(name, version, grade)


class OwnGrader:
    """Makes scores of the results of a user's code."""

    def __init__(self, name: str, version: str, grade: Callable[[Trajectory], object]) -> None:
        self.name = name
        self.version = version
        self._grade = grade

    def grade(self, trajectory: Trajectory) -> Score:
        """Judge one attempt. Raises ``GraderError``, which names the attempt."""
        failure = infrastructure_error(trajectory)
        result = failure or self._call(trajectory)
        place = f"grader {self.name}, trajectory {trajectory.id}"
        if not isinstance(result, Score):
            return score_of(self.name, self.version, trajectory, _judgement(result, place))
        if result.trajectory_id != trajectory.id:
            raise GraderError(f"{place}: expected a score of this trajectory; got one of {result.trajectory_id!r}")
        return result

    def _call(self, trajectory: Trajectory) -> object:
        try:
            result = self._grade(trajectory)
            return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            raise GraderError(
                f"grader {self.name}, trajectory {trajectory.id}: {at.filename}:{at.lineno} raised "
                f"{type(error).__name__}: {error}"
            ) from error


async def _awaited(result: Any) -> object:
    return await result


def _judgement(result: object, place: str) -> Judgement:
    """The result of the user's code as a judgement."""
    if type(result).__module__ == "numpy" and hasattr(result, "item"):
        result = result.item()
    match result:
        case Judgement():
            _check_value(result.value, place)
            return result
        case None:
            return Judgement(None, "the grader could not judge")
        case bool():
            return Judgement(result, "")
        case int() | float():
            _check_value(result, place)
            return Judgement(result == 1, "", value=float(result))
    got = f"{type(result).__name__}: {result!r:.100}"
    raise GraderError(f"{place}: expected a bool, a number in [0, 1], a Judgement, a Score or None; got {got}")


def _check_value(value: float | None, place: str) -> None:
    if value is not None and not 0 <= value <= 1:
        raise GraderError(f"{place}: expected a value in [0, 1]; got {value!r}")
