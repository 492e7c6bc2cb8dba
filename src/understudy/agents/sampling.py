"""The reply of one step: one sample, or several of which the vote keeps one (paper section 4.2).

In: the conversation, the attempt's way to act. Out: a ``Proposal``, which has not been acted on, then a
``SampledStep``; the attempt continues from the state after the kept reply. The action of each candidate runs once, from
the same state. Not here: acting on a reply (``acting.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from understudy.agents.acting import Actions, Turn
from understudy.agents.config import ActingConfig, ChainOfThoughtConfig, SelfConsistencyConfig
from understudy.agents.history import total_usage
from understudy.agents.self_consistency import elect, next_portion
from understudy.agents.session import TurnEvents
from understudy.models import Model, Request
from understudy.models.stopping import cut_completion
from understudy.records import Candidate, Completion, Message, Role, Step, Timing, Usage
from understudy.runs import derive_seed


@dataclass(frozen=True, slots=True)
class SampledStep:
    """A reply and the result of its action."""

    turn: Turn
    usage: Usage
    timing: Timing
    completion: Completion
    """As the model returned it; with several candidates, the chosen one."""
    candidates: tuple[Candidate, ...] = ()
    n_saved: int = 0
    """Candidates that were not sampled, because they could not change the vote."""

    def record(self, message_index: int, prefilled_chars: int, turn: int = 0) -> Step:
        """The facts of the step, as a trajectory keeps them."""
        return Step(
            message_index=message_index,
            turn=turn,
            parse_problem=self.turn.problem,
            execution_status=self.turn.status,
            error_name=self.turn.error_name,
            is_final=self.turn.is_final,
            prefilled_chars=prefilled_chars,
            cut_at=self.completion.cut_at,
            tool_calls=self.turn.tool_calls,
            candidates=self.candidates,
            candidates_saved=self.n_saved,
            usage=self.usage,
            mean_logprob=self.completion.mean_logprob,
            lowest_logprob=self.completion.lowest_logprob,
            timing=self.timing,
        )


@dataclass(frozen=True, slots=True)
class Proposal:
    """The reply of a step before its action has any effect that lasts. It need not be accepted."""

    completion: Completion
    usage: Usage
    timing: Timing
    act: Callable[[], Turn]
    """Acts on the reply, once."""
    candidates: tuple[Candidate, ...] = ()
    n_saved: int = 0

    def accept(self) -> SampledStep:
        """Act on the reply. Raises the errors of the way to act."""
        started = time.perf_counter()
        turn = self.act()
        timing = self.timing + Timing(code_s=time.perf_counter() - started)
        return SampledStep(turn, self.usage, timing, self.completion, self.candidates, self.n_saved)


class StepSampler(Protocol):
    """Makes the replies of an agent's steps."""

    @property
    def model(self) -> Model:
        """The model that is asked now."""
        ...

    def max_steps(self, turn: int) -> int:
        """Limit of the steps of one turn of the user."""
        ...

    def sample(
        self,
        messages: tuple[Message, ...],
        actions: Actions,
        seed: int,
        prefill: str,
        events: TurnEvents | None,
        steps: Sequence[Step],
        turn: int,
    ) -> SampledStep:
        """The step's reply after its action. ``prefill``: the beginning of the reply, which the model continues.

        ``events``: is told of the reply, and may stop the step. ``steps``: those before it. Raises the errors of the
        model and of the way to act, and ``TurnStoppedError``.
        """
        ...


class Sampler:
    """Asks the model and acts on its replies."""

    def __init__(self, config: ActingConfig, model: Model) -> None:
        self._config = config
        self.model = model

    def max_steps(self, turn: int) -> int:  # noqa: ARG002  each turn has the same limit
        return self._config.max_steps

    def sample(
        self,
        messages: tuple[Message, ...],
        actions: Actions,
        seed: int,
        prefill: str = "",
        events: TurnEvents | None = None,
        steps: Sequence[Step] = (),  # noqa: ARG002  only the messages matter here
        turn: int = 0,  # noqa: ARG002
    ) -> SampledStep:
        """As in ``StepSampler``."""
        return self.propose(messages, actions, seed, prefill, events).accept()

    def propose(
        self,
        messages: tuple[Message, ...],
        actions: Actions,
        seed: int,
        prefill: str = "",
        events: TurnEvents | None = None,
    ) -> Proposal:
        """The step's reply before its action. Raises as ``sample`` does."""
        if prefill:
            messages = (*messages, Message(role=Role.ASSISTANT, content=prefill))
        request = Request(
            messages=messages,
            temperature=self._config.temperature,
            top_p=self._config.top_p,
            max_tokens=self._config.max_tokens,
            seed=seed,
            continue_final=bool(prefill),
            logprobs=wants_logprobs(self._config, self.model),
            cancelled=None if events is None else events.stopped,
        )
        request = actions.prepared(request)
        if self._config.self_consistency is None:
            return self._propose_one(request, actions, prefill, events)
        return self._propose_by_vote(request, actions, prefill, self._config.self_consistency, events)

    def _propose_one(self, request: Request, actions: Actions, prefill: str, events: TurnEvents | None) -> Proposal:
        started = time.perf_counter()
        (completion,) = complete(self.model, request, events)
        timing = Timing(model_s=time.perf_counter() - started)

        def act() -> Turn:
            if events is not None:
                events.replied(actions.said(completion, prefill))
                events.check()
            return actions.act(completion, prefill)

        return Proposal(completion, completion.usage, timing, act)

    def _propose_by_vote(
        self,
        request: Request,
        actions: Actions,
        prefill: str,
        config: SelfConsistencyConfig,
        events: TurnEvents | None,
    ) -> Proposal:
        request = replace(request, temperature=config.temperature, top_p=config.top_p, logprobs=True)
        tries: list[tuple[Turn, Completion]] = []
        timing = Timing()
        seed = request.seed or 0
        while portion := _portion(tries, config):
            # The first batch has the step's own seed, as has a request for all candidates at once.
            own_seed = derive_seed(seed, "portion", len(tries)) if tries else seed
            started = time.perf_counter()
            completions = complete(self.model, replace(request, n=portion, seed=own_seed), events)
            answered = time.perf_counter()
            turns = actions.branch(completions, prefill, keep_earlier=bool(tries))
            tries += zip(turns, completions, strict=True)
            timing += Timing(model_s=answered - started, code_s=time.perf_counter() - answered)
        election = elect([turn.ballot(completion) for turn, completion in tries], derive_seed(seed, "all failed"))
        return Proposal(
            completion=tries[election.winner][1],
            usage=total_usage([completion.usage for _, completion in tries]),
            timing=timing,
            act=lambda: actions.commit(election.winner),
            candidates=tuple(
                turn.candidate(completion, group, chosen=index == election.winner)
                for index, ((turn, completion), group) in enumerate(zip(tries, election.groups, strict=True))
            ),
            n_saved=config.n_candidates - len(tries),
        )


def complete(model: Model, request: Request, events: TurnEvents | None = None) -> tuple[Completion, ...]:
    """Ask the model. Each reply is cut at the first stop string, even if the server continued.

    ``events``: may stop the wait for the model; then ``TurnStoppedError`` is raised.
    """
    replies = model.complete(request) if events is None else events.wait_for(lambda: model.complete(request))
    return tuple(cut_completion(each, request.stop) for each in replies)


def wants_logprobs(config: ActingConfig | ChainOfThoughtConfig, model: Model) -> bool:
    """Whether an agent asks a model for log-probabilities."""
    return config.logprobs or getattr(model, "gives_logprobs", False)


def _portion(tries: list[tuple[Turn, Completion]], config: SelfConsistencyConfig) -> int:
    if config.adaptive:
        return next_portion([turn.ballot(completion) for turn, completion in tries], config.n_candidates)
    return config.n_candidates - len(tries)
