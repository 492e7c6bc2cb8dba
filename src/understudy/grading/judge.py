"""A language model as judge of factual answers (the paper's metric for its four question-answering sets).

In: a question, its reference answers, an answer. Out: a judgement; ``None`` for correct if the model gave no
verdict. Not here: mathematics; opening models and their keys.

Each (question, references, answer) is requested once, at temperature 0. ``Score.value`` is token F1, and the
explanation says whether exact match agrees, so that the judge can be checked without another run. Where the task has no
reference answer, the judge relies on its own knowledge, and the explanation says so.
"""

from __future__ import annotations

import json
import re

from pydantic import Field, ValidationError

from understudy.grading.answers import boxed_or_text
from understudy.grading.config import JudgeConfig
from understudy.grading.facts import exact_match, token_f1
from understudy.grading.grader import Judgement, is_no_answer
from understudy.grading.judge_prompt import JUDGE_SYSTEM
from understudy.grading.verdict_cache import VerdictCache, ask_judge
from understudy.models.model import ContextFullError, Model, ProviderError, settings_of
from understudy.records import Record, Task
from understudy.runs import digest

MAX_ANSWER_CHARS = 2_000
NO_REFERENCE = "(There is none. Judge whether the answer is right by what you know.)"


class Verdict(Record):
    """What the judge is asked to write."""

    reason: str = Field(default="", description="One sentence: what the answer has in common with the reference.")
    correct: bool = Field(description="Whether the answer says the same as one of the reference answers.")


VERDICT_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": Verdict.model_fields["reason"].description},
            "correct": {"type": "boolean", "description": Verdict.model_fields["correct"].description},
        },
        "required": ["reason", "correct"],
        "additionalProperties": False,
    }
)
"""Sent with the request, in the narrow form that servers with strict schemas take: everything required, no default."""

SYSTEM = JUDGE_SYSTEM.replace("{schema}", json.dumps(Verdict.model_json_schema(), sort_keys=True))

_OBJECT = re.compile(r"\{[^{}]*\}", re.DOTALL)
_FIELD = re.compile(r"[\"']?correct[\"']?\s*[:=]\s*[\"']?(true|false|yes|no)", re.IGNORECASE)
_YES = frozenset({"true", "yes"})
_WRONG = re.compile(r"\b(?:incorrect|wrong|(?:not|isn't|never)\s+(?:\w+\s+)?(?:correct|right))\b", re.IGNORECASE)
_RIGHT = re.compile(r"\b(?:correct|right)\b", re.IGNORECASE)


class JudgeGrader:
    """Asks a model whether an answer means the same as the reference. Safe to call from many threads."""

    name = "judge"
    needs_reference = False

    def __init__(self, model: Model, config: JudgeConfig) -> None:
        self._model = model
        self._config = config
        self._cache = VerdictCache(config.cache_path, Verdict)
        self.version = f"1 {model.name} {digest(SYSTEM)[:8]}"

    def judge(self, task: Task, answer: str) -> Judgement:
        """Judge one answer, by one request, or by none if it is cached."""
        given = boxed_or_text(answer)
        if is_no_answer(given):
            return Judgement(False, "no answer", given, 0.0)
        exact = any(exact_match(reference, given) for reference in task.references)
        f1 = max((token_f1(reference, given) for reference in task.references), default=None)
        try:
            verdict = self._verdict(task, given)
        except (ProviderError, ContextFullError) as error:
            return Judgement(None, f"the judge could not be asked: {error}", given, f1)
        if verdict is None:
            return Judgement(None, "the judge gave no verdict", given, f1)
        agrees = "exact match agrees" if exact is verdict.correct else "exact match says otherwise"
        agrees = agrees if task.references else "the task has no reference answer"
        return Judgement(verdict.correct, f"{verdict.reason} ({agrees})".strip(), given, f1)

    def _verdict(self, task: Task, given: str) -> Verdict | None:
        prompt, max_tokens = _prompt(task, given), self._config.max_tokens
        return self._cache.verdict(
            digest([self.version, settings_of(self._model), prompt]),
            lambda: parse_verdict(ask_judge(self._model, SYSTEM, prompt, VERDICT_SCHEMA, max_tokens)),
        )


def _prompt(task: Task, given: str) -> str:
    wanted = "\n".join(f"- {reference}" for reference in task.references) or NO_REFERENCE
    return f"Question:\n{task.question}\n\nReference answers:\n{wanted}\n\nAnswer to check:\n{given[:MAX_ANSWER_CHARS]}"


def parse_verdict(reply: str) -> Verdict | None:
    """The verdict in a reply: from a JSON object of the schema, else from the field alone, else from the only verdict
    in its words.
    """
    for text in reversed(_OBJECT.findall(reply)):
        try:
            return Verdict.model_validate_json(text)
        except ValidationError:
            continue
    if field := _FIELD.search(reply):
        return Verdict(correct=field[1].casefold() in _YES)
    rest, n_wrong = _WRONG.subn("", reply)
    n_right = len(_RIGHT.findall(rest))
    is_clear = "{" not in reply and (n_wrong == 0) != (n_right == 0)
    return Verdict(correct=n_right > 0) if is_clear else None
