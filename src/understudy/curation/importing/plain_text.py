"""Messages in foreign formats as plain text, or an error that names the part that is not text.

In: a message or its content as a plain value. Out: its text. Tool calls and their results, pictures, sound, files and
separate reasoning are refused here: leaving them out would train a student on replies that nobody gave. Readers of
``understudy.curation.traces`` read calls, results and reasoning. Not here: the meaning of the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from pydantic_core import PydanticCustomError

from understudy.runs import short

NOT_PLAIN_TEXT = "not_plain_text"
"""Type of the pydantic errors that this module raises."""
_METADATA = frozenset(
    {
        "role",
        "content",
        "annotations",
        "extra",
        "logprobs",
        "metadata",
        "raw",
        "stats",
        "timing",
        "token_usage",
        "usage",
    }
)
"""Keys of a message that may have any value: they describe the text and are not part of it."""
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
"""Types of parts that contain text: of chat completions, and of the input and output of the Responses API."""
_PART_OF_WHAT_WAS_SAID = re.compile(
    r"attachment|audio|(?:^|_)calls?(?:_|$)|function|image|reasoning|refusal|think|thought|tool|video", re.IGNORECASE
)
_ROLES_OF_TOOLS = frozenset({"tool", "function"})


def not_plain_text(what: str, expected: str = "plain text") -> PydanticCustomError:
    """The error for something that cannot be read as text."""
    return PydanticCustomError(NOT_PLAIN_TEXT, "expected {expected}, got {what}", {"expected": expected, "what": what})


def message_text(message: Mapping[str, object]) -> str:
    """The text of a message. Raises the error of ``not_plain_text`` if it contains anything else."""
    role = message.get("role")
    if role is None and isinstance(message.get("type"), str):
        raise not_plain_text(f"an item of type {message['type']!r}")
    if role in _ROLES_OF_TOOLS:
        raise not_plain_text(f"a message of role {role!r}")
    for key, value in message.items():
        if key not in _METADATA:
            _refuse_content(key, value)
    return plain_text(message.get("content"))


def _refuse_content(key: str, value: object) -> None:
    if key == "weight" and value not in (None, 1):
        raise not_plain_text(f"a message with weight {value!r}: all replies of a row are trained alike")
    is_structure = isinstance(value, Mapping | list | tuple)
    if value and (is_structure or (isinstance(value, str) and _PART_OF_WHAT_WAS_SAID.search(key))):
        raise not_plain_text(f"{key} beside the text: {short(value)}")


def plain_text(content: object) -> str:
    """The text of a message's content: a text, or a list of text parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple) or not content:
        raise not_plain_text(f"content {short(content)}")
    return "\n".join(_part_text(part) for part in content)


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type", "text") if isinstance(part, Mapping) else type(part).__name__
    text = part.get("text") if isinstance(part, Mapping) else None
    if kind not in _TEXT_PARTS or not isinstance(text, str | dict):
        raise not_plain_text(f"a part of type {kind!r}: {short(part)}")
    if isinstance(text, dict) and isinstance(text.get("value"), str) and not text.keys() - {"value", "annotations"}:
        return str(text["value"])  # a message of OpenAI's Assistants API
    # A dict is a structured output of smolagents; the model wrote it as JSON.
    return text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
