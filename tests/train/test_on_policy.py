"""On-policy distillation: the divergence is the textbook's, it goes down, and unequal tokenizers are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_model import save_tiny_model, tiny_tokenizer
from tests.train.conversations import example
from understudy.models.rendering import Renderer
from understudy.runs import read_jsonl
from understudy.train import (
    Divergence,
    LogLine,
    LoraSettings,
    Method,
    NothingToTrainError,
    OnPolicyConfig,
    TokenizersDifferError,
    distil_on_policy,
    read_card,
)
from understudy.train.on_policy import divergence, sample_actions, stored_prefixes

PREFIXES, ACTIONS, WEIGHTS = [[5, 6, 7], [8, 9]], [[1, 2], [3]], [1.0, 0.5]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("teacher"), seed=5))


@pytest.mark.parametrize("kind", list(Divergence))
def test_the_divergence_is_that_of_torch_and_none_to_oneself(base: str, teacher: str, kind: Divergence) -> None:
    import torch
    from torch.nn.functional import kl_div
    from transformers import AutoModelForCausalLM

    own, other = (AutoModelForCausalLM.from_pretrained(path) for path in (base, teacher))
    total = 0.0
    for prefix, action, weight in zip(PREFIXES, ACTIONS, WEIGHTS, strict=True):
        ids = torch.tensor([[*prefix, *action]])
        with torch.no_grad():
            p, q = (m(ids).logits[0, len(prefix) - 1 : -1].log_softmax(-1) for m in (own, other))
        to, of = (q, p) if kind is Divergence.REVERSE_KL else (p, q)
        total += weight * float(kl_div(to, of, reduction="sum", log_target=True))
    expected = total / (1.0 * 2 + 0.5 * 1)
    with torch.no_grad():
        assert float(divergence(own, other, PREFIXES, ACTIONS, WEIGHTS, kind)) == pytest.approx(expected, rel=1e-4)
        assert float(divergence(own, own, PREFIXES, ACTIONS, WEIGHTS, kind)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("method", "share"), [(Method.FULL, 0.95), (Method.LORA, 0.995)])
def test_the_student_comes_nearer_to_its_teacher(
    base: str, teacher: str, examples_path: Path, tmp_path: Path, method: Method, share: float
) -> None:
    config = OnPolicyConfig(
        method=method,
        lora=LoraSettings(r=8, alpha=16, dropout=0),
        n_steps=24,
        batch_size=4,
        learning_rate=2e-2,
        max_new_tokens=6,
        log_every_steps=8,
    )
    card = distil_on_policy(examples_path, config, base, teacher, tmp_path, quiet=True)
    lines = list(read_jsonl(tmp_path / "log.jsonl", LogLine))
    assert [line.step for line in lines] == [8, 16, 24]
    assert lines[-1].loss < share * lines[0].loss
    assert read_card(tmp_path / "checkpoint") == card
    assert card.is_adapter is (method is Method.LORA)


def test_actions_sampled_together_are_those_sampled_alone(base: str) -> None:
    """Padding on the left changes nothing: at next to no temperature there is only one action to sample."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    config = OnPolicyConfig(temperature=1e-6, max_new_tokens=6)
    prefixes = [[5, 6, 7, 8, 9, 10], [11], [12, 13]]
    alone = [sample_actions(model, [prefix], 1, config)[0] for prefix in prefixes]
    assert sample_actions(model, prefixes, 1, config) == alone
    end_id = alone[0][2]
    cut = sample_actions(model, prefixes, end_id, config)
    assert cut[0] == alone[0][: alone[0].index(end_id) + 1]


def test_adapters_are_merged_before_anything_is_compared(
    base: str, teacher: str, examples_path: Path, tmp_path: Path
) -> None:
    """A student that is its own teacher has nothing to learn, whichever of the two is given as an adapter."""
    config = OnPolicyConfig(method=Method.LORA, n_steps=2, batch_size=2, max_new_tokens=4, learning_rate=2e-2)
    card = distil_on_policy(examples_path, config, base, teacher, tmp_path / "first", quiet=True)
    adapter = str(tmp_path / "first" / "checkpoint")
    assert card.base == base
    second = distil_on_policy(examples_path, config, adapter, adapter, tmp_path / "second", quiet=True)
    assert second.base == str(tmp_path / "second" / "student")
    assert [line.loss for line in read_jsonl(tmp_path / "second" / "log.jsonl", LogLine)] == [
        pytest.approx(0, abs=1e-5)
    ]


def test_prefixes_are_what_acting_sends_and_late_ones_weigh_less() -> None:
    renderer = Renderer(tiny_tokenizer())
    one = example(2, 3)
    prefixes = stored_prefixes(iter([one]), renderer, renderer, OnPolicyConfig(step_decay=0.5))
    assert [prefix.weight for prefix in prefixes] == [1.0, 0.5, 0.25]
    indices = [span.message_index for span in one.spans]
    assert [list(prefix.ids) for prefix in prefixes] == [renderer.prompt_ids(one.messages[:index]) for index in indices]
    with pytest.raises(NothingToTrainError, match="at most 3 tokens"):
        stored_prefixes(iter([one]), renderer, renderer, OnPolicyConfig(max_prefix_tokens=3))


def test_a_teacher_that_reads_other_ids_is_refused() -> None:
    student, smaller = Renderer(tiny_tokenizer()), Renderer(tiny_tokenizer(vocabulary=300))
    with pytest.raises(TokenizersDifferError, match="vocabularies"):
        stored_prefixes(iter([example(1, 1)]), student, smaller, OnPolicyConfig())
    template = student.tokenizer.chat_template.replace("'\n' + message['content']", "'\n ' + message['content']")
    spaced = Renderer(tiny_tokenizer(chat_template=template))
    with pytest.raises(TokenizersDifferError, match="other ids"):
        stored_prefixes(iter([example(1, 1)]), student, spaced, OnPolicyConfig())
