r"""The paper's form (appendix B, and smolagents before it)::

    Thought: …
    Code:
    ```py
    …
    ```<end_code>

In: the text of a reply and why the model stopped. Out: thought and code. Generation stops at ``<end_code>``, and
servers leave the stop string out: ``complete`` puts it back, so that what is stored, and later trained, is complete.

The action is the block after ``Code:``; without that label, the only block that is labelled as Python; else the only
block. Text in reasoning tags is a draft and is ignored. A reply with two actions is a parse problem.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.agents.formats.action_format import THOUGHT_LABEL, CodeFenceConfig, ParsedReply, PartName, ReplyPart
from understudy.agents.formats.fences import CODE_LABEL, MAX_LABEL, Block, python_blocks
from understudy.agents.formats.python_code import acts, calls_anything, gives_answer, is_literal, readable, syntax_error
from understudy.agents.formats.reasoning import without_reasoning
from understudy.records import FinishReason, ParseProblem

END_CODE = "<end_code>"
_LABEL_AT_END = re.compile(rf"(?:^|\n|(?<=\s)){CODE_LABEL}\s*\Z", re.IGNORECASE)
_ANY_LABEL = re.compile(rf"^{CODE_LABEL}$", re.IGNORECASE | re.MULTILINE)
_FIRST_CODE = re.compile(r"^[ \t]*(?:Code:[ \t]*$|```)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The contents of a reply: every block that may be its action, and how the reply ends."""

    seen: str
    """The reply without reasoning."""
    actions: tuple[Block, ...]
    tail: str
    """What follows the action, without ``<end_code>``."""

    @property
    def action(self) -> Block | None:
        return self.actions[0] if len(self.actions) == 1 else None


class CodeFence:
    """Python in a Markdown fence."""

    stop = (END_CODE, "Observation:", "Calling tools:")
    instruction = 'Reply with "Thought:", then "Code:" and one ```py block that ends with ```<end_code>.'
    end = END_CODE

    def __init__(self, config: CodeFenceConfig | None = None) -> None:
        """The config has no options."""

    def parse(self, text: str, finish_reason: FinishReason = FinishReason.STOP) -> ParsedReply:
        """Find the one action of a reply.

        A reply that was cut by the token limit counts as whole only if its block was closed and nothing follows it.
        """
        reading = _read(text)
        thought = _thought(reading)
        action = reading.action
        is_whole = action is not None and action.is_closed and not reading.tail
        if finish_reason is FinishReason.LENGTH and not is_whole:
            return ParsedReply(thought, problem=ParseProblem.CUT_BY_LENGTH)
        if not _without_end(text.strip()).strip():
            return ParsedReply("", problem=ParseProblem.EMPTY)
        if len(reading.actions) > 1:
            return ParsedReply(thought, problem=ParseProblem.SEVERAL_BLOCKS)
        if action is None or not action.code.strip():
            return ParsedReply(thought, problem=ParseProblem.NO_CODE)
        error = syntax_error(action.code)
        if not action.is_closed and (error or finish_reason is not FinishReason.STOP):
            return ParsedReply(thought, problem=ParseProblem.NO_CODE)
        if error:
            return ParsedReply(thought, problem=ParseProblem.SYNTAX_ERROR, detail=error)
        return ParsedReply(thought, code=action.code)

    def complete(self, text: str, finish_reason: FinishReason = FinishReason.STOP) -> str:
        """``<end_code>`` is put back after a closed block that ends the reply."""
        reading = _read(text)
        body = text.rstrip()
        if finish_reason is FinishReason.LENGTH and reading.action is None:
            return text
        if not reading.actions or not reading.actions[-1].is_closed or reading.tail or body.endswith(END_CODE):
            return text
        return _without_end(body) + END_CODE

    def render(self, thought: str, code: str) -> str:
        """A whole reply. Without a thought, the action alone."""
        return f"{self.prefill(thought)}\n" * bool(thought) + f"Code:\n```py\n{code}\n```{END_CODE}"

    def prefill(self, thought: str) -> str:
        """The beginning of a reply whose thought starts with this text."""
        return f"{THOUGHT_LABEL} {thought}"

    def parts(self, text: str) -> tuple[ReplyPart, ...]:
        """The action begins at its fence; a reply without a block is thought."""
        reading = _read(text)
        at = reading.actions[0].start if reading.actions else reading.seen.find("```")
        if at < 0:
            return (ReplyPart(PartName.THOUGHT, 0, len(text)),)
        is_answer = any(gives_answer(block.code) for block in reading.actions)
        end = reading.action.end if reading.action and reading.tail else len(text)
        parts = [ReplyPart(PartName.THOUGHT, 0, at)] if at else []
        parts.append(ReplyPart(PartName.ANSWER if is_answer else PartName.ACTION, at, end))
        return (*parts, ReplyPart(PartName.REST, end, len(text))) if end < len(text) else tuple(parts)


def _read(text: str) -> _Reading:
    seen = without_reasoning(text)
    blocks = list(python_blocks(text, seen))
    if not any(block.code.strip() for block in blocks):
        blocks = _unfenced(text, seen) or blocks
    actions = _actions(blocks)
    tail = seen[actions[-1].end :] if actions else ""
    return _Reading(seen, tuple(actions), _without_end(tail.strip()).strip())


def _actions(blocks: Sequence[Block]) -> list[Block]:
    """The blocks that are meant to be run: none, one action, or several of which only the model could choose one."""
    filled = [block for block in blocks if block.code.strip()]
    labelled = next((number for number, block in enumerate(filled) if block.after_label), 0)
    filled = filled[labelled:]
    meant = [block for block in filled if block.after_label or block.has_name]
    if not meant:
        return [block for block in filled if not syntax_error(block.code)] or filled or list(blocks[:1])
    actions = [block for block in filled if block in meant or acts(block.code)]
    # A bare value after the action is an output that the model invented.
    return actions[:1] + [block for block in actions[1:] if block.after_label or not is_literal(block.code)]


def _unfenced(text: str, seen: str) -> list[Block]:
    """Code after ``Code:`` without a fence; it must call something, because prose can be valid Python too."""
    labels = list(_ANY_LABEL.finditer(seen))
    if len(labels) != 1 or not text.strip():
        return []
    start = labels[0].end()
    body, fence, _ = text[start:].partition("\n```")
    code = readable(_without_end(body).replace("\r\n", "\n").strip("\n"))
    if not calls_anything(code):
        return []
    end = start + len(body) + len(fence)
    return [Block(start, end, code, has_name=False, after_label=True, is_closed=bool(fence))]


def _without_end(body: str) -> str:
    """The text without a final ``<end_code>``, complete or cut."""
    for length in range(len(END_CODE), 0, -1):
        if body.endswith(END_CODE[:length]):
            return body[:-length]
    return body


def _thought(reading: _Reading) -> str:
    if reading.action is None:
        before = _FIRST_CODE.split(reading.seen, maxsplit=1)[0]
    else:
        before = reading.seen[: reading.action.start]
        before = before[:-MAX_LABEL] + _LABEL_AT_END.sub("", before[-MAX_LABEL:])
    return before.strip().removeprefix(THOUGHT_LABEL).strip()
