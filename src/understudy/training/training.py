"""Training on examples: from ``examples.jsonl`` to a student's checkpoint.

In: examples, the config, a base model, a folder. Out in the folder: a checkpoint, a log, a summary (see ``fitting``),
and ``eval_callback.jsonl`` if replies are sampled on the way. Not here: the choice of examples, evaluation. Paper:
section 3, appendix B.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from understudy.agents import RuntimeConfig
from understudy.annotations import result_settings
from understudy.models.loading import load_tokenizer
from understudy.records import Example
from understudy.run_layout import EVAL_LOG
from understudy.runs import content_digest, read_user_jsonl
from understudy.training.batches import batch_indices
from understudy.training.code_runner import CodeRunner
from understudy.training.config import Attention, TrainConfig
from understudy.training.encoding import TokenCounts, TrainSequence, encode
from understudy.training.fitting import Batches, Fitting, finished_summary, fit, open_trainer
from understudy.training.jobs import TrainingJob
from understudy.training.layout import RowPass, passes_of
from understudy.training.loading import limits_of, padding_id, torch_threads
from understudy.training.resume import start_or_resume, weights_digest
from understudy.training.summary import TrainSummary


class TrainJob(TrainingJob):
    """Train a base on examples, in a process of its own."""

    examples: Path
    base: str
    """Folder or Hub id."""
    config: TrainConfig
    acting: RuntimeConfig | None = None
    """The runtime for the code of sampled replies."""

    def run(self, folder: Path) -> None:
        """Raises what ``train`` raises."""
        train(self.examples, self.config, self.base, folder, acting=self.acting, quiet=True)


def train(
    examples_path: Path,
    config: TrainConfig,
    base: str,
    out_dir: Path,
    *,
    acting: RuntimeConfig | None = None,
    quiet: bool = False,
) -> TrainSummary:
    """Train ``base`` (folder or Hub id) on the examples of a file; return the outcome.

    ``acting``: the runtime for the code of sampled replies; None: no code is run. Called again on a folder with the
    same training, it resumes, or returns the summary of what is finished.

    Raises ``OtherTrainingError`` for a folder of another training, ``NothingToTrainError`` if no token would be
    trained, ``VocabularyError`` if the model does not have the tokenizer's ids, ``NotFiniteError`` at the first
    weight, loss or gradient that is NaN or infinite, ``ValueError`` for an eval callback that is to run code without
    ``acting``.
    """
    evaluates = config.eval_callback
    if acting is None and evaluates is not None and evaluates.run_code:
        raise ValueError("eval_callback.run_code: expected the sandbox and tools to run code with (acting); got none")
    identity = start_or_resume(
        out_dir,
        {
            "config": result_settings(config),
            "base": weights_digest(base),
            "examples": content_digest(examples_path),
        },
    )
    done = finished_summary(out_dir)
    if done is not None:
        return done
    if evaluates is not None and evaluates.run_code is False:
        acting = None
    fitting = Fitting(base, config, out_dir, identity, packing=config.packing)
    with torch_threads(config.n_threads):
        return _train(fitting, config, examples_path, acting, quiet)


def _train(
    fitting: Fitting, config: TrainConfig, examples_path: Path, acting: RuntimeConfig | None, quiet: bool
) -> TrainSummary:
    from understudy.models.rendering import Renderer
    from understudy.training.losses import NextToken

    tokenizer, limits = load_tokenizer(fitting.base), limits_of(fitting.base)
    renderer = Renderer(tokenizer)
    examples = read_user_jsonl(examples_path, Example)
    sequences, counts = encode(examples, renderer, config.max_length, config.over_long, limits)
    batches = batches_of(sequences, counts, config, padding_id(tokenizer))
    trainer = open_trainer(fitting, tokenizer, len(batches.examples))
    with ExitStack() as stack:
        callbacks = []
        if config.eval_callback is not None:
            from understudy.training.eval_callback import EvalCallback

            runner = stack.enter_context(CodeRunner(acting)) if acting is not None else None
            prompted, path = read_user_jsonl(examples_path, Example), fitting.out_dir / EVAL_LOG
            callbacks = [
                EvalCallback(trainer, renderer, prompted, config.eval_callback, path, limits=limits, runner=runner)
            ]
        return fit(fitting, trainer, tokenizer, batches, NextToken(), callbacks=callbacks, quiet=quiet)


def batches_of(sequences: list[TrainSequence], counts: TokenCounts, config: TrainConfig, pad_id: int) -> Batches:
    """Lay out all steps of a training on sequences."""
    of_step = batch_indices(list(map(len, sequences)), config, group_by_length=config.group_by_length)
    trained = [sum(weight > 0 for weight in sequence.weights) for sequence in sequences]

    def passes(step: int, rank: int, world: int, tokens_per_pass: int | None) -> list[RowPass]:
        by_length = sorted((sequences[index] for index in of_step[step]), key=len, reverse=True)
        mine = by_length[rank::world]
        if not mine:  # fewer sequences than devices: this one only takes part in what all must do
            shortest = by_length[-1]
            mine = [TrainSequence(shortest.ids, (0.0,) * len(shortest))]
        return passes_of(
            mine,
            packing=config.packing,
            tokens_per_pass=tokens_per_pass,
            pad_id=pad_id,
            one_row=config.attention is Attention.FLASH,
        )

    return Batches(
        passes=passes,
        examples=[[sequences[index].example_id for index in step] for step in of_step],
        tokens=[(sum(len(sequences[i]) for i in step), sum(trained[i] for i in step)) for step in of_step],
        counts=counts,
    )
