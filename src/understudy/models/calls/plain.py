"""Our own form for templates without tool support: the system message lists the tools and says how to call them.

Calls have the Hermes form, so vLLM's ``hermes`` parser reads them. Results are user messages.
"""

from __future__ import annotations

from collections.abc import Sequence

from understudy.models.calls.hermes import CLOSE, OPEN, HermesForm
from understudy.models.calls.json_calls import dump
from understudy.records import ToolSchema

RESULT_OPEN, RESULT_CLOSE = "<tool_response>", "</tool_response>"

_DECLARATION = f"""\
You can call these tools, each given by its name, what it does and the JSON schema of its arguments:
{{tools}}

To call one, end your message with
{OPEN}
{{{{"name": "<tool>", "arguments": {{{{"<argument>": <value>}}}}}}}}
{CLOSE}
once for each call. The results are in the next message, between {RESULT_OPEN} and {RESULT_CLOSE}, in the order of the \
calls."""


class PlainForm(HermesForm):
    """Writes the blocks of Hermes and explains them in the system message."""

    name = "plain"

    def declare(self, tools: Sequence[ToolSchema]) -> str:
        """What the system message says about the tools."""
        return _DECLARATION.format(tools="\n".join(dump(tool.model_dump(mode="json")) for tool in tools))

    def results(self, contents: Sequence[str]) -> str:
        """The user message with the results of one turn's calls."""
        return "\n".join(f"{RESULT_OPEN}\n{content}\n{RESULT_CLOSE}" for content in contents)
