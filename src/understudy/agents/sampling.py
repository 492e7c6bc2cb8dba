"""One step's reply: one sample that is run, or several of which the vote keeps one (paper section 4.2).

In: the conversation, the live episode. Out: a ``SampledStep``; the episode continues from the state that the kept
reply left. Each candidate is run once, from the same state, in a branch of its own. Not here: the observation.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from understudy.agents.config import CodeAgentConfig, SelfConsistencyConfig
from understudy.agents.formats import ActionFormat, ParsedReply
from understudy.agents.history import total_usage
from understudy.agents.prestarted_episode import PrestartedEpisode
from understudy.agents.self_consistency import Ballot, elect, next_portion, outcome_of
from understudy.models import Model, Request
from understudy.models.stopping import cut_completion
from understudy.records import Candidate, Completion, Message, Role, Timing, Usage
from understudy.runs import derive_seed
from understudy.sandbox import Execution


@dataclass(frozen=True, slots=True)
class SampledStep:
    """A reply, what it holds, and what its code yielded."""

    content: str
    """The whole assistant message, with its prefill."""
    reply: ParsedReply
    execution: Execution | None
    """None if nothing could be run."""
    usage: Usage
    timing: Timing
    completion: Completion
    """As the model gave it; of several candidates, the kept one."""
    candidates: tuple[Candidate, ...] = ()
    n_saved: int = 0
    """Candidates that were not asked for, as they could not change the vote."""


@dataclass(frozen=True, slots=True)
class _Try:
    """One candidate after its code has run."""

    content: str
    reply: ParsedReply
    execution: Execution | None
    completion: Completion

    @property
    def ballot(self) -> Ballot:
        if self.execution is None:
            return Ballot(None, self.completion.mean_logprob)
        outcome = outcome_of(self.execution)
        if self.execution.waits_for is not None and outcome is not None:
            # It stands before a call with effects. What it will yield is not known: only equal code agrees.
            outcome = (outcome, self.reply.code)
        return Ballot(outcome, self.completion.mean_logprob)

    def candidate(self, group: int | None, *, chosen: bool) -> Candidate:
        execution = self.execution
        return Candidate(
            reply=self.content,
            parse_problem=self.reply.problem,
            execution_status=execution.status if execution else None,
            cut_at=self.completion.cut_at,
            observation=_yielded(execution) if execution else "",
            vote=group,
            mean_logprob=self.completion.mean_logprob,
            completion_tokens=self.completion.usage.completion_tokens,
            chosen=chosen,
        )


class Sampler:
    """Asks the model and runs what it wrote."""

    def __init__(self, config: CodeAgentConfig, model: Model, action_format: ActionFormat) -> None:
        self._config = config
        self._model = model
        self._format = action_format

    def sample(
        self, messages: tuple[Message, ...], episode: PrestartedEpisode, seed: int, prefill: str = ""
    ) -> SampledStep:
        """The step's reply, run. ``prefill``: the beginning of the reply, which the model continues.

        Raises what the model and the sandbox raise.
        """
        if prefill:
            messages = (*messages, Message(role=Role.ASSISTANT, content=prefill))
        request = Request(
            messages=messages,
            temperature=self._config.temperature,
            top_p=self._config.top_p,
            max_tokens=self._config.max_tokens,
            stop=self._format.stop,
            seed=seed,
            continue_final=bool(prefill),
        )
        if self._config.self_consistency is None:
            return self._sample_one(request, episode, prefill)
        return self._sample_by_vote(request, episode, prefill, self._config.self_consistency)

    def _sample_one(self, request: Request, episode: PrestartedEpisode, prefill: str) -> SampledStep:
        started = time.perf_counter()
        (completion,) = complete(self._model, request)
        answered = time.perf_counter()
        content, reply = self._read(prefill, completion)
        execution = None if reply.code is None else episode.get().run(reply.code)
        timing = Timing(model_s=answered - started, code_s=time.perf_counter() - answered)
        return SampledStep(content, reply, execution, completion.usage, timing, completion)

    def _sample_by_vote(
        self, request: Request, episode: PrestartedEpisode, prefill: str, config: SelfConsistencyConfig
    ) -> SampledStep:
        request = replace(request, temperature=config.temperature, top_p=config.top_p, logprobs=True)
        tries: list[_Try] = []
        timing = Timing()
        seed = request.seed or 0
        while portion := self._portion(tries, config):
            # The first portion has the step's own seed: asking for all at once is one portion.
            own_seed = derive_seed(seed, "portion", len(tries)) if tries else seed
            started = time.perf_counter()
            completions = complete(self._model, replace(request, n=portion, seed=own_seed))
            answered = time.perf_counter()
            tries += self._run_all(completions, episode, prefill, keep_earlier=bool(tries))
            timing += Timing(model_s=answered - started, code_s=time.perf_counter() - answered)
        election = elect([each.ballot for each in tries], derive_seed(seed, "all failed"))
        kept = tries[election.winner]
        return SampledStep(
            content=kept.content,
            reply=kept.reply,
            # What waited before a call with effects is finished by the commit.
            execution=None if kept.execution is None else _as_first_asked(episode.get().commit(kept.execution), tries),
            usage=total_usage([each.completion.usage for each in tries]),
            timing=timing,
            completion=kept.completion,
            candidates=tuple(
                each.candidate(group, chosen=index == election.winner)
                for index, (each, group) in enumerate(zip(tries, election.groups, strict=True))
            ),
            n_saved=config.n_candidates - len(tries),
        )

    def _portion(self, tries: list[_Try], config: SelfConsistencyConfig) -> int:
        if config.adaptive:
            return next_portion([each.ballot for each in tries], config.n_candidates)
        return config.n_candidates - len(tries)

    def _read(self, prefill: str, completion: Completion) -> tuple[str, ParsedReply]:
        content = self._format.complete(prefill + completion.text, completion.finish_reason)
        return content, self._format.parse(content, completion.finish_reason)

    def _run_all(
        self, completions: tuple[Completion, ...], episode: PrestartedEpisode, prefill: str, *, keep_earlier: bool
    ) -> list[_Try]:
        read = [self._read(prefill, completion) for completion in completions]
        codes = [reply.code for _, reply in read if reply.code is not None]
        executions = iter(episode.get().branch(codes, keep_earlier=keep_earlier) if codes else [])
        return [
            _Try(content, reply, None if reply.code is None else next(executions), completion)
            for (content, reply), completion in zip(read, completions, strict=True)
        ]


def complete(model: Model, request: Request) -> tuple[Completion, ...]:
    """Ask the model. Each reply ends at the first stop string, also where the server writes on."""
    return tuple(cut_completion(each, request.stop) for each in model.complete(request))


def _as_first_asked(kept: Execution, tries: list[_Try]) -> Execution:
    """The kept execution with those calls marked as answered from memory that were known before the step.

    Which of several candidates asks first is a race. The record of the kept one must not depend on it.
    """
    ran = [each.execution for each in tries if each.execution is not None]
    new = {(call.name, call.arguments) for each in (*ran, kept) for call in each.tool_calls if not call.cached}
    calls = []
    for call in kept.tool_calls:
        key = (call.name, call.arguments)
        calls.append(call.model_copy(update={"cached": call.cached and key not in new}))
        new.discard(key)
    return replace(kept, tool_calls=tuple(calls))


def _yielded(execution: Execution) -> str:
    parts = (execution.printed.strip("\n"), execution.value or "", execution.error, execution.final_answer or "")
    return "\n".join(part for part in parts if part)
