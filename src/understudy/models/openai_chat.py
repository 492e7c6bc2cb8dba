"""A model behind servers that speak OpenAI's protocol: vLLM, SGLang, llama.cpp, Ollama, OpenAI, ours.

In: requests from any number of threads. Out: exactly as many completions as requested, each cut at its first stop
string, or ``ProviderError`` when the retries are used up. A time-out, a dropped connection, 408, 409, 425, 429 and 5xx,
broken JSON and replies without a choice are retried, on another endpoint if there is one. If a server returns fewer
completions than requested, the rest is requested again; if it refuses a parameter, the request is sent without it (see
``dialect``).

Tool calls that the server has parsed are used as they are; calls that it leaves in the text are parsed here.

Not here: streaming.
"""

from __future__ import annotations

import functools
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import JsonValue

from understudy.closing import Closing
from understudy.models.config import OpenAIChatConfig
from understudy.models.dialect import LIMITS
from understudy.models.endpoints import Endpoint, Endpoints
from understudy.models.llama_cpp_replies import token_counts, token_ids, without_echo
from understudy.models.model import ContextFullError, ProviderError, Request
from understudy.models.refusals import RefusalError
from understudy.models.stopping import cut_reply
from understudy.models.tool_replies import prompt_before_reply, with_calls_read, with_server_calls
from understudy.models.tool_requests import sent_choice, sent_message, sent_tools
from understudy.models.wire import WireChoice, WireReply, WireUsage
from understudy.progress import GENERATED_TOKENS
from understudy.records import Completion, FinishReason, Message, PrefixDelivery, ToolSchema, Usage

if TYPE_CHECKING:
    from understudy.models.rendering import Renderer

CONTINUING_SERVERS = frozenset({"vllm", "sglang", "understudy"})
"""``owned_by`` in the model lists of servers that continue an assistant message."""


class OpenAIChatModel(Closing):
    """A model by URL."""

    is_program = False

    def __init__(self, config: OpenAIChatConfig) -> None:
        """Raises ``ValueError`` if the key's environment variable is not set. Does not connect yet."""
        self.name = config.model
        self._config = config
        self._endpoints = Endpoints(config, _api_key(config))
        self._delivery = None if config.prefix_delivery == "auto" else PrefixDelivery(config.prefix_delivery)
        self._delivery_lock = threading.Lock()
        self._renderer = _renderer(config)
        self._fixed = frozenset(config.extra_body)

    @property
    def prefix_delivery(self) -> PrefixDelivery:
        """As configured; with ``auto`` the server is asked once what it is."""
        with self._delivery_lock:
            if self._delivery is None:
                continues = self._owner().casefold() in CONTINUING_SERVERS
                self._delivery = PrefixDelivery.CONTINUED if continues else PrefixDelivery.INSTRUCTED
            return self._delivery

    def complete(self, request: Request) -> tuple[Completion, ...]:
        """Raises ``ProviderError``, ``ContextFullError``, and ``ValueError`` for what this server cannot do."""
        if request.continue_final and self.prefix_delivery is PrefixDelivery.INSTRUCTED:
            raise ValueError(f"{self.name} cannot continue a message: its prefix_delivery is instructed")
        completions: list[Completion] = []
        while len(completions) < request.n:
            # Another seed: a server that ignores n would return the same reply again.
            seed = None if request.seed is None else (request.seed + len(completions)) % 2**31
            # vLLM refuses more than one greedy completion at a time.
            n = 1 if request.temperature == 0 else request.n - len(completions)
            rest = replace(request, n=n, seed=seed)
            completions.extend(self._ask(rest)[: rest.n])
        return tuple(completions)

    def prompt_logprobs(self, ids: Sequence[int], start: int, top_k: int) -> list[dict[int, float]]:
        """How probable the model finds ``ids[start:]``: at each place its ``top_k`` likeliest tokens and the given one.

        Token id → log-probability in nats. Raises ``ValueError`` for a server that does not return them,
        ``ProviderError`` and ``ContextFullError`` as ``complete`` does.
        """
        if not 0 < start < len(ids):
            raise ValueError(f"expected 0 < start < {len(ids)}, got {start}")
        body: dict[str, JsonValue] = {
            "model": self._config.model,
            "prompt": list[JsonValue](ids),
            "prompt_logprobs": top_k,
            "max_tokens": 1,  # no server accepts 0
            "temperature": 0.0,
            **self._config.extra_body,
        }
        try:
            reply = self._endpoints.ask(lambda endpoint: endpoint.complete("completions", body, self._fixed))
        except RefusalError as error:
            raise self._explained(error) from error
        places = reply.choices[0].prompt_logprobs
        if places is None or len(places) != len(ids) or not all(places[start:]):
            raise ValueError(
                f"{self.name}: expected log-probabilities at all {len(ids)} places of the prompt, got "
                f"{'none' if places is None else len(places)}: the server has no prompt_logprobs (vLLM has)"
            )
        return [{token: one.logprob for token, one in (place or {}).items()} for place in places[start:]]

    def rendered_ids(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> tuple[int, ...] | None:
        """The token ids of the prompt, as the server renders it; None if it has no ``/tokenize`` for messages."""
        body: dict[str, JsonValue] = {"model": self._config.model, "messages": [sent_message(one) for one in messages]}
        if tools:
            body["tools"] = sent_tools(tools)
        try:
            # llama.cpp has a path of this name that ignores messages and returns no tokens.
            return self._endpoints.ask(lambda endpoint: endpoint.tokenize(body)) or None
        except RefusalError as error:
            if error.status in (404, 405) and not _is_about_model(error):
                return None
            raise ProviderError(f"{self.name}: the server refuses to render messages: {error}") from error

    def close(self) -> None:
        """Close all connections."""
        self._endpoints.close()

    def _owner(self) -> str:
        """The server's own statement of what it is; empty if it does not list its models, or not for this key."""
        try:
            return self._endpoints.ask(lambda endpoint: endpoint.owner_of(self._config.model))
        except RefusalError:
            return ""

    def _ask(self, request: Request) -> list[Completion]:
        """One successful request: at least one completion."""
        path = "chat/completions" if self._renderer is None else "completions"
        while True:
            body = self._chat_body(request) if self._renderer is None else self._raw_body(request, self._renderer)
            try:
                reply = self._endpoints.ask(
                    functools.partial(Endpoint.complete, path=path, body=body, fixed=self._fixed)
                )
            except RefusalError as error:
                room = error.room if error.is_full_context else None
                if room is None or not 0 < room < request.max_tokens:
                    raise self._explained(error) from error
                request = replace(request, max_tokens=room)  # the prompt fits, but the reply's limit did not
            else:
                prefix = request.messages[-1].content if request.continue_final and self._renderer is None else ""
                return self._completions(without_echo(reply, prefix), request)

    def _explained(self, refusal: RefusalError) -> ContextFullError | ProviderError:
        if refusal.is_full_context:
            return ContextFullError(f"{self.name}: {refusal}")
        return ProviderError(f"{self.name} at {', '.join(self._config.base_urls)}: the request is refused: {refusal}")

    def _chat_body(self, request: Request) -> dict[str, JsonValue]:
        body = self._sampling(request)
        body["messages"] = [sent_message(message) for message in request.messages]
        body |= sent_choice(request)
        if request.logprobs:
            body["logprobs"] = True
        if request.continue_final:
            body["continue_final_message"] = True
            body["add_generation_prompt"] = False
        return body | self._config.extra_body

    def _raw_body(self, request: Request, renderer: Renderer) -> dict[str, JsonValue]:
        """The prompt is sent as token ids, so the server cannot render it differently."""
        body = self._sampling(request)
        body["prompt"] = list[JsonValue](prompt_before_reply(renderer, request))
        if request.logprobs:
            body["logprobs"] = 1
        return body | self._config.extra_body

    def _sampling(self, request: Request) -> dict[str, JsonValue]:
        body: dict[str, JsonValue] = {
            "model": self._config.model,
            "n": request.n,
            "temperature": request.temperature,
            "top_p": request.top_p,
        }
        if self._fixed.isdisjoint(LIMITS):
            body["max_tokens"] = request.max_tokens
        if request.stop:
            body["stop"] = list(request.stop)
        if request.seed is not None:
            body["seed"] = request.seed
        if self._config.token_ids:
            body["return_token_ids"] = True
        if request.json_schema is not None:
            schema = {"name": "reply", "strict": True, "schema": json.loads(request.json_schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _completions(self, reply: WireReply, request: Request) -> list[Completion]:
        shares = token_counts(reply)
        GENERATED_TOKENS.add(sum(shares))
        usages = [self._usage(reply.usage if number == 0 else None, share) for number, share in enumerate(shares)]
        completions = [_completion(choice, request, usage) for choice, usage in zip(reply.choices, usages, strict=True)]
        if self._renderer is not None:
            return [with_calls_read(completion, self._renderer, request) for completion in completions]
        pairs = zip(completions, reply.choices, strict=True)
        return [with_server_calls(completion, choice.calls, request, self.name) for completion, choice in pairs]

    def _usage(self, whole: WireUsage | None, n_completion: int) -> Usage:
        """``whole``: the usage of the request; None for all its completions but the first."""
        n_prompt = whole.prompt_tokens if whole else 0
        read, written = self._config.prompt_price_usd, self._config.completion_price_usd
        cost = None if read is None or written is None else (n_prompt * read + n_completion * written) / 1e6
        return Usage(
            prompt_tokens=n_prompt,
            completion_tokens=n_completion,
            requests=int(whole is not None),
            cost_usd=cost,
            cached_tokens=whole.cached_tokens if whole else 0,
        )


def _completion(choice: WireChoice, request: Request, usage: Usage) -> Completion:
    """A reply, cut at its first stop string. Text beyond it is kept in no field."""
    text, stop = cut_reply(choice.reply_text, request.stop)
    kept = text + stop
    went_on = bool(stop and choice.reply_text[len(kept) :].strip())
    ids = token_ids(choice)
    n_kept = _tokens_up_to(kept, choice) if went_on else len(ids or choice.token_logprobs or ())
    return Completion(
        text=text,
        finish_reason=FinishReason.STOP if stop else choice.reason,
        reasoning=choice.message.reasoning if choice.message else "",
        cut_at=stop.strip() if went_on else "",
        usage=usage,
        token_ids=ids and ids[:n_kept] if n_kept else None,
        logprobs=choice.token_logprobs and choice.token_logprobs[:n_kept] if n_kept else None,
    )


def _tokens_up_to(kept: str, choice: WireChoice) -> int:
    """The number of tokens that spell the kept beginning of a reply; 0 if its tokens do not spell it."""
    spelled = ""
    for number, token in enumerate(choice.logprobs.tokens, 1):
        spelled += token
        if not choice.reply_text.startswith(spelled):
            return 0
        if len(spelled) >= len(kept):
            return number
    return 0


def _is_about_model(error: RefusalError) -> bool:
    """A 404 can mean a missing path, but vLLM and our own server also return it for a missing model."""
    return "model" in error.params or "model_not_found" in error.text


def _api_key(config: OpenAIChatConfig) -> str:
    if config.api_key_env is None:
        return "none"  # local servers ignore it
    key = os.environ.get(config.api_key_env, "")
    if not key:
        raise ValueError(f"{config.model}: the environment variable {config.api_key_env} contains no key")
    return key


def _renderer(config: OpenAIChatConfig) -> Renderer | None:
    if config.prefix_delivery != PrefixDelivery.COMPLETION or config.tokenizer is None:
        return None
    from understudy.models.rendering import open_renderer

    return open_renderer(config.tokenizer)
