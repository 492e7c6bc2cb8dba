"""What would a model do at each step of stored trajectories? No tool is executed.

In: trajectories, imported or rolled out, and a model. Out: a ``StepAgreement`` for each stored step: the model reads
exactly the stored messages up to it, and its next action is compared with the stored one. Works for agents that call
tools, agents that write code, and chats. Not here: files, and rates (``agreement``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import Field

from understudy.annotations import SpeedOnly
from understudy.evaluation.actions import ReplyReader, reader_of
from understudy.evaluation.agreement import compared
from understudy.grading import normal_form
from understudy.models import ContextFullError, Model, ProviderError, Request
from understudy.models.stopping import cut_completion
from understudy.parallel import map_unordered
from understudy.records import (
    Action,
    ActionKind,
    Message,
    Record,
    Role,
    Step,
    StepAgreement,
    Trajectory,
)
from understudy.runs import derive_seed


class SamplingConfig(Record):
    """How the model's next action is sampled."""

    temperature: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """0: the most likely action."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(gt=0)] = 1024
    """Of one reply."""
    seed: int = 0
    in_flight: Annotated[int, Field(ge=1), SpeedOnly] = 32
    """Concurrent requests."""


@dataclass(frozen=True, slots=True)
class StoredStep:
    """A step of a trajectory that has an action."""

    trajectory: Trajectory
    step: Step
    reader: ReplyReader
    stored: Action
    stage: str = ""
    """The stage of the trajectory if there are several: ids are unique within a stage only."""

    @property
    def key(self) -> tuple[str, str]:
        """Conversation and step, as in ``StepAgreement``."""
        named = f"{self.stage} {self.trajectory.id}" if self.stage else self.trajectory.id
        return named, str(self.step.message_index)

    @property
    def prefill(self) -> str:
        """The beginning of the reply that the stored model was given."""
        return self.trajectory.messages[self.step.message_index].content[: self.step.prefilled_chars]

    def request(self, config: SamplingConfig) -> Request:
        """The stored messages up to the step."""
        messages = self.trajectory.messages[: self.step.message_index]
        if self.prefill:
            messages = (*messages, Message(role=Role.ASSISTANT, content=self.prefill))
        return Request(
            messages=messages,
            temperature=config.temperature,
            top_p=config.top_p,
            max_tokens=config.max_tokens,
            stop=() if self.reader.code is None else self.reader.code.stop,
            seed=derive_seed(config.seed, *self.key),
            continue_final=bool(self.prefill),
            tools=self.trajectory.tools,
        )


def stored_steps(trajectories: Sequence[Trajectory], stage: str = "") -> tuple[list[StoredStep], int]:
    """All steps with a readable action, and the number of those without one.

    Raises ``TargetError`` if the action format of a trajectory no longer exists.
    """
    tools = frozenset(call.name for one in trajectories for step in one.steps for call in step.tool_calls)
    found: list[StoredStep] = []
    n_skipped = 0
    for trajectory in trajectories:
        reader = reader_of(trajectory, tools)
        for step in trajectory.steps:
            stored = reader.of_message(trajectory.messages[step.message_index])
            if step.parse_problem is not None or stored.kind is ActionKind.NONE:
                n_skipped += 1
            else:
                found.append(StoredStep(trajectory, step, reader, stored, stage))
    return found, n_skipped


def replay(steps: Iterable[StoredStep], model: Model, config: SamplingConfig) -> Iterator[StepAgreement]:
    """Ask the model at each step, and compare; rows come as replies do. A step at which the model cannot be asked is a
    row with a failure.
    """
    for _, row in map_unordered(lambda step: _row(step, model, config), steps, config.in_flight):
        yield row


def _row(step: StoredStep, model: Model, config: SamplingConfig) -> StepAgreement:
    conversation, number = step.key
    compare = partial(
        compared,
        step.stored,
        conversation=conversation,
        step=number,
        normal_form=partial(normal_form, step.trajectory.task),
    )
    request = step.request(config)
    try:
        (completion,) = model.complete(request)
    except ContextFullError:
        return compare(Action(kind=ActionKind.NONE, text="the conversation does not fit the context window"))
    except ProviderError as error:
        return StepAgreement(conversation=conversation, step=number, stored=step.stored, failure=str(error))
    completion = cut_completion(completion, request.stop)
    return compare(step.reader.of_completion(completion, step.prefill), usage=completion.usage)
