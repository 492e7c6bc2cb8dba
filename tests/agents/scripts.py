"""Models with scripted replies for tests."""

from __future__ import annotations

from understudy.models import Request, ScriptedModel
from understudy.records import Completion, FinishReason, PrefixDelivery, Role, Task, TaskKind, Usage

TASK = Task(id="t", question="What is six times seven?", answer="42", kind=TaskKind.MATH, source="s")


def action(code: str, thought: str = "I calculate.") -> str:
    return f"Thought: {thought}\nCode:\n```py\n{code}\n```<end_code>"


def in_order(*replies: str) -> ScriptedModel:
    """The first reply in the first step, and so on."""

    def program(request: Request) -> str:
        said = sum(message.role is Role.ASSISTANT for message in request.messages) - request.continue_final
        return replies[said]

    return ScriptedModel(program, "in order")


class Candidates:
    """Says the n-th reply as the n-th candidate of a step, with a log-probability where one is given."""

    is_program = True
    name = "candidates"

    def __init__(
        self,
        *steps: list[str],
        logprobs: list[float] | None = None,
        delivery: PrefixDelivery = PrefixDelivery.CONTINUED,
        finish: FinishReason = FinishReason.STOP,
    ) -> None:
        self.requests: list[Request] = []
        self.prefix_delivery = delivery
        self._steps = steps
        self._logprobs = logprobs
        self._finish = finish
        self._asked: dict[int, int] = {}

    def complete(self, request: Request) -> tuple[Completion, ...]:
        self.requests.append(request)
        step = sum(message.role is Role.ASSISTANT for message in request.messages) - request.continue_final
        start = self._asked.get(step, 0)
        self._asked[step] = start + request.n
        return tuple(self._completion(step, number) for number in range(start, start + request.n))

    def _completion(self, step: int, number: int) -> Completion:
        return Completion(
            text=self._steps[step][number].removesuffix("<end_code>"),
            finish_reason=self._finish,
            usage=Usage(prompt_tokens=10 if number == 0 else 0, completion_tokens=5, requests=int(number == 0)),
            logprobs=None if self._logprobs is None else (self._logprobs[number],),
        )

    def close(self) -> None: ...
