"""The observation that follows a reply: the outcome of its code, or why no code was run.

In: an ``Execution``, or the reason why no code was run. Out: the text of the observation (paper, appendix B): what was
printed, then the value of the last expression; for an error, its text and a request to try another way. If the code had
bound the name of a tool to something else, the observation says so.
"""

from __future__ import annotations

from understudy.agents.prompts import ObservationTexts, fill
from understudy.records import ExecutionStatus, ParseProblem
from understudy.sandbox import Execution


def observe_execution(execution: Execution, texts: ObservationTexts) -> str:
    """The observation that follows a run of code."""
    parts = []
    if execution.printed.strip("\n"):
        parts.append(texts.printed_header + execution.printed.strip("\n"))
    if execution.dropped_chars:
        parts.append(fill(texts.not_shown, count=f"{execution.dropped_chars:,}"))
    if execution.status is not ExecutionStatus.OK:
        error = execution.error or f"The code ended with: {execution.status}."
        parts.append(observe_error(error, texts))
    elif execution.value is not None:
        parts.append(texts.value_header + execution.value)
    if execution.restored:
        parts.append(fill(texts.restored, names=", ".join(execution.restored)))
    return texts.header + ("\n".join(parts) or texts.nothing)


def observe_problem(problem: ParseProblem | None, detail: str, texts: ObservationTexts) -> str:
    """The observation that follows a reply without a valid action. ``detail``: for the model to read."""
    if problem is None:
        raise ValueError("the reply has an action: its observation is the action's result")
    return observe_error(fill(texts.problems[problem], detail=detail), texts)


def observe_error(text: str, texts: ObservationTexts) -> str:
    """An error, with a request to try another way."""
    return _with_nudge(texts.error_header + text, texts)


def _with_nudge(text: str, texts: ObservationTexts) -> str:
    return f"{text}\n{texts.nudge}" if texts.nudge else text
