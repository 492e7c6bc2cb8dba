"""Is the student that is served the student that was trained?

In: the base weights, the adapter, the merged weights, the student as agents run it, a server, and prompts. Out: a
``ParityReport`` of log-probabilities and greedy tokens, or ``StudentMismatchError``.

The reference is the base with the adapter beside it, as training left it. It writes a greedy reply to each prompt; the
other systems say how probable they find these tokens and which they would have chosen. The server writes greedy replies
of its own, and so do the weights that full fine-tuning began with; the reference says how probable it finds them. Each
compared pair of log-probabilities is thus of the same token after the same tokens, and each set of weights is loaded
once. A student that equals its base is refused, such as one with an adapter without effect
(``AdapterWithoutEffectError``); so are merged weights and servers whose log-probabilities differ by more than the
number format explains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from understudy.models.config import LocalConfig, OpenAIChatConfig
from understudy.models.finite import require_finite_weights
from understudy.models.loading import Checkpoint, load_adapter, load_for_reading, merge_in_memory, ready_checkpoint
from understudy.models.model import Request
from understudy.models.rendering import Renderer, open_renderer
from understudy.models.scoring import Scored, score
from understudy.records import Completion, Message, Record, ToolSchema
from understudy.records.record import is_empty

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOLERANCES_NAT = {"acting": 0.02, "merged": 0.02, "server": 0.1}
"""Largest allowed mean difference. Merging in float32 gives about 1e-6, in bfloat16 a few thousandths; a server uses
another number format and other kernels."""


class StudentMismatchError(ValueError):
    """Merged weights or a server do not behave like the student that was trained; the message has the figures."""


class SystemParity(Record):
    """One system, compared with the reference."""

    system: str
    n_tokens: int
    """Compared pairs of log-probabilities; 0 if a server gives neither ids nor log-probabilities."""
    mean_difference_nat: float | None = None
    """Mean of the absolute differences of log-probabilities."""
    max_difference_nat: float | None = None
    base_difference_nat: Annotated[float | None, Field(exclude_if=is_empty)] = None
    """Of a server: how far it is from the base, or from the weights that full fine-tuning began with. None without
    them."""
    greedy_agreement: float
    """Share of places with the same greedy token; for a server, the share of prompts with the same reply."""


class ParityReport(Record):
    """What was compared, and the results."""

    reference: str
    n_prompts: int
    systems: tuple[SystemParity, ...]
    call_form: str = ""
    """How the student writes tool calls; empty if the prompts offer no tools."""


def check_student(
    base: LocalConfig,
    prompts: Sequence[Sequence[Message]],
    *,
    adapter: str | None = None,
    untrained: str | None = None,
    acting: bool = False,
    merged: str | None = None,
    server: OpenAIChatConfig | None = None,
    tools: Sequence[Sequence[ToolSchema]] | None = None,
    max_tokens: int = 32,
    keep: Callable[[Checkpoint], None] | None = None,
) -> ParityReport:
    """Compare all systems that are named; ``adapter`` None makes the base itself the reference.

    ``untrained``: the weights that full fine-tuning began with, which the reference must differ from. ``acting``: also
    compare the student as agents run it, with its adapter merged in memory. ``tools``: what each prompt offers; of a
    server's replies the parsed calls are compared too. ``keep`` is given the student as agents run it, once it has
    passed.

    Raises ``StudentMismatchError``, ``AdapterWithoutEffectError``, ``NotFiniteError`` if weights or
    log-probabilities are NaN or infinite, ``ValueError`` without prompts, and what the server's model raises.
    """
    name = base.path if adapter is None else f"{base.path} + {adapter}"
    renderer = open_renderer(base.path)
    offered = tools or [()] * len(prompts)
    prompt_ids = _rendered(prompts, offered, renderer)
    own = [] if server is None else _ask_server(server, prompts, offered, max_tokens)
    systems: list[SystemParity] = []
    theirs, from_base = None, None
    if untrained is not None:
        weights = _load_whole(base, untrained, f"{name}, base")
        theirs = _reply_all(weights, prompt_ids, max_tokens, renderer)
        from_base = _mean_difference(own, prompt_ids, weights)
        del weights  # only one set of weights is in memory at a time
    reference = load_for_reading(base)
    adapted = None if adapter is None else load_adapter(reference, adapter)  # puts the adapter into the reference
    require_finite_weights(reference, name)
    replies = _reply_all(reference, prompt_ids, max_tokens, renderer)
    if theirs is not None:
        systems.append(_compare("base", theirs, _score_all(reference, prompt_ids, theirs)))
    elif adapted is not None:
        with adapted.disable_adapter():
            systems.append(_compare("base", replies, _score_all(reference, prompt_ids, replies)))
            from_base = _mean_difference(own, prompt_ids, reference)
    if own:
        systems.append(_compare_server(own, replies, prompt_ids, offered, reference, renderer))
    if adapted is not None and (acting or keep is not None):
        require_finite_weights(reference := merge_in_memory(adapted), f"{name}, acting")
        systems.append(_compare("acting", replies, _score_all(reference, prompt_ids, replies)))
    kept = None if keep is None else ready_checkpoint(reference, renderer.tokenizer, base)
    del adapted, reference
    if merged is not None:
        weights = _load_whole(base, merged, f"{name}, merged")
        systems.append(_compare("merged", replies, _score_all(weights, prompt_ids, replies)))
    report = _checked_report(name, _with_distance(systems, from_base), prompts, renderer, has_tools=any(offered))
    if keep is not None and kept is not None:
        keep(kept)
    return report


def _rendered(
    prompts: Sequence[Sequence[Message]], offered: Sequence[Sequence[ToolSchema]], renderer: Renderer
) -> list[list[int]]:
    if not prompts:
        raise ValueError("expected at least one prompt")
    return [renderer.prompt_ids(prompt, tools=tools) for prompt, tools in zip(prompts, offered, strict=True)]


def _load_whole(base: LocalConfig, path: str, what: str) -> PreTrainedModel:
    model = load_for_reading(base.model_copy(update={"path": path}))
    require_finite_weights(model, what)
    return model


def _checked_report(
    name: str,
    systems: tuple[SystemParity, ...],
    prompts: Sequence[Sequence[Message]],
    renderer: Renderer,
    *,
    has_tools: bool,
) -> ParityReport:
    """Raises ``StudentMismatchError``."""
    form = renderer.calls.form if has_tools else None
    report = ParityReport(reference=name, n_prompts=len(prompts), systems=systems, call_form=form.name if form else "")
    _refuse(report, form.vllm_parser if form else "")
    return report


def _reply_all(
    model: PreTrainedModel, prompt_ids: list[list[int]], max_tokens: int, renderer: Renderer
) -> list[Scored]:
    return [_greedy_reply(model, ids, max_tokens, renderer) for ids in prompt_ids]


def _greedy_reply(model: PreTrainedModel, prompt_ids: list[int], max_tokens: int, renderer: Renderer) -> Scored:
    # Not generate(): it would take penalties from the checkpoint's generation_config.json.
    from understudy.models.decoding import Decoder
    from understudy.models.sampling import greedy_row

    decoder = Decoder(model, renderer.tokenizer, frozenset(renderer.end_of_turn_ids[-1:]))
    row = greedy_row(prompt_ids, max_tokens)
    decoder.admit([[row]])
    while not decoder.step():
        pass
    return score(model, [*prompt_ids, *row.ids], len(prompt_ids))


def _score_all(model: PreTrainedModel, prompt_ids: list[list[int]], replies: list[Scored]) -> list[Scored]:
    return [score(model, [*ids, *reply.ids], len(ids)) for ids, reply in zip(prompt_ids, replies, strict=True)]


def _compare(system: str, reference: list[Scored], other: list[Scored]) -> SystemParity:
    pairs = [pair for a, b in zip(reference, other, strict=True) for pair in zip(a.logprobs, b.logprobs, strict=True)]
    same = [x == y for a, b in zip(reference, other, strict=True) for x, y in zip(a.ids, b.greedy_ids, strict=True)]
    return _parity(system, [abs(a - b) for a, b in pairs], same)


def _parity(system: str, differences: list[float], same: list[bool]) -> SystemParity:
    return SystemParity(
        system=system,
        n_tokens=len(differences),
        mean_difference_nat=sum(differences) / len(differences) if differences else None,
        max_difference_nat=max(differences) if differences else None,
        greedy_agreement=sum(same) / len(same),
    )


def _ask_server(
    config: OpenAIChatConfig,
    prompts: Sequence[Sequence[Message]],
    offered: Sequence[Sequence[ToolSchema]],
    max_tokens: int,
) -> list[Completion]:
    from understudy.models.openai_chat import OpenAIChatModel

    requests = [
        Request(messages=tuple(prompt), max_tokens=max_tokens, logprobs=True, tools=tuple(tools))
        for prompt, tools in zip(prompts, offered, strict=True)
    ]
    with OpenAIChatModel(config.model_copy(update={"token_ids": True})) as model:
        return [model.complete(request)[0] for request in requests]


def _compare_server(
    own: list[Completion],
    replies: list[Scored],
    prompt_ids: list[list[int]],
    offered: Sequence[Sequence[ToolSchema]],
    reference: PreTrainedModel,
    renderer: Renderer,
) -> SystemParity:
    differences: list[float] = []
    same: list[bool] = []
    for served, reply, prompt, tools in zip(own, replies, prompt_ids, offered, strict=True):
        text = renderer.tokenizer.decode(reply.ids, skip_special_tokens=True)
        is_read_alike = says_the_same(served, text, renderer, tools)
        if served.token_ids is None:
            same.append(is_read_alike)
            continue
        same.append(served.token_ids == reply.ids and (is_read_alike or not tools))
        differences += _differences(served, prompt, reference)
    return _parity("server", differences, same)


def _differences(served: Completion, prompt: list[int], reference: PreTrainedModel) -> list[float]:
    """Of the log-probabilities of a server's reply; none if it does not return them."""
    if not served.logprobs or served.token_ids is None:
        return []
    scored = score(reference, [*prompt, *served.token_ids], len(prompt))
    return [abs(a - b) for a, b in zip(scored.logprobs, served.logprobs, strict=True)]


def _mean_difference(own: list[Completion], prompt_ids: list[list[int]], model: PreTrainedModel) -> float | None:
    """Of the log-probabilities of a server's replies to those of another model."""
    found = [one for served, ids in zip(own, prompt_ids, strict=False) for one in _differences(served, ids, model)]
    return sum(found) / len(found) if found else None


def _with_distance(systems: list[SystemParity], from_base: float | None) -> tuple[SystemParity, ...]:
    """The systems; that of a server says how far it is from the base."""
    changes = {"server": {"base_difference_nat": from_base}}
    return tuple(one.model_copy(update=changes.get(one.system)) for one in systems)


def says_the_same(served: Completion, text: str, renderer: Renderer, tools: Sequence[ToolSchema]) -> bool:
    """Whether a server parsed the reply as it is parsed here: the same text, the same calls."""
    if not tools:
        return served.text == text
    read = renderer.calls.form.parse(text, tools)
    calls = [[(call.name, call.arguments) for call in calls] for calls in (read.calls, served.tool_calls)]
    return calls[0] == calls[1] and read.text.strip() == served.text.strip()


def _refuse(report: ParityReport, vllm_parser: str) -> None:
    for system in report.systems:
        if system.system == "base" and system.max_difference_nat == 0:
            raise StudentMismatchError(
                f"{report.reference} is its own base: all log-probabilities of {system.n_tokens} tokens are equal, "
                "so the training had no effect"
            )
        allowed = TOLERANCES_NAT.get(system.system)
        if allowed is None:
            continue
        got = system.mean_difference_nat
        if got is None:  # a server that returns text only
            if system.greedy_agreement > 0:
                continue
            raise StudentMismatchError(
                f"{system.system}: no greedy reply equals that of {report.reference}{_parser_hint(vllm_parser)}"
            )
        if system.base_difference_nat is not None and system.base_difference_nat < got:
            raise StudentMismatchError(
                f"{system.system} is not {report.reference}, but its base or another student: log-probabilities of "
                f"{system.n_tokens} tokens differ by {system.base_difference_nat:.4f} nat on average from the base's, "
                f"and by {got:.4f} nat from the student's"
            )
        if not got <= allowed:
            raise StudentMismatchError(
                f"{system.system} is not {report.reference}: over {system.n_tokens} tokens, log-probabilities differ "
                f"by {got:.4f} nat on average (at most {system.max_difference_nat:.4f}), allowed {allowed:g}; "
                f"greedy agreement {system.greedy_agreement:.0%}"
            )


def _parser_hint(vllm_parser: str) -> str:
    if not vllm_parser:
        return ""
    return f"; if it is vLLM, start it with --enable-auto-tool-choice --tool-call-parser {vllm_parser}"
