"""A foreign attempt in our form: messages with our roles, replies in our action format, facts of steps.

In: replies, errors and observations as smolagents writes them. Out: a ``NormalisedAttempt`` and its parts. Not here:
the fields of a row that contain them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache

from understudy.agents.formats import CODE_FENCE, THOUGHT_LABEL, open_format
from understudy.records import (
    ExecutionStatus,
    Message,
    ParseProblem,
    Role,
    Step,
    StopReason,
    Timing,
    Usage,
)

STEP_LIMIT_MARK = "Reached max steps"
PARSE_ERROR_MARK = "Error in code parsing"
TIMEOUT_MARK = "exceeded the maximum execution time"
NEW_TASK = "New task:\n"
ENDS_OPEN = "it ends without an answer, and not at a step limit"
INTERPRETER = "python_interpreter"
"""The tool that smolagents' code agents call with each action."""
CARRY_OUT_PLAN = "Now proceed and carry out this plan."
_FORM = open_format(CODE_FENCE)
_parsed = lru_cache(maxsize=256)(_FORM.parse)
"""A reply is parsed twice, for its form and for its step."""
_TAGGED = re.compile(r"<code>(.*?)</code>", re.DOTALL)
_FENCED = re.compile(r"```(?:python|py)\n(.*?)\n```(?:<end_code>)?", re.DOTALL)
_CODE_LABEL = re.compile(r"^[ \t]*Code:[ \t]*$", re.MULTILINE)
_CAUSE = re.compile(r"due to: (\w+)")


@dataclass(frozen=True, slots=True)
class NormalisedAttempt:
    """One attempt of any shape."""

    question: str
    messages: tuple[Message, ...]
    steps: tuple[Step, ...]
    stop_reason: StopReason
    answer: str | None
    answer_was_asked: bool = False
    failure: str = ""
    """The infrastructure error that ended it, if the row names one."""
    usage: Usage = field(default_factory=Usage)
    timing: Timing = field(default_factory=Timing)


@dataclass(slots=True)
class Dialogue:
    """Messages in their order; neighbours with the same role become one, because chat templates expect alternating
    roles.
    """

    messages: list[Message] = field(default_factory=list)

    def say(self, role: Role, text: str) -> int:
        """Add a text; return the number of its message."""
        if self.messages and self.messages[-1].role is role:
            text = f"{self.messages.pop().content}\n{text}"
        self.messages.append(Message(role=role, content=text))
        return len(self.messages) - 1


def in_our_form(reply: str, code: str | None = None) -> str:
    """A reply in the form that our agents write and students learn: thought, ``Code:``, one closed block. ``code``: the
    code that smolagents ran, if it is known. Replies with ``<code>`` tags, several blocks, bare code or JSON of thought
    and code are converted; a reply in this form and a reply without code stay as they are.
    """
    ran = code if code is not None else "\n\n".join(block.strip() for block in _TAGGED.findall(reply))
    has_form = _parsed(reply).code
    if not ran.strip() or (has_form is not None and has_form.strip() == ran.strip()):
        return _FORM.complete(reply)
    thought = _thought(reply, ran).strip()
    return _FORM.render(thought.removeprefix(THOUGHT_LABEL).strip(), ran.strip())


def _thought(reply: str, code: str) -> str:
    """The text of a reply without its code."""
    if reply.strip() == code.strip():
        return ""
    try:
        parts = json.loads(reply)
    except json.JSONDecodeError:
        outside = _TAGGED.sub("", reply) if _TAGGED.search(reply) else _FENCED.sub("", reply)
        return re.sub(r"\n{3,}", "\n\n", _CODE_LABEL.sub("", outside))
    return str(parts.get("thought", "")) if isinstance(parts, dict) else reply


def step_of(
    message_index: int,
    reply: str,
    error: str | None,
    *,
    ran: bool,
    is_final: bool,
    usage: Usage | None = None,
    timing: Timing | None = None,
) -> Step:
    """Facts of one step. ``error``: smolagents' message to the model; ``ran``: some code was run."""
    problem = _parsed(reply).problem
    if error is not None and PARSE_ERROR_MARK in error:
        problem = problem or ParseProblem.NO_CODE
    status, cause = None, ""
    if problem is None and error is not None:
        status = ExecutionStatus.TIMEOUT if TIMEOUT_MARK in error else ExecutionStatus.ERROR
        found = _CAUSE.search(error)
        cause = found[1] if found else ""
    elif problem is None and ran:
        status = ExecutionStatus.OK
    return Step(
        message_index=message_index,
        parse_problem=problem,
        execution_status=status,
        error_name=cause,
        is_final=is_final and problem is None,
        usage=usage or Usage(),
        timing=timing or Timing(),
    )
