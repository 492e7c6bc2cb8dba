"""Conversations become trajectories.

In: a complete conversation and the feedback on it. Out: a ``Trajectory`` and, if the conversation was judged, a
``Score``. The facts of steps come from the calls, their results and the log. A conversation ends with an answer if its
last reply calls no tool, or calls one of the final tools. If it ends with any other call, it was interrupted. Not here:
attempts whose format states these facts itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.agents.formats import TOOL_CALLS
from understudy.curation.importing.normalised import ENDS_OPEN, NormalisedAttempt
from understudy.curation.traces.conversation import Conversation, Feedback, ReplyFacts
from understudy.curation.traces.refusals import RefusalReason, TraceError
from understudy.records import (
    Failure,
    FunctionCall,
    Message,
    ParseProblem,
    Role,
    Score,
    Step,
    StopReason,
    Task,
    TaskKind,
    ToolCall,
    Trajectory,
    Usage,
    sounds_like_search,
)
from understudy.runs import digest

TOOL_CALLING = "tool_calling"
CHAT = "chain_of_thought"
_LONGEST_ARGUMENTS = 2_000


@dataclass(frozen=True, slots=True)
class Naming:
    """Facts that rows do not state."""

    source: str
    task_kind: TaskKind
    agent: str
    """Kind of the attempts without tools whose format states their facts."""
    final_tools: tuple[str, ...]


def trajectory_of(one: Conversation, naming: Naming, number: int, said: Sequence[Feedback]) -> Trajectory:
    """Make the trajectory. ``number``: index of the attempt among those at the same question.

    Raises ``TraceError`` without a reply.
    """
    attempt = one.attempt or _attempt(one, naming)
    references = next((each.reference for each in reversed(said) if each.reference), one.references)
    answer, *aliases = references or (None,)
    task = Task(
        id=f"{naming.source}-{digest(attempt.question)}",
        question=attempt.question,
        answer=answer,
        aliases=tuple(alias for alias in aliases if alias is not None),
        kind=naming.task_kind,
        source=naming.source,
        metadata={"conversation": one.name} if one.name else {},
    )
    return Trajectory(
        task=task,
        attempt=number,
        agent=naming.agent if one.attempt is not None else TOOL_CALLING if _has_tools(one) else CHAT,
        action_format=TOOL_CALLS if one.attempt is None and _has_tools(one) else "",
        model=one.model,
        seed=0,
        tools=one.tools,
        messages=attempt.messages,
        steps=attempt.steps,
        stop_reason=attempt.stop_reason,
        answer=attempt.answer,
        answer_was_asked=attempt.answer_was_asked,
        failure=Failure(kind=attempt.stop_reason, message=attempt.failure) if attempt.failure else None,
        usage=attempt.usage,
        timing=attempt.timing,
    )


def score_of(trajectory: Trajectory, one: Conversation, said: Sequence[Feedback]) -> Score | None:
    """The row's verdict, or the last one given in feedback; None without either."""
    last = next((each for each in reversed(said) if each.score is not None), None)
    value = one.score if last is None else last.score
    if value is None:
        return None
    return Score(
        trajectory_id=trajectory.id,
        grader="imported",
        grader_version="1",
        correct=value >= 1.0,
        answer=trajectory.answer,
        explanation=last.comment if last is not None else "",
    )


def question_of(one: Conversation) -> str:
    """The row's question field, or the first user message. Raises ``TraceError`` without either."""
    if one.attempt is not None:
        return one.attempt.question
    found = one.question or next((m.content for m in one.messages if m.role is Role.USER and m.content.strip()), "")
    if not found:
        raise TraceError(RefusalReason.UNKNOWN_SHAPE, "expected a question or a user message, found neither")
    return found


def _attempt(one: Conversation, naming: Naming) -> NormalisedAttempt:
    replies = one.replies if one.replies is not None else _all_replies(one.messages)
    if not replies:
        raise TraceError(RefusalReason.NO_REPLY, "expected a reply of the model, found none")
    last = max(replies)
    final = _final_call(one.messages[last], naming.final_tools)
    is_final = final is not None or not one.messages[last].tool_calls
    steps = tuple(_step(one, index, facts, is_final=is_final and index == last) for index, facts in replies.items())
    stop = StopReason.PROVIDER
    if is_final:
        stop = StopReason.CUT_BY_LENGTH if replies[last].is_cut else StopReason.ANSWERED
    return NormalisedAttempt(
        question=question_of(one),
        messages=one.messages,
        steps=steps,
        stop_reason=stop,
        answer=one.answer if one.answer is not None else _answer(one.messages[last], final) if is_final else None,
        failure="" if is_final else ENDS_OPEN,
        usage=sum((facts.usage for facts in replies.values()), Usage()),
    )


def _all_replies(messages: Sequence[Message]) -> dict[int, ReplyFacts]:
    return {index: ReplyFacts() for index, one in enumerate(messages) if one.role is Role.ASSISTANT}


def _has_tools(one: Conversation) -> bool:
    return bool(one.tools) or any(message.tool_calls for message in one.messages)


def _final_call(reply: Message, final_tools: Sequence[str]) -> FunctionCall | None:
    return next((call for call in reply.tool_calls if call.name in final_tools), None)


def _answer(reply: Message, final: FunctionCall | None) -> str:
    if final is None:
        return reply.content
    values = list(final.arguments.values())
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return json.dumps(values[0] if len(values) == 1 else final.arguments, ensure_ascii=False)


def _step(one: Conversation, index: int, facts: ReplyFacts, *, is_final: bool) -> Step:
    message = one.messages[index]
    error_of = {one.messages[at].tool_call_id: error for at, error in one.errors.items()}
    problem = ParseProblem.CUT_BY_LENGTH if facts.is_cut else None
    if any(call.broken_arguments for call in message.tool_calls):
        problem = problem or ParseProblem.BROKEN_CALL
    return Step(
        message_index=index,
        parse_problem=problem,
        is_final=is_final and problem is None,
        tool_calls=tuple(_executed(call, error_of.get(call.id)) for call in message.tool_calls),
        usage=facts.usage,
    )


def _executed(call: FunctionCall, error: str | None) -> ToolCall:
    arguments = call.broken_arguments or json.dumps(call.arguments, ensure_ascii=False)
    return ToolCall(
        name=call.name,
        arguments=arguments[:_LONGEST_ARGUMENTS],
        error=error,
        is_search=sounds_like_search(call.name),
    )
