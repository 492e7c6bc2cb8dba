"""Acts by code: the Python of a reply runs in the attempt's episode.

In: completions. Out: turns whose observations are what the code printed and the value of its last expression. Not here:
the forms of replies (``formats``), isolation (``understudy.sandbox``).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from understudy.agents.acting import Turn
from understudy.agents.formats import ActionFormat, ParsedReply
from understudy.agents.observations import observe_execution, observe_problem
from understudy.agents.prestarted_episode import PrestartedEpisode
from understudy.agents.prompts import ObservationTexts
from understudy.agents.self_consistency import outcome_of
from understudy.models import Request
from understudy.records import Completion, Message, Role
from understudy.sandbox import Execution
from understudy.tools import Tool


@dataclass(frozen=True, slots=True)
class _Try:
    """One reply after its code has run."""

    message: Message
    reply: ParsedReply
    execution: Execution | None
    """None if nothing could be run."""


class CodeActions:
    """Runs the code of replies in one episode."""

    def __init__(self, action_format: ActionFormat, texts: ObservationTexts, episode: PrestartedEpisode) -> None:
        self.texts = texts
        self._format = action_format
        self._episode = episode
        self._tries: list[_Try] = []

    def prepared(self, request: Request) -> Request:
        """The format's stop strings."""
        return replace(request, stop=self._format.stop)

    def act(self, completion: Completion, prefill: str) -> Turn:
        """Raises the errors of the sandbox, as the other methods do."""
        message, reply = self._read(completion, prefill)
        execution = None if reply.code is None else self._episode.get().run(reply.code)
        return self._turn(_Try(message, reply, execution))

    def branch(self, completions: Sequence[Completion], prefill: str, *, keep_earlier: bool) -> list[Turn]:
        """Each candidate's code runs in its own branch and stops before a call with effects."""
        read = [self._read(completion, prefill) for completion in completions]
        codes = [reply.code for _, reply in read if reply.code is not None]
        executions = iter(self._episode.get().branch(codes, keep_earlier=keep_earlier) if codes else [])
        tries = [_Try(message, reply, None if reply.code is None else next(executions)) for message, reply in read]
        self._tries = [*(self._tries if keep_earlier else []), *tries]
        return [self._turn(each) for each in tries]

    def commit(self, index: int) -> Turn:
        """The episode continues from the state after the kept reply."""
        kept = self._tries[index]
        if kept.execution is not None:
            # The commit finishes code that stopped before a call with effects.
            kept = replace(kept, execution=self._as_first_asked(self._episode.get().commit(kept.execution)))
        return self._turn(kept)

    def said(self, completion: Completion, prefill: str) -> Message:
        """The reply with its end restored."""
        return self._read(completion, prefill)[0]

    def restated(self, answer: str, number: int) -> Message:  # noqa: ARG002
        """A call of ``final_answer`` alone."""
        return Message(role=Role.ASSISTANT, content=self._format.render("", f"final_answer({answer!r})"))

    def interrupt(self) -> None:
        """Kill the process of the code; the state before it is restored when code runs again."""
        self._episode.interrupt()

    def announced(self, tools: Sequence[Tool]) -> str:
        """As the system message declares them."""
        return "\n\n".join(tool.declaration() for tool in tools)

    def _read(self, completion: Completion, prefill: str) -> tuple[Message, ParsedReply]:
        content = self._format.complete(prefill + completion.text, completion.finish_reason)
        message = Message(role=Role.ASSISTANT, content=content, reasoning=completion.reasoning)
        return message, self._format.parse(content, completion.finish_reason)

    def _turn(self, tried: _Try) -> Turn:
        execution = tried.execution
        if execution is None:
            observation = observe_problem(tried.reply.problem, tried.reply.detail, self.texts)
            return Turn(tried.message, (Message(role=Role.USER, content=observation),), problem=tried.reply.problem)
        observed = Message(role=Role.USER, content=observe_execution(execution, self.texts))
        return Turn(
            message=tried.message,
            observations=() if execution.is_final else (observed,),
            problem=tried.reply.problem,
            status=execution.status,
            error_name=execution.error_name,
            tool_calls=execution.tool_calls,
            is_final=execution.is_final,
            answer=execution.final_answer or "" if execution.is_final else None,
            yielded=_yielded(execution),
            agrees_by=_agrees_by(execution, tried.reply),
        )

    def _as_first_asked(self, kept: Execution) -> Execution:
        """The kept execution, in which the calls that were known before the step are marked as cached.

        Which of several candidates makes a call first is random. The record of the kept one must not depend on it.
        """
        ran = [each.execution for each in self._tries if each.execution is not None]
        new = {(call.name, call.arguments) for each in (*ran, kept) for call in each.tool_calls if not call.cached}
        calls = []
        for call in kept.tool_calls:
            key = (call.name, call.arguments)
            calls.append(call.model_copy(update={"cached": call.cached and key not in new}))
            new.discard(key)
        return replace(kept, tool_calls=tuple(calls))


def _agrees_by(execution: Execution, reply: ParsedReply) -> Hashable | None:
    outcome = outcome_of(execution)
    if execution.effects and outcome is not None:
        outcome = (outcome, execution.effects)
    if execution.waits_for is not None and outcome is not None:
        # It stopped before a call with effects, whose result is not known: only equal code agrees.
        return (outcome, reply.code)
    return outcome


def _yielded(execution: Execution) -> str:
    parts = (execution.printed.strip("\n"), execution.value or "", execution.error, execution.final_answer or "")
    return "\n".join(part for part in parts if part)
