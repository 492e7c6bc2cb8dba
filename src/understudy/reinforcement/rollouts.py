"""Attempts of the agent with the model that is trained, as TRL's ``rollout_func`` returns them.

In: ids of tasks, the trainer. Out: token ids of prompts and completions, a mask of the tokens that the model wrote, and
rewards. A completion holds all replies of an attempt with the observations between them, so it may be a dialogue. Not
here: the loop, rendering, grading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from typing import Any, TypeVar

from understudy.grading import Grader
from understudy.models.rendering import Rendered, Renderer, RewrittenHistoryError
from understudy.records import SpanPart, TrainSpan, Trajectory
from understudy.reinforcement.written import Written

AttemptT = TypeVar("AttemptT")
_WRITTEN, _ADDED = 1.0, 2.0
"""Weights that mark text by who wrote it. A token has the largest weight of its characters, so a token with both kinds
of text counts as added.
"""
IN_FLIGHT = 64
"""Attempts at the same time; the model computes their replies together."""


def attempt_all(solve: Callable[[int], AttemptT], n_attempts: int) -> list[AttemptT]:
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


def columns(
    renderer: Renderer, trajectories: Sequence[Trajectory], written: Sequence[Sequence[Written]]
) -> dict[str, list[Any]]:
    """Prompt ids, completion ids and ``env_mask`` of each attempt: 1 for tokens that the model sampled, 0 for others.

    TRL multiplies its loss by ``env_mask``. ``written``: for each attempt, what the model wrote in each step. Raises
    ``RewrittenHistoryError``.
    """
    found: dict[str, list[Any]] = {"prompt_ids": [], "completion_ids": [], "env_mask": []}
    for trajectory, replies in zip(trajectories, written, strict=True):
        prompt, completion, mask = _tokens(renderer, trajectory, replies)
        found["prompt_ids"].append(prompt)
        found["completion_ids"].append(completion)
        found["env_mask"].append(mask)
    return found


def _tokens(
    renderer: Renderer, trajectory: Trajectory, written: Sequence[Written]
) -> tuple[list[int], list[int], list[int]]:
    # A request after the last step, which asks for an answer, has a reply that is no step.
    replies = {step.message_index: one for step, one in zip(trajectory.steps, written, strict=False)}
    spans = [
        span
        for step in trajectory.steps
        for span in _spans(trajectory, step.message_index, step.prefilled_chars, replies[step.message_index])
    ]
    if not any(span.weight == _WRITTEN for span in spans):
        # Nothing can be trained: an empty reply, or a server that failed before the first one.
        end = list(renderer.end_of_turn_ids)
        return renderer.prompt_ids(trajectory.messages[:2], tools=trajectory.tools), end, [0] * len(end)
    sequences = renderer.training_sequences(trajectory.messages, spans, trajectory.tools)
    if len(sequences) > 1:
        raise RewrittenHistoryError(
            "the chat template changes earlier turns, so the replies of one attempt are not one sequence; GRPO with "
            "several steps an attempt needs a template that only appends"
        )
    ended = {index for index, one in replies.items() if one.ended_turn}
    return _split(sequences[0], ended, len(renderer.end_of_turn_ids))


def _split(sequence: Rendered, ended: set[int], n_end: int) -> tuple[list[int], list[int], list[int]]:
    start = sequence.turns[0].start
    mask = [int(weight == _WRITTEN) for weight in sequence.weights]
    for turn in sequence.turns:
        if turn.message_index not in ended:  # a stop string or the limit of tokens ended the reply
            mask[turn.end - n_end : turn.end] = [0] * n_end
    return list(sequence.ids[:start]), list(sequence.ids[start:]), mask[start:]


def _spans(trajectory: Trajectory, index: int, start: int, written: Written) -> list[TrainSpan]:
    """The parts of a message, by who wrote them. Calls are read from what the model wrote."""
    message = trajectory.messages[index]
    pairs = zip(message.content[start:], written.text, strict=False)
    end = start + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    parts = ((0, start, _ADDED), (start, end, _WRITTEN), (end, len(message.content), _ADDED))
    found = [TrainSpan(message_index=index, start=one, end=two, weight=kind) for one, two, kind in parts if one < two]
    if message.tool_calls:
        found.append(TrainSpan(message_index=index, start=0, end=0, part=SpanPart.CALLS, weight=_WRITTEN))
    return found
