"""The training on preference pairs.

In: pairs, the config, a student, a folder. Out in the folder: a checkpoint, a log with accuracy and margins, a summary
(see ``fitting``). The reference's log-probabilities are computed once, by the student before its first step, so no
second model is held; a training that resumes computes the same ones. Not here: where pairs come from
(``understudy.curation``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.annotations import result_settings
from understudy.models.finite import require_finite
from understudy.models.loading import load_tokenizer
from understudy.records import PreferencePair
from understudy.runs import content_digest, read_user_jsonl
from understudy.training.batches import batch_indices
from understudy.training.checkpoint import whole_weights
from understudy.training.dpo.config import DpoConfig
from understudy.training.dpo.pairs import EncodedPair, PairPass, encode_pairs, n_trained, passes_of_pairs
from understudy.training.encoding import TokenCounts
from understudy.training.fitting import Batches, Fitting, finished_summary, fit, open_trainer
from understudy.training.jobs import TrainingJob
from understudy.training.loading import limits_of, padding_id, torch_threads
from understudy.training.resume import start_or_resume, weights_digest
from understudy.training.summary import TrainSummary

if TYPE_CHECKING:
    import torch

    from understudy.training.losses import Metrics
    from understudy.training.trainer import StudentTrainer


class DpoJob(TrainingJob):
    """Train a student on preference pairs, in a process of its own."""

    pairs: Path
    student: str
    """Folder or Hub id; an adapter of ours is merged first."""
    config: DpoConfig

    def run(self, folder: Path) -> None:
        """Raises what ``train_dpo`` raises."""
        train_dpo(self.pairs, self.config, self.student, folder, quiet=True)


def train_dpo(pairs_path: Path, config: DpoConfig, student: str, out_dir: Path, *, quiet: bool = False) -> TrainSummary:
    """Train ``student`` (folder or Hub id) on the ``PreferencePair`` lines of a file; return the outcome.

    Called again on a folder with the same training, it resumes, or returns the summary of what is finished. Raises what
    ``understudy.training.train`` raises.
    """
    identity = start_or_resume(
        out_dir,
        {"config": result_settings(config), "student": weights_digest(student), "pairs": content_digest(pairs_path)},
    )
    done = finished_summary(out_dir)
    if done is not None:
        return done
    student = whole_weights(student, out_dir / "student")  # stays: an adapter that is trained here stands on it
    tokenizer = load_tokenizer(student)
    with torch_threads(config.n_threads):
        pairs, counts = _encoded(pairs_path, config, student, tokenizer)
        of_step = batch_indices([len(pair) for pair in pairs], config)
        fitting = Fitting(student, config, out_dir, identity)
        trainer = open_trainer(fitting, tokenizer, len(of_step))
        pad_id = padding_id(tokenizer)
        reference = reference_logprobs(trainer, pairs, config.tokens_per_pass, pad_id)
        batches = _batches(pairs, reference, of_step, counts, pad_id)
        objective = PreferenceLoss(config.beta, config.label_smoothing, config.sft_weight)
        return fit(fitting, trainer, tokenizer, batches, objective, quiet=quiet)


@dataclass(frozen=True, slots=True)
class PreferenceLoss:
    """The DPO loss, a mean over pairs."""

    beta: float
    label_smoothing: float = 0.0
    sft_weight: float = 0.0

    def weight(self, one: PairPass) -> float:
        return float(one.pair_weights.sum())

    def loss_sum(self, model: Any, one: PairPass) -> tuple[torch.Tensor, Metrics]:
        """Also ``accuracy``, the share of pairs whose chosen reply gained more, ``margin``, and both rewards."""
        from torch.nn.functional import logsigmoid

        from understudy.training.losses import row_logprobs

        logprobs = row_logprobs(model, one.rows)  # (2 P,)
        weights, reference = one.pair_weights.to(logprobs.device), one.reference.to(logprobs.device)
        chosen, rejected = logprobs.chunk(2)  # (P,) each
        rewards = self.beta * (chosen - reference[:, 0]), self.beta * (rejected - reference[:, 1])
        margins = rewards[0] - rewards[1]
        losses = -(1 - self.label_smoothing) * logsigmoid(margins) - self.label_smoothing * logsigmoid(-margins)
        if self.sft_weight:
            n_tokens = one.rows.weights[: len(weights)].sum(-1).to(logprobs.device)
            losses = losses - self.sft_weight * chosen / n_tokens
        figures = {
            "accuracy": (margins > 0).float(),
            "margin": margins,
            "chosen_reward": rewards[0],
            "rejected_reward": rewards[1],
        }
        return (losses * weights).sum(), {
            name: float((figure.detach() * weights).sum()) for name, figure in figures.items()
        }


def reference_logprobs(
    trainer: StudentTrainer, pairs: Sequence[EncodedPair], tokens_per_pass: int | None, pad_id: int
) -> list[tuple[float, float]]:
    """Log-probabilities of both replies of each pair, by the student as it is. Raises ``NotFiniteError``.

    On several devices each computes its share, and all get all of them.
    """
    import torch
    from accelerate.utils import gather_object

    from understudy.training.losses import row_logprobs

    model, state = trainer.model, trainer.accelerator
    found: list[tuple[int, float, float]] = []
    model.eval()
    with torch.no_grad(), trainer.compute_loss_context_manager():
        for number in range(state.process_index, len(pairs), state.num_processes):
            (one,) = passes_of_pairs([pairs[number]], [(0.0, 0.0)], tokens_per_pass=tokens_per_pass, pad_id=pad_id)
            chosen, rejected = row_logprobs(model, one.rows).tolist()
            require_finite((chosen, rejected), f"pair {pairs[number].id}: log-probabilities of the reference")
            found.append((number, chosen, rejected))
    model.train()
    return [(chosen, rejected) for _, chosen, rejected in sorted(gather_object(found))]


def _encoded(
    pairs_path: Path, config: DpoConfig, student: str, tokenizer: Any
) -> tuple[list[EncodedPair], TokenCounts]:
    from understudy.models.rendering import Renderer

    pairs = read_user_jsonl(pairs_path, PreferencePair)
    return encode_pairs(pairs, Renderer(tokenizer), config.max_length, limits_of(student))


def _batches(
    pairs: list[EncodedPair],
    reference: list[tuple[float, float]],
    of_step: list[list[int]],
    counts: TokenCounts,
    pad_id: int,
) -> Batches:
    def passes(step: int, rank: int, world: int, tokens_per_pass: int | None) -> list[PairPass]:
        mine = of_step[step][rank::world]
        return passes_of_pairs(
            [pairs[index] for index in mine or of_step[step][:1]],
            [reference[index] for index in mine or of_step[step][:1]],
            tokens_per_pass=tokens_per_pass,
            pad_id=pad_id,
            weight=1.0 if mine else 0.0,
        )

    trained = [n_trained(pair.chosen) + n_trained(pair.rejected) for pair in pairs]
    return Batches(
        passes=passes,
        examples=[[pairs[index].id for index in step] for step in of_step],
        tokens=[(sum(len(pairs[i]) for i in step), sum(trained[i] for i in step)) for step in of_step],
        counts=counts,
    )
