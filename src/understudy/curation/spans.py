"""Turns a trajectory into an example: the text that the student reads, and the parts of it that are trained.

In: a trajectory, the config, and the messages that the student sees before its first reply, if they differ from the
teacher's. Out: an ``Example`` whose spans cover only text that the model wrote. Not here: token ids and masks
(``understudy.models.rendering``), the choice of trajectories.
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.agents.formats import TOOL_CALLS, ActionFormat, PartName, ReplyPart, recorded_format, reply_parts
from understudy.curation.config import CurateConfig
from understudy.records import Example, Message, Role, SpanPart, Step, ToolSchema, TrainSpan, Trajectory


def example_of(
    trajectory: Trajectory,
    config: CurateConfig,
    initial_messages: tuple[Message, ...] | None = None,
    action_format: str | None = None,
    tools: tuple[ToolSchema, ...] | None = None,
) -> Example:
    """Return the example of one trajectory.

    ``initial_messages`` replace everything before the model's first reply; None keeps what the teacher saw.
    ``action_format``: the format of the student, as a trajectory records it. Replies in another format are converted to
    it. None keeps the format of the teacher. ``tools``: the tools that the student receives in addition to its
    messages; None keeps those of the teacher. Messages after the last reply are omitted, because nothing in them is
    trained.
    """
    replies = [index for index, message in enumerate(trajectory.messages) if message.role is Role.ASSISTANT]
    first = replies[0] if replies else len(trajectory.messages)
    before = trajectory.messages[:first] if initial_messages is None else initial_messages
    record = trajectory.action_format if action_format is None else action_format
    teachers, students = recorded_format(trajectory.action_format), recorded_format(record)
    steps = {step.message_index: step for step in trajectory.steps}
    after: list[Message] = []
    spans: list[TrainSpan] = []
    for index in range(first, replies[-1] + 1 if replies else first):
        message = trajectory.messages[index]
        if message.role is Role.ASSISTANT:
            step = steps.get(index)
            content = message.content if step is None else _up_to_action(message, step, teachers)
            if record != trajectory.action_format:
                content = _rewritten(content, teachers, students)
            if content != message.content:
                message = message.model_copy(update={"content": content})
            at = len(before) + len(after)
            spans += _spans_of_reply(message, at, step, config, students)
        after.append(message)
    return Example(
        id=trajectory.id,
        task_id=trajectory.task.id,
        trajectory_id=trajectory.id,
        messages=(*before, *after),
        spans=tuple(spans),
        action_format=record,
        tools=trajectory.tools if tools is None else tools,
    )


def other_form(trajectory: Trajectory, students: str | None) -> str:
    """Why replies cannot be converted to the student's format, as a trajectory records it; empty if they can."""
    calls = any(message.tool_calls for message in trajectory.messages)
    if students == TOOL_CALLS and not calls and any(step.execution_status is not None for step in trajectory.steps):
        return "its replies contain code, but the student calls tools"
    if students not in (None, TOOL_CALLS) and calls:
        return "its replies call tools, but the student writes code"
    return ""


def _up_to_action(message: Message, step: Step, teachers: ActionFormat) -> str:
    """The reply up to the action that was run: a student must not learn outputs that a teacher invented after it."""
    *_, last = reply_parts(message, teachers)
    if step.execution_status is None or last.name is not PartName.REST:
        return message.content
    return teachers.complete(message.content[: last.start])


def _rewritten(reply: str, teachers: ActionFormat, students: ActionFormat) -> str:
    """A reply in the student's format. A reply without an action is unchanged."""
    parsed = teachers.parse(reply)
    return reply if parsed.code is None else students.render(parsed.thought, parsed.code)


def _spans_of_reply(
    message: Message, index: int, step: Step | None, config: CurateConfig, action_format: ActionFormat
) -> Iterator[TrainSpan]:
    if step is not None and step.failed and not config.failed_steps_trained:
        return
    start = step.prefilled_chars if step is not None and not config.prefix_trained else 0
    weights = config.weights
    code_weight = weights.final if step is not None and step.is_final else weights.code
    whole = (ReplyPart(PartName.THOUGHT, 0, len(message.content)),)
    for part in whole if weights.are_equal else reply_parts(message, action_format):
        weight = weights.thought if part.name is PartName.THOUGHT else code_weight
        part_start = max(start, part.start)
        if weight > 0 and part_start < part.end:
            yield TrainSpan(message_index=index, start=part_start, end=part.end, weight=weight)
    # The text of calls with broken arguments is not known.
    if code_weight > 0 and message.tool_calls and not any(call.broken_arguments for call in message.tool_calls):
        yield TrainSpan(message_index=index, start=0, end=0, part=SpanPart.CALLS, weight=code_weight)
