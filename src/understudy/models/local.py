"""A transformers checkpoint in this process, with continuous batching of all waiting requests.

In: requests from any number of threads. Out: completions with token ids, exact token usage and, on request,
log-probabilities of the model's own distribution (before temperature and top_p).

One thread computes. A request joins the running batch between two tokens. A new batch first waits a few milliseconds,
because callers tend to arrive together. The same request with the same seed gives the same tokens in any batch (see
``decoding``).
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

import numpy as np

from understudy.closing import Closing
from understudy.models.config import LocalConfig
from understudy.models.decoding import Decoder
from understudy.models.growing_cache import fitting_tokens
from understudy.models.llama_step import LlamaStep, fits
from understudy.models.loading import Checkpoint, load_checkpoint
from understudy.models.model import ContextFullError, ProviderError, Request
from understudy.models.rendering import Renderer
from understudy.models.sampling import Row
from understudy.models.scoring import top_logprobs
from understudy.models.stopping import end_ids
from understudy.models.token_ids import require_known_ids
from understudy.models.tool_replies import prompt_before_reply, with_calls_read
from understudy.progress import GENERATED_TOKENS
from understudy.records import Completion, FinishReason, PrefixDelivery, Usage
from understudy.runs import derive_seed

LINGER_S = 0.003
"""How long a new batch waits for more requests."""
CANCEL_POLL_S = 0.05
"""How often a caller looks whether its request is cancelled."""
CLOSE_S = 2.0
"""How long closing waits for the token that is being computed."""
JOIN_SHARE = 8
"""Requests join a running batch if they are at least 1/n of its rows, because each join costs a step."""
JOIN_AFTER_STEPS = 4
"""No request waits longer than this many steps."""


@dataclass(slots=True, eq=False)
class _Job:
    """One request in progress."""

    rows: list[Row]
    future: Future[tuple[Completion, ...]]
    n_admitted: int = 0


class LocalModel(Closing):
    """A model whose weights are in this process."""

    is_program = False
    gives_logprobs = True
    prefix_delivery = PrefixDelivery.CONTINUED

    def __init__(self, config: LocalConfig, checkpoint: Checkpoint | None = None, *, is_trained: bool = False) -> None:
        """Load the weights. Raises what ``load_checkpoint`` raises.

        ``checkpoint``: weights that are loaded already. ``is_trained``: they are trained between requests, so they
        stay as they are in memory; other weights may be stored in the order that is fastest.
        """
        self.name = config.name or " + ".join(filter(None, [config.path, config.adapter]))
        self._config = config
        checkpoint = checkpoint or load_checkpoint(config)
        step = LlamaStep(checkpoint.model) if not is_trained and fits(checkpoint.model) else None
        self.renderer = Renderer(checkpoint.tokenizer)
        self.context_tokens = checkpoint.context_tokens
        self._model = checkpoint.model
        self._max_batch_tokens = config.max_batch_tokens or fitting_tokens(checkpoint.model)
        self._one_prompt = threading.Lock()
        settings = checkpoint.model.generation_config
        stop_ids = end_ids(self.renderer.end_of_turn_ids, checkpoint.tokenizer, settings)
        kept_bytes = int(config.prefix_cache_gb * 1e9)
        self._decoder = Decoder(checkpoint.model, checkpoint.tokenizer, stop_ids, kept_bytes, step)
        self._waiting: deque[_Job] = deque()
        self._running: list[_Job] = []
        self._wake = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="understudy-local-model", daemon=True)
        self._thread.start()

    def complete(self, request: Request) -> tuple[Completion, ...]:
        """Complete a request. Raises ``ContextFullError`` if the prompt leaves no room for a token, ``ProviderError``
        if the model is closed, ``RenderingError`` for messages that the chat template refuses.
        """
        completions = self.complete_ids(prompt_before_reply(self.renderer, request), request)
        return tuple(with_calls_read(completion, self.renderer, request) for completion in completions)

    def complete_ids(self, prompt_ids: Sequence[int], request: Request) -> tuple[Completion, ...]:
        """Complete a prompt of token ids; the request's messages are ignored.

        Raises ``UnknownTokenError`` for ids that the model has no embedding for.
        """
        if not prompt_ids:
            raise ValueError("expected a prompt of at least one token")
        require_known_ids(self._model, prompt_ids)
        room = self.context_tokens - len(prompt_ids)
        if room < 1:
            raise ContextFullError(
                f"{self.name}: the prompt has {len(prompt_ids)} tokens, the context window {self.context_tokens}"
            )
        job = _Job(_rows(request, prompt_ids, min(request.max_tokens, room)), Future())
        with self._wake:
            if self._is_closed:
                raise ProviderError(f"{self.name} is closed")
            self._waiting.append(job)
            self._wake.notify()
        while request.cancelled is not None and not wait([job.future], CANCEL_POLL_S).done:
            if request.cancelled.is_set():
                for row in job.rows:
                    row.max_tokens = 1  # it ends with its next token
                break
        return job.future.result()

    def prompt_logprobs(self, ids: Sequence[int], top_k: int) -> list[dict[int, float]]:
        """Log-probabilities of each token but the first: see ``scoring.top_logprobs``."""
        with self._one_prompt:  # a prompt's logits are large: (tokens, vocabulary)
            return top_logprobs(self._model, ids, top_k)

    def close(self) -> None:
        """Stop computing; requests in progress get a ``ProviderError``. Does not wait until a long prompt has been
        read.
        """
        with self._wake:
            self._is_closed = True
            self._wake.notify()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        steps_since_join = 0
        while self._wait_for_work():
            try:
                if self._may_join(steps_since_join) and (groups := self._take_fitting()):
                    self._decoder.admit(groups)
                    steps_since_join = 0
                GENERATED_TOKENS.add(len(self._decoder.rows))
                self._decoder.step()
                steps_since_join += 1
                self._deliver()
            except Exception as error:  # whatever torch raises, out of memory above all: the callers must get it
                self._fail(f"{self.name}: {type(error).__name__}: {error}", waiting_too=False)
        self._fail(f"{self.name} was closed", waiting_too=True)

    def _wait_for_work(self) -> bool:
        """Block until there is something to compute; False when closed."""
        if self._decoder.rows:
            return not self._is_closed
        with self._wake:
            while not self._waiting and not self._is_closed:
                self._wake.wait()
        if not self._is_closed:
            time.sleep(LINGER_S)
        return not self._is_closed

    def _may_join(self, steps_since_join: int) -> bool:
        n_running = len(self._decoder.rows)
        if not n_running:
            return True
        with self._wake:
            n_waiting = sum(len(job.rows) - job.n_admitted for job in self._waiting)
        enough = n_waiting * JOIN_SHARE >= n_running or steps_since_join >= JOIN_AFTER_STEPS
        return self._decoder.can_join and n_waiting > 0 and enough

    def _take_fitting(self) -> list[list[Row]]:
        """Take waiting rows, in order of arrival, as long as the batch stays within its limits."""
        rows = self._decoder.rows
        n_rows = len(rows)
        longest = max((_length(row) for row in rows), default=0)
        groups: list[list[Row]] = []
        with self._wake:
            while self._waiting:
                job = self._waiting[0]
                longest = max(longest, _length(job.rows[0]))
                bound = min(self._config.max_batch_size, self._max_batch_tokens // longest)
                room = max(bound - n_rows, 0 if n_rows else 1)
                group = job.rows[job.n_admitted : job.n_admitted + room]
                if not group:
                    break
                if not job.n_admitted:
                    self._running.append(job)
                job.n_admitted += len(group)
                n_rows += len(group)
                groups.append(group)
                if job.n_admitted == len(job.rows):
                    self._waiting.popleft()
        return groups

    def _deliver(self) -> None:
        done = [job for job in self._running if all(row.finish_reason is not None for row in job.rows)]
        for job in done:
            self._running.remove(job)
            job.future.set_result(_completions(job))

    def _fail(self, message: str, *, waiting_too: bool) -> None:
        with self._wake:
            untouched = [job for job in self._waiting if not job.n_admitted]
            self._waiting = deque() if waiting_too else deque(untouched)
        failed = self._running + (untouched if waiting_too else [])
        self._running = []
        self._decoder.clear()
        for job in failed:
            job.future.set_exception(ProviderError(message))


def _rows(request: Request, prompt_ids: Sequence[int], max_tokens: int) -> list[Row]:
    seed = secrets.randbits(31) if request.seed is None else request.seed
    return [
        Row(
            prompt_ids=prompt_ids,
            max_tokens=max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            stop=request.stop,
            stream=np.random.Generator(np.random.Philox(key=derive_seed(seed, number))),
            wants_logprobs=request.logprobs,
        )
        for number in range(request.n)
    ]


def _length(row: Row) -> int:
    return len(row.prompt_ids) + row.max_tokens


def _completions(job: _Job) -> tuple[Completion, ...]:
    return tuple(
        Completion(
            text=row.text,
            finish_reason=row.finish_reason or FinishReason.OTHER,
            usage=Usage(
                prompt_tokens=len(row.prompt_ids) if number == 0 else 0,
                completion_tokens=len(row.ids),
                requests=1 if number == 0 else 0,
                cached_tokens=row.n_cached,
            ),
            token_ids=tuple(row.ids),
            logprobs=tuple(row.logprobs) if row.wants_logprobs else None,
        )
        for number, row in enumerate(job.rows)
    )
