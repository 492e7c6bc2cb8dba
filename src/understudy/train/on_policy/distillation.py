"""On-policy distillation from stored prefixes: the student samples its own action, the teacher says how likely it is.

In: examples (their stored steps are the prefixes), a student's full weights, a teacher's weights with the same
tokenizer. Out in the folder: ``checkpoint/`` and ``log.jsonl``, as of a training. No tool is called and no code is
run: the states are stored ones, the actions are the student's own (GKD 2024; ReOPD and SOD 2026). Not here: teachers
behind a server, several GPUs, resuming: a killed run begins anew.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from understudy.models.loading import bars_of_downloads_only
from understudy.parallel import Progress
from understudy.records import Example, Record, Role
from understudy.runs import append_jsonl, derive_seed, digest, read_jsonl, write_jsonl
from understudy.train.checkpoint import save_weights, whole_weights
from understudy.train.config import LoraSettings, Method
from understudy.train.encoding import NothingToTrainError
from understudy.train.loading import lora_settings, torch_threads
from understudy.train.summary import LogLine, StudentCard

if TYPE_CHECKING:
    import torch

    from understudy.models.rendering import Renderer


class Divergence(StrEnum):
    """What is brought down between student and teacher, over the whole vocabulary at each token."""

    REVERSE_KL = "reverse_kl"
    """Student to teacher: the student gives up what the teacher would never say."""
    FORWARD_KL = "forward_kl"
    """Teacher to student: the student learns all that the teacher might say."""


class OnPolicyConfig(Record):
    """One on-policy distillation."""

    method: Method = Method.FULL
    """``full`` or ``lora``."""
    lora: LoraSettings = LoraSettings()
    n_steps: Annotated[int, Field(gt=0)] = 200
    """Optimiser steps."""
    batch_size: Annotated[int, Field(gt=0)] = 8
    """Prefixes an optimiser step, one action each."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-5
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    divergence: Divergence = Divergence.REVERSE_KL
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Of the student's sampling."""
    max_new_tokens: Annotated[int, Field(gt=0)] = 256
    max_prefix_tokens: Annotated[int, Field(gt=0)] = 8192
    """Longer prefixes are left out."""
    step_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weight of an action at step k is this to the power k, k from 0: late states are rarer and noisier."""
    n_threads: Annotated[int, Field(gt=0)] | None = None
    """Threads of torch on a CPU; None leaves torch's choice."""
    seed: int = 42
    log_every_steps: Annotated[int, Field(gt=0)] = 10


class TokenizersDifferError(ValueError):
    """Student and teacher cut or render text differently, so their token probabilities cannot be compared."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """A stored state, right before an action."""

    ids: tuple[int, ...]
    weight: float


def distil_on_policy(
    examples_path: Path, config: OnPolicyConfig, student: str, teacher: str, out_dir: Path, *, quiet: bool = False
) -> StudentCard:
    """Distil ``teacher`` into ``student`` (folders or Hub ids). Returns the new student's card.

    A student or teacher that is an adapter of ours is merged first. Raises ``TokenizersDifferError``, and
    ``NothingToTrainError`` where no prefix is short enough.
    """
    if config.method is Method.QLORA:
        raise ValueError("on-policy distillation trains 'full' or 'lora', came 'qlora'")
    given = digest([config.model_dump(mode="json"), student, teacher, digest(examples_path.read_text())])
    out_dir.mkdir(parents=True, exist_ok=True)
    student = whole_weights(student, out_dir / "student")  # stays: an adapter that is trained here stands on it
    with torch_threads(config.n_threads), TemporaryDirectory(dir=out_dir) as scratch:
        model, tokenizer = _distil(
            examples_path, config, student, whole_weights(teacher, Path(scratch) / "teacher"), out_dir, quiet
        )
    card = StudentCard(
        base=student,
        method=config.method,
        is_adapter=config.method is Method.LORA,
        digest=given,
        n_steps=config.n_steps,
        n_trainable=sum(p.numel() for p in model.parameters() if p.requires_grad),
    )
    save_weights(model, tokenizer, card, out_dir / "checkpoint")
    return card


def _distil(
    examples_path: Path, config: OnPolicyConfig, student: str, teacher: str, out_dir: Path, quiet: bool
) -> tuple[Any, Any]:
    """Return the student, distilled, and its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from understudy.models.rendering import Renderer

    torch.manual_seed(config.seed)
    tokenizer = AutoTokenizer.from_pretrained(student)
    renderer, judge = Renderer(tokenizer), Renderer(AutoTokenizer.from_pretrained(teacher))
    prefixes = stored_prefixes(read_jsonl(examples_path, Example), renderer, judge, config)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with bars_of_downloads_only(student):
        model = _trainable(AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32), config).to(device)
    with bars_of_downloads_only(teacher):
        reference = AutoModelForCausalLM.from_pretrained(teacher, dtype="auto").to(device).eval().requires_grad_(False)
    _learn(model, reference, prefixes, renderer.end_of_turn_ids[-1], config, out_dir / "log.jsonl", quiet)
    return model, tokenizer


def stored_prefixes(
    examples: Iterator[Example], student: Renderer, teacher: Renderer, config: OnPolicyConfig
) -> list[Prefix]:
    """What acting sends before each trained turn, rendered by both tokenizers, which must agree on every id."""
    _check_tokenizers(student, teacher)
    found: list[Prefix] = []
    for example in examples:
        for index in sorted({span.message_index for span in example.spans}):
            before = example.messages[:index]
            ids = student.prompt_ids(before)
            if ids != teacher.prompt_ids(before):
                raise TokenizersDifferError(f"example {example.id}: message {index} has other ids for the teacher")
            if len(ids) <= config.max_prefix_tokens:
                n_acted = sum(message.role is Role.ASSISTANT for message in before)
                found.append(Prefix(tuple(ids), config.step_decay**n_acted))
    if not found:
        raise NothingToTrainError(f"expected a prefix of at most {config.max_prefix_tokens} tokens, found none")
    return found


def _check_tokenizers(student: Renderer, teacher: Renderer) -> None:
    if student.tokenizer.get_vocab() != teacher.tokenizer.get_vocab():
        raise TokenizersDifferError("the vocabularies of student and teacher differ")
    if student.end_of_turn_ids != teacher.end_of_turn_ids:
        raise TokenizersDifferError(f"ends of turn differ: {student.end_of_turn_ids}, {teacher.end_of_turn_ids}")


def _learn(
    model: Any,
    teacher: Any,
    prefixes: Sequence[Prefix],
    end_id: int,
    config: OnPolicyConfig,
    log_path: Path,
    quiet: bool,
) -> None:
    import torch

    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=0.0)
    order = random.Random(derive_seed(config.seed, "order of prefixes"))
    started, losses, n_tokens, n_read = time.monotonic(), 0.0, 0, 0
    write_jsonl(log_path, [])
    with append_jsonl(log_path) as log, Progress("on-policy", config.n_steps, quiet=quiet) as progress:
        for step in range(1, config.n_steps + 1):
            batch = order.sample(prefixes, min(config.batch_size, len(prefixes)))
            actions = sample_actions(model, [prefix.ids for prefix in batch], end_id, config)
            weights = [prefix.weight for prefix in batch]
            loss = divergence(model, teacher, [p.ids for p in batch], actions, weights, config.divergence)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(trained, config.max_grad_norm)
            optimizer.step()
            optimizer.zero_grad()
            losses, n_tokens = losses + float(loss.detach()), n_tokens + sum(map(len, actions))
            n_read += sum(len(prefix.ids) for prefix in batch)
            if step % config.log_every_steps == 0 or step == config.n_steps:
                n_since = step % config.log_every_steps or config.log_every_steps
                log.write(
                    LogLine(
                        step=step,
                        loss=losses / n_since,
                        learning_rate=config.learning_rate,
                        grad_norm=float(norm),
                        n_tokens=n_read + n_tokens,
                        n_trained=n_tokens,
                        elapsed_s=time.monotonic() - started,
                    )
                )
                progress.advance(n_since, f"{config.divergence} {losses / n_since:.3f}")
                losses, n_tokens, n_read = 0.0, 0, 0


def divergence(
    model: Any,
    teacher: Any,
    prefixes: Sequence[Sequence[int]],
    actions: Sequence[Sequence[int]],
    weights: Sequence[float],
    kind: Divergence,
) -> torch.Tensor:
    """Weighted mean over all tokens of the actions of the divergence in nats, with gradient for the model only."""
    import torch

    total = torch.zeros((), device=model.device)
    weight_sum = sum(weight * len(action) for weight, action in zip(weights, actions, strict=True))
    for prefix, action, weight in zip(prefixes, actions, weights, strict=True):
        ids = torch.tensor([[*prefix, *action[:-1]]], device=model.device)  # (1, T)
        own = _logprobs(model, ids, len(action))  # (A, V)
        with torch.no_grad():
            other = _logprobs(teacher, ids, len(action))
        n_shared = min(own.shape[-1], other.shape[-1])  # vocabularies are padded to different sizes
        own, other = own[:, :n_shared], other[:, :n_shared]
        gap = own - other
        per_token = (own.exp() * gap if kind is Divergence.REVERSE_KL else -other.exp() * gap).sum(-1)  # (A,)
        total = total + weight * per_token.sum()
    return total / weight_sum


def _logprobs(model: Any, ids: torch.Tensor, n_last: int) -> torch.Tensor:
    """Log-probabilities of all tokens after each of the last ``n_last`` positions, (n_last, V)."""
    logits: torch.Tensor = model(input_ids=ids, use_cache=False, logits_to_keep=n_last).logits[0]
    return logits.float().log_softmax(-1)


def sample_actions(
    model: Any, prefixes: Sequence[Sequence[int]], end_id: int, config: OnPolicyConfig
) -> list[list[int]]:
    """One action of the student after each prefix, end of turn included where it came to one."""
    import torch

    longest = max(map(len, prefixes))
    padded = [[end_id] * (longest - len(prefix)) + list(prefix) for prefix in prefixes]
    is_read = [[0] * (longest - len(prefix)) + [1] * len(prefix) for prefix in prefixes]
    with _acting(model), torch.no_grad():
        out = model.generate(
            input_ids=torch.tensor(padded, device=model.device),  # (B, T), padded on the left
            attention_mask=torch.tensor(is_read, device=model.device),
            max_new_tokens=config.max_new_tokens,
            do_sample=True,
            temperature=config.temperature,
            top_k=0,
            top_p=1.0,
            use_cache=True,
            eos_token_id=end_id,
            pad_token_id=end_id,
        )
    actions = [[int(token) for token in row[longest:]] for row in out]
    return [action[: action.index(end_id) + 1] if end_id in action else action for action in actions]


@contextmanager
def _acting(model: Any) -> Iterator[None]:
    """Within, dropout is off."""
    model.eval()
    try:
        yield
    finally:
        model.train()


def _trainable(model: Any, config: OnPolicyConfig) -> Any:
    if config.method is Method.FULL:
        return model
    from peft import get_peft_model

    return get_peft_model(model, lora_settings(config.lora))
