"""A program as a model keeps the contract of a model."""

from __future__ import annotations

import pytest
from pydantic import JsonValue, ValidationError

from understudy.models import (
    ContextFullError,
    LocalConfig,
    OpenAIChatConfig,
    ProgramError,
    ProviderError,
    Request,
    ScriptedConfig,
    ScriptedModel,
    open_model,
)
from understudy.records import FinishReason, Message, Role


def ask(text: str = "hi", n: int = 1, **settings: object) -> Request:
    return Request(messages=(Message(role=Role.USER, content=text),), n=n, **settings)  # type: ignore[arg-type]


def echo(request: Request, shout: bool = False) -> str:
    """Reached by its path in the tests below."""
    text = f"{request.messages[-1].content} {request.seed}"
    return text.upper() if shout else text


def test_each_completion_has_a_seed_of_its_own_that_the_request_determines() -> None:
    model = ScriptedModel(echo, "echo")
    texts = [completion.text for completion in model.complete(ask(n=4, seed=7))]
    assert len(set(texts)) == 4
    assert texts == [completion.text for completion in model.complete(ask(n=4, seed=7))]
    assert set(texts).isdisjoint(completion.text for completion in model.complete(ask(n=4, seed=8)))


def test_stop_strings_and_the_token_limit_cut_the_reply() -> None:
    model = ScriptedModel(lambda request: "one two three<end> four", "counter")
    stopped = model.complete(ask(stop=("four", "<end>")))[0]
    assert (stopped.text, stopped.finish_reason) == ("one two three", FinishReason.STOP)
    cut = model.complete(ask(max_tokens=2))[0]
    assert (cut.text, cut.finish_reason, cut.usage.completion_tokens) == ("one two", FinishReason.LENGTH, 2)


def test_the_prompt_is_counted_once_a_request() -> None:
    completions = ScriptedModel(echo, "echo").complete(ask("three words here", n=3, seed=1))
    assert [completion.usage.prompt_tokens for completion in completions] == [3, 0, 0]
    assert [completion.usage.requests for completion in completions] == [1, 0, 0]


def test_a_program_is_opened_by_its_path_with_its_options() -> None:
    config = ScriptedConfig(program="tests.models.test_scripted:echo", options={"shout": True})
    with open_model(config) as model:
        assert model.is_program
        assert model.name == "tests.models.test_scripted:echo"
        assert model.complete(ask("hello", seed=1))[0].text.startswith("HELLO ")


@pytest.mark.parametrize(
    ("program", "says"),
    [("no.such.module:f", "no module 'no'"), ("tests.models.test_scripted:gone", "has no 'gone'")],
)
def test_a_program_that_is_not_there_is_refused(program: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        open_model(ScriptedConfig(program=program))


def raises(request: Request) -> str:
    """Fails as a program with a mistake does."""
    return request.messages[7].content


def returns(request: Request, what: object = None) -> object:
    """Returns no text."""
    return what


async def is_async(request: Request) -> str:
    """Cannot be awaited here."""
    return "hi"


@pytest.mark.parametrize(
    ("program", "options", "says"),
    [
        ("raises", {}, r"raised IndexError: tuple index out of range \(.*test_scripted.py, line \d+\)"),
        ("returns", {}, "expected a Completion or a text, it returned NoneType: None"),
        ("returns", {"what": 42}, "it returned int: 42"),
        ("returns", {"what": ["a"]}, r"it returned list: \['a'\]"),
        ("returns", {"what": {"content": "a"}}, "it returned dict"),
        ("is_async", {}, "it returned coroutine"),
        ("returns", {"other": 1}, "raised TypeError"),
    ],
)
def test_a_programs_mistakes_are_errors_that_name_it(program: str, options: dict[str, JsonValue], says: str) -> None:
    path = f"tests.models.test_scripted:{program}"
    with (
        open_model(ScriptedConfig(program=path, options=options)) as model,
        pytest.raises(ProgramError, match=f"the program {path}.*{says}"),
    ):
        model.complete(ask())


@pytest.mark.parametrize("error", [ProviderError("503"), ContextFullError("full")])
def test_a_program_may_fail_as_a_server_does(error: Exception) -> None:
    def program(request: Request) -> str:
        raise error

    with pytest.raises(type(error)):
        ScriptedModel(program, "program").complete(ask())


def test_a_target_that_is_no_function_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a function of a Request; it is str"):
        open_model(ScriptedConfig(program="tests.models.test_scripted:__name__"))


def test_unknown_settings_and_missing_tokenizers_are_refused() -> None:
    with pytest.raises(ValidationError, match="temperature"):
        LocalConfig.model_validate({"kind": "local", "path": "x", "temperature": 1})
    with pytest.raises(ValidationError, match="needs tokenizer"):
        OpenAIChatConfig(model="m", prefix_delivery="completion")  # type: ignore[arg-type]


def test_a_key_is_named_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNDERSTUDY_TEST_KEY", raising=False)
    with pytest.raises(ValueError, match="UNDERSTUDY_TEST_KEY contains no key"):
        open_model(OpenAIChatConfig(model="m", base_urls=("http://127.0.0.1:9/v1",), api_key_env="UNDERSTUDY_TEST_KEY"))
