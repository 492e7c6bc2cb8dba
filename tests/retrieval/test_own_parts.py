"""Search engines and encoders of users, by ``package.module:name``."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.retrieval import own_parts
from tests.retrieval.conftest import make_passages, write_corpus
from understudy.records import Record
from understudy.registry import PartConfig
from understudy.retrieval import (
    RETRIEVERS,
    BuildConfig,
    DenseConfig,
    LexicalConfig,
    RetrievalConfig,
    RetrievalError,
    build_index,
    open_retriever,
)

HERE = own_parts.__name__


def config_of(**fields: object) -> PartConfig:
    return TypeAdapter(RetrievalConfig).validate_python(fields)


def test_a_users_class_gets_its_own_config(tmp_path: Path) -> None:
    (tmp_path / "oslo.txt").write_text("Oslo lies in Norway.")
    retriever = open_retriever(config_of(kind=f"{HERE}:Notes", folder=tmp_path))
    assert [hit.passage.id for hit in retriever.search(["Norway"], 3)[0]] == ["oslo"]
    retriever.close()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"kind": f"{HERE}:Notes"}, "folder"),
        ({"kind": f"{HERE}:Notes", "folder": "x", "sufix": "y"}, "sufix"),
        ({"kind": f"{HERE}:Notes", "folder": "x", "suffix": ""}, "suffix"),
        ({"kind": f"{HERE}:Note", "folder": "x"}, "did you mean 'Notes'"),
        ({"kind": "bm26"}, "expected one of memory, lexical, dense"),
        ({"corpus": "x"}, "kind"),
        ({"kind": "lexical", "folder": "x", "corpse": "y"}, "corpse"),
    ],
)
def test_a_config_is_checked_when_the_recipe_is_read(fields: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        config_of(**fields)


def test_a_function_is_an_engine() -> None:
    retriever = open_retriever(config_of(kind=f"{HERE}:shout"))
    found = [(hit.passage.title, hit.passage.text, hit.score) for hit in retriever.search(["oslo"], 5)[0]]
    assert found == [("", "OSLO", None), ("T", "oslo", None), ("", "x", 0.5), ("", "y", None), ("", "z", 0.25)]
    assert len(retriever.search(["oslo"], 2)[0]) == 2
    with pytest.raises(RetrievalError, match="one_text: expected a list of passages, got 'oslo'"):
        open_retriever(config_of(kind=f"{HERE}:one_text")).search(["oslo"], 2)


def test_a_users_encoder_builds_and_searches(tmp_path: Path) -> None:
    rows = make_passages(40)
    encoder = {"kind": f"{HERE}:WordEncoder", "scale": 2}
    corpus = write_corpus(tmp_path / "c.jsonl", rows)
    build_index(
        BuildConfig.model_validate({"corpus": corpus, "folder": tmp_path / "i", "encoder": encoder}), quiet=True
    )
    retriever = open_retriever(DenseConfig.model_validate({"folder": tmp_path / "i", "encoder": encoder}))
    assert retriever.search([rows[7].contents], 1)[0][0].passage == rows[7]
    retriever.close()
    with pytest.raises(ValueError, match="with `encoder`"):
        open_retriever(DenseConfig(folder=tmp_path / "i"))


class Recipe(Record):
    retrieval: RetrievalConfig | None = None


def test_a_recipe_keeps_all_that_was_written() -> None:
    settings = {"retrieval": {"kind": "lexical", "folder": "index"}}
    recipe = Recipe.model_validate(settings)
    assert recipe.retrieval == LexicalConfig(folder=Path("index"))
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_every_kind_is_listed_with_a_line() -> None:
    kinds = {kind.name: kind.about for kind in RETRIEVERS.kinds()}
    assert set(kinds) == {"memory", "lexical", "dense", "hybrid", "http", "shards", "qdrant"}
    assert all(kinds.values())
