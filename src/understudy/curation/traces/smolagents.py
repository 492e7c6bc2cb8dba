"""smolagents: memories of code agents and of tool-calling agents, as steps or as messages.

In: ``agent.memory.get_full_steps()``, ``get_succinct_steps()``, ``RunResult.dict()`` and
``agent.write_memory_to_messages()``. Out: conversations. A code agent's memory states the facts of its attempt;
``understudy.curation.importing.memory_logs`` and ``chats`` read it. The replies of a tool-calling agent are calls.
smolagents shows their results to the model as a user's text; here they are results. The results of several calls of one
step are in one text: they are separated if there is one line for each call, and refused otherwise. Not here: logs of
several runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from understudy.curation.importing.chats import read_chat
from understudy.curation.importing.foreign import ForeignMessage, ForeignRole, ForeignRow, ForeignStep
from understudy.curation.importing.memory_logs import NUDGE, read_memory_log, system_prompt, usage_of_step
from understudy.curation.importing.normalised import CARRY_OUT_PLAN, INTERPRETER, NEW_TASK
from understudy.curation.traces.conversation import Conversation, ReplyFacts
from understudy.curation.traces.node import Node, short
from understudy.curation.traces.parts import call_of
from understudy.curation.traces.plain import of_attempt
from understudy.curation.traces.refusals import broken_calls, unknown_shape
from understudy.curation.traces.row_reader import RowReader
from understudy.curation.traces.turns import Turns
from understudy.python_syntax import literal_value
from understudy.records import FunctionCall, Role
from understudy.registry import PartConfig

_OBSERVATION = "Observation:\n"
_CALLING = "Calling tools:\n"


class SmolagentsConfig(PartConfig):
    """Memories of smolagents' agents."""

    kind: Literal["smolagents"] = "smolagents"
    agent: Literal["code_agent", "chain_of_thought"] = "code_agent"
    """Kind of the replies without calls: actions that are code, or chains of thought."""


class SmolagentsReader(RowReader):
    """smolagents: memories of code agents and tool-calling agents."""

    def __init__(self, config: SmolagentsConfig | None = None) -> None:
        super().__init__(config)
        self._acts = config is None or config.agent == "code_agent"

    def fits(self, value: object) -> bool:
        row = Node(value if isinstance(value, dict) else {"messages": value})
        if row["steps"].is_list:
            return True
        held = row["messages"]
        if not held.is_list or not all(one.is_object for one in held):
            return False
        return any(_is_step(one) or _is_smolagents_role(one["role"].value) for one in held)

    def conversations(self, value: object) -> Iterator[Conversation]:
        row = ForeignRow.model_validate(value)
        if row.steps is not None:
            yield _of_steps(row, row.steps) if _calls_tools(row.steps) else of_attempt(row, read_memory_log(row))
        elif _calls_by_message(row.messages or ()):
            yield _of_messages(row, row.messages or ())
        else:
            yield of_attempt(row, read_chat(row, acts=self._acts))


def _is_step(one: Node) -> bool:
    return not one.has("role") and any(one.has(key) for key in ("step_number", "step", "model_output", "task"))


def _is_smolagents_role(role: object) -> bool:
    name = str(role)
    return name.startswith("MessageRole.") or name in ("tool-call", "tool-response")


def _calls_tools(steps: Sequence[ForeignStep]) -> bool:
    calls = [call for step in steps for call in step.tool_calls]
    return any(call.function.name != INTERPRETER or isinstance(call.function.arguments, dict) for call in calls)


def _of_steps(row: ForeignRow, steps: Sequence[ForeignStep]) -> Conversation:
    tasks = [step.task for step in steps if step.task is not None]
    if len(tasks) != 1:
        raise unknown_shape(f"steps: expected the memory of one run, with one task; got {len(tasks)} tasks")
    turns = Turns()
    if prompt := system_prompt(steps):
        turns.say(Role.SYSTEM, prompt, "steps.0")
    turns.say(Role.USER, f"{NEW_TASK}{tasks[0]}", "steps.0.task")
    for number, step in enumerate(steps):
        place = f"steps.{number}"
        if step.plan is not None:
            turns.say(Role.USER, step.plan.strip(), place)
            turns.say(Role.USER, CARRY_OUT_PLAN, place)
        elif step.model_output or step.tool_calls:
            _add_step(turns, step, place)
    return _conversation(row, turns, tasks[0])


def _add_step(turns: Turns, step: ForeignStep, place: str) -> None:
    calls = [_call(call.id, call.function.name, call.function.arguments, place) for call in step.tool_calls]
    turns.reply(step.model_output.strip(), place, calls=calls, facts=ReplyFacts(usage=usage_of_step(step)))
    error = step.error.message if step.error is not None else ""
    if not calls:
        if error:
            turns.say(Role.USER, f"Error:\n{error}\n{NUDGE}", place)
        return
    if step.observations is not None:
        _add_results(turns, step.observations, place)
    elif error:
        for _ in calls:
            turns.result("", f"Error:\n{error}\n{NUDGE}", place, error=error)


def _add_results(turns: Turns, observations: str, place: str) -> None:
    n_calls = len(turns.open_calls)
    texts = [observations] if n_calls == 1 else observations.splitlines()
    if len(texts) != n_calls:
        raise broken_calls(f"{place}: the results of {n_calls} calls are in one text of {len(texts)} lines")
    for text in texts:
        turns.result("", text, place)


def _calls_by_message(messages: Sequence[ForeignMessage]) -> bool:
    calls = [call for one in messages if one.role is ForeignRole.TOOL_CALL for call in _calls_in(one.text)]
    return any(call.name != INTERPRETER or call.arguments for call in calls)


def _of_messages(row: ForeignRow, messages: Sequence[ForeignMessage]) -> Conversation:
    turns, said = Turns(), ""
    for number, (one, after) in enumerate(zip(messages, [*messages[1:], None], strict=True)):
        place = f"messages.{number}"
        if one.role is ForeignRole.TOOL_CALL:
            calls = _calls_in(one.text)
            if not calls:
                raise broken_calls(f"{place}: expected a list of calls, got {short(one.text)}")
            turns.reply(said, place, calls=calls, facts=ReplyFacts())
            said = ""
        elif one.role is ForeignRole.TOOL_RESPONSE and turns.open_calls:
            _add_results(turns, one.text.removeprefix(_OBSERVATION), place)
        elif one.role is ForeignRole.ASSISTANT:
            if after is not None and after.role is ForeignRole.TOOL_CALL:
                said = one.text
            else:
                turns.reply(one.text, place, facts=ReplyFacts())
        else:
            role = Role.SYSTEM if one.role in (ForeignRole.SYSTEM, ForeignRole.DEVELOPER) else Role.USER
            turns.say(role, one.text, place)
    first = next((one.content for one in turns.messages if one.role is Role.USER), "")
    return _conversation(row, turns, first.removeprefix(NEW_TASK))


def _calls_in(text: str) -> list[FunctionCall]:
    """The calls in a tool-call message, a list in Python's notation; none if it was truncated."""
    try:
        held = Node(literal_value(text.removeprefix(_CALLING)))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return []
    return [call_of(one["id"], one["function"]["name"], one["function"]["arguments"]) for one in held]


def _call(call_id: str, name: str, arguments: object, place: str) -> FunctionCall:
    return call_of(Node(call_id, place), Node(name, place), Node(arguments, place))


def _conversation(row: ForeignRow, turns: Turns, task: str) -> Conversation:
    return Conversation(
        place="",
        messages=tuple(turns.messages),
        replies=dict(turns.replies),
        errors=dict(turns.errors),
        model=row.model,
        question=row.question or task,
        references=row.true_answer or row.answer,
        answer=row.generated_answer if row.generated_answer is not None else row.output,
        score=row.score,
    )
