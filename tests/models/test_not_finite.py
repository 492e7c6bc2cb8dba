"""A model that computes NaN gives no reply, neither where its weights are NaN nor where their range is too small."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import torch

from tests.tiny_model import changed, save_tiny_model
from understudy.models import ProviderError, Request
from understudy.models.config import DType, LocalConfig
from understudy.models.finite import NotFiniteError
from understudy.models.local import LocalModel
from understudy.models.sampling import choose, greedy_row
from understudy.models.wire import WireChoice
from understudy.records import Message, Role

QUESTION = (Message(role=Role.USER, content="What is 2?"),)
BAD = [float("nan"), float("inf"), float("-inf")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("base"), scale=0.02)


@pytest.mark.parametrize("number", BAD)
@pytest.mark.parametrize("name", ["model.norm.weight", "model.layers.0.mlp.down_proj.weight"])
def test_weights_that_are_not_finite_are_refused_when_they_are_loaded(
    base: Path, tmp_path: Path, number: float, name: str
) -> None:
    def spoil(model: torch.nn.Module) -> None:
        model.get_parameter(name).view(-1)[0] = number

    with pytest.raises(NotFiniteError, match=rf"bad: expected finite weights, but 1 of .* {name}"):
        LocalModel(LocalConfig(path=changed(base, tmp_path / "bad", spoil)))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_finite_weights_that_overflow_give_an_error_and_no_reply(
    base: Path, tmp_path: Path, temperature: float, top_p: float
) -> None:
    def spoil(model: torch.nn.Module) -> None:
        model.get_parameter("model.layers.0.self_attn.q_proj.weight").fill_(3e38)

    path = changed(base, tmp_path / "large", spoil)
    request = Request(QUESTION, max_tokens=4, temperature=temperature, top_p=top_p, seed=1)
    said = "expected finite logits, got NaN or infinity; the weights are in torch"
    with (
        closing(LocalModel(LocalConfig(path=path, dtype=DType.FLOAT32))) as model,
        pytest.raises(ProviderError, match=said),
    ):
        model.complete(request)


@pytest.mark.parametrize("logits", [[0.0, float("nan")], [float("inf"), 0.0], [float("-inf")] * 2])
def test_no_token_is_chosen_from_such_logits(logits: list[float]) -> None:
    with pytest.raises(NotFiniteError):
        choose(torch.tensor([[1.0, 2.0], logits]), [greedy_row([1], 1), greedy_row([1], 1)])
    assert choose(torch.tensor([[1.0, float("-inf")]]), [greedy_row([1], 1)]).tolist() == [0], "a masked token is none"


def test_log_probabilities_of_a_server_that_are_no_numbers_are_none() -> None:
    entries = [{"token": "a", "logprob": float("nan")}, {"token": "b", "logprob": -1.0}]
    assert WireChoice.model_validate({"text": "ab", "logprobs": {"content": entries}}).token_logprobs is None
    assert WireChoice.model_validate({"text": "b", "logprobs": {"content": entries[1:]}}).token_logprobs == (-1.0,)
