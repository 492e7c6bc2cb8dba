"""The opening sentence of a report: how good the student is, and whether the gain is significant.

In: the systems of a run and their paired comparisons. Out: a ``Sentence`` made of measured figures only. Not here:
the measuring.
"""

from __future__ import annotations

from collections.abc import Sequence

from understudy.records import Comparison
from understudy.report.data import Sentence, System, SystemRole

SIGNIFICANT = 0.05
SPACE = "\N{NO-BREAK SPACE}"
"""Between a figure and its percent sign."""


def sentence_of(systems: Sequence[System], comparisons: Sequence[Comparison]) -> Sentence:
    """Compare the student with baseline and teacher, and say whether the difference is significant."""
    if not systems:
        return Sentence(text="Nothing has been evaluated yet.")
    student = _with_role(systems, SystemRole.STUDENT)
    baseline = _with_role(systems, SystemRole.BASELINE)
    teacher = _with_role(systems, SystemRole.TEACHER)
    if student is None:
        only = systems[0]
        return Sentence(text=f"{named(only)} answers {_percent(only.metrics.average)} of {_questions(only)}.")
    text = f"{named(student)} answers {_percent(student.metrics.average)} of {_questions(student)}"
    if baseline is not None:
        whole = overall(comparisons, student, baseline)
        gain = 100 * (whole.difference if whole else student.metrics.average - baseline.metrics.average)
        text += f", {_points(gain)} than {named(baseline)} ({_percent(baseline.metrics.average)})"
    text += _against_teacher(student, teacher)
    return Sentence(text=text + ".", doubt=_doubt(student, baseline, comparisons))


def named(system: System) -> str:
    """The system's label; programs are marked as such."""
    label = system.metrics.system
    behind = [one.deferral for one in system.metrics.task_sets if one.deferral is not None]
    if not system.metrics.is_program and any(one.teacher_is_program for one in behind):
        return f"{label} (its teacher is a program)"
    return f"{label} (a program)" if system.metrics.is_program and "program" not in label.lower() else label


def overall(comparisons: Sequence[Comparison], student: System, baseline: System) -> Comparison | None:
    """The comparison of two systems over all tasks: the one over no single task set, or the only one there is."""
    mine = between(comparisons, student, baseline)
    task_sets = {one.task_set for one in student.metrics.task_sets}
    whole = [one for one in mine if one.task_set not in task_sets]
    return (whole or mine)[0] if whole or len(mine) == 1 else None


def between(comparisons: Sequence[Comparison], student: System, baseline: System) -> list[Comparison]:
    """All comparisons of two systems, in their order."""
    pair = (student.metrics.system, baseline.metrics.system)
    return [one for one in comparisons if (one.system, one.baseline) == pair]


def _with_role(systems: Sequence[System], role: SystemRole) -> System | None:
    return next((system for system in systems if system.role is role), None)


def _against_teacher(student: System, teacher: System | None) -> str:
    if teacher is None or teacher.metrics.average <= 0:
        return ""
    share = student.metrics.average / teacher.metrics.average
    text = f"; that is {100 * share:.0f}{SPACE}% of the accuracy of the teacher, {named(teacher)}"
    if "teacher" in teacher.metrics.system.lower():
        text = f"; that is {100 * share:.0f}{SPACE}% of the accuracy of {named(teacher)}"
    if teacher.metrics.is_program or not student.tokens_per_question or not teacher.tokens_per_question:
        return text
    return f"{text}, at {student.tokens_per_question / teacher.tokens_per_question:.2g} times its tokens"


def _doubt(student: System, baseline: System | None, comparisons: Sequence[Comparison]) -> str:
    scope = "The intervals cover sampling of questions, not variation between training seeds."
    if baseline is None:
        return scope
    whole = overall(comparisons, student, baseline)
    if whole is None:
        mine = between(comparisons, student, baseline)
        clear = sum(one.p_value < SIGNIFICANT for one in mine)
        return f"The paired test is below .05 on {clear} of {len(mine)} task sets. {scope}" if mine else scope
    reach = f"{_signed(100 * whole.interval.low)} to {_signed(100 * whole.interval.high)}"
    facts = f"paired difference {_signed(100 * whole.difference)} points"
    facts += f" ({100 * whole.interval.level:.0f}{SPACE}% interval {reach}), exact McNemar {p_text(whole)}"
    if whole.p_value < SIGNIFICANT:
        return f"That is more than noise: {facts}. {scope}"
    return f"That may be noise: {facts}. {scope}"


def p_text(comparison: Comparison) -> str:
    """The p-value as one reads it."""
    return "p < .001" if comparison.p_value < 0.001 else f"p = {comparison.p_value:.3f}".replace("0.", ".")


def _questions(system: System) -> str:
    n_sets = len(system.metrics.task_sets)
    n_tasks = sum(one.n_tasks for one in system.metrics.task_sets)
    where = "" if n_sets == 1 else f" (mean over {n_sets} task sets)"
    return f"{n_tasks:,} held-out questions{where}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}{SPACE}%"


def _points(gain: float) -> str:
    return f"{abs(gain):.1f} points {'more' if gain >= 0 else 'fewer'}"


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")
