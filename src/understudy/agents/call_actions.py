"""Acts by JSON tool calls: makes the calls of a reply and returns their results as messages of role ``tool``.

In: completions. Out: turns. Pure calls are made for each candidate, and candidates agree if the results are equal. A
call with effects waits until its candidate is kept, and is then made once. Such candidates agree if the canonical calls
are equal: the name and the sorted arguments. All calls that follow it in the reply wait as well, because they may
depend on the effect. Final texts agree if the grader's normal forms are equal. Not here: how a template writes calls,
the tools.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from understudy.agents.acting import Turn
from understudy.agents.call_results import CallMaker, CallResult, canonical
from understudy.agents.config import ToolCallingConfig
from understudy.agents.formats.reasoning import without_reasoning
from understudy.agents.observations import observe_error, observe_problem
from understudy.agents.prompts import AnswerBy, ObservationTexts
from understudy.environments import World
from understudy.models import Request
from understudy.records import (
    Completion,
    ExecutionStatus,
    FinishReason,
    FunctionCall,
    Message,
    ParseProblem,
    Role,
    ToolSchema,
)
from understudy.tools import FINAL_ANSWER, Tool, json_tool, result_text

_NOT_MADE = "Not called, since another call of the same reply cannot be read."
_ONE_AT_A_TIME = "Not called: only the first call of a reply is made. Call again if you still need it."
NormalForm = Callable[[str], Hashable]


@dataclass(frozen=True, slots=True)
class _Reply:
    """A parsed completion."""

    message: Message
    problem: ParseProblem | None = None
    detail: str = ""
    calls: tuple[FunctionCall, ...] = ()
    """The calls to make, in order, up to ``final_answer``."""
    final: FunctionCall | None = None
    """The call of ``final_answer``."""


@dataclass(frozen=True, slots=True)
class _Try:
    """A reply, and the results of its first calls."""

    reply: _Reply
    results: tuple[CallResult, ...] = ()
    world: World | None = None
    """The copy of the attempt's world in which a candidate made its calls."""

    @property
    def waiting(self) -> tuple[FunctionCall, ...]:
        """Calls that have not been made."""
        return self.reply.calls[len(self.results) :]


class CallActions:
    """Makes the calls of the replies of one attempt."""

    def __init__(
        self,
        config: ToolCallingConfig,
        schemas: tuple[ToolSchema, ...],
        maker: CallMaker,
        texts: ObservationTexts,
        normal_form: NormalForm,
        world: World | None = None,
        interrupt: Callable[[], None] | None = None,
    ) -> None:
        """``normal_form``: equal for equivalent answers. ``world``: the world that the tools of ``maker`` act on.
        ``interrupt``: ends the code that a call runs.
        """
        self.texts = texts
        self._config = config
        self._schemas = schemas
        self._maker = maker
        self._normal_form = normal_form
        self._world = world
        self._interrupt = interrupt
        self._tries: list[_Try] = []

    def prepared(self, request: Request) -> Request:
        """The request with the tools."""
        return replace(request, tools=self._schemas, parallel_tool_calls=self._config.parallel)

    def act(self, completion: Completion, prefill: str) -> Turn:
        """Raises the errors of an unavailable sandbox or tool, as the other methods do."""
        return self._make_calls(_Try(self._read(completion, prefill)))

    def branch(self, completions: Sequence[Completion], prefill: str, *, keep_earlier: bool) -> list[Turn]:
        """Make the pure calls, all at the same time and each once. A call with effects waits, and so do the calls after
        it. In an environment, each candidate makes its calls in its own copy of the world.
        """
        replies = [self._read(completion, prefill) for completion in completions]
        if self._world is None:
            tries = self._ask_first(replies)
        else:
            tries = [self._act_in(self._world.fork(), reply) for reply in replies]
        self._tries = [*(self._tries if keep_earlier else []), *tries]
        return [self._turn(each) for each in tries]

    def commit(self, index: int) -> Turn:
        """Make the calls that waited."""
        kept = self._tries[index]
        if self._world is not None and kept.world is not None:
            self._world.adopt(kept.world)
        return self._make_calls(kept)

    def said(self, completion: Completion, prefill: str) -> Message:
        """The reply with its calls."""
        return self._read(completion, prefill).message

    def restated(self, answer: str, number: int) -> Message:
        """The answer as a text, or as a call of ``final_answer``."""
        if self._config.answer is AnswerBy.TEXT:
            return Message(role=Role.ASSISTANT, content=answer)
        call = FunctionCall(id=f"earlier_{number}", name=FINAL_ANSWER.name, arguments={"answer": answer})
        return Message(role=Role.ASSISTANT, content="", tool_calls=(call,))

    def interrupt(self) -> None:
        """Kill the code of the tool ``python``; other calls cannot be interrupted."""
        if self._interrupt is not None:
            self._interrupt()

    def announced(self, tools: Sequence[Tool]) -> str:
        """The schemas of the new tools. The schemas that the model received first do not change."""
        return "\n".join(json_tool(tool).schema.model_dump_json() for tool in tools)

    def _ask_first(self, replies: Sequence[_Reply]) -> list[_Try]:
        first = [tuple(takewhile(self._maker.is_pure, reply.calls)) for reply in replies]
        results = iter(self._maker.ask_at_once([call for calls in first for call in calls]))
        return [_Try(reply, tuple(next(results) for _ in calls)) for reply, calls in zip(replies, first, strict=True)]

    def _act_in(self, world: World, reply: _Reply) -> _Try:
        maker = self._maker.with_tools({tool.name: tool for tool in world.json_tools})
        first = tuple(takewhile(lambda call: call.name in world.actions or maker.is_pure(call), reply.calls))
        results = maker.make(first)
        return _Try(reply, tuple(results), world)

    def _make_calls(self, tried: _Try) -> Turn:
        done = replace(tried, results=(*tried.results, *self._maker.make(tried.waiting)))
        return replace(self._turn(done), tool_calls=self._maker.records(done.reply.calls, done.results))

    # --- reading ------------------------------------------------------------------------------

    def _read(self, completion: Completion, prefill: str) -> _Reply:
        calls = completion.tool_calls
        message = Message(
            role=Role.ASSISTANT,
            content=prefill + completion.text,
            reasoning=completion.reasoning,
            tool_calls=calls,
        )
        problem = self._problem(completion, message)
        if problem is not None:
            return _Reply(message, problem, completion.call_problem)
        is_answer = [call.name == FINAL_ANSWER.name and self._config.answer is AnswerBy.TOOL for call in calls]
        if True not in is_answer:
            return _Reply(message, calls=calls[: None if self._config.parallel else 1])
        at = is_answer.index(True)
        if not self._config.parallel and at:
            return _Reply(message, calls=calls[:1])
        return _Reply(message, calls=calls[:at], final=calls[at])

    def _problem(self, completion: Completion, message: Message) -> ParseProblem | None:
        was_cut = completion.finish_reason is FinishReason.LENGTH
        if completion.call_problem or any(call.broken_arguments for call in message.tool_calls):
            return ParseProblem.CUT_BY_LENGTH if was_cut else ParseProblem.BROKEN_CALL
        if message.tool_calls:
            return None
        if was_cut:
            return ParseProblem.CUT_BY_LENGTH
        if not without_reasoning(message.content).strip():
            return ParseProblem.EMPTY
        return ParseProblem.NO_CODE if self._config.answer is AnswerBy.TOOL else None

    # --- turns --------------------------------------------------------------------------------

    def _turn(self, tried: _Try) -> Turn:
        reply = tried.reply
        if reply.problem is not None:
            return Turn(reply.message, self._not_made(reply), problem=reply.problem)
        if not reply.message.tool_calls:
            text = without_reasoning(reply.message.content).strip()
            agrees_by = ("answer", self._normal_form(text))
            return Turn(reply.message, is_final=True, answer=text, yielded=text, agrees_by=agrees_by)
        failed = next((each for each in tried.results if each.failed), None)
        answer = None if reply.final is None else _answer_of(reply.final)
        return Turn(
            message=reply.message,
            observations=() if reply.final is not None else self._observations(tried),
            status=ExecutionStatus.OK if failed is None else failed.status,
            error_name="" if failed is None else failed.error_name,
            tool_calls=tuple(each.record for each in tried.results),
            is_final=reply.final is not None,
            answer=answer,
            yielded="\n".join(filter(None, [*(each.text for each in tried.results), answer])),
            agrees_by=None if failed is not None else self._agrees_by(tried, answer),
        )

    def _agrees_by(self, tried: _Try, answer: str | None) -> Hashable:
        returned = tuple(" ".join(each.text.split()) for each in tried.results)
        waiting = tuple(canonical(call) for call in tried.waiting)
        effects = "" if tried.world is None else tried.world.digest()
        return ("calls", returned, waiting, None if answer is None else self._normal_form(answer), effects)

    def _observations(self, tried: _Try) -> tuple[Message, ...]:
        made = [
            observe_error(each.text, self.texts) if each.failed else each.text or self.texts.nothing
            for each in tried.results
        ]
        left_out = [observe_error(_ONE_AT_A_TIME, self.texts)] * (
            len(tried.reply.message.tool_calls) - len(tried.reply.calls)
        )
        return _results(tried.reply.message.tool_calls, [*made, *left_out])

    def _not_made(self, reply: _Reply) -> tuple[Message, ...]:
        """The reason why no call was made: as the result of each call with an id, or else as a user message."""
        text = observe_problem(reply.problem, reply.detail, self.texts)
        calls = reply.message.tool_calls
        if not calls:
            return (Message(role=Role.USER, content=text),)
        are_whole = [not call.broken_arguments for call in calls]
        other = observe_error(_NOT_MADE, self.texts) if not all(are_whole) else text
        return _results(calls, [other if is_whole else text for is_whole in are_whole])


def _results(calls: Sequence[FunctionCall], texts: Sequence[str]) -> tuple[Message, ...]:
    return tuple(
        Message(role=Role.TOOL, content=text, tool_call_id=call.id) for call, text in zip(calls, texts, strict=False)
    )


def _answer_of(call: FunctionCall) -> str:
    """The answer that a call of ``final_answer`` gives, under any argument name."""
    answer = call.arguments.get("answer", next(iter(call.arguments.values()), ""))
    return answer if isinstance(answer, str) else result_text(answer)
