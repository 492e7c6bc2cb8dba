"""The cascade: a small student acts first, and a teacher takes over where the student is unsure.

In: a task. Out: one trajectory, whose ``cascade`` says who made it, how sure the student was, and what each spent. With
``at: start`` the record is the attempt of one of the two, and the student's own attempt is kept in it; with
``at: step`` it is one conversation that the teacher continued. Not here: how well the signal tells right attempts from
wrong ones, which the stage ``signals`` measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from understudy.agents.acting_agent import ActingAgent
from understudy.agents.acting_session import ActingSession
from understudy.agents.agent import AgentFacts
from understudy.agents.cascade_config import CascadeConfig, TakeOver
from understudy.agents.config import ActingConfig
from understudy.agents.runtime import AgentRuntime, behaviour_hash
from understudy.agents.sampling import Sampler
from understudy.agents.session import RepeatedAgent, Session
from understudy.agents.signals import Evidence, may_decide_at_step, open_signal
from understudy.agents.takeover import Rule, Takeover
from understudy.models import Model
from understudy.records import CascadeRecord, FirstThought, Message, Task, ToolSchema, Trajectory, Usage
from understudy.registry import PartConfig


class Cascade:
    """Lets a student attempt tasks, and its teacher those that it is unsure about. Safe to call from many threads."""

    def __init__(self, config: CascadeConfig, model: Model, runtime: AgentRuntime) -> None:
        """``model``: the student's. Raises ``ValueError`` for settings that cannot work, and what opening the parts
        raises.
        """
        student, teacher, teachers_model = _parts_of(config)
        self._config = config
        self._rule = rule_of(config)
        self._student_model = model
        self._teacher_model = runtime.model(teachers_model)
        student = student.model_copy(update={"logprobs": True}) if hasattr(student, "logprobs") else student
        self._student = runtime.open_agent(student, model)
        self._teacher = runtime.open_agent(teacher, self._teacher_model)
        if config.at is TakeOver.STEP:
            self._samplers = _samplers(student, model, teacher, self._teacher_model)
        else:
            _require_no_effects(runtime)
        self.facts = AgentFacts(
            # Only the name of the teacher's model counts, as for the student's, because an address may change.
            agent=config.model_copy(update={"teacher_model": self._teacher_model.name}),
            model=model.name,
            is_program=model.is_program,
            prompt_hash=behaviour_hash(config),
            tools=self._student.facts.tools,
            environment=self._student.facts.environment,
            user=self._student.facts.user,
        )

    @staticmethod
    def initial_messages(config: CascadeConfig, task: Task, runtime: AgentRuntime) -> tuple[Message, ...] | None:
        """The messages that prompt the student."""
        student, _, _ = _parts_of(config)
        return runtime.initial_messages(student, task)

    @staticmethod
    def tool_schemas(config: CascadeConfig, runtime: AgentRuntime) -> tuple[ToolSchema, ...]:
        """The tools that the student's model receives."""
        student, _, _ = _parts_of(config)
        return runtime.reply_form(student).tools or ()

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory:
        """One attempt at a task. If a server or the sandbox fails, the trajectory says so."""
        solve = self._solve_at_step if self._config.at is TakeOver.STEP else self._solve_from_start
        return solve(task, attempt, seed, first_thought).model_copy(update=self._names())

    def session(self, task: Task, seed: int = 0, earlier: Sequence[tuple[str, str]] = ()) -> Session:
        """A conversation. With ``at: step`` its state stays from turn to turn, and a teacher that has taken over makes
        all later turns; with ``at: start`` each turn is an attempt of its own.
        """
        if self._config.at is not TakeOver.STEP:
            return RepeatedAgent(self, task, seed, tuple(earlier))
        takeover, student = self._taken_over()
        return ActingSession(student, task, seed, earlier, lambda made: self._recorded(made, takeover))

    def _solve_from_start(self, task: Task, attempt: int, seed: int, first_thought: FirstThought | None) -> Trajectory:
        alone = self._student.solve(task, attempt, seed, first_thought)
        if alone.stop_reason.is_infrastructure_error:
            return alone
        value = self._rule.value(Evidence.of(alone))
        if not self._rule.defers(value):
            return alone.model_copy(update={"cascade": self._record(value, alone.usage)})
        # The same seed as without a student, so the teacher's attempt does not depend on the student's.
        second = self._teacher.solve(task, attempt, seed, first_thought)
        record = self._record(value, alone.usage, second.usage, from_step=0, student=alone)
        total = {name: getattr(alone, name) + getattr(second, name) for name in ("usage", "user_usage", "timing")}
        return second.model_copy(update={"cascade": record, **total})

    def _solve_at_step(self, task: Task, attempt: int, seed: int, first_thought: FirstThought | None) -> Trajectory:
        takeover, student = self._taken_over()
        return self._recorded(student.solve(task, attempt, seed, first_thought), takeover)

    def _taken_over(self) -> tuple[Takeover, ActingAgent[Any]]:
        """The student, whose replies the teacher may take over, for one attempt or one conversation."""
        takeover = Takeover(*self._samplers, self._rule)
        assert isinstance(self._student, ActingAgent)
        return takeover, self._student.with_sampler(takeover)

    def _recorded(self, made: Trajectory, takeover: Takeover) -> Trajectory:
        """What was made at a step, with the record of the cascade."""
        spent = takeover.student_usage(made)
        if takeover.from_step is None:
            record = self._record(takeover.value, spent)
        else:
            teachers = _without(made.usage, spent)
            record = self._record(takeover.value, spent, teachers, takeover.from_step, withheld=takeover.withheld)
        return made.model_copy(update={"cascade": record, **self._names()})

    def _names(self) -> dict[str, str]:
        return {"agent": self._config.kind, "model": self._student_model.name}

    def _record(
        self,
        value: float | None,
        student_usage: Usage,
        teacher_usage: Usage | None = None,
        from_step: int = 0,
        *,
        student: Trajectory | None = None,
        withheld: str = "",
    ) -> CascadeRecord:
        """``teacher_usage`` None: the teacher did not take over."""
        return CascadeRecord(
            signal=self._rule.name,
            value=value,
            threshold=self._rule.threshold,
            teacher=self._teacher_model.name,
            teacher_is_program=self._teacher_model.is_program,
            is_deferred=teacher_usage is not None,
            from_step=from_step,
            student_usage=student_usage,
            teacher_usage=teacher_usage or Usage(),
            withheld=withheld,
            student=student,
        )


def rule_of(config: CascadeConfig) -> Rule:
    """The rule of a cascade. Raises ``ValueError`` if its threshold is a name or its signal is missing."""
    if isinstance(config.threshold, str) or config.signal is None:
        raise ValueError(
            f"cascade: expected a signal and a number as threshold; got threshold {config.threshold!r}: "
            "a stage's name can be used in a recipe only"
        )
    if config.at is TakeOver.STEP and not may_decide_at_step(config.signal):
        raise ValueError(no_step_signal(config.signal))
    return Rule(config.signal.kind, open_signal(config.signal), config.threshold)


def no_step_signal(signal: PartConfig) -> str:
    """Why a signal cannot decide at a step."""
    known = f"{signal.kind} is known at its end: use at: start"
    return f"at: step needs a signal that never rises during an attempt; {known}"


def _parts_of(config: CascadeConfig) -> tuple[PartConfig, PartConfig, PartConfig]:
    """Both agents and the teacher's model. Raises ``ValueError`` if one of them is a name."""
    for name in ("student_agent", "teacher_agent", "teacher_model"):
        if isinstance(getattr(config, name), str):
            raise ValueError(f"cascade.{name}: expected the settings themselves; a name can be used in a recipe only")
    student, teacher, model = config.student_agent, config.teacher_agent, config.teacher_model
    assert isinstance(student, PartConfig)
    assert isinstance(teacher, PartConfig)
    assert isinstance(model, PartConfig)
    return student, teacher, model


def _samplers(student: PartConfig, model: Model, teacher: PartConfig, teachers: Model) -> tuple[Sampler, Sampler]:
    """Raises ``ValueError`` for agents of which one cannot continue the other's attempt."""
    for name, agent in (("student_agent", student), ("teacher_agent", teacher)):
        if not isinstance(agent, ActingConfig):
            raise ValueError(f"cascade.{name}: at: step needs an agent that acts in steps; got {agent.kind}")
    assert isinstance(student, ActingConfig)
    assert isinstance(teacher, ActingConfig)
    forms = [getattr(agent, "written_format", None) for agent in (student, teacher)]
    if forms[0] != forms[1]:
        raise ValueError(f"cascade: at: step needs two agents that write actions alike; got {forms[0]!r}, {forms[1]!r}")
    return Sampler(student, model), Sampler(teacher, teachers)


def _require_no_effects(runtime: AgentRuntime) -> None:
    """Raises ``ValueError`` for tools with effects: the teacher would repeat the student's calls."""
    named = [tool.name for tool in runtime.tools if not tool.pure]
    if named:
        raise ValueError(
            f"cascade: at: start lets the teacher begin again, and calls with effects would be made twice: "
            f"{', '.join(named)}. Use at: step, or declare a tool pure if it changes nothing"
        )


def _without(total: Usage, part: Usage) -> Usage:
    costs = (total.cost_usd, part.cost_usd)
    return Usage(
        prompt_tokens=total.prompt_tokens - part.prompt_tokens,
        completion_tokens=total.completion_tokens - part.completion_tokens,
        requests=total.requests - part.requests,
        cost_usd=None if costs[0] is None else costs[0] - (costs[1] or 0.0),
        cached_tokens=total.cached_tokens - part.cached_tokens,
    )
