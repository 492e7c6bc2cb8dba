"""Splits replies with several tool calls, for students whose chat templates accept one call per message.

In: a trajectory. Out: the same trajectory with one call in each reply, each followed by its result. Not here: whether
to split (``CurateConfig.several_calls``).
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.records import Message, Role, Step, Trajectory


def calls_several(trajectory: Trajectory) -> bool:
    """Whether a reply contains more than one call."""
    return any(len(message.tool_calls) > 1 for message in trajectory.messages)


def with_single_calls(trajectory: Trajectory) -> Trajectory | None:
    """The trajectory with one call in each reply; None if the result between two calls is missing."""
    results = {one.tool_call_id: one for one in trajectory.messages if one.role is Role.TOOL}
    steps = {step.message_index: step for step in trajectory.steps}
    messages: list[Message] = []
    numbered: list[Step] = []
    moved: set[str] = set()
    for index, message in enumerate(trajectory.messages):
        if message.tool_call_id in moved:
            continue
        for part in _parts(message):
            if (
                part is not message
                and part.tool_calls[0].id not in results
                and part.tool_calls != message.tool_calls[-1:]
            ):
                return None
            if index in steps:
                numbered.append(_step_of_part(steps[index], len(messages), part, message))
            messages.append(part)
            if part is not message and (result := results.get(part.tool_calls[0].id)):
                messages.append(result)
                moved.add(result.tool_call_id)
    return trajectory.model_copy(update={"messages": tuple(messages), "steps": tuple(numbered)})


def _parts(message: Message) -> Iterator[Message]:
    if len(message.tool_calls) < 2:
        yield message
        return
    for number, call in enumerate(message.tool_calls):
        kept = {} if number == 0 else {"content": "", "reasoning": ""}
        yield message.model_copy(update={**kept, "tool_calls": (call,)})


def _step_of_part(step: Step, index: int, part: Message, whole: Message) -> Step:
    """One part of the step, with its facts. Only the last part may be final, and only the first has a prefill."""
    is_last = part is whole or part.tool_calls == whole.tool_calls[-1:]
    is_first = part is whole or part.tool_calls == whole.tool_calls[:1]
    return step.model_copy(
        update={
            "message_index": index,
            "is_final": step.is_final and is_last,
            "prefilled_chars": step.prefilled_chars if is_first else 0,
        }
    )
