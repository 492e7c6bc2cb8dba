from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.retrieval.conftest import word, word_vectors
from understudy.retrieval import CallableEncoder, StaticEncoderConfig, TransformerEncoderConfig, open_encoder
from understudy.retrieval.encoder import Encoder, EncoderConfig, config_of

TEXTS = [f"{word(row)} {word(row * 7 % 100)} {word(3)}" * (1 + row % 5) for row in range(40)]


def write_tokenizer(path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = ["[PAD]", "[UNK]", "query", "passage", ":", *(word(number) for number in range(100))]
    tokenizer = Tokenizer(WordLevel({text: number for number, text in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(path))


@pytest.fixture(scope="module")
def static_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from safetensors.numpy import save_file

    folder = tmp_path_factory.mktemp("static")
    table = np.random.default_rng(0).standard_normal((105, 32)).astype(np.float32)
    save_file({"embeddings": table}, folder / "model.safetensors")
    write_tokenizer(folder / "tokenizer.json")
    return folder


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=105, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    write_tokenizer(folder / "plain.json")
    PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "plain.json"), pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["static", "transformer", "callable"])
def any_encoder(request: pytest.FixtureRequest) -> Encoder:
    if request.param == "callable":
        return CallableEncoder(word_vectors, name="words")
    folder = request.getfixturevalue("static_folder" if request.param == "static" else "bert_folder")
    config: EncoderConfig = (
        StaticEncoderConfig(model=folder)
        if request.param == "static"
        else TransformerEncoderConfig(model=str(folder), max_tokens=32, device="cpu", batch_size=16)
    )
    return open_encoder(config)


def test_vectors_have_length_one_and_their_texts_order(any_encoder: Encoder) -> None:
    together = any_encoder.encode_passages(TEXTS)
    assert together.shape == (len(TEXTS), any_encoder.facts.dim)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([any_encoder.encode_passages([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=2e-6)


def test_odd_texts_are_encoded(any_encoder: Encoder) -> None:
    vectors = any_encoder.encode_queries(["", " ", "\ud800", "a\x00b", f"{word(1)} " * 5000])
    assert np.isfinite(vectors).all()


def test_an_encoder_opened_by_its_facts_is_the_same(any_encoder: Encoder) -> None:
    if any_encoder.facts.kind == "callable":
        with pytest.raises(ValueError, match="hand it over"):
            config_of(any_encoder.facts)
        return
    again = open_encoder(config_of(any_encoder.facts))
    assert again.facts == any_encoder.facts
    np.testing.assert_array_equal(again.encode_queries(TEXTS[:3]), any_encoder.encode_queries(TEXTS[:3]))


def test_pooling_is_the_mean_over_what_is_not_padding(bert_folder: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    encoder = open_encoder(TransformerEncoderConfig(model=str(bert_folder), max_tokens=64, device="cpu"))
    model, tokenizer = AutoModel.from_pretrained(bert_folder), AutoTokenizer.from_pretrained(bert_folder)
    for text, vector in zip(TEXTS, encoder.encode_queries(TEXTS), strict=True):
        with torch.inference_mode():
            states = model(**tokenizer(f"query: {text}", return_tensors="pt")).last_hidden_state[0]
        mean = states.mean(dim=0).numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=2e-6)


def test_identity_follows_content_not_place(bert_folder: Path, tmp_path: Path) -> None:
    import shutil

    config = TransformerEncoderConfig(model=str(bert_folder), max_tokens=64, device="cpu")
    here = open_encoder(config).facts
    moved = Path(shutil.copytree(bert_folder, tmp_path / "moved"))
    assert open_encoder(config.model_copy(update={"model": str(moved)})).facts.identity == here.identity
    for change in ({"query_prefix": ""}, {"max_tokens": 32}, {"pooling": "cls"}, {"passage_prefix": "x"}):
        assert open_encoder(config.model_copy(update=change)).facts.identity != here.identity
    weights = moved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert open_encoder(config.model_copy(update={"model": str(moved)})).facts.identity != here.identity


def test_an_encode_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected shape \(1, dim\)"):
        CallableEncoder(lambda texts: np.zeros(3), name="flat")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_vectors_that_are_no_numbers_are_refused(number: float) -> None:
    broken = CallableEncoder(lambda texts: [[1.0, 0.0 if text == "" else number] for text in texts], name="broken")
    with pytest.raises(ValueError, match="made 2 of 2 vectors with NaN or infinite numbers"):
        broken.encode_passages(["a", "b"])
