"""Attempts of the agent with the model that is trained, as TRL's ``rollout_func`` returns them.

In: ids of tasks, the trainer. Out: token ids of prompts and completions, a mask of the tokens that the model wrote, and
rewards. A completion holds all replies of an attempt with the observations between them, so it may be a dialogue. Not
here: the loop, rendering, grading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from understudy.grading import Grader
from understudy.models.rendering import Rendered, Renderer, RewrittenHistoryError
from understudy.records import SpanPart, TrainSpan, Trajectory

IN_FLIGHT = 64
"""Attempts at the same time; the model computes their replies together."""


def attempt_all(solve: Callable[[int], Trajectory], n_attempts: int) -> list[Trajectory]:
    """All attempts, in order."""
    with ThreadPoolExecutor(max(1, min(n_attempts, IN_FLIGHT))) as pool:
        return list(pool.map(solve, range(n_attempts)))


def reward_of(grader: Grader, trajectory: Trajectory) -> float | None:
    """The verdict as a reward in [0, 1]: 1 for a right attempt, else the partial credit, if the grader gives one.

    None for an attempt that cannot be graded, such as one that a broken sandbox ended; TRL leaves it out.
    """
    score = grader.grade(trajectory)
    if score.correct is None:
        return None
    return 1.0 if score.correct else float(min(max(score.value or 0.0, 0.0), 1.0))


def columns(renderer: Renderer, trajectories: Sequence[Trajectory]) -> dict[str, list[Any]]:
    """Prompt ids, completion ids and ``env_mask`` of each attempt. Raises ``RewrittenHistoryError``."""
    found: dict[str, list[Any]] = {"prompt_ids": [], "completion_ids": [], "env_mask": []}
    for trajectory in trajectories:
        prompt, completion, mask = _tokens(renderer, trajectory)
        found["prompt_ids"].append(prompt)
        found["completion_ids"].append(completion)
        found["env_mask"].append(mask)
    return found


def _tokens(renderer: Renderer, trajectory: Trajectory) -> tuple[list[int], list[int], list[int]]:
    spans = [span for step in trajectory.steps for span in _spans(trajectory, step.message_index, step.prefilled_chars)]
    if not spans:  # nothing that could be trained: an empty reply, or a server that failed before the first one
        end = list(renderer.end_of_turn_ids)
        return renderer.prompt_ids(trajectory.messages[:2], tools=trajectory.tools), end, [0] * len(end)
    sequences = renderer.training_sequences(trajectory.messages, spans, trajectory.tools)
    if len(sequences) > 1:
        raise RewrittenHistoryError(
            "the chat template changes earlier turns, so the replies of one attempt are not one sequence; GRPO with "
            "several steps an attempt needs a template that only appends"
        )
    return _split(sequences[0])


def _split(sequence: Rendered) -> tuple[list[int], list[int], list[int]]:
    start = sequence.turns[0].start
    mask = [int(weight > 0) for weight in sequence.weights[start:]]
    return list(sequence.ids[:start]), list(sequence.ids[start:]), mask


def _spans(trajectory: Trajectory, index: int, start: int) -> list[TrainSpan]:
    message = trajectory.messages[index]
    found = []
    if len(message.content) > start:
        found.append(TrainSpan(message_index=index, start=start, end=len(message.content)))
    if message.tool_calls:
        found.append(TrainSpan(message_index=index, start=0, end=0, part=SpanPart.CALLS))
    return found
