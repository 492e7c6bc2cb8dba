"""Kinds of models: ours by a short name, a user's class by its path."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from understudy.models import MODELS, LocalConfig, Model, ModelConfig, OpenAIChatConfig, Request, open_model
from understudy.models.openai_chat import OpenAIChatModel
from understudy.models.serving import served
from understudy.records import Completion, FinishReason, Message, PrefixDelivery, Role
from understudy.registry import PartConfig, TargetError

CONFIG: TypeAdapter[PartConfig] = TypeAdapter(ModelConfig)


class Parrot(Model):
    """Says what was said last, so many times."""

    class Config(BaseModel):
        times: int = 1

    def __init__(self, config: Config) -> None:
        self._config = config

    def complete(self, request: Request) -> tuple[Completion, ...]:
        text = request.messages[-1].content * self._config.times
        return (Completion(text=text, finish_reason=FinishReason.STOP),) * request.n


class NoModel:
    """A class that completes nothing."""


class HalfModel:
    """A class that completes, and has nothing else of a model."""

    def complete(self, request: Request) -> tuple[Completion, ...]:
        raise NotImplementedError


PARROT = f"{__name__}:Parrot"
REQUEST = Request((Message(role=Role.USER, content="ha"),), n=2)


def test_a_users_class_is_a_kind_with_its_own_config() -> None:
    config = CONFIG.validate_python({"kind": PARROT, "times": 3})
    with open_model(config) as model:
        assert [completion.text for completion in model.complete(REQUEST)] == ["hahaha", "hahaha"]
        assert (model.name, model.is_program, model.prefix_delivery) == (PARROT, False, PrefixDelivery.INSTRUCTED)
    assert CONFIG.validate_json(CONFIG.dump_json(config)) == config


def test_a_users_class_can_be_served() -> None:
    with served(CONFIG.validate_python({"kind": PARROT, "times": 2})) as url:
        far = OpenAIChatConfig(model=PARROT, base_urls=(url,))
        with OpenAIChatModel(far) as model:
            assert model.complete(REQUEST)[0].text == "haha"


@pytest.mark.parametrize(
    ("kind", "keys", "says"),
    [
        (PARROT, {"times": "many"}, "times"),
        (PARROT, {"time": 1}, "time"),
        ("vllm", {}, "expected one of openai_chat, local, scripted"),
        (f"{__name__}:Parot", {}, "did you mean 'Parrot'"),
        ("no_such_module:Model", {}, "no module 'no_such_module'"),
        ("local", {"path": "x", "temperature": 1}, "temperature"),
    ],
)
def test_what_leads_nowhere_is_refused_when_the_recipe_is_read(kind: str, keys: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        CONFIG.validate_python({"kind": kind, **keys})


def test_a_class_that_is_no_model_is_refused_with_what_is_missing() -> None:
    with pytest.raises(ValidationError, match="NoModel: expected a class with the method complete"):
        CONFIG.validate_python({"kind": f"{__name__}:NoModel"})
    config = CONFIG.validate_python({"kind": f"{__name__}:HalfModel"})
    with pytest.raises(TargetError, match=r"it has no is_program.*Inherit from understudy\.models\.Model"):
        open_model(config)


def test_our_kinds_have_short_names_and_a_line_each() -> None:
    assert [kind.name for kind in MODELS.kinds()][:3] == ["openai_chat", "local", "scripted"]
    assert all(kind.about for kind in MODELS.kinds())
    assert CONFIG.validate_python({"kind": "local", "path": str(Path("x"))}) == LocalConfig(path="x")
