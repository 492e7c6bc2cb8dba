"""What a tool is: a function of the host that the agent's code may call by name, with limits of its own.

In: a Python function. Out: a ``Tool``, which the prompt shows and the sandbox calls. A failure inside a tool (an
exception, a time-out, an answer that is too long) reaches the code as an error or a cut text, and so becomes part of an
observation. Not here: the search tool (``search.py``) and loading functions by name (``loading.py``).
"""

from __future__ import annotations

import inspect
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass

from understudy.records import ExecutionStatus, ToolSchema
from understudy.sandbox import HostFunction, SandboxError

MAX_ANSWER_CHARS = 20_000
"""Default limit of a tool's answer."""


class ToolError(Exception):
    """What the agent's code gets when a tool cannot answer. The message is written for a model to read."""

    status: ExecutionStatus = ExecutionStatus.ERROR
    """How a step ends whose call failed with it."""


class BadArgumentsError(ToolError):
    """The arguments of a call do not fit the tool."""


class ToolUnavailableError(ToolError, SandboxError):
    """What a tool needs does not work, such as its server: the attempt ends as an infrastructure error and is tried
    again on resume. The agent's code gets no error, because it did nothing wrong.
    """


class ToolDownError(ToolUnavailableError):
    """A tool has failed so often that further attempts are pointless: the stage ends."""


class ToolConfigError(Exception):
    """A tool of the recipe cannot be made; the message says what was named, what is expected and where it fails."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the agent's code may call."""

    name: str
    signature: str
    """Parameters and return type as Python writes them: ``(query: str) -> str``."""
    description: str
    """What the prompt shows as the function's docstring."""
    function: Callable[..., object]
    pure: bool = False
    """Same arguments, same answer, no effect: asked once for all candidates of a step."""
    timeout_s: float = 60.0
    max_chars: int = MAX_ANSWER_CHARS
    """Longer texts are cut; other values whose text is longer are refused."""
    is_search: bool = False
    """It looks something up. Recorded with each call: reports count searches, curation may demand one."""
    is_service: bool = False
    """A time-out is the fault of the server behind it, not of the agent's code: it ends the attempt."""
    argument_chars: int = 2_000
    """Arguments are recorded up to this length."""
    schema: ToolSchema | None = None
    """What JSON calls are told of it, where its owner says it and checks the arguments; None: made of the function."""

    def host_function(self) -> HostFunction:
        """The tool as the sandbox calls it, and records its calls."""
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):  # some functions made of C have none
            signature = None
        return HostFunction(
            self, pure=self.pure, signature=signature, is_search=self.is_search, argument_chars=self.argument_chars
        )

    def __call__(self, /, *args: object, **kwargs: object) -> object:
        """Call the function within the tool's limits. Raises ``ToolError`` and nothing else."""
        return self._cut(self._call_in_time(args, kwargs))

    def _call_in_time(self, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        # A thread of its own, because a time-out by signal works in the main thread only. A function that
        # never returns keeps its daemon thread; the episode goes on.
        answers: list[object] = []
        errors: list[Exception] = []

        def call() -> None:
            try:
                answers.append(self.function(*args, **kwargs))
            except Exception as error:  # a tool is foreign code: whatever it raises is an observation
                errors.append(error)

        thread = threading.Thread(target=call, name=f"tool-{self.name}", daemon=True)
        thread.start()
        thread.join(self.timeout_s)
        if answers:
            return answers[0]
        if not errors:
            late = f"{self.name} did not answer within {self.timeout_s:g} s"
            raise ToolUnavailableError(late) if self.is_service else ToolError(late)
        if isinstance(errors[0], ToolError):
            raise errors[0]
        raise ToolError(f"{self.name} failed: {type(errors[0]).__name__}: {errors[0]}") from errors[0]

    def _cut(self, answer: object) -> object:
        if isinstance(answer, str):
            if len(answer) <= self.max_chars:
                return answer
            return f"{answer[: self.max_chars]}\n… cut: {len(answer) - self.max_chars} more characters"
        length = len(repr(answer))
        if length > self.max_chars:
            raise ToolError(f"{self.name} answered with {length} characters; at most {self.max_chars} are passed on")
        return answer

    def declaration(self) -> str:
        """The tool as a Python function without a body, for the prompt."""
        quotes = '"""'
        document = textwrap.indent(f"{quotes}{self.description.strip()}{quotes}", "    ")
        return f"def {self.name}{self.signature}:\n{document}"


def _final_answer(answer: object) -> None:
    raise ToolError(f"final_answer belongs to the sandbox and was called outside of it with {answer!r}")


FINAL_ANSWER = Tool(
    name="final_answer",
    signature="(answer)",
    description="Give the answer to the task. This ends the run.",
    function=_final_answer,
)
"""Shown in prompts. The sandbox itself carries it out."""


def describe_tools(tools: tuple[Tool, ...]) -> str:
    """All tools as the prompt lists them, ``final_answer`` last."""
    return "\n\n".join(tool.declaration() for tool in (*tools, FINAL_ANSWER))
