"""Checks that an exported file answers as the student does.

In: the student's merged weights, a GGUF file, stored prompts. Out: an ``ExportCheck``, or ``ExportMismatchError``. The
student writes a greedy reply to each prompt. llama.cpp computes the log-probabilities of these tokens, and its own
greedy choice at each position. So both log-probabilities of a pair are of the same token in the same context.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from understudy.export.llama_cpp import Question, Reading, read_replies
from understudy.models import LocalConfig, Request
from understudy.models.gguf_writing import Precision
from understudy.records import Completion, Message, Record

TOLERANCE_NAT: Mapping[Precision, float] = MappingProxyType(
    {Precision.F32: 0.05, Precision.F16: 0.05, Precision.Q8_0: 0.25}
)
"""Largest allowed mean difference. Measured on SmolLM2-135M: docs/export.md."""
_REPLY_TOKENS = 48


class ExportMismatchError(ValueError):
    """The exported file does not answer as the student does. The message contains the figures."""


class ExportCheck(Record):
    """The result of a comparison."""

    file: str
    precision: Precision
    n_prompts: int
    n_tokens: int
    mean_difference_nat: float
    """Mean of the absolute differences of log-probabilities."""
    max_difference_nat: float
    greedy_agreement: float
    """Share of positions where llama.cpp would choose the same token."""
    n_prompts_cut_alike: int
    """Number of prompts that llama.cpp splits into the same tokens."""

    def sentence(self) -> str:
        """The figures in words."""
        return (
            f"{self.file}: llama.cpp answers {self.n_prompts} stored prompts as the student does: log-probabilities "
            f"{self.mean_difference_nat:.2g} nat apart on average (at most {self.max_difference_nat:.2g}) over "
            f"{self.n_tokens} tokens, the same greedy token at {self.greedy_agreement:.1%} of them"
        )


def check_gguf(weights: Path, file: Path, precision: Precision, prompts: Sequence[tuple[Message, ...]]) -> ExportCheck:
    """Compare file and student. ``weights``: the folder from which the file was made.

    Raises ``ExportMismatchError``, ``LlamaCppError``.
    """
    from understudy.models.local import LocalModel

    replies: list[Completion] = []
    questions: list[Question] = []
    with LocalModel(LocalConfig(path=str(weights), device="cpu", dtype="float32")) as model:
        for prompt in prompts:
            ids = tuple(model.renderer.prompt_ids(prompt))
            request = Request(messages=prompt, max_tokens=_REPLY_TOKENS, logprobs=True)
            reply = model.complete_ids(ids, request)[0]
            text = model.renderer.prompt_text(prompt)
            questions.append(Question(text=text, prompt_ids=ids, reply_ids=reply.token_ids or ()))
            replies.append(reply)
    check = compare(file.name, precision, replies, read_replies(file, questions))
    refuse_mismatch(check)
    return check


def compare(name: str, precision: Precision, replies: Sequence[Completion], readings: Sequence[Reading]) -> ExportCheck:
    """The figures of one file. A log-probability that is not a number counts as an infinite difference."""
    differences: list[float] = []
    same: list[bool] = []
    for reply, reading in zip(replies, readings, strict=True):
        same += [a == b for a, b in zip(reply.token_ids or (), reading.greedy_ids, strict=True)]
        pairs = zip(reply.logprobs or (), reading.logprobs, strict=True)
        differences += [math.inf if theirs is None else abs(ours - theirs) for ours, theirs in pairs]
    return ExportCheck(
        file=name,
        precision=precision,
        n_prompts=len(replies),
        n_tokens=len(differences),
        mean_difference_nat=sum(differences) / len(differences) if differences else math.inf,
        max_difference_nat=max(differences, default=math.inf),
        greedy_agreement=sum(same) / len(same) if same else 0.0,
        n_prompts_cut_alike=sum(reading.same_prompt for reading in readings),
    )


def refuse_mismatch(check: ExportCheck) -> None:
    """Raises ``ExportMismatchError`` if the figures show that the models differ."""
    allowed = TOLERANCE_NAT[check.precision]
    if check.n_prompts_cut_alike < check.n_prompts:
        raise ExportMismatchError(
            f"{check.file}: llama.cpp cuts {check.n_prompts - check.n_prompts_cut_alike} of {check.n_prompts} prompts "
            "into other tokens than the student's tokenizer does"
        )
    if not check.mean_difference_nat <= allowed:
        raise ExportMismatchError(
            f"{check.file} does not answer as the student does: over {check.n_tokens} tokens, log-probabilities differ "
            f"by {check.mean_difference_nat:.3g} nat on average, allowed {allowed:g} for {check.precision}; greedy "
            f"agreement {check.greedy_agreement:.0%}"
        )
