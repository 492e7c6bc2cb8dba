"""What a model cannot read: ids without an embedding are refused, sequences beyond its window are counted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tiny_model import save_tiny_model, tiny_tokenizer
from tests.training.conversations import example
from understudy.models.rendering import Renderer, RenderingError
from understudy.records import Example
from understudy.runs import read_jsonl, write_jsonl
from understudy.training import (
    EvalCallbackConfig,
    EvalLine,
    Method,
    NothingToTrainError,
    OnPolicyConfig,
    OverLong,
    TrainConfig,
    VocabularyError,
    distil_on_policy,
    encode,
    train,
)
from understudy.training.encoding import ModelLimits
from understudy.training.loading import limits_of

QUICK = TrainConfig(method=Method.FULL, epochs=None, max_steps=2, n_threads=1, batch_size=4)
ONE_STEP = OnPolicyConfig(n_steps=1, batch_size=1, max_new_tokens=8)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(tiny_tokenizer())


def base_with_larger_tokenizer(folder: Path) -> str:
    """The model has 400 embeddings; its folder has a tokenizer of a few more tokens, as after ``add_tokens``."""
    save_tiny_model(folder, scale=0.02)
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["Thought:", "Code:"])
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_ids_beyond_the_embedding_are_refused_with_token_id_and_example(tmp_path: Path) -> None:
    base = base_with_larger_tokenizer(tmp_path / "base")
    write_jsonl(tmp_path / "examples.jsonl", [example(1, 2), example(2, 1)])
    n_embeddings = limits_of(base).n_embeddings
    assert n_embeddings is not None
    message = rf"example t1#0: token '(Thought|Code):' has the id \d+, .* embedding ends at {n_embeddings - 1}"
    with pytest.raises(VocabularyError, match=message):
        train(tmp_path / "examples.jsonl", QUICK, base, tmp_path / "out", quiet=True)
    assert not (tmp_path / "out" / "log.jsonl").exists()
    with pytest.raises(VocabularyError, match="has the id"):
        distil_on_policy(tmp_path / "examples.jsonl", ONE_STEP, base, base, tmp_path / "two", quiet=True)


def test_sequences_beyond_the_window_are_counted_and_the_others_trained(renderer: Renderer, tmp_path: Path) -> None:
    examples = [example(1, 1), example(2, 3), example(3, 1)]
    whole, counts = encode(examples, renderer, 10_000, OverLong.DROP)
    window = max(len(whole[0]), len(whole[2]))
    assert counts.longest > window
    base = str(save_tiny_model(tmp_path / "base", scale=0.02, max_tokens=window))
    write_jsonl(tmp_path / "examples.jsonl", examples)
    summary = train(tmp_path / "examples.jsonl", QUICK, base, tmp_path / "out", quiet=True)
    found = summary.counts
    assert (found.n_examples, found.n_sequences, found.n_over_long, found.n_over_window) == (3, 2, 1, 1)
    assert found.longest <= window
    cut = QUICK.model_copy(update={"over_long": OverLong.CUT_AT_STEP})
    found = train(tmp_path / "examples.jsonl", cut, base, tmp_path / "cut", quiet=True).counts
    assert (found.n_sequences, found.n_over_long, found.n_over_window, found.n_cut) == (3, 1, 1, 1)


@pytest.mark.parametrize("window", [8, 64])
def test_a_window_that_nothing_fits_is_refused_before_the_first_step(tmp_path: Path, window: int) -> None:
    base = str(save_tiny_model(tmp_path / "base", scale=0.02, max_tokens=window))
    write_jsonl(tmp_path / "examples.jsonl", [example(1, 2), example(2, 3)])
    message = rf"2 examples, found none: 0 sequences are longer than max_length=10240 and 2 than .* window of {window}"
    with pytest.raises(NothingToTrainError, match=message):
        train(tmp_path / "examples.jsonl", QUICK, base, tmp_path / "out", quiet=True)


def test_a_window_that_holds_no_prefix_is_refused_before_the_first_step(tmp_path: Path) -> None:
    base = str(save_tiny_model(tmp_path / "base", scale=0.02, max_tokens=8))
    write_jsonl(tmp_path / "examples.jsonl", [example(1, 2), example(2, 3)])
    with pytest.raises(NothingToTrainError, match="at most"):
        distil_on_policy(tmp_path / "examples.jsonl", ONE_STEP, base, base, tmp_path / "two", quiet=True)


def test_replies_are_sampled_only_where_the_window_has_room_for_them(renderer: Renderer, tmp_path: Path) -> None:
    examples = [example(1, 1), example(3, 1)]
    window = max(len(one) for one in encode(examples, renderer, 10_000, OverLong.DROP)[0])
    base = str(save_tiny_model(tmp_path / "base", scale=0.02, max_tokens=window))
    write_jsonl(tmp_path / "examples.jsonl", examples)
    for name, max_new_tokens, n_lines in (("fits", 4, 1), ("does-not", 10_000, 0)):
        callback = EvalCallbackConfig(every_steps=2, max_new_tokens=max_new_tokens)
        config = QUICK.model_copy(update={"eval_callback": callback})
        train(tmp_path / "examples.jsonl", config, base, tmp_path / name, quiet=True)
        path = tmp_path / name / "eval_callback.jsonl"
        assert (len(list(read_jsonl(path, EvalLine))) if path.exists() else 0) == n_lines


def test_a_model_without_limits_in_its_config_reads_everything(renderer: Renderer) -> None:
    assert ModelLimits().longest(123) == 123
    assert ModelLimits(window=7).longest(123) == 7
    ModelLimits().check_ids([10**9], renderer, "any")


@pytest.mark.parametrize("shown", ["part.text", "''"])
def test_a_template_that_shows_no_word_of_a_text_is_read_by_parts_or_refused(
    base: str, examples_path: Path, tmp_path: Path, shown: str
) -> None:
    folder = tmp_path / "base"
    shutil.copytree(base, folder)
    template = (
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% for part in message['content'] %}"
        "{{ " + shown + " }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    tiny_tokenizer(chat_template=template).save_pretrained(folder)
    if shown == "''":
        with pytest.raises(RenderingError, match="render alike"):
            train(examples_path, QUICK, str(folder), tmp_path / "out", quiet=True)
        return
    by_parts = train(examples_path, QUICK, str(folder), tmp_path / "out", quiet=True).counts
    _, plain = encode(read_jsonl(examples_path, Example), Renderer(tiny_tokenizer()), 10_000, OverLong.DROP)
    assert (by_parts.n_tokens, by_parts.n_trained) == (plain.n_tokens, plain.n_trained)
