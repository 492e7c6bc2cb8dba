"""Agents, an action format and a teacher of a user's own; recipes name them ``tests.agents.own_agents:Class``."""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel

from understudy.agents import AgentRuntime
from understudy.agents.formats import ParsedReply, PartName, ReplyPart, recorded_format
from understudy.models import Model, Request
from understudy.records import (
    FinishReason,
    FirstThought,
    Message,
    ParseProblem,
    Role,
    Step,
    StopReason,
    Task,
    Trajectory,
)
from understudy.tasks.toy import toy_teacher


class Direct:
    """Asks the model once and takes the reply for the answer."""

    version = "3"

    class Config(BaseModel):
        """Its options."""

        shout: bool = False

    def __init__(self, config: Direct.Config, model: Model, runtime: AgentRuntime) -> None:
        self._config = config
        self._model = model
        self.runtime = runtime

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory:
        """One question, one reply."""
        messages = self.initial_messages(self._config, task, self.runtime)
        (completion,) = self._model.complete(Request(messages=messages, seed=seed))
        text = completion.text.upper() if self._config.shout else completion.text
        return Trajectory(
            task=task,
            attempt=attempt,
            agent="direct",
            model=self._model.name,
            seed=seed,
            messages=(*messages, Message(role=Role.ASSISTANT, content=completion.text)),
            steps=(Step(message_index=1, is_final=True),),
            stop_reason=StopReason.ANSWERED,
            answer=text,
        )

    @staticmethod
    def initial_messages(config: Direct.Config, task: Task, runtime: AgentRuntime) -> tuple[Message, ...]:
        """The question alone."""
        return (Message(role=Role.USER, content=task.question),)


class Bare:
    """An agent without options that does not say how it prompts."""

    def __init__(self, model: Model, runtime: AgentRuntime) -> None:
        self.tools = runtime.tools

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory:
        """It never answers."""
        return Trajectory(
            task=task,
            attempt=attempt,
            agent="bare",
            model="m",
            seed=seed,
            messages=(),
            steps=(),
            stop_reason=StopReason.STEP_LIMIT,
        )


class Mistaken:
    """An agent that breaks the contract."""

    class Config(BaseModel):
        """Its options."""

        mistake: str

    def __init__(self, config: Mistaken.Config, model: Model, runtime: AgentRuntime) -> None:
        self._mistake = config.mistake
        self._bare = Bare(model, runtime)

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory | None:
        """One mistake."""
        if self._mistake == "raise":
            return 1 / 0  # type: ignore[return-value]
        if self._mistake == "none":
            return None
        other = task.model_copy(update={"id": "other"}) if self._mistake == "other task" else task
        return self._bare.solve(other, 7 if self._mistake == "other attempt" else attempt)


class NoAgent:
    """It solves nothing."""

    def __init__(self, model: Model, runtime: AgentRuntime) -> None: ...


class NeedsMore:
    """A class that is made with more than an agent gets."""

    def __init__(self, model: Model, runtime: AgentRuntime, more: str) -> None: ...

    def solve(self, task: Task, seed: int) -> str:
        raise NotImplementedError


class Shouted:
    """A user's action format: ``CODE`` begins the code, ``END`` ends it."""

    class Config(BaseModel):
        """Its options."""

        word: str = "CODE"

    instruction = "Think, then write CODE, your code, and END."
    stop = ("\nEND",)
    end = "\nEND"

    def __init__(self, config: Shouted.Config) -> None:
        self._word = config.word

    def parse(self, text: str, finish_reason: FinishReason = FinishReason.STOP) -> ParsedReply:
        """Everything after the word is code."""
        thought, word, code = text.partition(f"{self._word}\n")
        if not word:
            return ParsedReply(thought.strip(), problem=ParseProblem.NO_CODE)
        return ParsedReply(thought.strip(), code=code.removesuffix(self.end).rstrip())

    def complete(self, text: str, finish_reason: FinishReason = FinishReason.STOP) -> str:
        """Put the end back."""
        is_open = self.parse(text).code is not None and not text.endswith(self.end)
        return text.rstrip() + self.end if is_open and finish_reason is FinishReason.STOP else text

    def render(self, thought: str, code: str) -> str:
        """Thought, word, code, end."""
        return f"{thought}\n" * bool(thought) + f"{self._word}\n{code}{self.end}"

    def prefill(self, thought: str) -> str:
        """The thought has no label."""
        return thought

    def parts(self, text: str) -> tuple[ReplyPart, ...]:
        """Cut at the word."""
        at = text.find(f"{self._word}\n")
        if at < 0:
            return (ReplyPart(PartName.THOUGHT, 0, len(text)),)
        name = PartName.ANSWER if "final_answer(" in text[at:] else PartName.ACTION
        return (ReplyPart(PartName.THOUGHT, 0, at), ReplyPart(name, at, len(text)))


def teacher(request: Request, action_format: str = "code_fence") -> str:
    """The toy world's teacher, in an action format of choice."""
    known = tuple(
        message.model_copy(update={"content": _rewritten(message.content, action_format, "code_fence")})
        if message.role is Role.ASSISTANT
        else message
        for message in request.messages
    )
    return _rewritten(toy_teacher(replace(request, messages=known)), "code_fence", action_format)


def _rewritten(text: str, before: str, after: str) -> str:
    parsed = recorded_format(before).parse(text)
    return text if parsed.code is None else recorded_format(after).render(parsed.thought, parsed.code)
