"""The linear history of one attempt: the model sees it, and it becomes the trajectory. In: messages and steps as they
happen. Out: a ``Trajectory``. Nothing is removed or rewritten; only the last user message may be extended before the
model has answered it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from understudy.records import (
    Failure,
    Message,
    PrefixDelivery,
    PrefixMode,
    Role,
    Step,
    StopReason,
    Task,
    Timing,
    ToolSchema,
    Trajectory,
    Usage,
)


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """What is known about an attempt before it begins."""

    task: Task
    attempt: int
    agent: str
    model: str
    seed: int
    prompt_hash: str
    action_format: str = ""
    tools: tuple[ToolSchema, ...] = ()
    prefix_mode: PrefixMode = PrefixMode.NONE
    prefix_delivery: PrefixDelivery | None = None


@dataclass(slots=True)
class History:
    """Grows while the attempt runs."""

    facts: AttemptFacts
    messages: list[Message]
    steps: list[Step] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    timing: Timing = field(default_factory=Timing)
    user_usage: Usage = field(default_factory=Usage)
    """What the model that plays the user took."""

    def say(self, role: Role, text: str, reasoning: str = "") -> int:
        """Append a text as a message; return its index."""
        return self.add(Message(role=role, content=text, reasoning=reasoning))

    def add(self, message: Message) -> int:
        """Append a message; return its index. Two user messages in a row become one, because chat templates expect
        alternating roles.
        """
        if message.role is Role.USER and self.messages[-1].role is Role.USER:
            message = Message(role=Role.USER, content=f"{self.messages.pop().content}\n\n{message.content}")
        self.messages.append(message)
        return len(self.messages) - 1

    def add_to_question(self, text: str) -> None:
        """Add to the user message that the model has not answered yet."""
        self.messages.append(Message(role=Role.USER, content=self.messages.pop().content + text))

    def spend(self, usage: Usage, timing: Timing) -> None:
        """Count what a model call or a run of code took."""
        self.usage += usage
        self.timing += timing

    def set_prefix(self, mode: PrefixMode, delivery: PrefixDelivery | None) -> None:
        """Record how the first step really began."""
        self.facts = replace(self.facts, prefix_mode=mode, prefix_delivery=delivery)

    def trajectory(
        self,
        stop_reason: StopReason,
        answer: str | None = None,
        *,
        was_asked: bool = False,
        error: Exception | None = None,
    ) -> Trajectory:
        """The record of the attempt. ``error``: what stopped the program, for infrastructure errors."""
        facts = self.facts
        return Trajectory(
            task=facts.task,
            attempt=facts.attempt,
            agent=facts.agent,
            model=facts.model,
            seed=facts.seed,
            prompt_hash=facts.prompt_hash,
            action_format=facts.action_format,
            tools=facts.tools,
            messages=tuple(self.messages),
            steps=tuple(self.steps),
            stop_reason=stop_reason,
            answer=answer,
            answer_was_asked=was_asked,
            prefix_mode=facts.prefix_mode,
            prefix_delivery=facts.prefix_delivery,
            failure=None if error is None else Failure(kind=stop_reason, message=f"{type(error).__name__}: {error}"),
            usage=self.usage,
            user_usage=self.user_usage,
            timing=self.timing,
        )


def total_usage(usages: Sequence[Usage]) -> Usage:
    """Sum of usages; zero for none."""
    return sum(usages, Usage())
