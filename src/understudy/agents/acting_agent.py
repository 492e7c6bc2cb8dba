"""The loop of agents that act: think, act, observe, until an answer or a limit (paper sections 2 and 4).

In: a task, and a first thought if the recipe asks for one. Out: a trajectory. Mistakes of the model are recorded and
returned to it as observations; only a failing server or sandbox makes an attempt fail. The history is linear: with
self-consistent actions, only the kept candidate enters it, and the others are recorded in the step. Not here: the text
of prompts, how replies are acted on (``acting.py``), the vote.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import replace
from typing import Generic, Self, TypeVar

from understudy.agents.acting import Actions
from understudy.agents.acting_session import ActingSession
from understudy.agents.agent import AgentFacts
from understudy.agents.config import ActingConfig
from understudy.agents.dialogue import Dialogue
from understudy.agents.history import AttemptFacts, History
from understudy.agents.initial_messages import Prefill
from understudy.agents.runtime import AgentRuntime, behaviour_hash, written_format
from understudy.agents.sampling import Sampler, StepSampler, complete
from understudy.agents.session import TurnEnd, TurnEvents
from understudy.environments import World
from understudy.models import ContextFullError, Model, ProviderError, Request
from understudy.records import FirstThought, Message, Role, StopReason, Task, Timing, ToolSchema, Trajectory
from understudy.runs import derive_seed
from understudy.sandbox import SandboxError
from understudy.tools import ToolDownError

ConfigT = TypeVar("ConfigT", bound=ActingConfig)


class ActingAgent(ABC, Generic[ConfigT]):
    """Solves tasks in steps. Safe to call from many threads at once."""

    def __init__(self, config: ConfigT, model: Model, runtime: AgentRuntime, declarations: tuple[str, ...]) -> None:
        """``declarations``: the declarations of the tools, which are recorded as facts of the agent."""
        self._config = config
        self._model = model
        self._runtime = runtime
        self._sampler: StepSampler = Sampler(config, model)
        self.facts = AgentFacts(
            agent=config,
            model=model.name,
            is_program=model.is_program,
            prompt_hash=behaviour_hash(config),
            tools=declarations,
            environment=None if runtime.worlds is None else runtime.worlds.config,
            user=runtime.user_config,
        )

    @abstractmethod
    def _actions(self, task: Task, seed: int, world: World | None) -> AbstractContextManager[Actions]:
        """Open the way to act of one attempt."""

    @abstractmethod
    def _prefill(self, first_thought: FirstThought | None) -> Prefill:
        """The prefill of the first step. Raises ``ProviderError``."""

    @staticmethod
    @abstractmethod
    def initial_messages(
        config: ConfigT, task: Task, runtime: AgentRuntime, world: World | None = None
    ) -> tuple[Message, ...]:
        """The messages that prompt the model. ``world``: that of the attempt; if None, one is made if the tools need
        it.

        Raises ``EnvironmentFailedError``.
        """

    def _tool_schemas(self, world: World | None) -> tuple[ToolSchema, ...]:  # noqa: ARG002
        """The tool schemas that the model receives in addition to the messages."""
        return ()

    def with_sampler(self, sampler: StepSampler) -> Self:
        """The same agent, whose replies another sampler makes."""
        other = copy(self)
        other._sampler = sampler
        return other

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory:
        """Make one attempt at a task. ``seed``: the seed of this attempt, see ``understudy.rollouts``."""
        history = self.begin_history(task, attempt, seed)
        try:
            with self._runtime.world(task) as world:
                return self._attempt(history, world, first_thought)
        except ProviderError as error:
            return history.trajectory(StopReason.PROVIDER, error=error)
        except ToolDownError:
            raise  # later attempts would fail in the same way
        except SandboxError as error:
            return history.trajectory(StopReason.SANDBOX, error=error)

    def session(self, task: Task, seed: int = 0, earlier: Sequence[tuple[str, str]] = ()) -> ActingSession:
        """A conversation whose user is the caller. ``task``: its metadata describe the world, its question is replaced
        by what the user says first. ``earlier``: what was said before, each with the agent's answer.
        """
        return ActingSession(self, task, seed, earlier)

    def begin_history(self, task: Task, attempt: int, seed: int) -> History:
        """The empty history of an attempt."""
        facts = AttemptFacts(
            task=task,
            attempt=attempt,
            agent=self._config.kind,
            model=self._model.name,
            seed=seed,
            prompt_hash=self.facts.prompt_hash,
            action_format=written_format(self._config) or "",
        )
        return History(facts, [])

    def _attempt(self, history: History, world: World | None, first_thought: FirstThought | None) -> Trajectory:
        """Make the attempt. Errors that stop the program are not handled here."""
        task = history.facts.task
        self.prompt(history, world)
        before = {} if world is None else world.state()
        dialogue = Dialogue(task, world, self._runtime.user, history.facts.seed)
        try:
            prefill = self._begin(history, first_thought)
            with self._actions(task, history.facts.seed, world) as actions:
                trajectory = self._run(history, actions, dialogue, prefill)
        except ContextFullError:
            trajectory = history.trajectory(StopReason.CONTEXT_FULL)
        return trajectory if world is None else trajectory.model_copy(update={"environment": world.record(before)})

    def prompt(self, history: History, world: World | None) -> None:
        """Begin the history with the initial messages."""
        history.facts = replace(history.facts, tools=self._tool_schemas(world))
        history.messages = list(self.initial_messages(self._config, history.facts.task, self._runtime, world))

    def open_world(self, task: Task) -> AbstractContextManager[World | None]:
        """The world of one attempt. Raises ``EnvironmentFailedError``."""
        return self._runtime.world(task)

    def open_actions(self, history: History, world: World | None) -> AbstractContextManager[Actions]:
        """Open the way to act; the first step begins as the recipe says without a first thought."""
        self._begin(history, None)
        return self._actions(history.facts.task, history.facts.seed, world)

    def run_turn(self, history: History, actions: Actions, turn: int, events: TurnEvents) -> TurnEnd:
        """Run one turn of a conversation. Raises ``TurnStoppedError`` and the errors of model, sandbox and world."""
        answer = self._answer(history, actions, turn, "", events)
        if answer is StopReason.STEP_LIMIT and self._config.ask_once_after_limit:
            return TurnEnd(answer, self._ask_answer(history, actions))
        return TurnEnd(answer) if isinstance(answer, StopReason) else TurnEnd(StopReason.ANSWERED, answer)

    def _begin(self, history: History, first_thought: FirstThought | None) -> str:
        """Set up the first step as the recipe says, record it, and return the beginning of the reply."""
        prefill = self._prefill(first_thought)
        history.set_prefix(prefill.mode, prefill.delivery)
        if prefill.addition:
            history.add_to_question(prefill.addition)
        return prefill.text

    def _run(self, history: History, actions: Actions, dialogue: Dialogue, prefill: str) -> Trajectory:
        """Run turn after turn until the user says nothing more."""
        while True:
            answer = self._answer(history, actions, dialogue.turn, prefill)
            if isinstance(answer, StopReason):
                break
            said = dialogue.next_turn(answer, actions.announced)
            history.user_usage = dialogue.user_usage
            if said is None:
                return history.trajectory(StopReason.ANSWERED, answer)
            history.say(Role.USER, said)
            prefill = ""
        if answer is StopReason.STEP_LIMIT and self._config.ask_once_after_limit:
            return history.trajectory(answer, self._ask_answer(history, actions), was_asked=True)
        return history.trajectory(answer)

    def _answer(
        self, history: History, actions: Actions, turn: int, prefill: str, events: TurnEvents | None = None
    ) -> str | StopReason:
        """Run one turn: steps until an answer or a stop. Returns the answer or the stop reason."""
        config = self._config
        number = 0
        while number < self._sampler.max_steps(turn):
            if config.max_task_steps is not None and len(history.steps) >= config.max_task_steps:
                break
            answer = self._step(history, actions, turn, prefill if number == 0 else "", events)
            if answer is not None:
                return answer
            if config.token_budget is not None and history.usage.total_tokens >= config.token_budget:
                return StopReason.TOKEN_BUDGET
            number += 1
        return StopReason.STEP_LIMIT

    def _step(
        self, history: History, actions: Actions, turn: int, prefill: str, events: TurnEvents | None
    ) -> str | None:
        """Think, act, observe. Returns the answer if the reply gave one."""
        seed = derive_seed(history.facts.seed, "step", len(history.steps))
        messages, steps = tuple(history.messages), tuple(history.steps)
        sampled = self._sampler.sample(messages, actions, seed, prefill, events, steps, turn)
        if events is not None:
            events.check()  # code that was interrupted leaves no step
        history.spend(sampled.usage, sampled.timing)
        index = history.add(sampled.turn.message)
        history.steps.append(sampled.record(index, len(prefill), turn))
        if events is not None:
            events.stepped(history.steps[-1], sampled.turn.message, sampled.turn.observations)
        if sampled.turn.is_final:
            return sampled.turn.answer
        for observation in sampled.turn.observations:
            history.add(observation)
        return None

    def _ask_answer(self, history: History, actions: Actions) -> str | None:
        history.say(Role.USER, actions.texts.ask_answer)
        request = Request(
            messages=tuple(history.messages),
            top_p=self._config.top_p,
            max_tokens=self._config.max_tokens,
            seed=derive_seed(history.facts.seed, "answer"),
        )
        started = time.perf_counter()
        (completion,) = complete(self._sampler.model, replace(actions.prepared(request), tool_choice="none"))
        history.spend(completion.usage, Timing(model_s=time.perf_counter() - started))
        history.say(Role.ASSISTANT, completion.text, completion.reasoning)
        return completion.text.strip() or None
