"""How the toy teacher writes its turns: as thought and code, or as thought and JSON tool calls.

In: a thought and an action. Out: the text of a reply, or a ``Completion`` with its calls. A reply that
continues a prefilled message has only the text after the prefill. Not here: the choice of actions (``teacher.py``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from understudy.records import Completion, FinishReason, FunctionCall


@dataclass(frozen=True, slots=True)
class Search:
    """Look a page up."""

    subject: str
    is_broken: bool = False
    """Written so that it fails."""


@dataclass(frozen=True, slots=True)
class Compute:
    """Work a sum out."""

    expression: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Give the answer."""

    text: str
    is_result: bool = False
    """It is the result of the previous step's code."""


Action = Search | Compute | Answer


def as_code(thought: str, action: Action, prefill: str) -> str:
    """Thought, then Python in a fence."""
    text = f"Thought: {thought}\nCode:\n```py\n{_code(action)}\n```<end_code>"
    if not prefill or text.startswith(prefill):
        return text.removeprefix(prefill)
    return f" {thought}{text.partition(thought)[2]}"


def as_calls(thought: str, action: Action, prefill: str, tools: Collection[str]) -> Completion:
    """Thought, then a call. One that is broken names a wrong argument, or cannot be read.

    An answer is text in a box, or a call of ``final_answer`` where ``tools`` has it.
    """
    said = thought.removeprefix(prefill) if thought.startswith(prefill) else f" {thought}"
    if isinstance(action, Answer) and "final_answer" not in tools:
        return Completion(text=f"{said}\n\\boxed{{{action.text}}}", finish_reason=FinishReason.STOP)
    if isinstance(action, Search) and action.is_broken and " " in action.subject:
        broken = f'<tool_call>\n{{"name": "web_search", "arguments": {{"query": "{action.subject}}}}}\n</tool_call>'
        return Completion(
            text=f"{said}\n{broken}", finish_reason=FinishReason.STOP, call_problem="The quote is not closed."
        )
    return Completion(text=said, finish_reason=FinishReason.STOP, tool_calls=(_call(action),))


def _code(action: Action) -> str:
    if isinstance(action, Search):
        quote = "" if action.is_broken else '"'
        return f"print(web_search({quote}{action.subject}{quote}))"
    if isinstance(action, Compute):
        return f"result = {action.expression}\nprint(result)"
    return "final_answer(result)" if action.is_result else f'final_answer("{action.text}")'


def _call(action: Action) -> FunctionCall:
    if isinstance(action, Search):
        key = "page" if action.is_broken else "query"
        return FunctionCall(id="", name="web_search", arguments={key: action.subject})
    if isinstance(action, Compute):
        return FunctionCall(id="", name="python", arguments={"code": action.expression})
    return FunctionCall(id="", name="final_answer", arguments={"answer": action.text})
