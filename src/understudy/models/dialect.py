"""The parameters that one server accepts, learnt from its refusals and applied to later requests.

In: the body of a request; a refusal that names a parameter. Out: a body that this server accepts, and a sentence for
the user about the consequence. Only parameters that this package chose are changed, never those of the user's
``extra_body``. Not here: sending anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pydantic import JsonValue

from understudy.models.refusals import RefusalError

LIMITS = ("max_tokens", "max_completion_tokens")
"""The two names of the limit of new tokens."""
LOWEST_TEMPERATURE = 0.01
"""Sent instead of 0 to servers that require a positive temperature."""
_NEVER_ABOUT_PARAMETERS = frozenset({401, 402, 408, 409, 425, 429, 503})
_MEANING = {
    "stop": "replies are cut at the stop strings here",
    "temperature": "the server samples at its own temperature",
    "top_p": "the server uses its own top_p",
    "seed": "the same request may get another reply",
    "n": "completions are requested one at a time",
    "logprobs": "replies come without log-probabilities",
    "response_format": "replies are not constrained to a JSON schema",
    "return_token_ids": "replies come without token ids",
}
"""Parameters that a request can do without, and what that means."""
_ALIASES = {
    "stop": r"stop_?sequences?|stop words",
    "temperature": "temperature",
    "top_p": "top_?p",
    "seed": "",
    "n": r"candidate_?count|best_of|(?:only one|multiple) (?:completion|choice|candidate)s?|number must be at most 1\b",
    "logprobs": r"(?:top_|response_?)?log_?probs",
    "response_format": r"response_?(?:format|schema)|json_?schema|structured outputs?",
    "return_token_ids": "return_token_ids",
    "max_tokens": r"max_(?:new_)?tokens|max_?output_?tokens",
    "max_completion_tokens": "max_completion_tokens",
}
"""Other words for a parameter, which have no other meaning."""
_REFUSES = re.compile(
    r"unsupported|support|allowed|permitted|unrecognized|unrecognised|unknown|unexpected|invalid|must be|only|cannot"
    r"|forbidden|not available|deprecated|remove|at most|greater than|maximum|in range|strictly|too long"
    r"|too many|exceeds|not enabled|必须|不支持|无效|有误",
    re.IGNORECASE,
)
_WANTS_POSITIVE = re.compile(r"strictly positive|greater than 0|大于 ?0|> ?0\b|\(0(?:\.0)?,|positive", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is known about one server."""

    limit: str = LIMITS[0]
    """Its name for the limit of new tokens; empty: it accepts none."""
    absent: frozenset[str] = frozenset()
    longest_reply: int | None = None
    most_choices: int | None = None
    """Completions that it returns at a time."""
    lowest_temperature: float = 0.0
    folds_system: bool = False
    """It accepts no system message: the text goes before the first user message."""
    notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """A sentence for the user, by what was changed."""

    def adapt(self, body: Mapping[str, JsonValue], fixed: Set[str] = frozenset()) -> dict[str, JsonValue]:
        """The body in a form that this server accepts. ``fixed``: parameters that are not changed."""
        sent = {key: value for key, value in body.items() if key in fixed or key not in self.absent}
        if LIMITS[0] in sent and LIMITS[0] not in fixed:
            limit = sent.pop(LIMITS[0])
            if self.limit and isinstance(limit, int):
                sent[self.limit] = min(limit, self.longest_reply or limit)
        if "temperature" in sent and "temperature" not in fixed:
            sent["temperature"] = max(_number(sent["temperature"]), self.lowest_temperature)
        if self.most_choices and "n" in sent and "n" not in fixed:
            sent["n"] = min(round(_number(sent["n"])), self.most_choices)
        if self.folds_system:
            sent["messages"] = _folded(sent.get("messages"))
        return sent

    def after(
        self, refusal: RefusalError, sent: Mapping[str, JsonValue], fixed: Set[str] = frozenset()
    ) -> Dialect | None:
        """What is known after a refusal of ``sent``; None if the refusal is not about something that can be changed."""
        if refusal.status in _NEVER_ABOUT_PARAMETERS or (refusal.status == 403 and not refusal.params):
            return None
        limit = next((name for name in LIMITS if name in sent and name not in fixed), None)
        longest = refusal.longest_reply
        if limit and longest is not None and longest < _number(sent[limit]):
            note = f"replies have at most {longest} tokens"
            return self._with(limit, note, refusal, longest_reply=longest)
        if refusal.is_full_context:
            return None
        most = refusal.most_choices
        if most and "n" not in fixed and most < _number(sent.get("n")):
            return self._with("more completions", f"{most} are requested at a time", refusal, most_choices=most)
        if _refuses_system(refusal) and not self.folds_system:
            note = "its text goes before the first user message"
            return self._with("the system role", note, refusal, folds_system=True)
        named = [name for name in sent if name not in fixed and name in _ALIASES and _is_named(name, refusal)]
        return self._without(named, limit, sent, refusal)

    def without_schema(self, refusal: RefusalError, sent: Mapping[str, JsonValue], fixed: Set[str]) -> Dialect | None:
        """Handles a refusal that names no parameter: servers have many wordings for an unsupported schema."""
        if refusal.status not in (400, 422) or "response_format" in fixed or "response_format" not in sent:
            return None
        return None if refusal.is_full_context else self._drop(["response_format"], refusal)

    def _without(
        self, named: list[str], limit: str | None, sent: Mapping[str, JsonValue], refusal: RefusalError
    ) -> Dialect | None:
        if {"temperature", "top_p"} <= set(named) and re.search(r"\bboth\b|only one", refusal.text):
            return self._drop(["top_p"], refusal)
        if "temperature" in named and sent["temperature"] == 0 and _WANTS_POSITIVE.search(refusal.text):
            note = f"{LOWEST_TEMPERATURE} is sent in place of 0"
            return self._with("temperature 0", note, refusal, lowest_temperature=LOWEST_TEMPERATURE)
        droppable = [name for name in named if name in _MEANING]
        if droppable:
            return self._drop(droppable, refusal)
        if limit in named:
            other = "" if self.notes.keys() & set(LIMITS) else LIMITS[1 - LIMITS.index(limit)]
            note = f"{other} is sent in its place" if other else "only the server's own limit applies"
            return self._with(limit, note, refusal, limit=other)
        return None

    def _drop(self, names: list[str], refusal: RefusalError) -> Dialect:
        meaning = "; ".join(_MEANING[name] for name in names)
        return self._with(", ".join(names), meaning, refusal, absent=self.absent | set(names))

    def _with(self, what: str, meaning: str, refusal: RefusalError, **known: object) -> Dialect:
        note = f"it does not take {what}, so {meaning} ({refusal})"
        return replace(self, notes=MappingProxyType({**self.notes, what: note}), **known)  # type: ignore[arg-type]


def _number(value: JsonValue) -> float:
    return value if isinstance(value, int | float) else 0.0


def _is_named(name: str, refusal: RefusalError) -> bool:
    """Whether the refusal is about this parameter.

    Words that mean other things too (``stop``, ``n``) count only in quotes, after a path, or beside a word such as
    "parameter".
    """
    if not _REFUSES.search(refusal.text):
        return False
    last = [re.split(r"[./#]", param)[-1] for param in refusal.params]
    if name in last:
        return True
    marked = (
        rf"""['"`\[]{name}['"`\\\]]|[./#]{name}\b|(?<![\w'])\b{name}\s?(?::|=|>|must|is (?:currently )?not|isn't)"""
        rf"|(?:param(?:eter)?s?|arguments?|fields?|property|properties|options?|supplied|name)\b[^.\n]{{0,40}}\b{name}\b"
        rf"|\b{name} (?:request )?(?:parameter|argument|field|option)|: {name}$"
    )
    alias = rf"|\b(?:{_ALIASES[name]})\b" if _ALIASES[name] else ""
    return re.search(marked + alias, refusal.text, re.IGNORECASE | re.MULTILINE) is not None


_SYSTEM_REFUSED = re.compile(
    r"does not support '?(?:system|developer)\b"
    r"|system (?:role|messages?|instructions?) (?:is |are )?(?:not|un) ?support"
    r"|(?:system|developer) instruction is not enabled",
    re.IGNORECASE,
)


def _refuses_system(refusal: RefusalError) -> bool:
    return _SYSTEM_REFUSED.search(refusal.text) is not None


def _folded(messages: JsonValue) -> JsonValue:
    match messages:
        case [{"role": "system", "content": str(system)}, {"role": "user", "content": str(user)}, *rest]:
            return [{"role": "user", "content": f"{system}\n\n{user}"}, *rest]
    return messages
