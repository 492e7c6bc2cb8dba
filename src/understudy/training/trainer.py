"""TRL's trainer, with our batches, our loss and our log.

In: a model, TRL arguments, the passes of each step, an objective. Out: a trained model, and a call for each step. TRL,
transformers, PEFT and accelerate provide the optimiser, its schedule, adapters, checkpoints and devices. This module
changes four things: the batches are decided beforehand, the loss is a weighted mean over the whole step, on however
many devices and in however many passes, numbers that are not finite end the training, and no usage ping is sent.
Importing this module loads torch.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.utils.data import DataLoader
from transformers import Trainer
from trl import SFTTrainer

from understudy.models.finite import NotFiniteError, require_finite_weights
from understudy.models.loading import bars_of_downloads_only
from understudy.training.heap import give_large_tensors_own_blocks
from understudy.training.losses import Metrics


class Objective(Protocol):
    """The objective: the loss of a step is the weighted mean of its passes' losses."""

    def weight(self, one: Any) -> float:
        """Of a pass: its trained tokens, its pairs."""
        ...

    def loss_sum(self, model: Any, one: Any) -> tuple[torch.Tensor, Metrics]:
        """Sum of the losses of a pass, each times its weight, and sums of further figures, weighted alike."""
        ...


@dataclass(frozen=True, slots=True)
class Steps:
    """All steps of a training, decided before the first one."""

    passes: Callable[[int], list[Any]]
    """Passes of one step for this device; called with the number of the step, from 0."""
    examples: Sequence[Sequence[str]]
    """Ids of the examples of each step, over all devices."""

    def __len__(self) -> int:
        return len(self.examples)


class StudentTrainer(SFTTrainer):  # type: ignore[misc]  # TRL's classes have no types
    """Trains on passes that are laid out step by step."""

    steps: Steps
    objective: Objective
    last_loss: torch.Tensor
    """Of the last step, over all devices as far as this one knows."""
    last_grad_norm: float | None = None
    rate_of_last_step: float = 0.0
    on_pass: Callable[[float], None] = staticmethod(lambda _part: None)
    """Called after each pass with the share of the step that is done."""
    checkpoint_above: int | None = None
    """Passes of more tokens compute their activations again in the backward pass. None: the arguments alone decide."""
    is_checkpointing: bool = False
    """Whether the model does so now, by ``checkpoint_above``."""
    metric_sums: Metrics = {}
    """Sums of this device since the last line of the log, with the weight of all passes under ``weight``."""

    def create_accelerator_and_postprocess(self) -> None:
        """Where weights are divided (FSDP 2), gradients are added up in float32 and log-probabilities stay in it."""
        super().create_accelerator_and_postprocess()
        plugin = getattr(self.accelerator.state, "fsdp_plugin", None)
        if plugin is not None and isinstance(plugin.mixed_precision_policy, MixedPrecisionPolicy):
            computed_in = plugin.mixed_precision_policy.param_dtype
            plugin.mixed_precision_policy = MixedPrecisionPolicy(param_dtype=computed_in, reduce_dtype=torch.float32)

    def attach(self, steps: Steps, objective: Objective) -> None:
        """Give the trainer its steps and what to minimise, once, before ``train``."""
        self.steps = steps
        self.objective = objective

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Steps in order. Each device lays out its own share, so accelerate has nothing to divide."""
        return DataLoader(range(len(self.steps)), batch_size=1, shuffle=False, collate_fn=_first)

    def get_batch_samples(self, epoch_iterator: Iterator[int], num_batches: int, device: object) -> Any:  # noqa: ARG002
        """Numbers of steps; tokens are counted in ``training_step``."""
        return [next(epoch_iterator) for _ in range(num_batches)], None

    def training_step(self, model: Any, inputs: int, num_items_in_batch: object = None) -> torch.Tensor:  # noqa: ARG002
        """Forward and backward of one step; return its loss, the weighted mean over the whole step."""
        model.train()
        passes = self.steps.passes(inputs)
        world = self.accelerator.num_processes
        weight, n_passes = sum(map(self.objective.weight, passes)), len(passes)
        if world > 1:
            weight, n_passes = self._over_all_devices(weight, n_passes)
        if weight <= 0:
            raise ValueError(f"step {inputs + 1}: expected a trained token in the batch, found none")
        total = torch.zeros((), device=self.args.device)
        for number in range(n_passes):
            one, share = (passes[number], 1.0) if number < len(passes) else (passes[-1], 0.0)
            with self._gradients_are_shared(model, at_last=number == n_passes - 1):
                self._choose_checkpointing(one)
                loss_sum, metrics = self._loss_sum(model, one)
                loss = loss_sum * (share * world / weight)
                self.accelerator.backward(loss)
            if share:
                self._count(metrics, one)
            self._require_finite("loss", float(loss.detach()), inputs)
            total += loss.detach()
            self.on_pass((number + 1) / n_passes)
        self.last_loss = total
        self.rate_of_last_step = self._learning_rate()
        return total

    def require_finite_student(self) -> None:
        """Before anything is saved: weights and the loss they give. All devices must call.

        Raises ``NotFiniteError``, so that no checkpoint is written that cannot be used.
        """
        done = self.state.global_step
        try:
            require_finite_weights(self.model, "the student", trained_only=True)
        except NotFiniteError as error:
            raise self._not_finite(f"the weights are not finite after this step: {error}", max(done - 1, 0)) from error
        following = min(done, len(self.steps) - 1)  # after the last step its own batch is taken once more
        one = self.steps.passes(following)[-1]
        self.model_wrapped.eval()
        with torch.no_grad():
            self._require_finite("loss", float(self._loss_sum(self.model_wrapped, one)[0]), following)
        self.model_wrapped.train()

    def _require_finite(self, what: str, number: float, step: int) -> None:
        if not math.isfinite(number):
            raise self._not_finite(f"the {what} is {number}", step)

    def _not_finite(self, what: str, step: int) -> NotFiniteError:
        examples = list(self.steps.examples[step])
        shown = ", ".join(examples[:8]) + (f" and {len(examples) - 8} more" if len(examples) > 8 else "")
        return NotFiniteError(
            f"the training stopped at step {step + 1} of {len(self.steps)}: {what}. Learning rate: "
            f"{self._learning_rate():g}, in the last update {self.rate_of_last_step:g}. Examples of the batch: "
            f"{shown}. No checkpoint of this state is written; earlier ones are kept"
        )

    def _learning_rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"]) if self.optimizer else self.args.learning_rate

    def _count(self, metrics: Metrics, one: Any) -> None:
        if metrics:
            more = {**metrics, "weight": self.objective.weight(one)}
            self.metric_sums = {name: self.metric_sums.get(name, 0.0) + value for name, value in more.items()}

    def _choose_checkpointing(self, one: Any) -> None:
        n_tokens = getattr(one, "n_tokens", 0)  # passes of a user's own method need not count theirs
        if self.checkpoint_above is not None and (n_tokens > self.checkpoint_above) != self.is_checkpointing:
            self.is_checkpointing = not self.is_checkpointing
            _set_checkpointing(self.model, self.is_checkpointing)
            give_large_tensors_own_blocks(is_on=self.is_checkpointing)

    def _loss_sum(self, model: Any, one: Any) -> tuple[torch.Tensor, Metrics]:
        with self.compute_loss_context_manager():
            return self.objective.loss_sum(model, one)

    def _over_all_devices(self, weight: float, n_passes: int) -> tuple[float, int]:
        """Total weight of the step, and passes of the device that has most: all take part in as many."""
        weights = self.accelerator.reduce(torch.tensor(weight, device=self.args.device), reduction="sum")
        counts = self.accelerator.gather(torch.tensor([n_passes], device=self.args.device))
        return float(weights), int(counts.max())

    @contextlib.contextmanager
    def _gradients_are_shared(self, model: Any, *, at_last: bool) -> Iterator[None]:
        """Devices exchange gradients, and DeepSpeed steps, in the last pass of a step only.

        With FSDP they exchange them in each pass: to wait, each would have to hold the gradients of all weights.
        """
        self.accelerator.gradient_state._set_sync_gradients(at_last)
        with contextlib.nullcontext() if at_last or self.is_fsdp_enabled else self.accelerator.no_sync(model):
            yield

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> float | None:
        """Called before the optimiser's step, so weights are not changed by gradients that are not finite."""
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)
        self.last_grad_norm = None if norm is None else float(norm)
        if self.last_grad_norm is not None:
            self._require_finite("norm of the gradients", self.last_grad_norm, self.state.global_step)
        return self.last_grad_norm

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self.require_finite_student()
        with bars_of_downloads_only(self.args.output_dir):
            Trainer._save_checkpoint(self, model, trial)  # without TRL's model card in every checkpoint
        self.accelerator.wait_for_everyone()  # it is whole when all devices have written their part

    def floating_point_ops(self, inputs: object) -> int:  # noqa: ARG002
        """Not counted: transformers would guess them from padded batches."""
        return 0

    def _send_telemetry(self) -> None:
        """Nothing is sent."""


def _set_checkpointing(model: Any, is_on: bool) -> None:
    """Switch it for all layers of a model that supports it. Enabled once, layers are switched one by one: transformers
    would add a hook each time. Version 5.23 renamed its method and warns about the old name.
    """
    layers = [module for module in model.modules() if hasattr(module, "_gradient_checkpointing_func")]
    for layer in layers:
        layer.gradient_checkpointing = is_on
    if is_on and not layers and model.supports_gradient_checkpointing:
        new, old = "activation_checkpointing_enable", "gradient_checkpointing_enable"
        getattr(model, new if hasattr(model, new) else old)({"use_reentrant": False})


def _first(items: Sequence[int]) -> int:
    return items[0]
