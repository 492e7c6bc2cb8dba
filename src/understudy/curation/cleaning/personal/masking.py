"""Masks in place of personal data, the same mask for the same data within one conversation.

In: a trajectory and what finds personal data in a text. Out: the trajectory with masks in all its texts: messages,
reasoning, arguments of calls, results, answers, references, states of environments. Ids, names of tools and models,
schemas and facts stay. A value that was found in one place is masked in all other places too.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from understudy.curation.cleaning.personal.detectors import Span
from understudy.records import Candidate, FunctionCall, Message, Step, Task, ToolCall, Trajectory

Find = Callable[[str], list[tuple[Span, str]]]
"""Where a text holds personal data, and the names of its sorts."""
_CUT_ARGUMENTS = 2_000
"""Length at which a step's arguments are cut, perhaps within an address."""
_SHORTEST = 5
"""Shorter values are masked where a detector finds them, not wherever their characters stand."""


@dataclass(slots=True)
class Masks:
    """The masks of one conversation."""

    find: Find
    _names: dict[tuple[str, str], str] = field(default_factory=dict)
    """(sort, value in one spelling) → mask."""
    _values: dict[str, str] = field(default_factory=dict)
    """Value as found → mask."""
    _known: re.Pattern[str] | None = None
    _found: dict[str, list[tuple[Span, str]]] = field(default_factory=dict)
    """What was found in each text, which is looked at twice."""

    def learn(self, texts: Iterator[str]) -> None:
        """Find all values of the conversation first."""
        numbers: Counter[str] = Counter()
        for text in texts:
            self._found[text] = self.find(text)
            for span, sort in self._found[text]:
                value = text[span.start : span.end]
                key = sort, _one_spelling(value)
                if key not in self._names:
                    numbers[sort] += 1
                    self._names[key] = f"[{sort.upper()}_{numbers[sort]}]"
                self._values[value] = self._names[key]
        longest = sorted((value for value in self._values if len(value) >= _SHORTEST), key=len, reverse=True)
        if longest:
            self._known = re.compile("|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in longest))

    @property
    def counts(self) -> dict[str, int]:
        """Different values by sort."""
        return dict(Counter(sort for sort, _ in self._names))

    def __call__(self, text: str) -> str:
        """The text with masks. A value that was not learnt is masked without a number."""
        pieces, done = [], 0
        for span, sort in self._spans(text):
            value = text[span.start : span.end]
            mask = self._values.get(value) or self._names.get((sort, _one_spelling(value))) or f"[{sort.upper()}]"
            pieces += [text[done : span.start], mask]
            done = span.end
        return "".join((*pieces, text[done:]))

    def _spans(self, text: str) -> list[tuple[Span, str]]:
        known = [(Span(*match.span()), "") for match in self._known.finditer(text)] if self._known else []
        found = self._found[text] if text in self._found else self.find(text)
        return without_overlaps([*found, *known]) if known else found


def without_overlaps(spans: Sequence[tuple[Span, str]]) -> list[tuple[Span, str]]:
    """In order; of those that overlap, the longest."""
    kept: list[tuple[Span, str]] = []
    for one in sorted(spans, key=lambda pair: (pair[0].start - pair[0].end, pair[0].start)):
        if all(one[0].end <= other.start or other.end <= one[0].start for other, _ in kept):
            kept.append(one)
    return sorted(kept)


def masked(trajectory: Trajectory, mask: Callable[[str], str]) -> Trajectory:
    """The trajectory with every text passed through ``mask``."""
    environment = trajectory.environment
    if environment is not None:
        states = {"before": _json(environment.before, mask), "after": _json(environment.after, mask)}
        environment = environment.model_copy(update=states)
    failure = trajectory.failure
    if failure is not None:
        failure = failure.model_copy(update={"message": mask(failure.message)})
    return trajectory.model_copy(
        update={
            "task": _task(trajectory.task, mask),
            "messages": tuple(_message(one, mask) for one in trajectory.messages),
            "steps": tuple(_step(one, trajectory, mask) for one in trajectory.steps),
            "answer": None if trajectory.answer is None else mask(trajectory.answer),
            "environment": environment,
            "failure": failure,
        }
    )


def texts_of(trajectory: Trajectory) -> Iterator[str]:
    """Every text of a trajectory that ``masked`` changes, those of messages first."""
    seen: list[str] = []

    def note(text: str) -> str:
        seen.append(text)
        return text

    for message in trajectory.messages:
        _message(message, note)
    masked(trajectory, note)
    return iter(dict.fromkeys(seen))


def _task(task: Task, mask: Callable[[str], str]) -> Task:
    return task.model_copy(
        update={
            "question": mask(task.question),
            "answer": None if task.answer is None else mask(task.answer),
            "aliases": tuple(map(mask, task.aliases)),
            "turns": tuple(map(mask, task.turns)),
            "metadata": _json(task.metadata, mask),
        }
    )


def _message(message: Message, mask: Callable[[str], str]) -> Message:
    return message.model_copy(
        update={
            "content": mask(message.content),
            "reasoning": mask(message.reasoning),
            "tool_calls": tuple(_call(one, mask) for one in message.tool_calls),
        }
    )


def _call(call: FunctionCall, mask: Callable[[str], str]) -> FunctionCall:
    broken = mask(call.broken_arguments)
    return call.model_copy(update={"arguments": _json(call.arguments, mask), "broken_arguments": broken})


def _step(step: Step, trajectory: Trajectory, mask: Callable[[str], str]) -> Step:
    prefilled = trajectory.messages[step.message_index].content[: step.prefilled_chars]
    return step.model_copy(
        update={
            "prefilled_chars": len(mask(prefilled)),
            "tool_calls": tuple(_made(one, mask) for one in step.tool_calls),
            "candidates": tuple(_candidate(one, mask) for one in step.candidates),
        }
    )


def _made(call: ToolCall, mask: Callable[[str], str]) -> ToolCall:
    error = None if call.error is None else mask(call.error)
    return call.model_copy(update={"arguments": _json_text(call.arguments, mask), "error": error})


def _json_text(text: str, mask: Callable[[str], str]) -> str:
    """Masked JSON stays JSON; text that is not JSON loses its last word if it was cut there."""
    try:
        value = json.loads(text)
    except ValueError:
        cut = mask(text)
        return re.sub(r"[^\s\"]*\Z", "", cut) if len(text) >= _CUT_ARGUMENTS else cut
    made = _json(value, mask)
    return text if made == value else json.dumps(made, ensure_ascii=False)


def _candidate(one: Candidate, mask: Callable[[str], str]) -> Candidate:
    calls = tuple(_call(call, mask) for call in one.tool_calls)
    return one.model_copy(update={"reply": mask(one.reply), "tool_calls": calls, "observation": mask(one.observation)})


def _json(value: Any, mask: Callable[[str], str]) -> Any:
    """A JSON value with masks in its texts and keys. A number that is personal data becomes a text."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(key): _json(inner, mask) for key, inner in value.items()}
    if isinstance(value, list):
        return [_json(inner, mask) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):
        text = str(value)
        return value if mask(text) == text else mask(text)
    return value


def _one_spelling(value: str) -> str:
    """Digits and letters alone: a number with blanks and the same one without are one value."""
    return re.sub(r"[\W_]", "", value).casefold()
