"""Cascades of a recipe: names become settings, and contradictions are found before any work starts.

In: a recipe and what its ``signals`` stages wrote. Out: configs that a runtime can open; problems in words; the check
that no test asks a development question. Not here: the agent, measuring signals, the curves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from understudy.agents import ActingConfig, AgentConfig, CascadeConfig, TakeOver, may_decide_at_step
from understudy.agents.cascade import no_step_signal
from understudy.models import ModelConfig
from understudy.pipeline.recipe import Recipe
from understudy.records import SignalReport, StageRef, Target, Task
from understudy.registry import TargetError
from understudy.runs import digest

ReadReport = Callable[[StageRef], SignalReport]


class DevelopmentTaskError(ValueError):
    """A test asks questions on which the threshold of its cascade was set."""


def resolved(
    config: AgentConfig, recipe: Recipe, model_config: Callable[[str], ModelConfig], report: ReadReport
) -> AgentConfig:
    """The config of an agent without names of a recipe; other agents' as they are. ``report``: reads what a stage
    measured.
    """
    if not isinstance(config, CascadeConfig):
        return config
    changes: dict[str, Any] = {}
    for name in ("student_agent", "teacher_agent"):
        value = getattr(config, name)
        changes[name] = recipe.agents[value] if isinstance(value, str) else value
    if isinstance(config.teacher_model, str):
        changes["teacher_model"] = model_config(config.teacher_model)
    if (stage := threshold_stage(config, recipe)) is not None:
        measured = report(stage)
        name = measured.chosen if config.signal is None else config.signal.kind
        figures = next(one for one in measured.signals if one.signal == name)
        if figures.threshold is None:
            raise ValueError(f"{stage}: {name} has no value, so it sets no threshold")
        changes |= {"signal": name, "threshold": figures.threshold}
    fields = {name: getattr(config, name) for name in CascadeConfig.model_fields}
    return CascadeConfig.model_validate({**fields, **changes})


def threshold_stage(config: AgentConfig | None, recipe: Recipe) -> StageRef | None:
    """The stage that sets an agent's threshold; None if no stage does."""
    if not isinstance(config, CascadeConfig) or not isinstance(config.threshold, str):
        return None
    return recipe.names(Target.THRESHOLD).get(config.threshold)


def cascade_problems(recipe: Recipe) -> Iterator[str]:
    """Contradictions of the recipe's cascades, each beginning with its key."""
    for name, agent in recipe.agents.items():
        if isinstance(agent, CascadeConfig):
            yield from _of_agent(agent, f"agents.{name}", recipe)
    for ref in recipe.all_stages():
        config = recipe.config(ref)
        used = getattr(config, "agent", None)
        acting = recipe.agents.get(used) if isinstance(used, str) else None
        if isinstance(acting, CascadeConfig) and _is_its_own_teacher(acting, config):
            yield f"agents.{used}.teacher_model: expected another model than the student, which is that of {ref}"
        stage = threshold_stage(acting, recipe)
        if stage is not None:
            yield from _of_use(ref, config, stage, recipe)


def _of_agent(agent: CascadeConfig, key: str, recipe: Recipe) -> Iterator[str]:
    parts = {name: getattr(agent, name) for name in ("student_agent", "teacher_agent")}
    named = {name: recipe.agents.get(value) if isinstance(value, str) else value for name, value in parts.items()}
    for name, config in named.items():
        if isinstance(config, CascadeConfig):
            yield f"{key}.{name}: expected an agent that is no cascade itself"
        elif agent.at is TakeOver.STEP and config is not None and not isinstance(config, ActingConfig):
            yield f"{key}.{name}: at: step needs an agent that acts in steps; got {config.kind}"
    stage = threshold_stage(agent, recipe)
    signal = agent.signal
    if stage is None and signal is None and not isinstance(agent.threshold, str):
        yield f"{key}.signal: is missing: a threshold that is a number is one of a signal"
    if stage is not None and signal is None and agent.at is TakeOver.STEP:
        yield f"{key}.signal: is missing: at: step needs a signal that may decide at a step, so it has to be named"
    if stage is not None and signal is not None and signal not in recipe.config(stage).signals:
        yield f"{key}.signal: expected one of those that {stage} measures; got {signal.kind!r}"
    try:
        if signal is not None and agent.at is TakeOver.STEP and not may_decide_at_step(signal):
            yield f"{key}.{no_step_signal(signal)}"
    except TargetError as error:
        yield f"{key}.signal: {error}"


def _is_its_own_teacher(agent: CascadeConfig, config: Any) -> bool:
    return agent.teacher_model == getattr(config, "model", None) and agent.teacher_agent == agent.student_agent


def _of_use(ref: StageRef, config: Any, stage: StageRef, recipe: Recipe) -> Iterator[str]:
    """A threshold holds for the student that it was set for, and for tasks that it has not seen."""
    attempts = recipe.names(Target.ATTEMPTS).get(recipe.config(stage).student)
    measured = recipe.config(attempts) if attempts is not None else None
    key = f"{ref.kind}.{ref.name}"
    student = getattr(recipe.agents[config.agent], "student_agent", None)
    for name, mine in (("model", getattr(config, "model", None)), ("agent", student)):
        theirs = getattr(measured, name, None)
        if isinstance(mine, str) and isinstance(theirs, str) and mine != theirs:
            yield f"{key}.{name}: {stage} set the threshold for {theirs!r}, and this student is {mine!r}"
    if ref.kind == "evaluate":
        for name in dict.fromkeys(set(getattr(measured, "tasks", ())) & set(config.tasks)):
            yield f"{key}.tasks: {name!r} are the development tasks of {stage}; test on others"


def question_digest(question: str) -> str:
    """Equal for questions that differ in case and white space only."""
    return digest(" ".join(question.casefold().split()))


def require_other_questions(stage: StageRef, questions: Sequence[str], tasks: Sequence[Task]) -> None:
    """Raises ``DevelopmentTaskError`` if a test asks a development question. ``questions``: their digests."""
    known = frozenset(questions)
    same = [task for task in tasks if question_digest(task.question) in known]
    if same:
        raise DevelopmentTaskError(
            f"{len(same)} of {len(tasks)} test tasks ask what the development tasks of {stage} ask, such as "
            f"{same[0].id!r}: {same[0].question!r:.100}. A threshold must not be set on the tasks that test it"
        )
