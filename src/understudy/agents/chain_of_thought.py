r"""The baseline: a chain of thought in one reply, with or without retrieved passages and a vote.

In: a task, a retriever if passages are wanted. Out: a trajectory of one step. With self-consistency, N replies are
sampled and the most frequent answer is kept: the counterpart of N candidates per step of an agent. The answer is the
content of the last ``\boxed{}``, or the text after "answer is" or "Answer:", or the last line.
"""

from __future__ import annotations

import re
import time

from understudy.agents.agent import AgentFacts
from understudy.agents.config import ChainOfThoughtConfig
from understudy.agents.history import AttemptFacts, History, total_usage
from understudy.agents.initial_messages import NO_RETRIEVER, initial_cot_messages
from understudy.agents.prompts import cot_messages
from understudy.agents.runtime import AgentRuntime, behaviour_hash
from understudy.agents.sampling import wants_logprobs
from understudy.agents.self_consistency import Ballot, Election, elect, next_portion
from understudy.grading import last_boxed
from understudy.models import ContextFullError, Model, ProviderError, Request
from understudy.records import (
    Candidate,
    Completion,
    FinishReason,
    FirstThought,
    Message,
    Role,
    Step,
    StopReason,
    Task,
    Timing,
    Trajectory,
)
from understudy.retrieval import RetrievalError
from understudy.runs import derive_seed

_MARKER = re.compile(r"(?:\banswer\s+is\b\s*:?|\banswer\s*:)[ \t*]*([^\n]+)", re.IGNORECASE)


class ChainOfThought:
    """Answers by thinking step by step. Safe to call from many threads at once."""

    def __init__(self, config: ChainOfThoughtConfig, model: Model, runtime: AgentRuntime) -> None:
        """Raises ``ValueError`` if passages are wanted and there is no retriever."""
        if config.passages is not None and runtime.retriever is None:
            raise ValueError(NO_RETRIEVER)
        self._config = config
        self._model = model
        self._runtime = runtime
        self.facts = AgentFacts(
            agent=config,
            model=model.name,
            is_program=model.is_program,
            prompt_hash=behaviour_hash(config),
        )

    def solve(
        self,
        task: Task,
        attempt: int = 0,
        seed: int = 0,
        first_thought: FirstThought | None = None,  # noqa: ARG002  a chain of thought has no use for one
    ) -> Trajectory:
        """One attempt at a task."""
        facts = AttemptFacts(task, attempt, self._config.kind, self._model.name, seed, self.facts.prompt_hash)
        without_passages = cot_messages(self._config.prompts, task, system_prompt=self._config.system_prompt)
        history = History(facts, list(without_passages))
        try:
            history.messages = list(self.initial_messages(self._config, task, self._runtime))
            return self._answer(history)
        except ContextFullError:
            return history.trajectory(StopReason.CONTEXT_FULL)
        except (ProviderError, RetrievalError) as error:
            return history.trajectory(StopReason.PROVIDER, error=error)

    @staticmethod
    def initial_messages(config: ChainOfThoughtConfig, task: Task, runtime: AgentRuntime) -> tuple[Message, ...]:
        """The messages that prompt the model for a task. Raises ``RetrievalError``."""
        return initial_cot_messages(config, task, runtime.retriever)

    def _answer(self, history: History) -> Trajectory:
        started = time.perf_counter()
        completions = self._sample(history)
        timing = Timing(model_s=time.perf_counter() - started)
        usage = total_usage([each.usage for each in completions])
        election = elect([_ballot(each) for each in completions], derive_seed(history.facts.seed, "all failed"))
        kept = completions[election.winner]
        answer = read_answer(kept)
        history.spend(usage, timing)
        step = Step(
            message_index=history.say(Role.ASSISTANT, kept.text, kept.reasoning),
            is_final=answer is not None,
            candidates=_candidates(completions, election) if self._config.self_consistency else (),
            candidates_saved=self._n_wanted() - len(completions),
            usage=usage,
            mean_logprob=kept.mean_logprob,
            lowest_logprob=kept.lowest_logprob,
            timing=timing,
        )
        history.steps.append(step)
        return history.trajectory(StopReason.CUT_BY_LENGTH if answer is None else StopReason.ANSWERED, answer)

    def _n_wanted(self) -> int:
        return self._config.self_consistency.n_candidates if self._config.self_consistency else 1

    def _sample(self, history: History) -> list[Completion]:
        voting = self._config.self_consistency
        completions: list[Completion] = []
        seed = derive_seed(history.facts.seed, "step", 0)
        while True:
            portion = self._n_wanted() - len(completions)
            if voting and voting.adaptive:
                portion = next_portion([_ballot(each) for each in completions], voting.n_candidates)
            if not portion:
                return completions
            request = Request(
                messages=tuple(history.messages),
                n=portion,
                temperature=voting.temperature if voting else self._config.temperature,
                top_p=voting.top_p if voting else self._config.top_p,
                max_tokens=self._config.max_tokens,
                seed=derive_seed(seed, "portion", len(completions)) if completions else seed,
                logprobs=voting is not None or wants_logprobs(self._config, self._model),
            )
            completions += self._model.complete(request)


def read_answer(completion: Completion) -> str | None:
    """The answer of a chain of thought; None if it was cut before it gave one, or is empty."""
    boxed = last_boxed(completion.text)
    if boxed is not None:
        return boxed
    if completion.finish_reason is FinishReason.LENGTH:
        return None
    marked = _MARKER.findall(completion.text)
    if marked:
        return str(marked[-1]).strip().rstrip(".").strip("*").strip()
    lines = completion.text.strip().splitlines()
    return lines[-1].strip() if lines else None


def _ballot(completion: Completion) -> Ballot:
    answer = read_answer(completion)
    return Ballot(None if answer is None else " ".join(answer.split()), completion.mean_logprob)


def _candidates(completions: list[Completion], election: Election) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            reply=completion.text,
            observation=read_answer(completion) or "",
            vote=group,
            mean_logprob=completion.mean_logprob,
            completion_tokens=completion.usage.completion_tokens,
            chosen=index == election.winner,
        )
        for index, (completion, group) in enumerate(zip(completions, election.groups, strict=True))
    )
