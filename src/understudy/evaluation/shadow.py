"""How often a shadow's next action is the real one: what ``understudy record --shadow`` kept.

In: a folder of log lines. Out: a ``StepAgreement`` a shadowed request, their ``Agreement``, and how long both models
took. Real replies that no reader can read are left out and counted. Not here: recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from understudy.curation.traces import Conversation, TraceReader, open_readers
from understudy.datafiles import Row, read_rows
from understudy.evaluation.actions import ReplyReader
from understudy.evaluation.agreement import compared, summarise
from understudy.grading import normal_form
from understudy.records import Action, ActionKind, Agreement, Role, StepAgreement, Task

_OF_LOGS = ("openai_chat", "openai_responses")


@dataclass(frozen=True, slots=True)
class Shadowed:
    """The comparison of a shadow with the upstream."""

    agreement: Agreement
    rows: tuple[StepAgreement, ...]
    upstream_s: float
    """Median seconds of a request that both answered."""
    shadow_s: float


def compare_shadow(folder: Path) -> Shadowed:
    """Compare all shadowed requests of a folder, which is read twice: a request comes before its shadow, and those
    without one need not be kept in memory.

    Raises ``ValueError`` if it holds none, or none that the shadow has answered; ``FileNotFoundError``,
    ``DataFileError``.
    """
    shadows = {line["shadow_of"]: line for line in _lines(folder) if isinstance(line.get("shadow_of"), str)}
    if not shadows:
        raise ValueError(f"{folder}: expected replies of a shadow (understudy record --shadow URL), it holds none")
    readers = open_readers(_OF_LOGS, {})
    rows: list[StepAgreement] = []
    seconds: list[tuple[float, float]] = []
    n_skipped = 0
    for line in _lines(folder):
        shadow = shadows.get(str(line.get("id", "")))
        if shadow is None:
            continue
        row = _row(line, shadow, readers)
        n_skipped += row is None
        if row is not None:
            rows.append(row)
            if not row.failure:
                seconds.append((float(line.get("duration_s") or 0), float(shadow.get("duration_s") or 0)))
    model = next((str(one.get("model")) for one in shadows.values() if one.get("model")), "shadow")
    agreement = summarise("Shadow", model, rows, n_skipped=n_skipped)
    upstream_s, shadow_s = (median(each) for each in zip(*seconds, strict=True))
    return Shadowed(agreement, tuple(rows), upstream_s, shadow_s)


def _lines(folder: Path) -> Iterator[dict[str, Any]]:
    for row in read_rows(folder):
        if isinstance(row, Row) and isinstance(row.value, dict):
            yield row.value


def _row(
    line: Mapping[str, Any], shadow: Mapping[str, Any], readers: Mapping[str, TraceReader]
) -> StepAgreement | None:
    """None if the real reply holds no action that can be read."""
    stored = _action(line, readers)
    if stored is None or stored[0].kind is ActionKind.NONE:
        return None
    action, task, number = stored
    conversation, step = str(shadow.get("conversation", "")), str(number)
    if shadow.get("status") != 200:
        why = str(shadow.get("error") or f"status {shadow.get('status')}: {shadow.get('response')}")
        return StepAgreement(conversation=conversation, step=step, stored=action, failure=why[:500])
    found = _action({**line, "response": shadow.get("response")}, readers)
    chosen = Action(kind=ActionKind.NONE, text="the reply cannot be read") if found is None else found[0]
    spelling = partial(normal_form, task)
    return compared(action, chosen, conversation=conversation, step=step, normal_form=spelling)


def _action(line: Mapping[str, Any], readers: Mapping[str, TraceReader]) -> tuple[Action, Task, int] | None:
    """The action of the reply of a line, what was asked, and the number of messages before it."""
    value = dict(line)
    reader = next((one for one in readers.values() if one.fits(value)), None)
    found = list(reader.read([Row(value, 0, "")])) if reader is not None else []
    conversation = found[0] if found else None
    if not isinstance(conversation, Conversation):
        return None
    asked = next((one.content for one in conversation.messages if one.role is Role.USER and one.content), "?")
    action = ReplyReader(code=None).of_message(conversation.messages[-1])
    return action, Task(id="shadow", question=asked), len(conversation.messages) - 1
