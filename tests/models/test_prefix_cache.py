"""Keys and values that are kept for later prompts: the tree, its bound, and the same tokens as without it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from tests.tiny_model import save_tiny_model
from understudy.models import DType, LocalConfig, Request
from understudy.models.local import LocalModel, _rows
from understudy.models.prefix_cache import MIN_TOKENS, PrefixCache, common_prefix
from understudy.records import Completion, Message, Role

LAYERS, HEADS, WIDTH = 2, 3, 4


def states(ids: list[int]) -> torch.Tensor:
    """States that name their tokens and places."""
    places = torch.tensor([[token, place] for place, token in enumerate(ids)], dtype=torch.float32).reshape(-1, 2)
    row = torch.cat([places, places], 1)  # (time, width)
    return row.expand(LAYERS, 2, HEADS, len(ids), WIDTH).clone()


def keep(cache: PrefixCache, ids: list[int]) -> None:
    cache.keep(ids, lambda start: states(ids)[:, :, :, start:])


def bytes_of(n_tokens: int) -> int:
    return LAYERS * 2 * HEADS * n_tokens * WIDTH * 4


@pytest.mark.parametrize("seed", range(20))
def test_the_longest_kept_beginning_is_found_with_its_states(seed: int) -> None:
    """Against all that was ever kept, compared one by one."""
    chance = random.Random(seed)
    cache, kept = PrefixCache(bytes_of(1_000_000)), []
    opening = [chance.randrange(3) for _ in range(MIN_TOKENS)]
    for _ in range(60):
        begun = chance.choice(kept) if kept and chance.random() < 0.8 else opening
        ids = begun[: chance.randint(MIN_TOKENS, len(begun))] + [
            chance.randrange(3) for _ in range(chance.randrange(9))
        ]
        found = cache.find([*ids, 0])
        expected = max((common_prefix([ids, other]) for other in kept), default=0)
        assert found.length == (expected if expected >= MIN_TOKENS else 0)
        if found.length:
            assert torch.equal(cache.states(found), states(ids)[:, :, :, : found.length])
        keep(cache, ids)
        kept.append(ids)
    distinct = {tuple(ids[:end]) for ids in kept for end in range(1, len(ids) + 1)}
    assert cache.n_bytes == bytes_of(len(distinct)), "nothing is kept twice"


def test_the_last_token_of_a_prompt_is_always_read() -> None:
    cache, ids = PrefixCache(bytes_of(100)), list(range(30))
    keep(cache, ids)
    assert cache.find(ids).length == 29


def test_the_end_that_was_used_least_recently_goes_first() -> None:
    cache, opening = PrefixCache(bytes_of(60)), list(range(20))
    first, second, third = ([*opening, *[number] * 20] for number in (100, 200, 300))
    for ids in (opening, first, second):
        keep(cache, ids)
    assert cache.n_bytes == bytes_of(60)
    cache.find([*first, 0])
    keep(cache, third)
    assert cache.n_bytes <= bytes_of(60)
    lengths = [cache.find([*ids, 0]).length for ids in (first, second, third)]
    assert lengths == [40, 20, 40]


def test_what_is_larger_than_the_bound_is_not_kept() -> None:
    cache, ids = PrefixCache(bytes_of(20)), list(range(30))
    keep(cache, ids)
    assert cache.n_bytes == 0
    assert cache.find(ids).length == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("kept") / "model")


@pytest.fixture(scope="module", params=[1.0, 2e-4], ids=["all", "little"])
def keeping(folder: Path, request: pytest.FixtureRequest) -> Iterator[LocalModel]:
    config = LocalConfig(path=str(folder), dtype=DType.FLOAT64, prefix_cache_gb=request.param)
    with LocalModel(config) as model:
        yield model


@pytest.fixture(scope="module")
def plain(folder: Path) -> Iterator[LocalModel]:
    with LocalModel(LocalConfig(path=str(folder), dtype=DType.FLOAT64, prefix_cache_gb=0)) as model:
        yield model


def conversation(model: LocalModel, number: int, n: int) -> list[Completion]:
    """Three steps, each of which repeats what came before."""
    messages = [Message(role=Role.SYSTEM, content="Answer with thoughts and code. " * 3)]
    completions = []
    for step in range(3):
        messages.append(Message(role=Role.USER, content=f"Question {number}, step {step}: {'x' * (number % 7 * 5)}"))
        request = Request(
            tuple(messages), n=n, temperature=0.8, top_p=0.9, seed=7 * number + step, max_tokens=12, logprobs=True
        )
        replies = model.complete(request)
        completions += replies
        messages.append(Message(role=Role.ASSISTANT, content=replies[number % n].text or "-"))
    return completions


@pytest.mark.parametrize("n", [1, 4])
def test_tokens_are_the_same_as_without_it(keeping: LocalModel, plain: LocalModel, n: int) -> None:
    def all_of(model: LocalModel) -> list[Completion]:
        with ThreadPoolExecutor(12) as pool:
            return [
                one for found in pool.map(lambda number: conversation(model, number, n), range(24)) for one in found
            ]

    with_it, without = all_of(keeping), all_of(plain)
    assert [one.token_ids for one in with_it] == [one.token_ids for one in without]
    for one, other in zip(with_it, without, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-9)
        assert one.usage.prompt_tokens == other.usage.prompt_tokens
    assert sum(one.usage.cached_tokens for one in without) == 0
    assert 0 < sum(one.usage.cached_tokens for one in with_it) < sum(one.usage.prompt_tokens for one in with_it)


def test_a_next_step_reads_only_what_is_new(folder: Path) -> None:
    with LocalModel(LocalConfig(path=str(folder), dtype=DType.FLOAT64)) as model:
        first, second, third = conversation(model, 1, 1)
    assert first.usage.cached_tokens == 0
    for one, before in ((second, first), (third, second)):
        assert one.usage.cached_tokens >= before.usage.prompt_tokens


def test_an_opening_that_is_read_for_several_prompts_is_counted_as_read_once(folder: Path) -> None:
    with LocalModel(LocalConfig(path=str(folder), dtype=DType.FLOAT64)) as model:
        asked = [Request((Message(role=Role.USER, content="the same opening " * 9 + name),)) for name in "abc"]
        groups = [_rows(one, model.renderer.prompt_ids(one.messages), 4) for one in asked]
        model._decoder.admit(groups)
        first, *others = (rows[0].n_cached for rows in groups)
        model._decoder.clear()
    assert first == 0
    assert min(others) >= MIN_TOKENS
