"""What is stated at a field: names that it refers to, and whether results depend on it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from understudy.annotations import (
    AgentRef,
    DisplayOnly,
    LocalModelRef,
    ModelRef,
    SpeedOnly,
    TaskSetRef,
    references,
    result_settings,
)
from understudy.models import LocalConfig, OpenAIChatConfig, ScriptedConfig
from understudy.records import Record, Target
from understudy.tools import FunctionToolConfig


class Inner(Record):
    judge: ModelRef | None = None
    n_threads: Annotated[int, Field(ge=1), SpeedOnly] = 1


class Config(Record):
    model: ModelRef
    base: LocalModelRef | None = None
    agent: AgentRef = "a"
    tasks: tuple[TaskSetRef, ...] = ()
    label: Annotated[str, DisplayOnly] = ""
    inner: Inner = Inner()
    options: dict[str, object] = {}


def test_references_are_found_at_any_depth_of_a_config() -> None:
    config = Config(model="m", base="b", tasks=("x", "y"), inner=Inner(judge="j"), options={"model": "no name"})
    found = [(one.key, one.name, one.mark.to) for one in references(config)]
    assert found == [
        ("model", "m", Target.MODEL),
        ("base", "b", Target.MODEL),
        ("agent", "a", Target.AGENT),
        ("tasks.0", "x", Target.TASK_SET),
        ("tasks.1", "y", Target.TASK_SET),
        ("inner.judge", "j", Target.MODEL),
    ]


def test_neutral_fields_stay_out_and_a_users_options_stay_in() -> None:
    config = Config(model="m", label="x", inner=Inner(n_threads=4), options={"label": 1, "engine": {"n_threads": 2}})
    assert result_settings(config) == {
        "model": "m",
        "base": None,
        "agent": "a",
        "tasks": [],
        "inner": {"judge": None},
        "options": {"label": 1, "engine": {"n_threads": 2}},
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ScriptedConfig(program="a:b", options={"engine": 1}), ScriptedConfig(program="a:b", options={"engine": 2})),
        (ScriptedConfig(program="a:b", options={"label": 1}), ScriptedConfig(program="a:b", options={})),
        (FunctionToolConfig(function="a:b", timeout_s=1), FunctionToolConfig(function="a:b", timeout_s=2)),
        (OpenAIChatConfig(model="x", extra_body={"device": 1}), OpenAIChatConfig(model="x")),
        (LocalConfig(path="x"), LocalConfig(path="y")),
    ],
)
def test_settings_that_results_depend_on_differ(one: Record, other: Record) -> None:
    assert result_settings(one) != result_settings(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LocalConfig(path="x", max_batch_size=1), LocalConfig(path="x", max_batch_tokens=7)),
        (
            OpenAIChatConfig(model="x", timeout_s=1, max_retries=2),
            OpenAIChatConfig(model="x", base_urls=("http://a/v1",)),
        ),
    ],
)
def test_settings_of_speed_do_not_differ(one: Record, other: Record) -> None:
    assert result_settings(one) == result_settings(other)


@pytest.mark.parametrize(
    "config",
    [
        ScriptedConfig(program="edited_code:reply"),
        FunctionToolConfig(function="edited_code:lookup"),
        FunctionToolConfig(function="edited_code:decorated"),
    ],
)
def test_settings_differ_where_the_code_that_they_name_was_edited(
    config: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "edited_code.py"
    found = []
    for word in ("one", "another"):
        monkeypatch.delitem(sys.modules, "edited_code", raising=False)
        module.write_text(
            f"import understudy\ndef reply(request): return {word!r}\ndef lookup(x: int) -> str:\n    'Find.'\n"
            f"    return {word!r}\ndecorated = understudy.tool(lookup)\n"
        )
        importlib.invalidate_caches()
        found.append([result_settings(config), result_settings(config)])
    monkeypatch.delitem(sys.modules, "edited_code")
    assert found[0][0] == found[0][1]
    assert found[0][0] != found[1][0]


def test_code_that_is_not_there_and_ours_have_no_version() -> None:
    for program in ("nowhere_at_all:reply", "understudy.tasks.toy:toy_teacher"):
        settings = result_settings(ScriptedConfig(program=program))
        assert isinstance(settings, dict)
        assert settings["program"] == {"target": program, "version": None}


def test_weights_are_found_in_an_installed_package() -> None:
    path = Path(LocalConfig(path="package:understudy/demo/base").path)
    assert (path.is_absolute(), (path / "config.json").exists()) == (True, True)
    named = LocalConfig(path="package:understudy/demo/base")
    assert result_settings(LocalConfig(path=str(path))) == result_settings(named)
    for name, why in (
        ("package:understudy/demo/bass", r"package 'understudy' has no 'demo/bass'"),
        ("package:overstudy/base", r"no package 'overstudy'"),
        ("package:", r"no package ''"),
        ("package:understudy.demo/base", r"no package 'understudy.demo'"),
    ):
        with pytest.raises(ValueError, match=why):
            LocalConfig(path=name)
