"""The loop of an on-policy distillation.

In: examples, a student's weights, a teacher. Out in the folder: ``checkpoint/`` and ``log.jsonl``. A distillation that
was killed resumes from its last saved step, to the same losses: prefixes, actions and dropout of a step come from the
seed and the step's number alone. Not here: several GPUs.
"""

from __future__ import annotations

import math
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from understudy.annotations import result_settings
from understudy.models import OpenAIChatConfig
from understudy.models.finite import NotFiniteError, require_finite_weights
from understudy.models.loading import load_base, load_tokenizer, without_peft_warning
from understudy.models.locating import CARD
from understudy.progress import Progress
from understudy.records import Example
from understudy.run_layout import CHECKPOINT, TRAINING_LOG
from understudy.runs import append_jsonl, content_digest, derive_seed, read_jsonl, read_user_jsonl, write_jsonl
from understudy.training.checkpoint import read_card, save_weights, whole_weights
from understudy.training.config import Method
from understudy.training.jobs import TrainingJob
from understudy.training.loading import limits_of, lora_settings, torch_threads
from understudy.training.on_policy.config import OnPolicyConfig
from understudy.training.on_policy.prefixes import Prefix, stored_prefixes
from understudy.training.progress import ProgressFile
from understudy.training.resume import start_or_resume, weights_digest
from understudy.training.summary import LogLine, StudentCard

if TYPE_CHECKING:
    import torch

    from understudy.training.on_policy.saving import Tally
    from understudy.training.on_policy.teachers import Teacher

Autocast = Callable[[], AbstractContextManager[object]]


class OnPolicyJob(TrainingJob):
    """Let a student act at the steps of examples, and learn from a teacher's log-probabilities."""

    examples: Path
    student: str
    teacher: str | OpenAIChatConfig
    config: OnPolicyConfig

    def run(self, folder: Path) -> None:
        """Raises what ``distil_on_policy`` raises."""
        distil_on_policy(self.examples, self.config, self.student, self.teacher, folder, quiet=True)


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
    Called again on a folder with the same distillation, it resumes where that stopped.

    Raises ``TokenizersDifferError``, ``NothingToTrainError`` if no prefix is short enough, ``OtherTrainingError``
    for a folder of another training, ``NotFiniteError`` at the first weight, loss or gradient that is NaN or infinite,
    ``ProviderError`` if the server fails for good.
    """
    if isinstance(teacher, OpenAIChatConfig) and teacher.tokenizer is None:
        raise ValueError(f"teacher {teacher.model}: a teacher by URL needs tokenizer, a folder or Hub id: got none")
    identity = start_or_resume(
        out_dir,
        {
            "config": result_settings(config),
            "student": weights_digest(student),
            "teacher": weights_digest(teacher) if isinstance(teacher, str) else result_settings(teacher),
            "examples": content_digest(examples_path),
        },
    )
    checkpoint = out_dir / CHECKPOINT
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
    require_finite_weights(model, "the student after the last step")
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

    from understudy.models.rendering import Renderer, open_renderer

    tokenizer = load_tokenizer(student)
    renderer = Renderer(tokenizer)
    reader = open_renderer(teacher if isinstance(teacher, str) else teacher.tokenizer or "")
    prefixes = stored_prefixes(read_user_jsonl(examples_path, Example), renderer, reader, config, limits_of(student))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with _opened(teacher, config, prefixes, device) as opened:
        model: Any = load_base(student, torch.float32)
        require_finite_weights(model, student)
        torch.manual_seed(config.seed)  # of a new adapter's weights
        model = _trainable(model, config).to(device)
        end_id = renderer.end_of_turn_ids[-1]
        _Loop(model, tokenizer, end_id, opened, prefixes, config, _autocast(device)).run(out_dir, quiet)
    return model, tokenizer


@contextmanager
def _opened(
    teacher: str | OpenAIChatConfig, config: OnPolicyConfig, prefixes: Sequence[Prefix], device: torch.device
) -> Iterator[Teacher]:
    from understudy.training.on_policy.teachers import LocalTeacher, server_teacher

    if isinstance(teacher, OpenAIChatConfig):
        with server_teacher(teacher, config.teacher_top_k, device) as served:
            served.prove_rendering(prefixes)
            yield served
        return
    reference: Any = load_base(teacher, "auto").to(device).eval().requires_grad_(False)
    require_finite_weights(reference, teacher)
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

        config, log_path, resume = self.config, out_dir / TRAINING_LOG, out_dir / "resume"
        trained = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=0.0)
        done, tally = restore_state(resume, self.model, optimizer)
        before = read_jsonl(log_path, LogLine) if log_path.exists() else ()
        write_jsonl(log_path, [line for line in before if line.step <= done])
        started = time.monotonic()
        file = ProgressFile(out_dir, config.n_steps, done)
        with (
            append_jsonl(log_path) as log,
            Progress(f"on-policy {out_dir.name}", config.n_steps, done=done, quiet=quiet) as progress,
        ):
            for step in range(done + 1, config.n_steps + 1):
                loss = self._backward(step, tally, file)
                norm = float(torch.nn.utils.clip_grad_norm_(trained, config.max_grad_norm))
                if not math.isfinite(norm):
                    raise self._not_finite(f"the norm of the gradients is {norm}", step, self._batch(step))
                optimizer.step()
                optimizer.zero_grad()
                file.step_done(step, loss)
                progress.advance(1, f"{config.divergence} {loss:.3f}")
                if step % config.log_every_steps == 0 or step == config.n_steps:
                    log.write(self._line(step, tally, norm, time.monotonic() - started))
                    tally = Tally()
                if step % config.save_every_steps == 0 and step < config.n_steps:
                    require_finite_weights(self.model, f"the student after step {step}", trained_only=True)
                    save_state(resume, step, self.model, optimizer, tally)
                    file.saved(step)

    def _batch(self, step: int) -> list[Prefix]:
        order = random.Random(derive_seed(self.config.seed, "prefixes of step", step))
        return order.sample(self.prefixes, min(self.config.batch_size, len(self.prefixes)))

    def _not_finite(self, what: str, step: int, batch: Sequence[Prefix]) -> NotFiniteError:
        return NotFiniteError(
            f"the distillation stopped at step {step} of {self.config.n_steps}: {what}. Learning rate: "
            f"{self.config.learning_rate:g}. Examples of the batch: {', '.join(one.example_id for one in batch[:8])}. "
            "No checkpoint of this state is written; earlier ones are kept"
        )

    def _backward(self, step: int, tally: Tally, file: ProgressFile) -> float:
        """One step's gradient, an action at a time, since logits of all tokens are large; return the loss."""
        import torch

        from understudy.training.on_policy.acting import sample_actions
        from understudy.training.on_policy.divergence import divergence
        from understudy.training.on_policy.teachers import action_logprobs

        config = self.config
        batch = self._batch(step)
        states = [prefix.ids for prefix in batch]
        seed = derive_seed(config.seed, "actions of step", step)
        with self.autocast():
            acting = self.model if config.method is Method.FULL else self.model.get_base_model()
            try:
                actions = sample_actions(acting, self.tokenizer, states, self.end_id, config, seed)
            except NotFiniteError as error:
                raise self._not_finite(f"the next token of the student is unknown ({error})", step, batch) from error
        torch.manual_seed(derive_seed(config.seed, "dropout of step", step))
        weight = sum(prefix.weight * len(action) for prefix, action in zip(batch, actions, strict=True))
        total = 0.0
        theirs = self.teacher.logprobs(states, actions)
        for number, (prefix, action, expected) in enumerate(zip(batch, actions, theirs, strict=True), 1):
            with self.autocast():
                own = action_logprobs(self.model, prefix.ids, action)
            loss = divergence(own, expected, config.divergence).sum() * (prefix.weight / weight)
            if not math.isfinite(float(loss.detach())):
                raise self._not_finite(f"the loss is {float(loss.detach())}", step, [prefix])
            loss.backward()
            total += float(loss.detach())
            tally.n_read += len(prefix.ids)
            tally.n_acted += len(action)
            file.part_done(number / len(batch))
        tally.loss += total
        tally.n_steps += 1
        return total

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

    with without_peft_warning():
        return get_peft_model(model, lora_settings(config.lora))


def _autocast(device: torch.device) -> Autocast:
    """Computing in bfloat16 if a GPU has it; the trained weights stay in float32."""
    import torch

    is_enabled = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return lambda: torch.autocast(device.type, torch.bfloat16, enabled=is_enabled)
