"""Accuracy against cost of the cascades that a run evaluated.

In: the evaluations of a run: a cascade, its student alone, its teacher alone, on the same tasks. Out:
``deferrals.json``, a curve for each student, teacher and signal, with the cascades that were run as points. A cascade
whose student or teacher was not evaluated alone has no curve; it need not have been run itself. Not here: the figures
(``understudy.evaluation``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from understudy.agents import AnySignal, CascadeConfig
from understudy.evaluation import Graded
from understudy.evaluation.deferral import Ends, curve_of, ends_of, measured
from understudy.pipeline.attempts import read_graded
from understudy.pipeline.cascades import threshold_stage
from understudy.pipeline.context import RunContext
from understudy.records import DeferralCurve, DeferralPoint, StageRef
from understudy.run_layout import DEFERRALS, EVALUATE
from understudy.runs import write_atomic


def write_deferrals(context: RunContext) -> None:
    """Compute the curves from the files of the run. Without a cascade that can be drawn, no file is written."""
    path = context.directory.path / DEFERRALS
    curves = list(_curves(context))
    if curves or path.exists():
        text = TypeAdapter(list[DeferralCurve]).dump_json(curves, indent=1).decode()
        write_atomic(path, text + "\n")


def _curves(context: RunContext) -> Iterator[DeferralCurve]:
    groups: dict[tuple[str, str, str], list[StageRef]] = {}
    for ref in context.recipe.stages_of(EVALUATE):
        key = _key(context, ref) if _has_threshold(context, ref) else None
        if key is not None:
            groups.setdefault(key, []).append(ref)
    for (student, teacher, _), refs in groups.items():
        yield from _curve(context, StageRef.parse(student), StageRef.parse(teacher), refs)


def _has_threshold(context: RunContext, ref: StageRef) -> bool:
    """Whether the cascade of an evaluation could be run: the stage that sets its threshold is done."""
    stage = threshold_stage(context.recipe.agents[context.recipe.config(ref).agent], context.recipe)
    return stage is None or context.directory.is_done(stage)


def _key(context: RunContext, ref: StageRef) -> tuple[str, str, str] | None:
    """The evaluations of both ends, and the signal."""
    config = context.recipe.config(ref)
    agent = context.recipe.agents[config.agent]
    if not isinstance(agent, CascadeConfig) or not isinstance(agent.teacher_model, str):
        return None
    student = _evaluation(context, config.model, agent.student_agent, config.tasks)
    teacher = _evaluation(context, agent.teacher_model, agent.teacher_agent, config.tasks)
    if student is None or teacher is None:
        missing = "student" if student is None else "teacher"
        context.say(f"{ref}: no curve, because its {missing} alone was not evaluated on {', '.join(config.tasks)}")
        return None
    return str(student), str(teacher), _signal(context, ref).kind


def _evaluation(context: RunContext, model: str, agent: object, tasks: tuple[str, ...]) -> StageRef | None:
    """Of the finished evaluations with these tasks, the one with the fewest others beside them."""
    fitting: list[tuple[int, StageRef]] = []
    for ref in context.recipe.stages_of(EVALUATE):
        config = context.recipe.config(ref)
        fits = (config.model, config.agent) == (model, agent) and set(config.tasks) >= set(tasks)
        if fits and context.directory.is_done(ref):
            fitting.append((len(config.tasks), ref))
    return min(fitting, key=lambda one: one[0])[1] if fitting else None


def _signal(context: RunContext, ref: StageRef) -> AnySignal:
    config: Any = context.agent_config(context.recipe.config(ref).agent)
    signal: AnySignal = config.signal
    return signal


def _curve(context: RunContext, student: StageRef, teacher: StageRef, refs: list[StageRef]) -> Iterator[DeferralCurve]:
    recipe, signal = context.recipe, _signal(context, refs[0])
    names = tuple(dict.fromkeys(name for ref in refs for name in recipe.config(ref).tasks))
    ids = {task.id for task in context.all_tasks(names)}
    found = measured(_only(_graded(context, student), ids), signal)
    if found.n_without_value == len(found.values):
        context.say(f"{student}: no curve, because none of its attempts has a value of {signal.kind}")
        return
    try:
        ends = ends_of(found, _graded(context, teacher))
    except ValueError as error:  # one of both was evaluated with other tasks, and will be again
        context.say(f"{student}: no curve; {error}")
        return
    labels = (recipe.config(student).label, recipe.config(teacher).label)
    is_program = context.is_program(recipe.config(teacher).model)
    curve = curve_of(", ".join(names), labels, signal.kind, ends, teacher_is_program=is_program)
    done = [ref for ref in refs if context.directory.is_done(ref)]
    runs = [point for ref in done if (point := _run(context, ref, ends)) is not None]
    yield curve.model_copy(update={"runs": tuple(runs)})


def _run(context: RunContext, ref: StageRef, ends: Ends) -> DeferralPoint | None:
    return ends.run(context.recipe.config(ref).label, _graded(context, ref))


def _graded(context: RunContext, ref: StageRef) -> Graded:
    return Graded(context.recipe.config(ref).label, *read_graded(context, ref))


def _only(graded: Graded, ids: set[str]) -> Graded:
    return Graded(graded.system, [one for one in graded.trajectories if one.task.id in ids], graded.scores)
