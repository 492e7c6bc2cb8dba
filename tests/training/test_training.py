"""Training: a batch is learnt, packing changes nothing, a kill changes nothing, a folder belongs to one training."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.training.conversations import example, write_examples
from understudy.models.loading import without_peft_warning
from understudy.records import Role
from understudy.runs import read_jsonl, write_jsonl
from understudy.training import (
    Dtype,
    EvalCallbackConfig,
    EvalLine,
    LogLine,
    LoraSettings,
    Method,
    OtherTrainingError,
    Schedule,
    TrainConfig,
    TrainSummary,
    merge,
    read_card,
    train,
)

QUICK = TrainConfig(
    method=Method.FULL,
    epochs=None,
    max_steps=6,
    learning_rate=3e-3,
    log_every_steps=1,
    n_threads=1,
    batch_size=4,
    dtype=Dtype.FLOAT32,  # the bounds of these tests are those of float32, on a GPU too
)

PROGRAM = """
import sys
from pathlib import Path
from understudy.training import TrainConfig, train
train(Path(sys.argv[1]), TrainConfig.model_validate_json(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), quiet=True)
"""


def losses(out_dir: Path) -> list[float]:
    return [line.loss for line in read_jsonl(out_dir / "log.jsonl", LogLine)]


def test_one_batch_is_memorised_and_then_reproduced(base: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from understudy.models.rendering import Renderer

    one = example(3, 1)
    write_jsonl(tmp_path / "examples.jsonl", [one])
    config = QUICK.model_copy(update={"max_steps": 120, "learning_rate": 1e-2, "log_every_steps": 10})
    summary = train(tmp_path / "examples.jsonl", config, base, tmp_path / "out", quiet=True)
    assert summary.last_loss is not None
    assert summary.last_loss < 0.01
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "checkpoint")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out" / "checkpoint")
    prompt = Renderer(tokenizer).prompt_ids(one.messages[:2])
    said = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), max_new_tokens=200)
    words = next(message.content for message in one.messages if message.role is Role.ASSISTANT)
    assert tokenizer.decode(said[0, len(prompt) :]) == f"{words}<|im_end|>"


@pytest.mark.parametrize("change", [{"packing": False}, {"tokens_per_pass": 150}, {"group_by_length": False}])
def test_how_sequences_are_laid_out_does_not_change_what_is_learnt(
    base: str, examples_path: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    train(examples_path, QUICK, base, tmp_path / "one", quiet=True)
    train(examples_path, QUICK.model_copy(update=change), base, tmp_path / "other", quiet=True)
    assert losses(tmp_path / "one") == pytest.approx(losses(tmp_path / "other"), abs=1e-4)


def test_the_loss_is_that_of_the_models_own_forward(base: str, examples_path: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from understudy.models.rendering import Renderer
    from understudy.records import Example
    from understudy.training import OverLong, encode

    config = QUICK.model_copy(update={"max_steps": 1, "batch_size": 24})
    train(examples_path, config, base, tmp_path / "out", quiet=True)
    model = AutoModelForCausalLM.from_pretrained(base)
    renderer = Renderer(AutoTokenizer.from_pretrained(base))
    sequences, counts = encode(read_jsonl(examples_path, Example), renderer, 10_000, OverLong.DROP)
    total = 0.0
    for one in sequences:
        labels = [token if weight else -100 for token, weight in zip(one.ids, one.weights, strict=True)]
        with torch.no_grad():
            loss = model(input_ids=torch.tensor([one.ids]), labels=torch.tensor([labels])).loss
        total += float(loss) * sum(label != -100 for label in labels)
    assert losses(tmp_path / "out") == pytest.approx([total / counts.n_trained], abs=1e-4)


def test_the_loss_of_the_gpu_is_the_loss_of_the_cpu(base: str) -> None:
    """TRL's fused head, which a GPU uses, runs on a CPU too, only slower."""
    import torch
    from transformers import AutoModelForCausalLM
    from trl.trainer.utils import add_fused_lm_head

    from understudy.training import TrainSequence
    from understudy.training.layout import passes_of
    from understudy.training.losses import loss_by_fused_head, loss_by_logits

    weights = [(0.0, 0.0, 1.0, 2.0), (0.0, 0.5), (0.0, 1.0, 1.0)]
    sequences = [TrainSequence(tuple(range(5, 5 + len(w))), w) for w in weights]
    model = AutoModelForCausalLM.from_pretrained(base)
    add_fused_lm_head(model)
    (one,) = passes_of(sequences, packing=True, tokens_per_pass=None, pad_id=0)
    gradients = []
    for loss_of in (loss_by_fused_head, loss_by_logits):
        model.zero_grad()
        loss = loss_of(model, one)
        loss.backward()
        gradients.append([loss.detach()] + [p.grad.clone() for p in model.parameters()])
    assert all(torch.allclose(fused, plain, atol=1e-5) for fused, plain in zip(*gradients, strict=True))


def test_token_weights_weigh_the_loss(base: str, tmp_path: Path) -> None:
    light, heavy = example(1, 1), example(2, 1, weight=3.0)
    alone = []
    for number, one in enumerate((light, heavy)):
        write_jsonl(tmp_path / f"{number}.jsonl", [one])
        summary = train(tmp_path / f"{number}.jsonl", QUICK, base, tmp_path / f"out{number}", quiet=True)
        alone.append((losses(tmp_path / f"out{number}")[0], summary.counts.n_trained))
    write_jsonl(tmp_path / "both.jsonl", [light, heavy])
    train(tmp_path / "both.jsonl", QUICK, base, tmp_path / "both", quiet=True)
    (loss_light, n_light), (loss_heavy, n_heavy) = alone
    expected = (loss_light * n_light + 3 * loss_heavy * n_heavy) / (n_light + 3 * n_heavy)
    assert losses(tmp_path / "both")[0] == pytest.approx(expected, abs=1e-4)


def test_an_adapter_is_trained_and_its_merged_weights_say_the_same(
    base: str, examples_path: Path, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    config = QUICK.model_copy(update={"method": Method.LORA, "lora": LoraSettings(r=4, alpha=8)})
    config = config.model_copy(
        update={"eval_callback": EvalCallbackConfig(every_steps=3, n_prompts=2, max_new_tokens=8)}
    )
    summary = train(examples_path, config, base, tmp_path / "out", quiet=True)
    assert summary.student.is_adapter
    checkpoint = tmp_path / "out" / "checkpoint"
    assert read_card(checkpoint) == summary.student
    merged = merge(checkpoint, tmp_path / "merged")
    assert not merged.is_adapter
    ids = torch.arange(20)[None]
    plain = AutoModelForCausalLM.from_pretrained(base).eval()
    with torch.no_grad(), without_peft_warning():
        before = plain(ids).logits
        beside = PeftModel.from_pretrained(plain, checkpoint).eval()(ids).logits
        inside = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()(ids).logits
    assert torch.allclose(beside, inside, atol=1e-5)
    assert not torch.allclose(before, beside, atol=1e-5)
    with pytest.raises(ValueError, match="expected an adapter"):
        merge(tmp_path / "merged", tmp_path / "again")
    probes = list(read_jsonl(tmp_path / "out" / "eval_callback.jsonl", EvalLine))
    assert [line.step for line in probes] == [3, 6]
    assert all(line.n_replies == 2 and 0 < line.mean_tokens <= 8 for line in probes)


def test_a_finished_training_is_not_done_again_and_a_folder_belongs_to_one(
    base: str, examples_path: Path, tmp_path: Path
) -> None:
    summary = train(examples_path, QUICK, base, tmp_path / "out", quiet=True)
    written = (tmp_path / "out" / "checkpoint" / "model.safetensors").stat().st_mtime_ns
    assert train(examples_path, QUICK, base, tmp_path / "out", quiet=True) == summary
    assert (tmp_path / "out" / "checkpoint" / "model.safetensors").stat().st_mtime_ns == written
    assert not (tmp_path / "out" / "resume").exists()
    with pytest.raises(OtherTrainingError, match="another folder"):
        train(examples_path, QUICK.model_copy(update={"seed": 1}), base, tmp_path / "out", quiet=True)


def test_killed_in_mid_training_it_resumes_to_the_same_losses(base: str, examples_path: Path, tmp_path: Path) -> None:
    config = QUICK.model_copy(
        update={"max_steps": 40, "save_every_steps": 5, "schedule": Schedule.COSINE, "method": Method.LORA}
    )
    train(examples_path, config, base, tmp_path / "whole", quiet=True)
    killed = tmp_path / "killed"
    _train_and_kill(examples_path, config, base, killed, after_step=12)
    lines_at_kill = len(losses(killed))
    assert 12 <= lines_at_kill < 40
    summary = train(examples_path, config, base, killed, quiet=True)
    assert 5 <= summary.resumed_from <= lines_at_kill
    assert losses(killed) == pytest.approx(losses(tmp_path / "whole"), abs=1e-5)
    whole = TrainSummary.model_validate_json((tmp_path / "whole" / "summary.json").read_bytes())
    assert summary.n_trained_seen == whole.n_trained_seen
    assert math.isclose(summary.last_loss or 0, whole.last_loss or 1, abs_tol=1e-5)


@pytest.mark.slow
def test_two_processes_come_to_the_same_losses_as_one(base: str, examples_path: Path, tmp_path: Path) -> None:
    probe = EvalCallbackConfig(every_steps=3, n_prompts=1, max_new_tokens=4)
    config = QUICK.model_copy(update={"batch_size": 3, "tokens_per_pass": 150, "eval_callback": probe})
    train(examples_path, config, base, tmp_path / "one", quiet=True)
    arguments = [str(examples_path), config.model_dump_json(), base, str(tmp_path / "two")]
    (tmp_path / "program.py").write_text(PROGRAM)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    subprocess.run(
        [*launch, str(tmp_path / "program.py"), *arguments], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-4)
    assert [line.step for line in read_jsonl(tmp_path / "two" / "eval_callback.jsonl", EvalLine)] == [3, 6], "said once"


def _train_and_kill(examples_path: Path, config: TrainConfig, base: str, out_dir: Path, after_step: int) -> None:
    """Train in another process and kill it, the hard way, once its log has so many lines."""
    arguments = [str(examples_path), config.model_dump_json(), base, str(out_dir)]
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        deadline = time.monotonic() + 200
        while not _has_lines(out_dir / "log.jsonl", after_step):
            assert process.poll() is None, "the training ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _has_lines(path: Path, n: int) -> bool:
    return path.exists() and path.read_bytes().count(b"\n") >= n


def test_a_checkpoint_that_was_not_written_to_its_end_is_not_resumed_from(tmp_path: Path) -> None:
    from understudy.training.callbacks import WHOLE_MARK, last_whole_checkpoint

    assert last_whole_checkpoint(tmp_path) is None
    for step in (5, 10, 15):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
        if step < 15:
            (folder / WHOLE_MARK).touch()
    assert last_whole_checkpoint(tmp_path) == (tmp_path / "checkpoint-10", 10)


def test_examples_file_without_examples_is_refused(base: str, tmp_path: Path) -> None:
    write_examples(tmp_path / "none.jsonl", 0)
    with pytest.raises(ValueError, match="0 examples"):
        train(tmp_path / "none.jsonl", QUICK, base, tmp_path / "out", quiet=True)


def test_a_training_without_end_and_one_with_two_are_refused() -> None:
    with pytest.raises(ValueError, match=r"epochs=None, max_steps=None"):
        TrainConfig(epochs=None)
    with pytest.raises(ValueError, match=r"epochs=2.0, max_steps=3"):
        TrainConfig(max_steps=3)


def test_checkpoints_that_follow_quickly_cause_no_warning(base: str, examples_path: Path, tmp_path: Path) -> None:
    """transformers warns that the times of files may not be reliable."""
    import logging

    from transformers.utils.logging import warning_once

    warning_once.cache_clear()
    logger = logging.getLogger("transformers.trainer_utils")
    said: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(listener)
    try:
        config = TrainConfig(
            method=Method.FULL,
            epochs=None,
            max_steps=4,
            save_every_steps=1,
            batch_size=1,
            log_every_steps=1,
            n_threads=1,
        )
        train(examples_path, config, base, tmp_path, quiet=True)
        logger.warning("heard")
    finally:
        logger.removeHandler(listener)
    assert said == ["heard"]
