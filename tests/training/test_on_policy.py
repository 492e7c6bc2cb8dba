"""On-policy distillation: the divergence is the textbook's, it goes down, a kill costs nothing, others are refused."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.test_server import serving
from tests.tiny_model import save_tiny_model, tiny_tokenizer
from tests.training.conversations import example
from understudy.models import LocalConfig, OpenAIChatConfig, ScriptedConfig, open_model
from understudy.models.rendering import Renderer
from understudy.runs import append_jsonl, read_jsonl
from understudy.training import (
    Divergence,
    LogLine,
    LoraSettings,
    Method,
    NothingToTrainError,
    OnPolicyConfig,
    OnPolicyJob,
    OtherTrainingError,
    TokenizersDifferError,
    distil_on_policy,
    read_card,
    write_job,
)
from understudy.training.on_policy.prefixes import stored_prefixes

SMALL = OnPolicyConfig(n_steps=4, batch_size=2, max_new_tokens=4, learning_rate=1e-2, log_every_steps=1)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("teacher"), seed=5))


@pytest.fixture(scope="module")
def by_url(teacher: str) -> Iterator[OpenAIChatConfig]:
    with (
        open_model(LocalConfig(path=teacher, name="elder", device="cpu")) as model,
        serving(model) as url,
    ):
        yield OpenAIChatConfig(model="elder", base_urls=(url,), tokenizer=teacher)


def losses_of(folder: Path) -> list[float]:
    return [line.loss for line in read_jsonl(folder / "log.jsonl", LogLine)]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(2, 9), st.integers(0, 2**20), st.sampled_from(list(Divergence)))
def test_the_divergence_is_that_of_torch_and_none_to_oneself(
    n: int, n_tokens: int, seed: int, kind: Divergence
) -> None:
    import torch
    from torch.nn.functional import kl_div

    from understudy.training.on_policy.divergence import TeacherLogprobs, divergence

    generator = torch.Generator().manual_seed(seed)
    own, other = (torch.randn(n, n_tokens, generator=generator).log_softmax(-1) for _ in range(2))
    to, of = (other, own) if kind is Divergence.REVERSE_KL else (own, other)
    expected = kl_div(to, of, reduction="none", log_target=True).sum(-1)
    assert torch.allclose(divergence(own, TeacherLogprobs(other), kind), expected, atol=1e-5)
    assert torch.allclose(divergence(own, TeacherLogprobs(own), kind), torch.zeros(n), atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(0, 2**20), st.sampled_from(list(Divergence)))
def test_a_teacher_that_lists_fewer_tokens_gives_a_lower_bound(k: int, seed: int, kind: Divergence) -> None:
    """All tokens listed is the whole divergence, in any order; fewer listed is never more."""
    import torch

    from understudy.training.on_policy.divergence import TeacherLogprobs, divergence

    generator = torch.Generator().manual_seed(seed)
    own, other = (torch.randn(3, 12, generator=generator).log_softmax(-1) for _ in range(2))
    whole = divergence(own, TeacherLogprobs(other), kind)
    best = other.topk(k)
    padding = torch.full((3, 2), -1)  # places that list fewer tokens than others
    listed = TeacherLogprobs(torch.cat([best.values, torch.zeros(3, 2)], 1), torch.cat([best.indices, padding], 1))
    part = divergence(own, listed, kind)
    assert bool((part <= whole + 1e-4).all())
    assert bool((part >= -1e-4).all())
    if k == 12:
        assert torch.allclose(part, whole, atol=1e-3)


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
    assert not (tmp_path / "resume").exists()


def test_a_teacher_by_url_teaches_what_its_weights_teach(
    base: str, teacher: str, by_url: OpenAIChatConfig, examples_path: Path, tmp_path: Path
) -> None:
    """With a hundred tokens of some three hundred, the student sees most of the divergence and it goes down."""
    config = SMALL.model_copy(update={"n_steps": 12, "teacher_top_k": 100})
    distil_on_policy(examples_path, config, base, teacher, tmp_path / "weights", quiet=True)
    distil_on_policy(examples_path, config, base, by_url, tmp_path / "url", quiet=True)
    whole, listed = losses_of(tmp_path / "weights"), losses_of(tmp_path / "url")
    assert 0.3 * whole[0] < listed[0] <= whole[0], "the same actions of the same student, some tokens not listed"
    assert listed[-1] < listed[0]


def test_prompt_logprobs_by_url_are_those_of_the_weights(teacher: str, by_url: OpenAIChatConfig) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from understudy.models.openai_chat import OpenAIChatModel

    ids, start = [5, 6, 7, 8, 9, 10], 2
    with torch.no_grad():
        expected = AutoModelForCausalLM.from_pretrained(teacher)(torch.tensor([ids])).logits[0].log_softmax(-1)
    with OpenAIChatModel(by_url) as model:
        places = model.prompt_logprobs(ids, start, 3)
    assert len(places) == len(ids) - start
    for number, place in enumerate(places, start):
        best = expected[number - 1].topk(3)
        assert set(place) == {*best.indices.tolist(), ids[number]}
        assert place == pytest.approx({token: float(expected[number - 1, token]) for token in place}, abs=1e-4)


def test_a_server_that_cannot_be_a_teacher_is_refused(
    base: str, teacher: str, by_url: OpenAIChatConfig, examples_path: Path, tmp_path: Path
) -> None:
    nameless = by_url.model_copy(update={"tokenizer": None})
    with pytest.raises(ValueError, match="needs tokenizer"):
        distil_on_policy(examples_path, SMALL, base, nameless, tmp_path / "one", quiet=True)
    program = ScriptedConfig(program="understudy.tasks.toy:toy_teacher", name="program")
    with open_model(program) as model, serving(model) as url:
        config = by_url.model_copy(update={"model": "program", "base_urls": (url,)})
        with pytest.raises(Exception, match="has no tokens"):
            distil_on_policy(examples_path, SMALL, base, config, tmp_path / "two", quiet=True)
    assert not (tmp_path / "two" / "checkpoint").exists()


def test_a_server_that_renders_otherwise_is_refused(
    base: str, teacher: str, examples_path: Path, tmp_path: Path
) -> None:
    """The tokenizer that the config names is the student's; what is served is not."""
    from transformers import AutoTokenizer

    other = save_tiny_model(tmp_path / "other", seed=5)
    tokenizer = AutoTokenizer.from_pretrained(other)
    tokenizer.chat_template = tokenizer.chat_template.replace("'\n' + message['content']", "'\n ' + message['content']")
    tokenizer.save_pretrained(other)
    with open_model(LocalConfig(path=str(other), name="other", device="cpu")) as model, serving(model) as url:
        config = OpenAIChatConfig(model="other", base_urls=(url,), tokenizer=teacher)
        with pytest.raises(TokenizersDifferError, match=r"renders a stored prefix in .* first that differ"):
            distil_on_policy(examples_path, SMALL, base, config, tmp_path / "out", quiet=True)


@pytest.mark.slow
def test_a_killed_distillation_resumes_to_the_same_losses(
    base: str, teacher: str, examples_path: Path, tmp_path: Path
) -> None:
    config = SMALL.model_copy(
        update={"n_steps": 14, "save_every_steps": 5, "log_every_steps": 2, "method": Method.LORA}
    )
    distil_on_policy(examples_path, config, base, teacher, tmp_path / "whole", quiet=True)
    folder = tmp_path / "killed"
    write_job(folder, OnPolicyJob(examples=examples_path, student=base, teacher=teacher, config=config))
    process = subprocess.Popen([sys.executable, "-m", "understudy.training", str(folder)])
    deadline = time.monotonic() + 120
    while not list(folder.glob("resume/step-*.pt")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (folder / "checkpoint").exists(), "it was killed in mid-course"
    (saved,) = folder.glob("resume/step-*.pt")
    with append_jsonl(folder / "log.jsonl") as log:  # what came after the last saved step is done again
        log.write(LogLine(step=13, loss=9.0, learning_rate=1.0, n_tokens=1, n_trained=1, elapsed_s=0.0))
    assert saved.stem in ("step-5", "step-10")
    distil_on_policy(examples_path, config, base, teacher, folder, quiet=True)
    assert losses_of(folder) == losses_of(tmp_path / "whole")
    assert (folder / "checkpoint/adapter_model.safetensors").read_bytes() == (
        tmp_path / "whole/checkpoint/adapter_model.safetensors"
    ).read_bytes()


def test_a_folder_belongs_to_one_distillation(base: str, teacher: str, examples_path: Path, tmp_path: Path) -> None:
    first = distil_on_policy(examples_path, SMALL, base, teacher, tmp_path, quiet=True)
    written = (tmp_path / "log.jsonl").stat().st_mtime_ns
    assert distil_on_policy(examples_path, SMALL, base, teacher, tmp_path, quiet=True) == first
    assert (tmp_path / "log.jsonl").stat().st_mtime_ns == written, "nothing is done twice"
    with pytest.raises(OtherTrainingError, match="another folder"):
        distil_on_policy(examples_path, SMALL.model_copy(update={"seed": 1}), base, teacher, tmp_path, quiet=True)


def test_actions_sampled_together_are_those_sampled_alone(base: str) -> None:
    """At next to no temperature there is only one action to sample, in whatever company."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from understudy.training.on_policy.acting import sample_actions

    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    config = OnPolicyConfig(temperature=1e-6, max_new_tokens=6)
    prefixes = [[5, 6, 7, 8, 9, 10], [11], [12, 13]]
    alone = [sample_actions(model, tokenizer, [prefix], 1, config, seed=0)[0] for prefix in prefixes]
    assert sample_actions(model, tokenizer, prefixes, 1, config, seed=0) == alone
    end_id = alone[0][2]
    cut = sample_actions(model, tokenizer, prefixes, end_id, config, seed=0)
    assert cut[0] == alone[0][: alone[0].index(end_id) + 1]
    warm = OnPolicyConfig(temperature=2.0, max_new_tokens=6)
    first, again, other = (sample_actions(model, tokenizer, prefixes, 1, warm, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert model.training


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
    assert losses_of(tmp_path / "second") == [pytest.approx(0, abs=1e-4)]


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
