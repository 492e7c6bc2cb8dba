"""Small made-up conversations with a shop's agent."""

from __future__ import annotations

import json

from understudy.records import (
    FunctionCall,
    Message,
    Role,
    Score,
    Step,
    StopReason,
    Task,
    ToolCall,
    ToolSchema,
    Trajectory,
)

GET_ORDER = ToolSchema(
    name="get_order",
    description="Look up an order.",
    parameters={
        "type": "object",
        "properties": {"order_id": {"type": "string"}, "n": {"type": "integer"}},
        "required": ["order_id"],
        "additionalProperties": False,
    },
)
FIND_CUSTOMER = ToolSchema(name="find_customer", parameters={"type": "object"})
TOOLS = (GET_ORDER, FIND_CUSTOMER)


def reply(text: str, **calls: object) -> Message:
    """A reply, with a call of each named tool. Arguments that are a text are broken ones."""
    made = tuple(
        FunctionCall(id=f"{name}-{number}", name=name, broken_arguments=value)
        if isinstance(value, str)
        else FunctionCall(id=f"{name}-{number}", name=name, arguments=value)
        for number, (name, value) in enumerate(calls.items())
    )
    return Message(role=Role.ASSISTANT, content=text, tool_calls=made)


def conversation(
    question: str,
    *turns: Message | str,
    name: str = "c1",
    tools: tuple[ToolSchema, ...] = TOOLS,
    stop: StopReason = StopReason.ANSWERED,
) -> Trajectory:
    """A question, then replies and results by turns."""
    messages = [Message(role=Role.USER, content=question)]
    steps: list[Step] = []
    for number, turn in enumerate(turns):
        if isinstance(turn, Message):
            calls = tuple(one.model_copy(update={"id": f"{one.id}-{len(messages)}"}) for one in turn.tool_calls)
            made = tuple(ToolCall(name=one.name, arguments=json.dumps(one.arguments)) for one in calls)
            is_final = number == len(turns) - 1 and not calls
            steps.append(Step(message_index=len(messages), tool_calls=made, is_final=is_final))
            messages.append(turn.model_copy(update={"tool_calls": calls}))
        else:
            called = messages[-1].tool_calls or messages[-2].tool_calls
            messages.append(Message(role=Role.TOOL, content=turn, tool_call_id=called[0].id))
    last = messages[-1]
    return Trajectory(
        task=Task(id=name, question=question),
        agent="tool_calling",
        model="teacher",
        seed=0,
        tools=tools,
        messages=tuple(messages),
        steps=tuple(steps),
        stop_reason=stop,
        answer=last.content if last.role is Role.ASSISTANT and not last.tool_calls else None,
    )


def order(number: str, name: str = "", *, state: str = "shipped") -> Trajectory:
    """A good conversation."""
    return conversation(
        f"Where is my order {number}?",
        reply("", get_order={"order_id": number}),
        f"order {number}: {state}",
        reply(f"Your order {number} is {state}."),
        name=name or number,
    )


def score(of: Trajectory, explanation: str = "", *, correct: bool | None = True) -> Score:
    return Score(
        trajectory_id=of.id,
        grader="made up",
        grader_version="1",
        correct=correct,
        answer=of.answer,
        explanation=explanation,
    )
