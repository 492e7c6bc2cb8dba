"""A tokenizer's chat template: messages and tool schemas become the text that a model reads.

In: messages, the schemas of the tools, whether the model speaks next. Out: text. The properties of a template are found
by rendering it: content as text or as parts, a system role or none, native tools or none (then the system message lists
them, see ``calls/plain.py``). Not here: token ids, masks (``rendering``).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jinja2.exceptions import TemplateError

from understudy.models.calls.form import UnwritableCallError
from understudy.models.calls.forms import CALL_FORMS
from understudy.models.template_calls import CallConvention, as_rows, find_convention
from understudy.records import Message, Role, ToolSchema

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_log = logging.getLogger(__name__)


class RenderingError(ValueError):
    """The messages, the spans or the chat template do not fit together; the message says how."""


class ChatTemplate:
    """The chat template of one tokenizer. Safe to use from many threads."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Raises ``RenderingError`` if there is no chat template, or if it omits the text of messages."""
        self._tokenizer = tokenizer
        self.name = tokenizer.name_or_path or "the tokenizer"
        if not getattr(tokenizer, "chat_template", None):
            raise RenderingError(f"{self.name} has no chat template")
        self.content_in_parts = self._wants_parts()
        """The template reads content as a list of parts and omits content that is a plain string."""
        self._require_all_turns()
        self.folds_system = not self._takes_system()
        """The template has no system role: its text goes before the first user message."""

    @cached_property
    def calls(self) -> CallConvention:
        """How this template is given tools, and how it writes calls."""
        found = find_convention(self._try_rows)
        if found.own_form_is_unknown:
            _log.warning(
                "the chat template of %s has tools, but writes calls in a form that is not known here (known: %s); the "
                "system message lists the tools instead, in the form %s",
                self.name,
                ", ".join(CALL_FORMS),
                found.form.name,
            )
        return found

    def text(
        self, messages: Sequence[Message], tools: Sequence[ToolSchema] = (), *, add_generation_prompt: bool
    ) -> str:
        """Raises ``RenderingError`` if the template refuses the messages; the error names their roles."""
        if not tools and not any(message.tool_calls or message.role is Role.TOOL for message in messages):
            rows, schemas = [_plain_row(message) for message in messages], None
        else:
            rows, schemas = self._rows_with_calls(messages, tools)
        if self.folds_system and rows and rows[0]["role"] == "system":
            rows = _fold_system(rows)
        return self._apply(rows, schemas, add_generation_prompt)

    def _rows_with_calls(
        self, messages: Sequence[Message], tools: Sequence[ToolSchema]
    ) -> tuple[list[dict[str, Any]], list[Any] | None]:
        try:
            return as_rows(messages, tools, self.calls)
        except UnwritableCallError as error:
            raise RenderingError(f"the call form {self.calls.form.name} cannot write this call: {error}") from error

    def _apply(self, rows: Sequence[dict[str, Any]], schemas: list[Any] | None, add_generation_prompt: bool) -> str:
        if self.content_in_parts:
            rows = [{**row, "content": [{"type": "text", "text": row["content"]}]} for row in rows]
        try:
            text = self._tokenizer.apply_chat_template(
                list(rows), tools=schemas, tokenize=False, add_generation_prompt=add_generation_prompt
            )
        except TemplateError as error:
            roles = ", ".join(row["role"] for row in rows)
            raise RenderingError(
                f"the chat template of {self.name} refuses messages with the roles {roles}: {error}"
            ) from error
        return str(text)

    def _try_rows(self, rows: Sequence[dict[str, Any]], schemas: list[Any] | None) -> str | None:
        """None if the template cannot render the rows, whichever error it raises."""
        if self.folds_system and rows[0]["role"] == "system":
            return None
        try:
            return self._apply(rows, schemas, False)
        except (RenderingError, TypeError, ValueError, KeyError):
            return None

    def _wants_parts(self) -> bool:
        """Raises ``RenderingError`` if two different user texts render alike, whichever form they have."""
        refusals = []
        for in_parts in (False, True):
            self.content_in_parts = in_parts
            try:
                if self._shows_words():
                    return in_parts
            except (RenderingError, TypeError) as error:  # a template that joins a list to a text
                refusals.append(error)
        if len(refusals) == 2:
            raise RenderingError(str(refusals[0]))
        raise RenderingError(
            f"the chat template of {self.name} does not show what a user says: "
            "two different texts render alike, as plain text and as a list of parts"
        )

    def _shows_words(self) -> bool:
        texts = {self._apply([{"role": "user", "content": content}], None, True) for content in "ab"}
        return len(texts) == 2

    def _require_all_turns(self) -> None:
        """Raises ``RenderingError`` if a conversation is shown without one of its messages."""
        roles = ("user", "assistant", "user")
        try:
            texts = [
                self._apply([{"role": r, "content": c} for r, c in zip(roles, said, strict=True)], None, True)
                for said in ("aaa", "baa", "aba", "aab")
            ]
        except (RenderingError, TypeError):  # single questions alone are rendered, and more is refused then
            return
        for number, role in enumerate(roles):
            if texts[number + 1] == texts[0]:
                raise RenderingError(
                    f"the chat template of {self.name} leaves messages out: in a conversation of user, assistant and "
                    f"user, the text of message {number + 1} ({role}) is not shown"
                )

    def _takes_system(self) -> bool:
        """Whether the template shows a system message: two different ones must render differently."""
        user = {"role": "user", "content": "u"}
        try:
            texts = {self._apply([{"role": "system", "content": content}, user], None, True) for content in "ab"}
        except RenderingError:
            return False
        return len(texts) == 2


def _plain_row(message: Message) -> dict[str, Any]:
    return {"role": message.role.value, "content": message.content}


def _fold_system(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(rows) < 2 or rows[1]["role"] != "user":
        came = rows[1]["role"] if len(rows) > 1 else "nothing"
        raise RenderingError(f"the template has no system role: expected a user message after the system's, got {came}")
    return [{**rows[1], "content": f"{rows[0]['content']}\n\n{rows[1]['content']}"}, *rows[2:]]
