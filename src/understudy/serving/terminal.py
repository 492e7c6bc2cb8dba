"""A chat with an agent in the terminal.

In: what a person types. Out: the steps, short, whole or not at all, and the answer. Ctrl-C stops a turn; at the prompt,
or a second time, it ends the chat. Not here: which agent it is.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

from rich.console import Console
from rich.markup import escape

from understudy.agents.formats import TOOL_CALLS, recorded_format
from understudy.agents.formats.action_format import THOUGHT_LABEL
from understudy.records import ConversationEnd, Message
from understudy.report.visible import visible
from understudy.serving.asked import Asked
from understudy.serving.config import ConversationsConfig
from understudy.serving.conversation import Conversation, Turn
from understudy.serving.conversations import Conversations
from understudy.serving.events import Event, Replied, Stepped, call_text, text_of
from understudy.serving.running import open_conversations
from understudy.serving.served_agent import ServedAgent
from understudy.serving.turn_response import failure_of

_NAME = "terminal"
_POLL_S = 0.1
_LINE_CHARS = 100
_CODE_LINES = 3
_HELP = "/new begins a new conversation, /steps short|full|none changes what is shown, /quit or Ctrl-D ends the chat"


class StepView(StrEnum):
    """How steps are shown."""

    SHORT = "short"
    """A line each."""
    FULL = "full"
    """Thought, action and observation as they are."""
    NONE = "none"


def chat_in_terminal(
    served: ServedAgent,
    config: ConversationsConfig,
    view: StepView = StepView.SHORT,
    *,
    out: Console | None = None,
    read: Callable[[str], str] = input,
) -> None:
    """Chat until the input ends. ``read``: asks for a line, given the prompt; raises ``EOFError`` at the end.

    Raises ``ServedLogError``.
    """
    screen = out or Console(soft_wrap=True, highlight=False)
    if sys.stdin.isatty():
        with suppress(ImportError):
            import readline  # noqa: F401  lines can be edited and called back

    def say(text: str) -> None:
        screen.print(text, markup=False, style="dim")

    with open_conversations(served, config, say=say) as conversations:
        chat = _Chat(conversations, screen, view)
        say(f"{served.label}: {_HELP}")
        try:
            while (said := read("> ").strip()) == "" or chat.take(said):
                pass
        except (EOFError, KeyboardInterrupt):
            screen.print()


class _Chat:
    def __init__(self, conversations: Conversations, screen: Console, view: StepView) -> None:
        self._conversations, self._screen, self._view = conversations, screen, view
        self._before: Event | None = None

    def take(self, said: str) -> bool:
        """Do what was typed; False if it ends the chat."""
        match said.split():
            case ["/quit"]:
                return False
            case ["/new"]:
                self._conversations.end_named(_NAME)
                self._note("a new conversation begins")
            case ["/steps", view] if view in tuple(StepView):
                self._view = StepView(view)
            case [word, *_] if word.startswith("/"):
                self._note(_HELP)
            case _:
                return self._turn(said)
        return True

    def _turn(self, said: str) -> bool:
        turn = self._conversations.begin(Asked(said, name=_NAME))
        self._before = None
        ended = threading.Event()  # Ctrl-C during a join would make the thread look ended
        threading.Thread(target=self._run, args=(turn, ended), name="understudy-turn", daemon=True).start()
        try:
            _wait(ended)
        except KeyboardInterrupt:
            turn.stop()
            self._note("stopping; Ctrl-C again ends the chat")
            try:
                _wait(ended)
            except KeyboardInterrupt:
                turn.stop(ConversationEnd.CLOSED)
                return False
        self._show_end(turn)
        return True

    def _run(self, turn: Turn, ended: threading.Event) -> None:
        try:
            turn.run(lambda event: self._show(event, turn.conversation))
        except Exception:
            pass
        finally:
            self._conversations.end_turn(turn)
            ended.set()

    def _show(self, event: Event, conversation: Conversation) -> None:
        if self._view is StepView.FULL:
            text = text_of(event, self._before, conversation.action_format).strip()
            self._print(visible(text), "dim" if isinstance(event, Stepped) else "") if text else None
        elif self._view is StepView.SHORT:
            for line in short_lines(event, self._before, conversation.action_format):
                self._print(line, "dim")
        self._before = event

    def _show_end(self, turn: Turn) -> None:
        failed = failure_of(turn)
        if failed is not None:
            self._screen.print(f"[red]{escape(visible(str(failed[1]['message'])))}[/red]")
        elif turn.result.answer is not None:
            self._print(visible(turn.result.answer), "bold")
        else:
            self._note(f"no answer: {turn.result.stop_reason.value.replace('_', ' ')}")

    def _print(self, text: str, style: str) -> None:
        self._screen.print(text, style=style, markup=False)

    def _note(self, text: str) -> None:
        self._print(text, "dim italic")


def _wait(ended: threading.Event) -> None:
    while not ended.wait(_POLL_S):
        pass


def short_lines(event: Event, before: Event | None, action_format: str) -> list[str]:
    """An event in a line or two: what the agent thinks and does, and what came of it."""
    is_shown = isinstance(before, Replied) and before.number == event.number
    lines = [] if is_shown else [f"  {part}" for part in _short_reply(event.message, action_format)]
    if isinstance(event, Stepped):
        if problem := event.facts.parse_problem or (event.facts.error_name if event.facts.failed else ""):
            lines.append(f"    ✗ {str(problem).replace('_', ' ')}")
        lines += [f"    → {_one_line(one.content)}" for one in event.observations]
    return lines


def _short_reply(message: Message, action_format: str) -> list[str]:
    """The thought, and the action: code, or calls. The text of a reply that calls no tool is the answer."""
    if action_format == TOOL_CALLS:
        made = [call_text(call) for call in message.tool_calls]
        return [one for one in map(_one_line, [message.content, *made] if made else []) if one]
    reply = recorded_format(action_format).parse(message.content)
    code = [f"$ {line}" for line in (reply.code or "").splitlines()[:_CODE_LINES]]
    return [one for one in [_one_line(reply.thought.removeprefix(THOUGHT_LABEL)), *map(_one_line, code)] if one]


def _one_line(text: str) -> str:
    line = " ".join(visible(text).split())
    return line if len(line) <= _LINE_CHARS else line[: _LINE_CHARS - 1] + "…"
