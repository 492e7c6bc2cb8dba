"""A folder that exists is never taken for a Hub id, and every error says which folder was looked at."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from understudy.models import LocalConfig, Request
from understudy.models.loading import load_base, load_checkpoint, load_tokenizer
from understudy.models.local import LocalModel
from understudy.models.locating import base_and_adapter, locate, locate_adapter
from understudy.models.rendering import open_renderer
from understudy.records import Message, Role


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.mark.parametrize("spelled", ["demo/base", "./demo/base", "demo/base/", "demo/../demo/base"])
def test_an_existing_folder_becomes_absolute(
    tiny_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    shutil.copytree(tiny_dir, tmp_path / "demo" / "base")
    monkeypatch.chdir(tmp_path)
    assert Path(locate(spelled)).is_absolute()
    assert Path(locate(spelled)).samefile(tmp_path / "demo" / "base")
    assert load_base(spelled, "auto").config.name_or_path == locate(spelled), "so adapters remember it from anywhere"


def test_a_home_folder_is_found(tiny_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tiny_dir, tmp_path / "base")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate("~/base") == str(tmp_path / "base")


@pytest.mark.parametrize("name", ["gpt2", "Qwen/Qwen2.5-0.5B-Instruct", "org/some_model.v2"])
def test_a_hub_id_stays_one(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate(name) == name


@pytest.mark.parametrize("name", ["./base", "../base", "/nowhere/base", "~/nowhere", "a/b/c", "runs/a/train/b"])
def test_a_path_that_is_no_folder_is_not_looked_for_on_the_hub(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"the folder /.* does not exist"):
        locate(name)


def test_what_could_be_either_says_which_folder_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for load in (load_tokenizer, open_renderer, lambda path: load_base(path, "auto")):
        with pytest.raises(OSError, match=f"the folder {tmp_path}/demo/base does not exist, and as a Hub id"):
            load("demo/base")


def test_a_stage_in_place_of_its_checkpoint_is_reported(tmp_path: Path) -> None:
    (tmp_path / "train" / "agent" / "checkpoint").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"holds no checkpoint.*did you mean .*train/agent/checkpoint"):
        load_checkpoint(LocalConfig(path=str(tmp_path / "train" / "agent")))


def _name_base(adapter: Path, base: str) -> None:
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**settings, "base_model_name_or_path": base}))


@pytest.mark.parametrize("working_directory", [".", "elsewhere"])
def test_the_base_of_an_adapter_is_found_from_anywhere(
    tiny_dir: Path, adapter_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, working_directory: str
) -> None:
    """The adapter lies in a run below the folder that its relative base belongs to."""
    adapter = tmp_path / "runs" / "r" / "train" / "agent" / "checkpoint"
    shutil.copytree(tiny_dir, tmp_path / "demo" / "base")
    shutil.copytree(adapter_dir, adapter)
    _name_base(adapter, "demo/base")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / working_directory)
    assert base_and_adapter(str(adapter), None) == (str(tmp_path / "demo" / "base"), str(adapter))

    request = Request((Message(role=Role.USER, content="hello"),), max_tokens=8)
    pair = LocalConfig(path=str(tiny_dir), adapter=str(adapter_dir))
    with LocalModel(LocalConfig(path=str(adapter))) as alone, LocalModel(pair) as beside:
        assert alone.complete(request)[0].token_ids == beside.complete(request)[0].token_ids


def test_a_base_that_is_gone_is_reported(adapter_dir: Path, tmp_path: Path) -> None:
    adapter = Path(shutil.copytree(adapter_dir, tmp_path / "adapter"))
    _name_base(adapter, "/nowhere/base")
    with pytest.raises(FileNotFoundError, match=f"the base of the adapter {adapter} does not exist: /nowhere/base"):
        load_checkpoint(LocalConfig(path=str(adapter)))


def test_an_adapter_on_an_adapter_is_refused(adapter_dir: Path) -> None:
    with pytest.raises(ValueError, match="is an adapter itself"):
        load_checkpoint(LocalConfig(path=str(adapter_dir), adapter=str(adapter_dir)))


def test_whole_weights_in_place_of_an_adapter_are_reported(tiny_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected an adapter, there is no adapter_config\.json in it"):
        locate_adapter(str(tiny_dir))
    with pytest.raises(FileNotFoundError, match="does not exist, and the name cannot be a Hub id"):
        locate_adapter(str(tmp_path / "nowhere"))
