"""smolagents memory logs: the steps that ``get_full_steps``, ``get_succinct_steps`` and ``RunResult.dict`` return.

In: a row with steps of a ``CodeAgent``. Out: the conversation that the model had, and facts of its steps. Tested with
versions 1.14, 1.22 and 1.26. A plan is not trained, because it answers a prompt other than the agent's. Not here: logs
of a ``ToolCallingAgent``, whose actions are not code, and logs of several runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from understudy.curation.importing.foreign import ForeignRole, ForeignRow, ForeignStep, printed
from understudy.curation.importing.normalised import (
    CARRY_OUT_PLAN,
    ENDS_OPEN,
    INTERPRETER,
    NEW_TASK,
    STEP_LIMIT_MARK,
    Dialogue,
    NormalisedAttempt,
    in_our_form,
    step_of,
)
from understudy.curation.importing.plain_text import not_plain_text
from understudy.records import Role, Step, StopReason, Timing, Usage

NUDGE = (
    "Now let's retry: take care not to repeat previous errors! "
    "If you have retried several times, try a completely different approach.\n"
)


def read_memory_log(row: ForeignRow) -> NormalisedAttempt:
    """Read one log. Raises ``ValueError`` for the log of another kind of agent, or of several runs."""
    memory = row.steps or ()
    tasks = [step.task for step in memory if step.task is not None]
    if len(tasks) != 1:
        raise ValueError(f"expected the memory of one run, with one task; got {len(tasks)} tasks")
    actions = [step for step in memory if _is_action(step)]
    for number, step in enumerate(memory):
        if _is_action(step) and not _reply(step) and (step.tool_calls or step.code_action):
            raise not_plain_text(f"a call without its reply in steps.{number}", "a reply for each action")
    replied = [step for step in actions if _reply(step)]
    dialogue, steps = _conversation(memory, tasks[0], last=replied[-1] if replied else None)
    reason, failure = _stop(actions, steps)
    limit = actions[-1] if reason is StopReason.STEP_LIMIT else None
    answer = row.generated_answer if row.generated_answer is not None else _answer(row, actions, steps, limit)
    return NormalisedAttempt(
        question=row.question or tasks[0],
        messages=tuple(dialogue.messages),
        steps=tuple(steps),
        stop_reason=reason,
        answer=answer,
        answer_was_asked=limit is not None and answer is not None,
        failure=failure,
        usage=sum((usage_of_step(step) for step in memory), Usage()),
        timing=sum((_timing(step) for step in memory), Timing()),
    )


def _conversation(memory: Sequence[ForeignStep], task: str, last: ForeignStep | None) -> tuple[Dialogue, list[Step]]:
    dialogue, steps = Dialogue(), []
    system = system_prompt(memory)
    if system:
        dialogue.say(Role.SYSTEM, system)
    dialogue.say(Role.USER, f"{NEW_TASK}{task}")
    for number, step in enumerate(memory, 1):
        if step.plan is not None:
            dialogue.say(Role.USER, step.plan.strip())
            dialogue.say(Role.USER, CARRY_OUT_PLAN)
        elif _is_action(step) and _reply(step):
            steps.append(_act(dialogue, step, number, is_last=step is last))
    return dialogue, steps


def _act(dialogue: Dialogue, step: ForeignStep, number: int, *, is_last: bool) -> Step:
    code = _code(step, number)
    reply = in_our_form(_reply(step), code)
    # After an error the agent continues, even if its code called final_answer.
    is_final = step.is_final_answer if step.is_final_answer is not None else is_last and "final_answer(" in reply
    error = None if step.error is None else step.error.message
    index = dialogue.say(Role.ASSISTANT, reply)
    if step.observations is not None:
        dialogue.say(Role.USER, f"Observation:\n{step.observations}")
    if error is not None:
        call_id = f"Call id: {step.tool_calls[0].id}\n" if step.tool_calls and step.tool_calls[0].id else ""
        dialogue.say(Role.USER, f"{call_id}Error:\n{error}\n{NUDGE}")
    return step_of(
        index,
        reply,
        error,
        ran=code is not None,
        is_final=is_final and error is None,
        usage=usage_of_step(step),
        timing=_timing(step),
    )


def _is_action(step: ForeignStep) -> bool:
    return step.task is None and step.plan is None and step.system_prompt is None


def _reply(step: ForeignStep) -> str:
    return step.model_output.strip()


def system_prompt(memory: Sequence[ForeignStep]) -> str:
    """No dump has it as a field, but full dumps contain the messages that the model received; succinct dumps do not."""
    for step in memory:
        if step.system_prompt is not None:
            return step.system_prompt
        first = next(iter(step.model_input_messages), None) if _is_action(step) else None
        if first is not None and first.role is ForeignRole.SYSTEM:
            return first.text
    return ""


def _code(step: ForeignStep, number: int) -> str | None:
    """The code that a step ran; None if its reply contained no code."""
    if step.code_action is not None:
        return step.code_action
    code = None
    for call in step.tool_calls:
        if call.function.name != INTERPRETER or not isinstance(call.function.arguments, str):
            got = f"a call of {call.function.name!r} in steps.{number - 1}"
            raise not_plain_text(got, "the memory of a CodeAgent, whose actions are code")
        code = call.function.arguments
    return code


def _stop(actions: Sequence[ForeignStep], steps: Sequence[Step]) -> tuple[StopReason, str]:
    """How the run ended, and the infrastructure error if one ended it."""
    last = actions[-1] if actions else None
    if last is not None and last.error is not None and STEP_LIMIT_MARK in last.error.message:
        return StopReason.STEP_LIMIT, ""
    if steps and steps[-1].is_final:
        return StopReason.ANSWERED, ""
    error = last.error.message if last is not None and last.error is not None else ENDS_OPEN
    return StopReason.PROVIDER, error


def _answer(
    row: ForeignRow, actions: Sequence[ForeignStep], steps: Sequence[Step], limit: ForeignStep | None
) -> str | None:
    if row.output is not None:
        return row.output
    if limit is None and not (steps and steps[-1].is_final):
        return None
    return printed(actions[-1].action_output)


def usage_of_step(step: ForeignStep) -> Usage:
    if step.token_usage is None:
        return Usage()
    used = step.token_usage
    return Usage(prompt_tokens=used.input_tokens, completion_tokens=used.output_tokens, requests=1)


def _timing(step: ForeignStep) -> Timing:
    """A memory measures a step as a whole: the model's seconds include those of the code."""
    duration = step.timing.duration if step.timing is not None else step.duration
    return Timing(model_s=duration or 0.0)
