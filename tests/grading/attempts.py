"""Attempts to be graded."""

from __future__ import annotations

from understudy.records import (
    ExecutionStatus,
    Message,
    Role,
    Step,
    StopReason,
    Task,
    TaskKind,
    ToolCall,
    Trajectory,
)


def task(reference: str, kind: TaskKind = TaskKind.MATH, aliases: tuple[str, ...] = ()) -> Task:
    return Task(id="set/1", question="What is it?", answer=reference, aliases=aliases, kind=kind, source="set")


def attempt(
    reference: str,
    answer: str | None,
    kind: TaskKind = TaskKind.MATH,
    stop_reason: StopReason = StopReason.ANSWERED,
    aliases: tuple[str, ...] = (),
    number: int = 0,
) -> Trajectory:
    return Trajectory(
        task=task(reference, kind, aliases),
        attempt=number,
        agent="code_agent",
        model="m",
        seed=0,
        messages=(),
        steps=(),
        stop_reason=stop_reason,
        answer=answer,
    )


def searched(reference: str, *observations: tuple[str, bool], kind: TaskKind = TaskKind.FACT) -> Trajectory:
    """An attempt with one step for each (observation, did the step call a tool)."""
    messages = [Message(role=Role.USER, content="What is it?")]
    steps = []
    for text, calls in observations:
        tool_calls = (ToolCall(name="web_search", arguments="{}"),) if calls else ()
        steps.append(Step(message_index=len(messages), execution_status=ExecutionStatus.OK, tool_calls=tool_calls))
        messages += [Message(role=Role.ASSISTANT, content="code"), Message(role=Role.USER, content=text)]
    bare = attempt(reference, "0", kind)
    return bare.model_copy(update={"messages": tuple(messages), "steps": tuple(steps)})
