"""The loop of an on-policy distillation.

In: examples, a student's weights, a teacher. Out in the folder: ``checkpoint/`` and ``log.jsonl``. A distillation that
was killed goes on from its last saved step, to the same losses: prefixes, actions and dropout of a step come from the
seed and the step's number alone. Not here: several GPUs.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from understudy.models import OpenAIChatConfig
from understudy.models.loading import bars_of_downloads_only
from understudy.progress import Progress
from understudy.records import Example
from understudy.runs import append_jsonl, derive_seed, digest, read_jsonl, read_user_jsonl, write_jsonl
from understudy.training.checkpoint import CARD, read_card, save_weights, whole_weights
from understudy.training.claim import claim
from understudy.training.config import Method
from understudy.training.loading import lora_settings, torch_threads
from understudy.training.on_policy.config import OnPolicyConfig
from understudy.training.on_policy.prefixes import Prefix, stored_prefixes
from understudy.training.summary import LogLine, StudentCard

if TYPE_CHECKING:
    import torch

    from understudy.training.on_policy.saving import Tally
    from understudy.training.on_policy.teachers import Teacher

Autocast = Callable[[], AbstractContextManager[object]]


def distil_on_policy(
    examples_path: Path,
    config: OnPolicyConfig,
    student: str,
    teacher: str | OpenAIChatConfig,
    out_dir: Path,
    *,
    quiet: bool = False,
) -> StudentCard:
    """Distil a teacher into a student. Returns the new student's card.

    ``student``: folder or Hub id. ``teacher``: the same, or a model by URL whose server returns prompt
    log-probabilities; its ``tokenizer`` must be named. A student or teacher that is an adapter of ours is merged first.
    Called again on a folder with the same distillation, it goes on where that stopped.

    Raises ``TokenizersDifferError``, ``NothingToTrainError`` where no prefix is short enough, ``OtherTrainingError``
    for a folder of another training, ``ProviderError`` where the server fails for good.
    """
    if config.method is Method.QLORA:
        raise ValueError("on-policy distillation trains 'full' or 'lora', came 'qlora'")
    if isinstance(teacher, OpenAIChatConfig) and teacher.tokenizer is None:
        raise ValueError(f"teacher {teacher.model}: a teacher by URL needs tokenizer, a folder or Hub id: came none")
    judge = teacher if isinstance(teacher, str) else teacher.model_dump(mode="json")
    identity = digest([config.model_dump(mode="json"), student, judge, digest(examples_path.read_text())])
    claim(out_dir, identity)
    checkpoint = out_dir / "checkpoint"
    if (checkpoint / CARD).exists():
        return read_card(checkpoint)
    student = whole_weights(student, out_dir / "student")  # stays: an adapter that is trained here stands on it
    with torch_threads(config.n_threads), TemporaryDirectory(dir=out_dir) as scratch:
        if isinstance(teacher, str):
            teacher = whole_weights(teacher, Path(scratch) / "teacher")
        model, tokenizer = _distil(examples_path, config, student, teacher, out_dir, quiet)
    card = StudentCard(
        base=student,
        method=config.method,
        is_adapter=config.method is Method.LORA,
        digest=identity,
        n_steps=config.n_steps,
        n_trainable=sum(p.numel() for p in model.parameters() if p.requires_grad),
    )
    save_weights(model, tokenizer, card, checkpoint)
    shutil.rmtree(out_dir / "resume", ignore_errors=True)
    return card


def _distil(
    examples_path: Path,
    config: OnPolicyConfig,
    student: str,
    teacher: str | OpenAIChatConfig,
    out_dir: Path,
    quiet: bool,
) -> tuple[Any, Any]:
    """Return the student, distilled, and its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from understudy.models.rendering import Renderer, open_renderer

    tokenizer = AutoTokenizer.from_pretrained(student)
    renderer = Renderer(tokenizer)
    judge = open_renderer(teacher if isinstance(teacher, str) else teacher.tokenizer or "")
    prefixes = stored_prefixes(read_user_jsonl(examples_path, Example), renderer, judge, config)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with _opened(teacher, config, prefixes, device) as opened:
        with bars_of_downloads_only(student):
            model = AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32)
        torch.manual_seed(config.seed)  # of a new adapter's weights
        model = _trainable(model, config).to(device)
        end_id = renderer.end_of_turn_ids[-1]
        _Loop(model, tokenizer, end_id, opened, prefixes, config, _autocast(device)).run(out_dir, quiet)
    return model, tokenizer


@contextmanager
def _opened(
    teacher: str | OpenAIChatConfig, config: OnPolicyConfig, prefixes: Sequence[Prefix], device: torch.device
) -> Iterator[Teacher]:
    from transformers import AutoModelForCausalLM

    from understudy.training.on_policy.teachers import LocalTeacher, server_teacher

    if isinstance(teacher, OpenAIChatConfig):
        with server_teacher(teacher, config.teacher_top_k, device) as served:
            served.prove_rendering(prefixes)
            yield served
        return
    with bars_of_downloads_only(teacher):
        reference = AutoModelForCausalLM.from_pretrained(teacher, dtype="auto").to(device).eval().requires_grad_(False)
    yield LocalTeacher(reference, _autocast(device))


@dataclass(frozen=True, slots=True)
class _Loop:
    model: Any
    tokenizer: Any
    end_id: int
    teacher: Teacher
    prefixes: Sequence[Prefix]
    config: OnPolicyConfig
    autocast: Autocast

    def run(self, out_dir: Path, quiet: bool) -> None:
        """All steps that are left."""
        import torch

        from understudy.training.on_policy.saving import Tally, restore_state, save_state

        config, log_path, resume = self.config, out_dir / "log.jsonl", out_dir / "resume"
        trained = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=0.0)
        done, tally = restore_state(resume, self.model, optimizer)
        before = read_jsonl(log_path, LogLine) if log_path.exists() else ()
        write_jsonl(log_path, [line for line in before if line.step <= done])
        started = time.monotonic()
        with (
            append_jsonl(log_path) as log,
            Progress(f"on-policy {out_dir.name}", config.n_steps, done=done, quiet=quiet) as progress,
        ):
            for step in range(done + 1, config.n_steps + 1):
                self._backward(step, tally)
                norm = torch.nn.utils.clip_grad_norm_(trained, config.max_grad_norm)
                optimizer.step()
                optimizer.zero_grad()
                if step % config.log_every_steps == 0 or step == config.n_steps:
                    log.write(self._line(step, tally, float(norm), time.monotonic() - started))
                    progress.advance(tally.n_steps, f"{config.divergence} {tally.loss / tally.n_steps:.3f}")
                    tally = Tally()
                if step % config.save_every_steps == 0 and step < config.n_steps:
                    save_state(resume, step, self.model, optimizer, tally)

    def _backward(self, step: int, tally: Tally) -> None:
        """One step's gradient, one action at a time: logits of the whole vocabulary are large."""
        import torch

        from understudy.training.on_policy.acting import sample_actions
        from understudy.training.on_policy.divergence import divergence
        from understudy.training.on_policy.teachers import action_logprobs

        config = self.config
        order = random.Random(derive_seed(config.seed, "prefixes of step", step))
        batch = order.sample(self.prefixes, min(config.batch_size, len(self.prefixes)))
        states = [prefix.ids for prefix in batch]
        seed = derive_seed(config.seed, "actions of step", step)
        with self.autocast():
            acting = self.model if config.method is Method.FULL else self.model.get_base_model()
            actions = sample_actions(acting, self.tokenizer, states, self.end_id, config, seed)
        torch.manual_seed(derive_seed(config.seed, "dropout of step", step))
        weight = sum(prefix.weight * len(action) for prefix, action in zip(batch, actions, strict=True))
        opinions = self.teacher.opinions(states, actions)
        for prefix, action, opinion in zip(batch, actions, opinions, strict=True):
            with self.autocast():
                own = action_logprobs(self.model, prefix.ids, action)
            loss = divergence(own, opinion, config.divergence).sum() * (prefix.weight / weight)
            loss.backward()
            tally.loss += float(loss.detach())
            tally.n_read += len(prefix.ids)
            tally.n_acted += len(action)
        tally.n_steps += 1

    def _line(self, step: int, tally: Tally, norm: float, elapsed_s: float) -> LogLine:
        return LogLine(
            step=step,
            loss=tally.loss / tally.n_steps,
            learning_rate=self.config.learning_rate,
            grad_norm=norm,
            n_tokens=tally.n_read + tally.n_acted,
            n_trained=tally.n_acted,
            elapsed_s=elapsed_s,
        )


def _trainable(model: Any, config: OnPolicyConfig) -> Any:
    if config.method is Method.FULL:
        return model
    from peft import get_peft_model

    return get_peft_model(model, lora_settings(config.lora))


def _autocast(device: torch.device) -> Autocast:
    """Computing in bfloat16 where a GPU has it; the trained weights stay in float32."""
    import torch

    is_enabled = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return lambda: torch.autocast(device.type, torch.bfloat16, enabled=is_enabled)
