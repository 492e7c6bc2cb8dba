"""Foreign conversations: smolagents' memory as messages, logs of the paper's authors, OpenAI's chats. In: a row with
messages. Out: the normalised attempt. Facts of a step are derived from the message after its reply. Not here:
smolagents memory logs, which state these facts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from understudy.curation.importing.foreign import ForeignMessage, ForeignRole, ForeignRow
from understudy.curation.importing.normalised import (
    CARRY_OUT_PLAN,
    ENDS_OPEN,
    INTERPRETER,
    NEW_TASK,
    PARSE_ERROR_MARK,
    STEP_LIMIT_MARK,
    Dialogue,
    NormalisedAttempt,
    in_our_form,
    step_of,
)
from understudy.curation.importing.plain_text import not_plain_text
from understudy.python_syntax import literal_value
from understudy.records import Message, Role, Step, StopReason

HIDDEN_REFERENCE = re.compile(r"<reference>.*?</reference>", re.DOTALL)
"""Notes that the authors' loader removes from the question before training."""
_ERROR = re.compile(r"(?:^|\n)Error:\n(.*?)\nNow let's retry: take care", re.DOTALL)
_LAST_VALUE = re.compile(r"Last output from code snippet:\n(.*)\Z", re.DOTALL)
_CALLING = "Calling tools:\n"
_OUR_ROLE = {
    ForeignRole.SYSTEM: Role.SYSTEM,
    ForeignRole.DEVELOPER: Role.SYSTEM,
    ForeignRole.USER: Role.USER,
    ForeignRole.ASSISTANT: Role.ASSISTANT,
    ForeignRole.TOOL_RESPONSE: Role.USER,
}
"""A tool-call message of a code agent only repeats the code of the assistant message before it."""


@dataclass(slots=True)
class _Turns:
    """A conversation, and the code that each reply ran, if that is known."""

    dialogue: Dialogue
    ran: dict[int, str]


def read_chat(row: ForeignRow, *, acts: bool) -> NormalisedAttempt:
    """Read one conversation. ``acts``: the replies are those of a code agent. A row without replies is an attempt that
    an infrastructure error ended.
    """
    foreign = row.log_data.messages if row.log_data else row.messages or ()
    reached_limit = any(STEP_LIMIT_MARK in one.text for one in foreign if _OUR_ROLE.get(one.role) is Role.USER)
    turns = _turns(_without_notice_of_limit(foreign), acts=acts)
    messages = tuple(turns.dialogue.messages)
    steps = _steps(messages, turns.ran, acts=acts)
    first_user = next((one.text for one in foreign if _OUR_ROLE.get(one.role) is Role.USER), "")
    answer = row.generated_answer if row.generated_answer is not None else _answer_shown(messages, steps)
    is_open = acts and answer is None and bool(steps) and not steps[-1].is_final
    if reached_limit and steps:
        stop = StopReason.STEP_LIMIT
    else:
        stop = StopReason.PROVIDER if is_open or not steps else StopReason.ANSWERED
    return NormalisedAttempt(
        question=row.question or _without_notes(first_user).removeprefix(NEW_TASK),
        messages=messages,
        steps=steps,
        stop_reason=stop,
        answer=answer,
        failure=ENDS_OPEN if is_open and not reached_limit else "",
    )


def _without_notice_of_limit(foreign: Sequence[ForeignMessage]) -> Sequence[ForeignMessage]:
    """Drop a notice at the end of smolagents' memory that no reply follows."""
    ends_so = bool(foreign) and foreign[-1].text.startswith(f"Error:\n{STEP_LIMIT_MARK}")
    return foreign[:-1] if ends_so else foreign


def _turns(foreign: Sequence[ForeignMessage], *, acts: bool) -> _Turns:
    turns = _Turns(Dialogue(), {})
    before: ForeignMessage | None = None
    for one, after in zip_longest(foreign, foreign[1:]):
        _refuse_calls_without_code(one, before, acts=acts)
        before = one
        role = _OUR_ROLE.get(one.role)
        if role is None:
            continue
        if role is Role.ASSISTANT and acts:
            is_plan = after is not None and after.text.strip() == CARRY_OUT_PLAN
            code = _code_called(after) if after is not None else None
            text = one.text if is_plan else in_our_form(one.text, code)
            # A plan answers a prompt other than the agent's, so it is read and not trained.
            index = turns.dialogue.say(Role.USER if is_plan else role, text)
            if code is not None:
                turns.ran[index] = code
        else:
            turns.dialogue.say(role, _without_notes(one.text) if role is Role.USER else one.text)
    return turns


def _refuse_calls_without_code(one: ForeignMessage, before: ForeignMessage | None, *, acts: bool) -> None:
    if not acts and one.role in (ForeignRole.TOOL_CALL, ForeignRole.TOOL_RESPONSE):
        raise not_plain_text(f"a message of role {one.role.value!r} in a chain of thought")
    if one.role is ForeignRole.TOOL_CALL and (before is None or before.role is not ForeignRole.ASSISTANT):
        raise not_plain_text("a tool call without the reply that made it")


def _without_notes(text: str) -> str:
    return HIDDEN_REFERENCE.sub("", text)


def _code_called(message: ForeignMessage) -> str | None:
    """The code in a tool-call message, which is a list of calls as Python prints it; None if the message is cut."""
    if message.role is not ForeignRole.TOOL_CALL:
        return None
    try:
        calls = [call["function"] for call in literal_value(message.text.removeprefix(_CALLING))]
        named = [(call["name"], call["arguments"]) for call in calls]
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        return None
    if len(named) != 1 or named[0][0] != INTERPRETER or not isinstance(named[0][1], str):
        raise not_plain_text(f"calls of {', '.join(str(name) for name, _ in named)}, which are not one run of code")
    return str(named[0][1])


def _steps(messages: tuple[Message, ...], ran: dict[int, str], *, acts: bool) -> tuple[Step, ...]:
    replies = [index for index, message in enumerate(messages) if message.role is Role.ASSISTANT]
    steps = []
    for index in replies:
        reply = messages[index].content
        is_final = index == replies[-1] and "final_answer(" in reply
        if acts:
            following = messages[index + 1].content if index + 1 < len(messages) else ""
            error = _error(following)
            steps.append(step_of(index, reply, error, ran=index in ran, is_final=is_final and error is None))
        else:
            steps.append(Step(message_index=index))
    return tuple(steps)


def _error(observation: str) -> str | None:
    found = _ERROR.search(observation)
    if found:
        return found[1]
    return observation if PARSE_ERROR_MARK in observation else None


def _answer_shown(messages: tuple[Message, ...], steps: tuple[Step, ...]) -> str | None:
    """The value that the last code returned, if that code gave the final answer and its observation is present."""
    if not steps or not steps[-1].is_final or messages[-1].role is not Role.USER:
        return None
    found = _LAST_VALUE.search(messages[-1].content)
    return found[1] if found else None
