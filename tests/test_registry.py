"""Kinds: built in, a user's class, a user's function; and what is said about wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import pytest
from pydantic import ValidationError

from tests.parts.loud import Loud, Quiet, Silent
from understudy.records import Record
from understudy.registry import Builtin, Group, PartConfig, TargetError, import_target

BUILTIN = {"loud": Builtin(config="tests.parts.loud:LoudConfig", part="tests.parts.loud:Loud")}


def _adapt(function: Callable[..., object]) -> object:
    return Silent(str(function("!")))


VOICES: Group[object] = Group("voices", "says something", BUILTIN, adapt=_adapt)


class Stage(Record):
    """A config that holds parts."""

    voice: Annotated[PartConfig, VOICES]
    more: dict[str, Annotated[PartConfig, VOICES]] = {}


def test_a_built_in_kind_has_its_own_config() -> None:
    stage = Stage.model_validate({"voice": {"kind": "loud", "word": "ho"}})
    part = VOICES.open(stage.voice, "!")
    assert isinstance(part, Loud)
    assert part.says == "HO!"
    assert stage.voice.part_version is None


def test_a_kind_alone_is_enough() -> None:
    assert VOICES.open(Stage.model_validate({"voice": "loud"}).voice).says == "HEY"  # type: ignore[attr-defined]


def test_a_users_class_brings_its_options() -> None:
    said = {"kind": "tests.parts.loud:Quiet", "times": 2, "options": {"engine": 1}}
    stage = Stage.model_validate({"voice": said})
    part = VOICES.open(stage.voice, suffix="?")
    assert isinstance(part, Quiet)
    assert part.says == "hmhm?"
    assert stage.voice.part_version == "7"
    assert stage.model_dump()["voice"] == said
    assert Stage.model_validate_json(stage.model_dump_json()) == stage


def test_a_users_class_without_options_and_a_function() -> None:
    stage = Stage.model_validate(
        {"voice": "tests.parts.loud:Silent", "more": {"x": {"kind": "tests.parts.loud:whisper"}}}
    )
    assert VOICES.open(stage.voice, ".").says == "."  # type: ignore[attr-defined]
    assert isinstance(VOICES.open(stage.more["x"]), Silent)
    version = stage.voice.part_version
    assert version is not None
    assert len(version) == 16


@pytest.mark.parametrize(
    ("said", "loc", "message"),
    [
        ({"kind": "loud", "wrod": "a"}, ("voice", "wrod"), "Extra inputs are not permitted"),
        ({"kind": "loud", "word": 5}, ("voice", "word"), "valid string"),
        ({"kind": "tests.parts.loud:Quiet", "times": 0}, ("voice", "times"), "greater than or equal to 1"),
        ({"kind": "tests.parts.loud:Quiet", "tims": 1}, ("voice", "tims"), "Extra inputs"),
        ({"kind": "tests.parts.loud:Silent", "times": 1}, ("voice", "times"), "Extra inputs"),
        ({"kind": "soft"}, ("voice", "kind"), "expected one of loud, or package.module:Class; got 'soft'"),
        ({"kind": "tests.parts.loud:Quite"}, ("voice", "kind"), "has no 'Quite'; did you mean 'Quiet'?"),
        ({"kind": "tests.parts.nowhere:X"}, ("voice", "kind"), "there is no module 'tests.parts.nowhere'"),
        ({"kind": "tests.parts.loud:NOT_A_PART"}, ("voice", "kind"), "expected a class; it is int"),
        ({"word": "x"}, ("voice",), "`kind` is missing: expected one of loud"),
        (["loud"], ("voice",), "expected a mapping with `kind`"),
        (None, ("voice",), "expected a mapping with `kind`"),
    ],
)
def test_what_is_wrong_is_reported_with_its_place(said: object, loc: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Stage.model_validate({"voice": said})
    (problem,) = caught.value.errors()
    assert problem["loc"] == loc
    assert message in problem["msg"]


def test_kinds_are_listed_with_a_line_each() -> None:
    (kind,) = VOICES.kinds()
    assert (kind.group, kind.name, kind.about, kind.origin) == ("voices", "loud", "Says a word loudly.", "understudy")


@pytest.mark.parametrize("path", ["", "json", "json:", ":dumps", "json:dumsp", "no_such_module:x"])
def test_a_target_that_leads_nowhere(path: str) -> None:
    with pytest.raises(TargetError, match=r"json|module"):
        import_target(path)


def test_a_target_may_have_dots() -> None:
    assert import_target("tests.parts.loud:Quiet.Config") is Quiet.Config
