"""Made-up attempts and their scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from understudy.curation import ImportConfig, import_trajectories
from understudy.records import (
    ExecutionStatus,
    Message,
    ParseProblem,
    Role,
    Score,
    Step,
    StopReason,
    Task,
    TaskKind,
    ToolCall,
    Trajectory,
)

PREFIX = "Thought: to begin with,"


def task(number: int = 1, *, kind: TaskKind = TaskKind.FACT, question: str = "", answer: str = "Oslo") -> Task:
    return Task(id=f"t{number}", question=question or f"Question {number}?", answer=answer, kind=kind, source="made up")


def attempt(
    of: Task | None = None,
    *,
    number: int = 0,
    n_steps: int = 2,
    thought: str = " look it up.",
    problem: ParseProblem | None = None,
    status: ExecutionStatus = ExecutionStatus.OK,
    searched: bool = True,
    stop_reason: StopReason = StopReason.ANSWERED,
    asked: bool = False,
    agent: str = "code_agent",
) -> Trajectory:
    """``problem`` and ``status`` are those of the first step."""
    messages = [Message(role=Role.SYSTEM, content="long prompt"), Message(role=Role.USER, content="New task: …")]
    steps = []
    for step in range(n_steps):
        is_final = step == n_steps - 1
        code = "final_answer(x)" if is_final else "x = web_search('q')"
        steps.append(
            Step(
                message_index=len(messages),
                parse_problem=problem if step == 0 else None,
                execution_status=None if problem and step == 0 else status if step == 0 else ExecutionStatus.OK,
                is_final=is_final,
                prefilled_chars=len(PREFIX) if step == 0 else 0,
                tool_calls=(ToolCall(name="web_search", arguments="{}"),) if searched and step == 0 else (),
            )
        )
        content = f"{PREFIX if step == 0 else 'Thought:'}{thought}\nCode:\n```py\n{code}\n```<end_code>"
        messages += [Message(role=Role.ASSISTANT, content=content), Message(role=Role.USER, content="Observation: …")]
    return Trajectory(
        task=of or task(),
        attempt=number,
        agent=agent,
        model="teacher",
        seed=0,
        messages=tuple(messages),
        steps=tuple(steps),
        stop_reason=stop_reason,
        answer="Oslo",
        answer_was_asked=asked,
    )


def score(of: Trajectory, *, correct: bool | None = True, grounded: bool | None = None) -> Score:
    return Score(trajectory_id=of.id, grader="made up", grader_version="1", correct=correct, grounded=grounded)


def imported(path: Path, **config: Any) -> list[tuple[Trajectory, Score | None]]:
    """The trajectories of a file in which no row is refused."""
    found = import_trajectories(ImportConfig(path=path, **config))
    assert found.refused == ()
    return list(found.attempts)
