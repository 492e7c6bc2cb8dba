r"""The form of newer smolagents, which the paper's authors use now::

    Thought: …
    <code>
    …
    </code>

In: the text of a reply and why the model stopped. Out: thought and code. Generation stops at ``</code>``, which
``complete`` puts back. Text in reasoning tags is a draft and is ignored, and a fence inside the tags is removed. As in
smolagents, a reply without tags may have its code in fences that are labelled as Python. A reply with two actions is a
parse problem.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from understudy.agents.formats.action_format import THOUGHT_LABEL, CodeTagsConfig, ParsedReply, PartName, ReplyPart
from understudy.agents.formats.fences import MAX_LABEL, python_blocks, without_cut_tag
from understudy.agents.formats.python_code import gives_answer, readable, syntax_error
from understudy.agents.formats.reasoning import without_reasoning
from understudy.records import FinishReason, ParseProblem

CLOSE = "</code>"
_OPEN = re.compile(r"(?P<indent>^[ \t]*(?:Code:[ \t]*)?)?<code(?:[ \t][^>\n]*)?>", re.IGNORECASE | re.MULTILINE)
_LANGUAGE = re.compile(r"\A[ \t]*(?:py|python3?)[ \t]*\n", re.IGNORECASE)
_CLOSE = re.compile(CLOSE, re.IGNORECASE)
_LABEL_AT_END = re.compile(r"(?:^|\n)[ \t]*Code:[ \t]*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Block:
    start: int
    end: int
    """One past the closing tag, or the end of the reply."""
    code: str
    is_closed: bool


class CodeTags:
    """Python between tags."""

    stop = (CLOSE, "Observation:", "Calling tools:")
    instruction = 'Reply with "Thought:", then your Python code between <code> and </code>.'
    end = CLOSE

    def __init__(self, config: CodeTagsConfig | None = None) -> None:
        """The config has no options."""

    def parse(self, text: str, finish_reason: FinishReason = FinishReason.STOP) -> ParsedReply:
        """Find the one action of a reply. A block without its closing tag is whole if generation stopped there."""
        actions = _actions(text)
        action = actions[0] if len(actions) == 1 else None
        thought = _thought(text, action)
        is_whole = action is not None and action.is_closed and not text[action.end :].strip()
        if finish_reason is FinishReason.LENGTH and not is_whole:
            return ParsedReply(thought, problem=ParseProblem.CUT_BY_LENGTH)
        if not text.strip():
            return ParsedReply("", problem=ParseProblem.EMPTY)
        if len(actions) > 1:
            return ParsedReply(thought, problem=ParseProblem.SEVERAL_BLOCKS)
        if action is None or not (action.is_closed or finish_reason is FinishReason.STOP):
            return ParsedReply(thought, problem=ParseProblem.NO_CODE)
        error = syntax_error(action.code)
        if error:
            return ParsedReply(thought, problem=ParseProblem.SYNTAX_ERROR, detail=error)
        return ParsedReply(thought, code=action.code)

    def complete(self, text: str, finish_reason: FinishReason = FinishReason.STOP) -> str:
        """``</code>`` is put back after code that ends the reply."""
        actions = _actions(text)
        if finish_reason is not FinishReason.STOP or not actions or actions[-1].is_closed:
            return text
        body = text.rstrip()
        for length in range(len(CLOSE) - 1, 0, -1):
            if body.endswith(CLOSE[:length]):
                return body[:-length] + CLOSE
        has_own_lines = "\n" in text[actions[-1].start :]
        return f"{body}\n{CLOSE}" if has_own_lines else body + CLOSE

    def render(self, thought: str, code: str) -> str:
        """A whole reply. Without a thought, the action alone."""
        return f"{self.prefill(thought)}\n" * bool(thought) + f"<code>\n{code}\n{CLOSE}"

    def prefill(self, thought: str) -> str:
        """The beginning of a reply whose thought starts with this text."""
        return f"{THOUGHT_LABEL} {thought}"

    def parts(self, text: str) -> tuple[ReplyPart, ...]:
        """The action begins at its tag; a reply without one is thought."""
        actions = _actions(text)
        if not actions:
            return (ReplyPart(PartName.THOUGHT, 0, len(text)),)
        at = actions[0].start
        is_answer = any(gives_answer(block.code) for block in actions)
        has_rest = len(actions) == 1 and bool(text[actions[0].end :].strip())
        end = actions[0].end if has_rest else len(text)
        parts = [ReplyPart(PartName.THOUGHT, 0, at)] if at else []
        parts.append(ReplyPart(PartName.ANSWER if is_answer else PartName.ACTION, at, end))
        return (*parts, ReplyPart(PartName.REST, end, len(text))) if has_rest else tuple(parts)


def _actions(text: str) -> list[_Block]:
    seen = without_reasoning(text)
    blocks: list[_Block] = []
    openings = list(_OPEN.finditer(seen))
    if not openings:
        fenced = (block for block in python_blocks(text, seen) if block.has_name and block.code.strip())
        return [_Block(block.start, block.end, block.code, block.is_closed) for block in fenced]
    for opening in openings:
        if blocks and opening.start() < blocks[-1].end:
            continue
        close = _CLOSE.search(seen, opening.end())
        end = close.end() if close else len(text)
        inside = (other for other in openings if opening.end() <= other.start() < end)
        if opening["indent"] is None and any(other["indent"] is not None for other in inside):
            continue  # prose that names the tag
        code = _code(text[opening.end() : close.start() if close else None], is_closed=close is not None)
        if code.strip():
            start = opening.start() + len(opening["indent"] or "")
            blocks.append(_Block(start, end, code, is_closed=close is not None))
    return blocks


def _code(body: str, *, is_closed: bool) -> str:
    code = _LANGUAGE.sub("", body.replace("\r\n", "\n")).strip("\n")
    if not is_closed:
        code = code.rstrip()
        cut = next((n for n in range(len(CLOSE) - 1, 0, -1) if code.endswith(CLOSE[:n])), 0)
        code = code[: len(code) - cut].rstrip()
    code = without_cut_tag(code)
    fenced = list(python_blocks(code, code)) if code.lstrip().startswith(("```", "~~~")) else []
    code = fenced[0].code if len(fenced) == 1 else code
    # Code on the line of its tag is preceded by a blank that is not indentation.
    return readable(code if "\n" in code else code.strip())


def _thought(text: str, action: _Block | None) -> str:
    before = without_reasoning(text)[: action.start if action else None]
    before = before[:-MAX_LABEL] + _LABEL_AT_END.sub("", before[-MAX_LABEL:])
    return before.strip().removeprefix(THOUGHT_LABEL).strip()
