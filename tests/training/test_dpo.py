"""Preference training: the loss is the paper's, the chosen reply gains, a kill costs nothing, others are refused."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.nn.functional import logsigmoid
from transformers import AutoModelForCausalLM

from tests.tiny_model import tiny_tokenizer
from tests.training.conversations import conversation
from understudy.models.rendering import Renderer
from understudy.records import PreferencePair
from understudy.runs import BadRecordError, read_jsonl, write_jsonl
from understudy.training import (
    DpoConfig,
    DpoJob,
    Dtype,
    LogLine,
    LoraSettings,
    Method,
    NotFiniteError,
    NothingToTrainError,
    OtherTrainingError,
    TrainConfig,
    TrainSummary,
    VocabularyError,
    read_card,
    train,
    train_dpo,
    write_job,
)
from understudy.training.dpo.dpo import PreferenceLoss
from understudy.training.dpo.pairs import EncodedPair, encode_pairs, passes_of_pairs
from understudy.training.encoding import UNLIMITED, ModelLimits

SMALL = DpoConfig(
    method=Method.FULL,
    epochs=None,
    max_steps=6,
    batch_size=4,
    learning_rate=1e-3,
    log_every_steps=1,
    n_threads=1,
    dtype=Dtype.FLOAT32,  # the bounds of these tests are those of float32, on a GPU too
)
LORA = {"method": Method.LORA, "lora": LoraSettings(r=4, alpha=8, dropout=0)}


def pair(number: int, **changes: object) -> PreferencePair:
    """At the second step of a conversation; the replies are of different lengths."""
    messages = conversation(random.Random(number), 2)
    wrong = "Thought: I guess.\nCode:\n```py\nfinal_answer(" + "7" * (1 + number % 3) + ")\n```<end_code>"
    made = {"messages": messages[:-1], "chosen": messages[-1].content, "rejected": wrong, **changes}
    return PreferencePair(id=f"p{number}", task_id=f"t{number}", **made)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pairs_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    write_jsonl(path, [pair(number) for number in range(12)])
    return path


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(tiny_tokenizer())


def log(folder: Path) -> list[LogLine]:
    return list(read_jsonl(folder / "log.jsonl", LogLine))


def losses(folder: Path) -> list[float]:
    return [line.loss for line in log(folder)]


def likelihood(model: torch.nn.Module, ids: tuple[int, ...], start: int) -> torch.Tensor:
    logits = model(input_ids=torch.tensor([ids[:-1]])).logits[0].log_softmax(-1)
    return logits[torch.arange(start - 1, len(ids) - 1), torch.tensor(ids[start:])].sum()


@pytest.mark.parametrize(("smoothing", "sft_weight"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.5), (0.2, 1.0)])
@pytest.mark.parametrize("tokens_per_pass", [None, 1, 700])
def test_the_loss_is_that_of_the_papers(
    base: str, renderer: Renderer, smoothing: float, sft_weight: float, tokens_per_pass: int | None
) -> None:
    """Each reply by itself through the plain model, without padding, row or mask."""
    model, beta = AutoModelForCausalLM.from_pretrained(base).eval(), 0.3
    encoded, _ = encode_pairs([pair(number) for number in range(3)], renderer, 10_000, UNLIMITED)
    reference = [(-20.0 - number, -31.0 + number) for number in range(3)]
    objective = PreferenceLoss(beta, smoothing, sft_weight)
    passes = passes_of_pairs(encoded, reference, tokens_per_pass=tokens_per_pass, pad_id=0)
    with torch.no_grad():
        loss = sum(float(objective.loss_sum(model, one)[0]) for one in passes)
        accuracy = sum(objective.loss_sum(model, one)[1]["accuracy"] for one in passes)
        expected, right = 0.0, 0
        for one, (before_chosen, before_rejected) in zip(encoded, reference, strict=True):
            starts = [next(i for i, w in enumerate(s.weights) if w) for s in (one.chosen, one.rejected)]
            chosen, rejected = (
                likelihood(model, s.ids, start) for s, start in zip((one.chosen, one.rejected), starts, strict=True)
            )
            margin = beta * (chosen - before_chosen - rejected + before_rejected)
            expected += float(-(1 - smoothing) * logsigmoid(margin) - smoothing * logsigmoid(-margin))
            expected += float(-sft_weight * chosen / (len(one.chosen) - starts[0]))
            right += bool(margin > 0)
    assert loss == pytest.approx(expected, rel=1e-4)
    assert accuracy == right
    assert sum(objective.weight(one) for one in passes) == 3


def test_only_the_reply_is_trained_and_it_follows_what_acting_sends(renderer: Renderer) -> None:
    whole, cut, prefilled = pair(1), pair(1, rejected_is_whole=False), pair(1, prefilled_chars=len("Thought:"))
    (one, two, three), counts = encode_pairs([whole, cut, prefilled], renderer, 10_000, UNLIMITED)
    prompt = renderer.prompt_ids(whole.messages)
    for sequence, text in ((one.chosen, whole.chosen), (one.rejected, whole.rejected)):
        assert list(sequence.ids[: len(prompt)]) == prompt
        assert set(sequence.weights[: len(prompt)]) == {0.0}
        assert set(sequence.weights[len(prompt) :]) == {1.0}
        assert renderer.tokenizer.decode(sequence.ids[len(prompt) :]) == f"{text}<|im_end|>"
    assert two.chosen == one.chosen
    assert two.rejected.ids == one.rejected.ids[:-1], "a limit cut it: no end of turn was said"
    trained = [i for i, w in zip(three.chosen.ids, three.chosen.weights, strict=True) if w]
    assert f"Thought:{renderer.tokenizer.decode(trained)}" == f"{whole.chosen}<|im_end|>"
    assert counts.n_examples == 3
    assert counts.n_sequences == 6


@pytest.mark.parametrize("changes", [{}, LORA], ids=["full", "lora"])
def test_the_chosen_replies_gain(base: str, pairs_path: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    update = {"max_steps": 15, "learning_rate": 5e-3, "log_every_steps": 3, **changes}
    summary = train_dpo(pairs_path, SMALL.model_copy(update=update), base, tmp_path, quiet=True)
    first, last = log(tmp_path)[0], log(tmp_path)[-1]
    assert last.loss < 0.8 * first.loss
    assert last.metrics["accuracy"] == 1.0
    assert last.metrics["margin"] > 0.4
    assert last.metrics["margin"] == pytest.approx(last.metrics["chosen_reward"] - last.metrics["rejected_reward"])
    assert read_card(tmp_path / "checkpoint") == summary.student
    assert summary.student.is_adapter is bool(changes)
    assert summary.counts.n_examples == 12


def test_the_first_loss_is_that_of_a_coin_however_the_step_is_laid_out(
    base: str, pairs_path: Path, tmp_path: Path
) -> None:
    """The student is its own reference before the first step."""
    for name, tokens_per_pass in (("one", None), ("many", 1)):
        config = SMALL.model_copy(update={"tokens_per_pass": tokens_per_pass})
        train_dpo(pairs_path, config, base, tmp_path / name, quiet=True)
    assert losses(tmp_path / "one")[0] == pytest.approx(math.log(2), abs=1e-5)
    assert losses(tmp_path / "one")[-1] < 0.6
    assert losses(tmp_path / "many") == pytest.approx(losses(tmp_path / "one"), abs=1e-4)


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_losses(base: str, pairs_path: Path, tmp_path: Path) -> None:
    dropout = {"method": Method.LORA, "lora": LoraSettings(r=4, alpha=8)}
    config = SMALL.model_copy(update={**dropout, "max_steps": 30, "save_every_steps": 3})
    train_dpo(pairs_path, config, base, tmp_path / "whole", quiet=True)
    folder = tmp_path / "killed"
    write_job(folder, DpoJob(pairs=pairs_path, student=base, config=config))
    process = subprocess.Popen([sys.executable, "-m", "understudy.training", str(folder)])
    deadline = time.monotonic() + 200
    while not list(folder.glob("resume/checkpoint-*/whole")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (folder / "checkpoint").exists(), "it was killed in the middle"
    summary = train_dpo(pairs_path, config, base, folder, quiet=True)
    assert summary.resumed_from >= 3
    assert losses(folder) == pytest.approx(losses(tmp_path / "whole"), abs=1e-6)
    assert [line.metrics for line in log(folder)] == [
        pytest.approx(line.metrics, abs=1e-5) for line in log(tmp_path / "whole")
    ]


def test_an_adapter_is_merged_first_and_a_folder_belongs_to_one_training(
    base: str, pairs_path: Path, examples_path: Path, tmp_path: Path
) -> None:
    first = TrainConfig(epochs=None, max_steps=2, n_threads=1, **LORA)  # type: ignore[arg-type]
    train(examples_path, first, base, tmp_path / "first", quiet=True)
    config = SMALL.model_copy(update={**LORA, "max_steps": 2})
    adapter = str(tmp_path / "first" / "checkpoint")
    summary = train_dpo(pairs_path, config, adapter, tmp_path / "second", quiet=True)
    assert summary.student.base == str(tmp_path / "second" / "student")
    checkpoint = tmp_path / "second" / "checkpoint"
    assert str(tmp_path) not in (checkpoint / "student.json").read_text()
    assert read_card(checkpoint).base == summary.student.base
    assert losses(tmp_path / "second")[0] == pytest.approx(math.log(2), abs=1e-5)
    assert train_dpo(pairs_path, config, adapter, tmp_path / "second", quiet=True) == summary
    with pytest.raises(OtherTrainingError, match=r"config\.beta: was 0\.1, is now 0\.2"):
        train_dpo(pairs_path, config.model_copy(update={"beta": 0.2}), adapter, tmp_path / "second", quiet=True)
    assert TrainSummary.model_validate_json((tmp_path / "second" / "summary.json").read_bytes()) == summary


def test_numbers_that_are_not_finite_end_it(base: str, pairs_path: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFiniteError, match=r"step 2 of 6: .*Examples of the batch: p\d+"):
        train_dpo(pairs_path, SMALL.model_copy(update={"learning_rate": 1e30}), base, tmp_path, quiet=True)
    assert not (tmp_path / "checkpoint").exists()


def test_pairs_that_are_too_long_are_counted_and_others_refused(renderer: Renderer, tmp_path: Path, base: str) -> None:
    encoded, _ = encode_pairs([pair(0), pair(2)], renderer, 10_000, UNLIMITED)
    longest = max(_longest(one) for one in encoded)
    kept, counts = encode_pairs([pair(0), pair(2)], renderer, longest - 1, UNLIMITED)
    assert (counts.n_examples, len(kept), counts.n_over_long, counts.n_over_window) == (2, 1, 1, 0)
    _, counts = encode_pairs([pair(0), pair(2)], renderer, 10_000, ModelLimits(window=longest - 1))
    assert (counts.n_over_long, counts.n_over_window) == (1, 1)
    with pytest.raises(NothingToTrainError, match="at most 5 tokens a reply, found none among 1 pairs"):
        encode_pairs([pair(0)], renderer, 5, UNLIMITED)
    with pytest.raises(VocabularyError, match="example p0: token"):
        encode_pairs([pair(0)], renderer, 10_000, ModelLimits(n_embeddings=20))
    text = pair(0).model_dump_json().replace('"prefilled_chars":0', '"prefilled_chars":9999')
    (tmp_path / "pairs.jsonl").write_text(pair(1).model_dump_json() + "\n" + text)
    with pytest.raises(BadRecordError, match=r"line 2: .*chosen: expected more than the 9999 prefilled"):
        train_dpo(tmp_path / "pairs.jsonl", SMALL, base, tmp_path / "out", quiet=True)


def _longest(one: EncodedPair) -> int:
    return max(len(one.chosen), len(one.rejected))
