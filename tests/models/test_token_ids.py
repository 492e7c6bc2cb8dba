"""Ids that a model has no embedding for are named before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_model import tiny_tokenizer
from understudy.models import LocalConfig, Request
from understudy.models.local import LocalModel
from understudy.models.scoring import Scorer
from understudy.models.token_ids import UnknownTokenError
from understudy.records import Message, Role

REQUEST = Request((), max_tokens=4)


@pytest.mark.parametrize("ids", [[400], [5, 10**6, 7], [-1], [3, 2, 399, 400]])
def test_a_prompt_of_unknown_ids_is_an_error_with_the_id(local_model: LocalModel, ids: list[int]) -> None:
    wrong = next(number for number in ids if not 0 <= number < 400)
    with pytest.raises(UnknownTokenError, match=rf"from 0 to 399.*got {wrong}\."):
        local_model.complete_ids(ids, REQUEST)
    with pytest.raises(UnknownTokenError):
        local_model.prompt_logprobs([1, *ids], 2)
    assert local_model.complete_ids([399], REQUEST), "the model goes on"


def test_the_scorer_says_the_same(tiny_dir: Path) -> None:
    with Scorer(LocalConfig(path=str(tiny_dir))) as scorer, pytest.raises(UnknownTokenError):
        scorer.score([1, 400], 1)


def test_a_tokenizer_of_another_checkpoint_is_named(tiny_dir: Path) -> None:
    larger = tiny_tokenizer()
    larger.add_tokens(["new word"])
    with LocalModel(LocalConfig(path=str(tiny_dir))) as model:
        model.renderer.tokenizer = larger
        request = Request((Message(role=Role.USER, content="a new word here"),))
        with pytest.raises(UnknownTokenError, match="Does the tokenizer belong to this checkpoint"):
            model.complete(request)
