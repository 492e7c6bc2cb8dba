"""The text of replies with JSON tool calls: calls are fields of the message, so its content is only thought.

In: the content of a message. Out: its parts. Not here: how a chat template writes calls (``understudy.models``).
"""

from __future__ import annotations

from understudy.agents.formats.action_format import ParsedReply, PartName, ReplyPart
from understudy.records import FinishReason, ParseProblem

TOOL_CALLS = "tool_calls"
"""The name of this form in records."""


class TextBesideCalls:
    """The text of a reply before its calls. A content without calls has no action."""

    stop: tuple[str, ...] = ()
    instruction = ""
    end = ""

    def parse(self, text: str, finish_reason: FinishReason = FinishReason.STOP) -> ParsedReply:  # noqa: ARG002
        """The whole text is thought."""
        return ParsedReply(text, problem=ParseProblem.NO_CODE)

    def complete(self, text: str, finish_reason: FinishReason = FinishReason.STOP) -> str:  # noqa: ARG002
        """The text is unchanged."""
        return text

    def render(self, thought: str, code: str) -> str:  # noqa: ARG002
        """The thought: calls are not text of the content."""
        return thought

    def prefill(self, thought: str) -> str:
        """The thought itself."""
        return thought

    def parts(self, text: str) -> tuple[ReplyPart, ...]:
        """One thought."""
        return (ReplyPart(PartName.THOUGHT, 0, len(text)),)
