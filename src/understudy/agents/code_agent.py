"""The code agent: thought, code, observation, until ``final_answer`` or a limit (paper sections 2 and 4).

In: a task, and a first thought where the recipe asks for one. Out: a trajectory. What the model does wrong is told to
it as an observation and recorded; only a failing server or sandbox makes a failed attempt. The history is linear:
with self-consistent actions only the kept candidate enters it, the others are facts of the step. Not here: prompts'
words, parsing, the vote, isolation.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from understudy.agents.agent import AgentFacts
from understudy.agents.coming_episode import ComingEpisode
from understudy.agents.config import CodeAgentConfig
from understudy.agents.history import AttemptFacts, History
from understudy.agents.observations import observe_execution, observe_problem
from understudy.agents.parsing import STOP_STRINGS, THOUGHT_LABEL
from understudy.agents.prompts import code_opening, fill, prompt_set, prompts_hash
from understudy.agents.sampling import Drawn, Sampler, complete
from understudy.models import ContextFullError, Model, ProviderError, Request
from understudy.records import (
    FirstThought,
    PrefixDelivery,
    PrefixMode,
    Role,
    Step,
    StopReason,
    Task,
    Timing,
    Trajectory,
)
from understudy.runs import derive_seed
from understudy.sandbox import Execution, HostFunction, Sandbox, SandboxError
from understudy.tools import Tool, ToolDownError


@dataclass(frozen=True, slots=True)
class _Opening:
    """How the first step begins, beyond system prompt and question."""

    mode: PrefixMode
    delivery: PrefixDelivery | None = None
    addition: str = ""
    """To the user turn."""
    given: str = ""
    """Put in the model's mouth."""


class CodeAgent:
    """Solves tasks by writing Python. Safe to call from many threads at once."""

    def __init__(self, config: CodeAgentConfig, model: Model, sandbox: Sandbox, tools: tuple[Tool, ...]) -> None:
        self._config = config
        self._model = model
        self._sandbox = sandbox
        self._tools = tools
        self._prompts = prompt_set(config.prompts)
        self._functions = {tool.name: HostFunction(tool, pure=tool.pure) for tool in tools}
        self._sampler = Sampler(config, model)
        self.facts = AgentFacts(
            agent=config,
            model=model.name,
            is_program=model.is_program,
            prompt_hash=prompts_hash(config.prompts),
            tools=tuple(tool.declaration() for tool in tools),
        )

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory:
        """One attempt at a task. ``seed``: the attempt's own, see ``understudy.rollouts``."""
        history = self._begin(task, attempt, seed)
        try:
            given = self._open(history, first_thought)
            with ComingEpisode(partial(self._sandbox.episode, self._functions, seed)) as episode:
                return self._run(history, episode, given)
        except ContextFullError:
            return history.trajectory(StopReason.CONTEXT_FULL)
        except ProviderError as error:
            return history.trajectory(StopReason.PROVIDER, error=error)
        except ToolDownError:
            raise  # no attempt after this one would fare better
        except SandboxError as error:
            return history.trajectory(StopReason.SANDBOX, error=error)

    def _begin(self, task: Task, attempt: int, seed: int) -> History:
        config = self._config
        opening = code_opening(config.prompts, config.role, task, self._tools, self._sandbox.config.imports)
        facts = AttemptFacts(task, attempt, config.kind, self._model.name, seed, self.facts.prompt_hash)
        return History(facts, list(opening))

    def _open(self, history: History, first_thought: FirstThought | None) -> str:
        """Give the first step what the recipe says; return what is put in the model's mouth.

        A task without a first thought begins without one, and its record says so.
        """
        opening = self._opening(first_thought)
        history.set_prefix(opening.mode, opening.delivery)
        if opening.addition:
            history.add_to_question(opening.addition)
        return opening.given

    def _opening(self, first_thought: FirstThought | None) -> _Opening:
        """A task without a first thought begins without one, and its record says so."""
        mode = self._config.prefix_mode
        if mode is PrefixMode.QUESTION:
            return _Opening(mode, addition=self._prompts.question)
        if mode is PrefixMode.NONE or first_thought is None:
            return _Opening(PrefixMode.NONE)
        if mode is PrefixMode.PLAN:
            return _Opening(mode, addition=fill(self._prompts.plan, first_thought=first_thought.text))
        given = f"{THOUGHT_LABEL} {first_thought.text}"
        delivery = self._model.prefix_delivery
        if delivery is PrefixDelivery.INSTRUCTED:
            return _Opening(mode, delivery, addition=fill(self._prompts.instructed, first_thought=given))
        return _Opening(mode, delivery, given=given)

    def _run(self, history: History, episode: ComingEpisode, given: str) -> Trajectory:
        for number in range(self._config.max_steps):
            answer = self._step(history, episode, number, given if number == 0 else "")
            if answer is not None:
                return history.trajectory(StopReason.ANSWERED, answer)
            budget = self._config.token_budget
            if budget is not None and history.usage.total_tokens >= budget:
                return history.trajectory(StopReason.TOKEN_BUDGET)
        if self._config.ask_once_after_limit:
            return history.trajectory(StopReason.STEP_LIMIT, self._ask_answer(history), was_asked=True)
        return history.trajectory(StopReason.STEP_LIMIT)

    def _step(self, history: History, episode: ComingEpisode, number: int, given: str) -> str | None:
        """Think, act, observe. Returns the answer where the code gave one."""
        seed = derive_seed(history.facts.seed, "step", number)
        drawn = self._sampler.draw(tuple(history.messages), episode, seed, given)
        observation = self._observation(drawn)
        history.spend(drawn.usage, drawn.timing)
        history.steps.append(_facts(drawn, history.say(Role.ASSISTANT, drawn.content), len(given)))
        execution = drawn.execution
        if execution is not None and execution.is_final:
            return execution.final_answer or ""
        history.say(Role.USER, observation)
        return None

    def _observation(self, drawn: Drawn) -> str:
        texts = self._prompts.observation
        if drawn.execution is None:
            return observe_problem(drawn.reply, texts)
        return observe_execution(drawn.execution, texts)

    def _ask_answer(self, history: History) -> str | None:
        history.say(Role.USER, self._prompts.observation.ask_answer)
        request = Request(
            messages=tuple(history.messages),
            top_p=self._config.top_p,
            max_tokens=self._config.max_tokens,
            stop=STOP_STRINGS,
            seed=derive_seed(history.facts.seed, "answer"),
        )
        started = time.perf_counter()
        (completion,) = complete(self._model, request)
        history.spend(completion.usage, Timing(model_s=time.perf_counter() - started))
        history.say(Role.ASSISTANT, completion.text)
        return completion.text.strip() or None


def _facts(drawn: Drawn, message_index: int, given_chars: int) -> Step:
    execution: Execution | None = drawn.execution
    return Step(
        message_index=message_index,
        parse_problem=drawn.reply.problem,
        execution_status=execution.status if execution else None,
        error_name=execution.error_name if execution else "",
        is_final=execution.is_final if execution else False,
        given_chars=given_chars,
        cut_at=drawn.cut_at,
        tool_calls=execution.tool_calls if execution else (),
        candidates=drawn.candidates,
        candidates_saved=drawn.n_saved,
        usage=drawn.usage,
        mean_logprob=drawn.mean_logprob,
        timing=drawn.timing,
    )
