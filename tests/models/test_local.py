"""A checkpoint in process: exact sampling, replies that do not depend on their company, honest limits."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, PreTrainedModel

from tests.tiny_model import save_tiny_adapter, save_tiny_model
from understudy.models import ContextFullError, DType, LocalConfig, ProviderError, Request, growing_cache
from understudy.models.decoding import _alike
from understudy.models.growing_cache import BLOCK_TOKENS
from understudy.models.loading import AdapterWithoutEffectError
from understudy.models.local import LocalModel
from understudy.models.sampling import SHORTLIST, _cut, _look_up, _nucleus
from understudy.models.scoring import Scorer
from understudy.records import Completion, Example, FinishReason, Message, PrefixDelivery, Role, TrainSpan


def ask(text: str, **sampling: object) -> Request:
    return Request(messages=(Message(role=Role.USER, content=text),), **sampling)  # type: ignore[arg-type]


def said(completions: tuple[Completion, ...]) -> list[tuple[str, tuple[int, ...] | None, FinishReason]]:
    return [(c.text, c.token_ids, c.finish_reason) for c in completions]


MIXED = [
    ask("hello " * (number % 7) + str(number), seed=number, max_tokens=5 + number % 40, **sampling)
    for number, sampling in enumerate(
        [
            {},
            {"temperature": 0.8, "top_p": 0.9, "n": 3},
            {"temperature": 1.0, "stop": ("e", "the")},
            {"temperature": 0.4, "top_p": 0.8, "logprobs": True, "n": 8},
        ]
        * 8
    )
]


def test_a_reply_does_not_depend_on_its_company(local_model: LocalModel) -> None:
    """Greedy and sampled, with and without nucleus, stop strings, n and other lengths, joining in mid-reply."""
    alone = [said(local_model.complete(request)) for request in MIXED]
    with ThreadPoolExecutor(len(MIXED)) as pool:
        together = list(pool.map(lambda request: said(local_model.complete(request)), MIXED))
    assert together == alone
    assert {reason for completions in alone for _, _, reason in completions} == {FinishReason.STOP, FinishReason.LENGTH}


def test_a_cancelled_request_stops_computing_and_disturbs_no_other(local_model: LocalModel) -> None:
    cancelled = threading.Event()
    request = ask("hello", temperature=1.0, seed=3, max_tokens=400)
    (whole,) = local_model.complete(request)
    n_tokens = whole.usage.completion_tokens
    assert n_tokens > 200, "it goes on for long"
    alone = said(local_model.complete(MIXED[3]))
    with ThreadPoolExecutor() as pool:
        stopped = pool.submit(local_model.complete, replace(request, cancelled=cancelled))
        cancelled.set()
        other = pool.submit(local_model.complete, MIXED[3])
        assert stopped.result()[0].usage.completion_tokens < n_tokens
        assert said(other.result()) == alone


def test_bounds_on_the_batch_change_nothing_but_the_order(local_model: LocalModel, tiny_dir: Path) -> None:
    small = LocalConfig(path=str(tiny_dir), dtype=DType.FLOAT64, max_batch_size=5, max_batch_tokens=150)
    some = MIXED[:12]
    with LocalModel(small) as narrow, ThreadPoolExecutor(len(some)) as pool:
        crowded = list(pool.map(lambda request: said(narrow.complete(request)), some))
    assert crowded == [said(local_model.complete(request)) for request in some]


def test_the_batch_leaves_memory_for_others(local_model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = local_model._decoder._model
    config = checkpoint.config
    width = config.hidden_size // config.num_attention_heads
    kept = torch.empty(2, config.num_hidden_layers, config.num_key_value_heads, width, dtype=torch.float64)
    for n_tokens in (1, 700):
        monkeypatch.setattr(growing_cache, "_device_bytes", lambda _, n=n_tokens: 4 * n * kept.nbytes)
        assert growing_cache.fitting_tokens(checkpoint) == n_tokens
    monkeypatch.undo()
    assert growing_cache.fitting_tokens(checkpoint) == growing_cache.MAX_TOKENS


def test_greedy_is_what_transformers_generates(local_model: LocalModel, tiny_dir: Path) -> None:
    plain = AutoModelForCausalLM.from_pretrained(tiny_dir, dtype=torch.float64)
    lengths = []
    for text in ("hello", "What is 6 * 7?", "a " * 30):
        request = ask(text, max_tokens=100)
        prompt = torch.tensor([local_model.renderer.prompt_ids(request.messages)])
        expected = plain.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=100)
        assert list(local_model.complete(request)[0].token_ids or ()) == expected[0, prompt.shape[1] :].tolist()
        lengths.append(expected.shape[1] - prompt.shape[1])
    assert max(lengths) > BLOCK_TOKENS, "expected a reply for which the cache has to grow"


def test_logprobs_are_the_models_own_whatever_the_temperature(local_model: LocalModel, tiny_dir: Path) -> None:
    request = ask("hello", temperature=0.5, top_p=0.7, seed=3, max_tokens=12, logprobs=True)
    completion = local_model.complete(request)[0]
    ids = local_model.renderer.prompt_ids(request.messages)
    with Scorer(LocalConfig(path=str(tiny_dir), dtype=DType.FLOAT64)) as scorer:
        scored = scorer.score([*ids, *(completion.token_ids or ())], len(ids))
    assert completion.logprobs == pytest.approx(scored.logprobs, abs=1e-9)
    assert local_model.complete(ask("hello"))[0].logprobs is None


def test_sampling_follows_the_tempered_distribution(local_model: LocalModel, tiny_dir: Path) -> None:
    """2,000 first tokens against the exact probabilities: chi-square within its 1e-6 quantile (fixed seed)."""
    n, temperature = 2000, 0.7
    request = ask("hello", n=n, temperature=temperature, seed=5, max_tokens=1)
    counts = Counter((c.token_ids or (-1,))[0] for c in local_model.complete(request))
    probabilities = _next_probabilities(tiny_dir, local_model.renderer.prompt_ids(request.messages), temperature)
    common = [token for token in range(len(probabilities)) if probabilities[token] * n >= 5]
    rest = 1 - sum(probabilities[token] for token in common)
    cells = [(counts[token], probabilities[token] * n) for token in common]
    cells.append((n - sum(observed for observed, _ in cells), rest * n))
    chi_square = sum((observed - expected) ** 2 / expected for observed, expected in cells)
    degrees = len(cells) - 1
    assert len(cells) > 20
    assert chi_square < degrees + 5 * math.sqrt(2 * degrees)


def test_nucleus_sampling_stays_in_the_smallest_set_that_holds_top_p(local_model: LocalModel, tiny_dir: Path) -> None:
    request = ask("hello", n=500, temperature=1.0, top_p=0.3, seed=5, max_tokens=1)
    drawn = {(c.token_ids or (-1,))[0] for c in local_model.complete(request)}
    probabilities = _next_probabilities(tiny_dir, local_model.renderer.prompt_ids(request.messages), 1.0)
    order = np.argsort(-probabilities)
    size = int(np.searchsorted(np.cumsum(probabilities[order]), 0.3)) + 1
    assert drawn <= set(order[:size].tolist())
    assert len(drawn) == size


def _next_probabilities(
    folder: Path, prompt: list[int], temperature: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    with torch.inference_mode():
        logits = model(torch.tensor([prompt])).logits[0, -1]
    return np.asarray(torch.softmax(logits / temperature, -1).numpy())


@given(
    weights=st.lists(st.sampled_from([0.0, 0.0, 1e-9, 0.3, 1.0]), min_size=1, max_size=8).filter(lambda w: sum(w) > 0),
    uniform=st.floats(0, 1, exclude_max=True),
)
@settings(max_examples=200, deadline=None)
def test_an_impossible_token_is_never_drawn(weights: list[float], uniform: float) -> None:
    probabilities = torch.tensor([weights], dtype=torch.float64) / sum(weights)
    picked = _look_up(probabilities, torch.tensor([uniform], dtype=torch.float64))
    assert weights[int(picked)] > 0


@pytest.mark.parametrize("scale", [0.1, 2.0, 8.0], ids=["flat", "middling", "peaked"])
@pytest.mark.parametrize("has_ties", [False, True])
def test_a_nucleus_of_a_shortlist_is_that_of_the_whole_vocabulary(scale: float, has_ties: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(40, 4 * SHORTLIST, generator=generator, dtype=torch.float64) * scale
    logits = logits.round() if has_ties else logits
    probabilities, top_p = torch.softmax(logits, -1), torch.linspace(0.05, 1.0, 40, dtype=torch.float64)
    sizes = set()
    for number in range(40):  # one by one: a single wide nucleus has the whole batch sorted
        row, limit = probabilities[number : number + 1], top_p[number : number + 1]
        order, found = _nucleus(row, limit)
        whole_order, whole = _cut(row, limit)
        size = int((whole > 0).sum())
        assert torch.equal(found[:, :size], whole[:, :size])
        assert torch.equal(order[:, :size], whole_order[:, :size])
        assert not found[:, size:].any()
        sizes.add(order.shape[1])
    assert 4 * SHORTLIST in sizes
    assert SHORTLIST in sizes or (scale < 1 and has_ties)


def test_same_seed_same_reply_and_without_a_seed_another(local_model: LocalModel) -> None:
    request = ask("hello", temperature=1.0, n=4, seed=1, max_tokens=20)
    first = said(local_model.complete(request))
    assert first == said(local_model.complete(request))
    assert len({text for text, _, _ in first}) == 4
    free = ask("hello", temperature=1.0, max_tokens=20)
    assert said(local_model.complete(free)) != said(local_model.complete(free))


def test_stop_strings_end_the_reply_and_are_not_in_it(local_model: LocalModel) -> None:
    full = local_model.complete(ask("hello", temperature=1.0, seed=2, max_tokens=60))[0].text
    stop = full[10:13]
    cut = local_model.complete(ask("hello", temperature=1.0, seed=2, max_tokens=60, stop=(stop, "never said")))[0]
    assert cut.text == full[: full.index(stop)]
    assert cut.finish_reason is FinishReason.STOP
    assert cut.usage.completion_tokens < 60


def test_a_continued_message_is_continued_at_its_end(local_model: LocalModel) -> None:
    question = Message(role=Role.USER, content="hello")
    whole = local_model.complete(Request(messages=(question,), max_tokens=24))[0]
    ids = whole.token_ids or ()
    assert local_model.prefix_delivery is PrefixDelivery.CONTINUED
    prompt_ids = local_model.renderer.prompt_ids

    def given_words(length: int) -> tuple[Message, ...]:
        text = local_model.renderer.tokenizer.decode(ids[:length])
        return (question, Message(role=Role.ASSISTANT, content=text))

    # Random weights write tokens that, read back as text, may be cut otherwise: take a beginning that is not.
    length = next(n for n in range(12, 0, -1) if prompt_ids(given_words(n), True)[-n:] == list(ids[:n]))
    rest = local_model.complete(Request(messages=given_words(length), max_tokens=24 - length, continue_final=True))[0]
    assert rest.token_ids == ids[length:]


def test_the_prompt_and_all_tokens_are_counted(local_model: LocalModel) -> None:
    request = ask("hello", n=3, temperature=1.0, seed=1, max_tokens=7)
    completions = local_model.complete(request)
    n_prompt = len(local_model.renderer.prompt_ids(request.messages))
    assert [c.usage.prompt_tokens for c in completions] == [n_prompt, 0, 0]
    assert [c.usage.completion_tokens for c in completions] == [len(c.token_ids or ()) for c in completions]


def test_a_full_context_is_reported_and_a_nearly_full_one_is_used_up(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "short", max_tokens=48)
    with LocalModel(LocalConfig(path=str(folder))) as model:
        with pytest.raises(ContextFullError, match="context window 48"):
            model.complete(ask("a " * 60))
        n_prompt = len(model.renderer.prompt_ids(ask("a").messages))
        completion = model.complete(ask("a", temperature=1.0, seed=0, max_tokens=500))[0]
        assert n_prompt + completion.usage.completion_tokens <= 48
        assert completion.finish_reason in (FinishReason.LENGTH, FinishReason.STOP)


def test_an_adapter_changes_the_replies_and_one_without_effect_is_refused(
    local_model: LocalModel, tiny_dir: Path, adapter_dir: Path, tmp_path: Path
) -> None:
    config = LocalConfig(path=str(tiny_dir), adapter=str(adapter_dir), dtype=DType.FLOAT64)
    with LocalModel(config) as student:
        assert student.name == f"{tiny_dir} + {adapter_dir}"
        assert said(student.complete(ask("hello"))) != said(local_model.complete(ask("hello")))
    idle = save_tiny_adapter(tiny_dir, tmp_path / "idle", scale=0.0)
    with pytest.raises(AdapterWithoutEffectError, match=r"has no effect on .*all logits are identical"):
        LocalModel(config.model_copy(update={"adapter": str(idle)}))


def test_an_error_while_computing_reaches_its_caller_and_nobody_else(tiny_dir: Path) -> None:
    with LocalModel(LocalConfig(path=str(tiny_dir))) as model:
        with pytest.raises(ProviderError, match="TypeError"):
            model.complete(ask("hello", stop=(5,)))  # no string: found out in the thread that computes
        assert model.complete(ask("hello", max_tokens=3))[0].usage.completion_tokens


def test_a_closed_model_answers_nobody_and_keeps_nobody_waiting(tiny_dir: Path) -> None:
    model = LocalModel(LocalConfig(path=str(tiny_dir)))
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(model.complete, ask("hello", temperature=1.0, max_tokens=1900)) for _ in range(4)]
        model.close()
        outcomes = [future.exception(timeout=60) for future in waiting]
    assert all(outcome is None or isinstance(outcome, ProviderError) for outcome in outcomes)
    with pytest.raises(ProviderError, match="is closed"):
        model.complete(ask("hello"))
    model.close()


def test_the_scorer_weighs_tokens_as_training_does(tiny_dir: Path) -> None:
    messages = (Message(role=Role.USER, content="hello"), Message(role=Role.ASSISTANT, content="final_answer(42)"))

    def example(*spans: TrainSpan) -> Example:
        return Example(id="e", task_id="t", trajectory_id="t#0", messages=messages, spans=spans)

    half = TrainSpan(message_index=1, start=0, end=12)
    rest = TrainSpan(message_index=1, start=12, end=16)
    with Scorer(LocalConfig(path=str(tiny_dir), dtype=DType.FLOAT64)) as scorer:
        whole = scorer.mean_nll(example(half, rest))
        first, second = scorer.mean_nll(example(half)), scorer.mean_nll(example(rest))
        doubled = scorer.mean_nll(example(half, rest.model_copy(update={"weight": 2.0})))
        assert min(first, second) < whole < max(first, second)
        assert abs(doubled - second) < abs(whole - second)
        rendered = scorer.renderer.training_ids(messages, (half, rest))
        assert scorer.n_tokens(messages) == len(rendered.ids) - 1


def test_prompts_are_read_in_the_passes_that_cost_least() -> None:
    """Against all ways to cut the sorted lengths."""

    def cost(passes: Iterable[Sequence[int]]) -> int:
        return sum(20 + max(one) * len(one) for one in passes)

    chance = random.Random(1)
    for _ in range(60):
        lengths = [chance.choice([1, 5, 30, 60, 200]) for _ in range(chance.randint(1, 7))]
        passes = _alike(lengths, 20)
        assert sorted(number for one in passes for number in one) == list(range(len(lengths)))
        ordered = sorted(lengths, reverse=True)
        ways = (
            [ordered[start:end] for start, end in pairwise([0, *cuts, len(ordered)])]
            for n_cuts in range(len(ordered))
            for cuts in combinations(range(1, len(ordered)), n_cuts)
        )
        assert cost([[lengths[number] for number in one] for one in passes]) == min(map(cost, ways))


QUIET = r"""
import sys
from pathlib import Path

import torch

from understudy.grading.config import MathConfig
from understudy.grading.math_grader import MathGrader
from understudy.grading.pool import WorkerPool
from understudy.models import LocalConfig, Request, open_model
from understudy.models.loading import load_adapter, load_base
from understudy.models.rendering import open_renderer
from understudy.python_syntax import literal_value, parse_module
from understudy.records import Message, Role
from understudy.sandbox import Sandbox
from understudy.training.config import LoraSettings
from understudy.training.loading import lora_settings

here = Path(sys.argv[1])
base, adapter = str(here / "base"), str(here / "adapter")
asked = Request((Message(role=Role.USER, content="Two and two?"),), max_tokens=4, temperature=0.7, n=2, seed=1)


def ask(**settings):
    with open_model(LocalConfig(device="cpu", **settings)) as model:
        model.complete(asked)


def grade():
    with WorkerPool(1, 20.0, 2 * 2**30) as pool:
        for one in ("\\d", "2^{-}", "1_000", "٣", "x=", "0/0"):
            MathGrader(MathConfig(), pool).equal("1", one)


def act():
    with Sandbox(preload=()) as sandbox, sandbox.episode() as episode:
        episode.run("'\\d'; 1 is 1")


def lora():
    from peft import get_peft_model
    from understudy.models.loading import without_peft_warning

    with without_peft_warning():
        get_peft_model(load_base(base, torch.float32), lora_settings(LoraSettings(r=2)))


CASES = {
    "whole weights": lambda: ask(path=base),
    "an adapter": lambda: ask(path=base, adapter=adapter),
    "an adapter by itself": lambda: ask(path=adapter),
    "eight bits": lambda: ask(path=base, quantization="int8"),
    "an adapter in eight bits": lambda: ask(path=base, adapter=adapter, quantization="int8"),
    "bfloat16": lambda: ask(path=base, dtype="bfloat16"),
    "float64": lambda: ask(path=base, dtype="float64"),
    "an adapter that is not merged": lambda: load_adapter(load_base(base, torch.float32), adapter),
    "a new adapter": lora,
    "a renderer": lambda: open_renderer(base),
    "an odd escape in code": lambda: parse_module("print('\\d')"),
    "an odd literal": lambda: literal_value("'\\w'"),
    "odd maths": grade,
    "a warning of an action": act,
}
for name in sys.argv[2:] or CASES:
    print(name, file=sys.stdout, flush=True)
    CASES[name]()
"""


@pytest.mark.slow
def test_what_a_user_runs_prints_no_warning(tmp_path: Path) -> None:
    """A process of its own: here every warning is an error, and there the filters are those of a user's terminal."""
    save_tiny_adapter(save_tiny_model(tmp_path / "base"), tmp_path / "adapter")
    command = [sys.executable, "-c", QUIET, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 14
