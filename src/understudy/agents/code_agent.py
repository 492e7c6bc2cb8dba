"""The code agent: thought, code, observation, until ``final_answer`` or a limit (paper sections 2 and 4).

In: a task, and a first thought where the recipe asks for one. Out: a trajectory. What the model does wrong is told to
it as an observation and recorded; only a failing server or sandbox makes a failed attempt. The history is linear:
with self-consistent actions only the kept candidate enters it, the others are facts of the step. Not here: prompts'
words, parsing, the vote, isolation.
"""

from __future__ import annotations

import time
from functools import partial

from understudy.agents.agent import AgentFacts
from understudy.agents.config import CodeAgentConfig
from understudy.agents.formats import open_format, to_record
from understudy.agents.history import AttemptFacts, History
from understudy.agents.initial_messages import initial_code_messages, prefill_of
from understudy.agents.observations import observe_execution, observe_problem
from understudy.agents.prestarted_episode import PrestartedEpisode
from understudy.agents.prompts import observation_texts
from understudy.agents.runtime import AgentRuntime, behaviour_hash
from understudy.agents.sampling import SampledStep, Sampler, complete
from understudy.models import ContextFullError, Model, ProviderError, Request
from understudy.records import (
    FirstThought,
    Message,
    Role,
    Step,
    StopReason,
    Task,
    Timing,
    Trajectory,
)
from understudy.runs import derive_seed
from understudy.sandbox import Execution, SandboxError
from understudy.tools import ToolDownError


class CodeAgent:
    """Solves tasks by writing Python. Safe to call from many threads at once."""

    def __init__(self, config: CodeAgentConfig, model: Model, runtime: AgentRuntime) -> None:
        self._config = config
        self._model = model
        self._runtime = runtime
        self._sandbox = runtime.sandbox
        self._functions = {tool.name: tool.host_function() for tool in runtime.tools}
        self._format = open_format(config.action_format)
        self._texts = observation_texts(config.prompts, self._format)
        self._sampler = Sampler(config, model, self._format)
        self.facts = AgentFacts(
            agent=config,
            model=model.name,
            is_program=model.is_program,
            prompt_hash=behaviour_hash(config),
            tools=tuple(tool.declaration() for tool in runtime.tools),
        )

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory:
        """One attempt at a task. ``seed``: the attempt's own, see ``understudy.rollouts``."""
        config = self._config
        action_format = to_record(config.action_format)
        facts = AttemptFacts(task, attempt, config.kind, self._model.name, seed, self.facts.prompt_hash, action_format)
        history = History(facts, list(self.initial_messages(config, task, self._runtime)))
        try:
            prefill = self._prefill(history, first_thought)
            with PrestartedEpisode(partial(self._sandbox.episode, self._functions, seed)) as episode:
                return self._run(history, episode, prefill)
        except ContextFullError:
            return history.trajectory(StopReason.CONTEXT_FULL)
        except ProviderError as error:
            return history.trajectory(StopReason.PROVIDER, error=error)
        except ToolDownError:
            raise  # no attempt after this one would fare better
        except SandboxError as error:
            return history.trajectory(StopReason.SANDBOX, error=error)

    @staticmethod
    def initial_messages(config: CodeAgentConfig, task: Task, runtime: AgentRuntime) -> tuple[Message, ...]:
        """How the model is prompted for a task."""
        return initial_code_messages(config, task, runtime.tools, runtime.sandbox_config.imports)

    def _prefill(self, history: History, first_thought: FirstThought | None) -> str:
        """Give the first step what the recipe says, record it, and return the beginning of the reply."""
        prefill = prefill_of(self._config, self._model, first_thought)
        history.set_prefix(prefill.mode, prefill.delivery)
        if prefill.addition:
            history.add_to_question(prefill.addition)
        return prefill.text

    def _run(self, history: History, episode: PrestartedEpisode, prefill: str) -> Trajectory:
        for number in range(self._config.max_steps):
            answer = self._step(history, episode, number, prefill if number == 0 else "")
            if answer is not None:
                return history.trajectory(StopReason.ANSWERED, answer)
            budget = self._config.token_budget
            if budget is not None and history.usage.total_tokens >= budget:
                return history.trajectory(StopReason.TOKEN_BUDGET)
        if self._config.ask_once_after_limit:
            return history.trajectory(StopReason.STEP_LIMIT, self._ask_answer(history), was_asked=True)
        return history.trajectory(StopReason.STEP_LIMIT)

    def _step(self, history: History, episode: PrestartedEpisode, number: int, prefill: str) -> str | None:
        """Think, act, observe. Returns the answer where the code gave one."""
        seed = derive_seed(history.facts.seed, "step", number)
        sampled = self._sampler.sample(tuple(history.messages), episode, seed, prefill)
        observation = self._observation(sampled)
        history.spend(sampled.usage, sampled.timing)
        index = history.say(Role.ASSISTANT, sampled.content, sampled.completion.reasoning)
        history.steps.append(_facts(sampled, index, len(prefill)))
        execution = sampled.execution
        if execution is not None and execution.is_final:
            return execution.final_answer or ""
        history.say(Role.USER, observation)
        return None

    def _observation(self, sampled: SampledStep) -> str:
        if sampled.execution is None:
            return observe_problem(sampled.reply, self._texts)
        return observe_execution(sampled.execution, self._texts)

    def _ask_answer(self, history: History) -> str | None:
        history.say(Role.USER, self._texts.ask_answer)
        request = Request(
            messages=tuple(history.messages),
            top_p=self._config.top_p,
            max_tokens=self._config.max_tokens,
            stop=self._format.stop,
            seed=derive_seed(history.facts.seed, "answer"),
        )
        started = time.perf_counter()
        (completion,) = complete(self._model, request)
        history.spend(completion.usage, Timing(model_s=time.perf_counter() - started))
        history.say(Role.ASSISTANT, completion.text, completion.reasoning)
        return completion.text.strip() or None


def _facts(sampled: SampledStep, message_index: int, prefilled_chars: int) -> Step:
    execution: Execution | None = sampled.execution
    return Step(
        message_index=message_index,
        parse_problem=sampled.reply.problem,
        execution_status=execution.status if execution else None,
        error_name=execution.error_name if execution else "",
        is_final=execution.is_final if execution else False,
        prefilled_chars=prefilled_chars,
        cut_at=sampled.completion.cut_at,
        tool_calls=execution.tool_calls if execution else (),
        candidates=sampled.candidates,
        candidates_saved=sampled.n_saved,
        usage=sampled.usage,
        mean_logprob=sampled.completion.mean_logprob,
        timing=sampled.timing,
    )
