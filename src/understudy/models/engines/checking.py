"""The comparison of a served student with its checkpoint, before it is first used.

In: what is served, the client that asks it, prompts. Out: nothing, or ``StudentMismatchError``. The checkpoint is
loaded on the CPU for it, since servers hold the GPUs.
"""

from __future__ import annotations

from collections.abc import Sequence

from understudy.models.config import Device, OpenAIChatConfig
from understudy.models.engines.engine import Weights
from understudy.models.parity import check_student
from understudy.records import Message, Role, ToolSchema

Prompts = Sequence[tuple[Sequence[Message], Sequence[ToolSchema]]]
"""Messages before a reply, and the tools that it may call."""
N_PROMPTS = 2
MAX_TOKENS = 16
"""Of each compared reply."""
QUESTIONS = ("What is 6 * 7?", "Who wrote the book, and when was it written?")
"""Asked if there are no other prompts."""


def check_served(
    weights: Weights, client: OpenAIChatConfig, prompts: Prompts = (), untrained: str | None = None
) -> None:
    """Raises ``StudentMismatchError`` if the server's log-probabilities are not those of the checkpoint, or are nearer
    to those of its base; ``AdapterWithoutEffectError``.

    ``untrained``: the weights that full fine-tuning began with.
    """
    adapter = weights.adapter
    base = weights.model.model_copy(update={"path": weights.base, "adapter": None, "device": Device.CPU})
    plain = [((Message(role=Role.USER, content=question),), ()) for question in QUESTIONS]
    some = (list(prompts) or plain)[:N_PROMPTS]
    check_student(
        base,
        [messages for messages, _ in some],
        adapter=None if adapter is None else adapter.path,
        untrained=untrained,
        server=client,
        tools=[tools for _, tools in some],
        max_tokens=MAX_TOKENS,
    )
