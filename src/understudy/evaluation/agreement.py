"""Stored and chosen actions are compared, and the comparisons become rates with intervals.

In: actions. Out: a ``StepAgreement`` a step, and an ``Agreement`` over all steps. Arguments are compared as canonical
JSON. Several calls in one reply are compared without regard to their order. Final answers are the same if they have one
spelling for the task's grader. Not here: asking a model (``stored_steps``), reading replies (``actions``).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from pydantic import JsonValue

from understudy.evaluation.statistics import clustered_share
from understudy.records import (
    Action,
    ActionKind,
    Agreement,
    AgreementRate,
    FunctionCall,
    StepAgreement,
    Usage,
)

SAME_ACTION = "same action"
_CRITERIA: Mapping[str, Callable[[StepAgreement], bool | None]] = {
    SAME_ACTION: lambda step: step.same_action,
    "kind of action": lambda step: step.same_kind,
    "tool": lambda step: step.same_tools,
    "arguments": lambda step: step.same_arguments,
    "final answer": lambda step: step.same_text,
}


def compared(
    stored: Action,
    chosen: Action,
    *,
    conversation: str,
    step: str,
    normal_form: Callable[[str], Hashable] = str.strip,
    usage: Usage | None = None,
) -> StepAgreement:
    """Compare what a model would do at a step with what is stored. ``normal_form``: equal for equal answers."""
    same_kind = stored.kind is chosen.kind
    calls = stored.kind is ActionKind.CALL
    same_tools = same_arguments = same_text = None
    if calls:
        same_tools = same_kind and _names(stored) == _names(chosen)
        same_arguments = same_tools and _canonical(stored) == _canonical(chosen)
        if same_arguments and not stored.calls:  # code that calls no tool
            same_arguments = stored.code == chosen.code
    elif stored.kind is ActionKind.STOP:
        same_text = same_kind and normal_form(stored.text) == normal_form(chosen.text)
    return StepAgreement(
        conversation=conversation,
        step=step,
        stored=stored,
        chosen=chosen,
        same_kind=same_kind,
        same_tools=same_tools,
        same_arguments=same_arguments,
        arguments=_by_argument(stored.calls, chosen.calls),
        same_text=same_text,
        same_action=bool(same_arguments if calls else same_text),
        usage=usage or Usage(),
    )


def summarise(
    system: str, model: str, steps: Sequence[StepAgreement], *, n_skipped: int = 0, is_program: bool = False
) -> Agreement:
    """Rates over all steps that were compared, with intervals clustered by conversation.

    Raises ``ValueError`` if no step was compared.
    """
    asked = [step for step in steps if not step.failure]
    if not asked:
        failures = f", such as {steps[0].failure}" if steps else ""
        raise ValueError(f"{system}: expected steps to compare, got {len(steps)}, of which none has a reply{failures}")
    rates = [_rate(name, [(one.conversation, same(one)) for one in asked]) for name, same in _CRITERIA.items()]
    by_argument: defaultdict[str, list[tuple[str, bool | None]]] = defaultdict(list)
    for step in asked:
        for name, same in step.arguments.items():
            by_argument[name].append((step.conversation, same))
    kinds = Counter(f"{one.stored.kind} → {one.chosen.kind}" for one in asked if one.chosen is not None)
    return Agreement(
        system=system,
        model=model,
        is_program=is_program,
        n_conversations=len({one.conversation for one in asked}),
        n_steps=len(asked),
        n_failed=len(steps) - len(asked),
        n_skipped=n_skipped,
        rates=tuple(rate for rate in rates if rate.n),
        arguments=tuple(_rate(name, by_argument[name]) for name in sorted(by_argument)),
        kinds=dict(kinds.most_common()),
        usage=sum((one.usage for one in asked), Usage()),
    )


def _rate(name: str, verdicts: Iterable[tuple[str, bool | None]]) -> AgreementRate:
    """``verdicts``: (conversation, whether it is the same); None where the question does not arise."""
    n, n_same, interval = clustered_share(verdicts)
    return AgreementRate(name=name, n=n, n_same=n_same, rate=n_same / n if n else 0.0, interval=interval)


def _names(action: Action) -> list[str]:
    return sorted(call.name for call in action.calls)


def _canonical(action: Action) -> list[str]:
    return sorted(f"{call.name} {_json(call.arguments)}" for call in action.calls)


def _json(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _by_argument(stored: Sequence[FunctionCall], chosen: Sequence[FunctionCall]) -> dict[str, bool]:
    """Whether each stored argument has the stored value. The first call of a tool is compared with the first, …"""
    open_calls: defaultdict[str, list[FunctionCall]] = defaultdict(list)
    for call in chosen:
        open_calls[call.name].append(call)
    same: dict[str, bool] = {}
    for call in stored:
        others = open_calls[call.name]
        other = others.pop(0).arguments if others else None
        for name, value in call.arguments.items():
            key = f"{call.name}.{name}"
            is_same = other is not None and name in other and _json(other[name]) == _json(value)
            same[key] = same.get(key, True) and is_same
    return same
