"""A language model as judge of whole conversations by stated criteria. Tasks need no reference answer.

In: a trajectory and a rubric. Out: a ``Score``: ``value`` is the weighted share of the criteria that are met, and the
explanation has the reason for each. If a reply cannot be parsed, the attempt is not judged. Each
(conversation, criteria) is requested once, at temperature 0. Not here: opening models and their keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from understudy.grading.config import Criterion, RubricConfig
from understudy.grading.grader import Judgement, infrastructure_error, is_no_answer, score_of
from understudy.grading.judge_prompt import RUBRIC_SYSTEM
from understudy.grading.verdict_cache import VerdictCache, ask_judge
from understudy.models.model import ContextFullError, Model, ProviderError, settings_of
from understudy.records import Message, Record, Role, Score, Trajectory
from understudy.runs import digest

_SYSTEM_CHARS = 4_000


class CriterionVerdict(Record):
    """What the judge says of one criterion."""

    number: int
    reason: str = ""
    met: bool


class RubricVerdict(Record):
    """What the judge is asked to write."""

    criteria: tuple[CriterionVerdict, ...]


SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "criteria": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "number": {"type": "integer", "description": "Number of the criterion."},
                        "reason": {"type": "string", "description": "One sentence."},
                        "met": {"type": "boolean"},
                    },
                    "required": ["number", "reason", "met"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["criteria"],
        "additionalProperties": False,
    }
)
SYSTEM = RUBRIC_SYSTEM.replace("{schema}", SCHEMA)


class RubricGrader:
    """Asks a model which criteria a conversation meets. Safe to call from many threads."""

    name = "rubric"

    def __init__(self, config: RubricConfig, model: Model) -> None:
        self._model = model
        self._config = config
        self._cache = VerdictCache(config.cache_path, RubricVerdict)
        criteria = [one.model_dump(mode="json") for one in config.rubric]
        self.version = f"1 {model.name} {digest([SYSTEM, criteria, config.passes_at])[:8]}"

    def grade(self, trajectory: Trajectory) -> Score:
        """Judge one attempt."""
        return score_of(self.name, self.version, trajectory, self._judgement(trajectory))

    def _judgement(self, trajectory: Trajectory) -> Judgement:
        if (failure := infrastructure_error(trajectory)) is not None:
            return failure
        if trajectory.answer is None or is_no_answer(trajectory.answer):
            return Judgement(False, f"no answer ({trajectory.stop_reason.value})", trajectory.answer, 0.0)
        try:
            verdict = self._verdict(prompt_of(trajectory, self._config))
        except (ProviderError, ContextFullError) as error:
            return Judgement(None, f"not judged: the judge could not be asked: {error}", trajectory.answer)
        if verdict is None:
            return Judgement(None, "not judged: the judge's reply could not be read", trajectory.answer)
        return _weighed(verdict, self._config, trajectory.answer)

    def _verdict(self, prompt: str) -> RubricVerdict | None:
        n_criteria, max_tokens = len(self._config.rubric), self._config.max_tokens
        return self._cache.verdict(
            digest([self.version, settings_of(self._model), prompt]),
            lambda: parse_rubric_verdict(ask_judge(self._model, SYSTEM, prompt, SCHEMA, max_tokens), n_criteria),
        )


def parse_rubric_verdict(reply: str, n_criteria: int) -> RubricVerdict | None:
    """The last JSON object in a reply that has a verdict on each criterion once, in their order; None without one."""
    for text in reversed(list(_objects(reply))):
        try:
            verdict = RubricVerdict.model_validate(text)
        except ValidationError:
            continue
        ordered = tuple(sorted(verdict.criteria, key=lambda one: one.number))
        if [one.number for one in ordered] == list(range(1, n_criteria + 1)):
            return RubricVerdict(criteria=ordered)
    return None


def _objects(reply: str) -> Iterator[object]:
    """The JSON objects in a text that are in no other."""
    decoder, place = json.JSONDecoder(), reply.find("{")
    while place >= 0:
        try:
            found, end = decoder.raw_decode(reply, place)
            yield found
        except (ValueError, RecursionError):
            end = place + 1
        place = reply.find("{", end)


def _weighed(verdict: RubricVerdict, config: RubricConfig, answer: str) -> Judgement:
    pairs = list(zip(config.rubric, verdict.criteria, strict=True))
    value = sum(one.weight for one, said in pairs if said.met) / sum(one.weight for one, _ in pairs)
    n_met = sum(said.met for _, said in pairs)
    reasons = "; ".join(f"{said.number} {'met' if said.met else 'not met'}: {said.reason}" for _, said in pairs)
    explanation = f"{n_met} of {len(pairs)} criteria are met. {reasons}".strip()
    return Judgement(value >= config.passes_at - 1e-9, explanation, answer, value)


def prompt_of(trajectory: Trajectory, config: RubricConfig) -> str:
    """What the judge reads: the criteria, the reference if there is one, the conversation."""
    reference = f"Reference answer:\n{trajectory.task.answer}\n\n" if trajectory.task.answer is not None else ""
    conversation = "\n\n".join(_said(one) for one in trajectory.messages)
    return f"Criteria:\n{_numbered(config.rubric)}\n\n{reference}Conversation:\n{_cut(conversation, config.max_chars)}"


def _numbered(criteria: Sequence[Criterion]) -> str:
    return "\n".join(f"{number}. {one.text}" for number, one in enumerate(criteria, 1))


def _said(message: Message) -> str:
    content = _cut(message.content, _SYSTEM_CHARS) if message.role is Role.SYSTEM else message.content
    calls = (
        f"[calls {call.name} with {call.broken_arguments or json.dumps(call.arguments, ensure_ascii=False)}]"
        for call in message.tool_calls
    )
    return "\n".join(part for part in (f"{message.role.value.upper()}: {content}", *calls) if part)


def _cut(text: str, limit: int) -> str:
    """The beginning and the end of a text that is too long; what is left out is said."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters are left out here …]\n{text[-half:]}"
