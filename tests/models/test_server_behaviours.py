"""The client understands what the servers of ``server_behaviours`` say, each row over a real socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.models import server_behaviours
from tests.models.faulty_server import Answer, Faulty, refuse, reply, running
from tests.models.server_behaviours import (
    FULL,
    MODEL_LISTS,
    NOT_FULL,
    REFUSED,
    REPLIES,
    Full,
    ModelList,
    Refused,
    Reply,
)
from tests.models.test_openai_chat import ask, config, echo
from understudy.models import ContextFullError, ProviderError, Request
from understudy.models.openai_chat import OpenAIChatModel
from understudy.records import Message, Role

DOCS = Path(__file__).parents[2] / "docs" / "models.md"


def named(row: Reply | Refused | Full | ModelList) -> str:
    return f"{row.server}: {row.words if isinstance(row, Full) else row.behaviour}"


@pytest.mark.parametrize("row", REPLIES, ids=named)
def test_a_reply_is_understood_or_is_an_error_with_the_servers_words(row: Reply) -> None:
    with (
        running(Faulty(lambda body: (200, row.body))) as faulty,
        OpenAIChatModel(config(faulty, max_retries=1)) as model,
    ):
        if row.error:
            with pytest.raises(ProviderError, match=row.error):
                model.complete(ask())
            return
        (completion,) = model.complete(ask())
    assert (completion.text, completion.reasoning, completion.finish_reason) == (row.text, row.reasoning, row.reason)
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == row.tokens
    assert len(faulty.bodies) == 1, "a reply that can be understood is not asked for again"


FULL_REQUEST = Request(
    messages=(Message(role=Role.SYSTEM, content="be brief"), Message(role=Role.USER, content="hi")),
    temperature=0.0,
    max_tokens=64,
    stop=("<end>",),
    seed=7,
    logprobs=True,
)


@pytest.mark.parametrize("row", REFUSED, ids=named)
def test_a_refused_parameter_is_dropped_or_renamed_once_and_reported_once(
    row: Refused, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(body: dict[str, object]) -> Answer:
        return (row.status, row.body) if row.refuses(body) else reply("one<end>two")

    request = FULL_REQUEST if row.behaviour != "`n`" else ask(n=3, temperature=1.0, seed=7, stop=("<end>",))
    with running(Faulty(answer)) as faulty, OpenAIChatModel(config(faulty, max_retries=0)) as model:
        texts = [completion.text for _ in range(2) for completion in model.complete(request)]
    assert texts == ["one"] * 2 * request.n, "whatever was dropped, the reply ends at the stop string"
    assert len(faulty.bodies) == 1 + 2 * request.n, "one request is lost for the refusal, none later"
    for body in faulty.bodies[1:]:
        assert {name: body.get(name) for name in row.sent} == row.sent
        assert body.keys().isdisjoint(row.absent)
    notes = [record.getMessage() for record in caplog.records if record.name.startswith("understudy")]
    assert len(notes) == 1, notes
    assert faulty.url in notes[0]


def test_single_requests_in_place_of_n_have_seeds_of_their_own() -> None:
    def answer(body: dict[str, object]) -> Answer:
        return refuse(400, "'n' : number must be at most 1") if body.get("n", 1) != 1 else reply(str(body["seed"]))

    with running(Faulty(answer)) as faulty, OpenAIChatModel(config(faulty)) as model:
        first = [c.text for c in model.complete(ask(n=4, seed=7, temperature=1.0))]
        again = [c.text for c in model.complete(ask(n=4, seed=7, temperature=1.0))]
    assert len(set(first)) == 4
    assert first == again


def test_a_server_that_refuses_one_parameter_after_the_other_is_asked_without_them_all() -> None:
    """OpenAI names one at a time; only what it named is left out, and only after the third refusal it answers."""
    refused = ["max_tokens", "temperature", "stop", "logprobs", "seed", "top_p"]

    def answer(body: dict[str, object]) -> Answer:
        for name in refused:
            if name in body:
                return 400, server_behaviours.openai_error(f"Unsupported parameter: '{name}' is not supported.", name)
        return reply("hello<end>")

    with running(Faulty(answer)) as faulty, OpenAIChatModel(config(faulty)) as model:
        assert [model.complete(FULL_REQUEST)[0].text for _ in range(3)] == ["hello"] * 3
    assert len(faulty.bodies) == len(refused) + 3
    assert faulty.bodies[-1].keys() == {"model", "messages", "n", "max_completion_tokens"}


def test_a_limit_that_is_refused_under_both_names_is_left_out() -> None:
    def answer(body: dict[str, object]) -> Answer:
        name = next((name for name in ("max_tokens", "max_completion_tokens") if name in body), None)
        return (400, server_behaviours.openai_error(f"Unknown parameter: '{name}'.", name)) if name else echo(body)

    with running(Faulty(answer)) as faulty, OpenAIChatModel(config(faulty)) as model:
        assert model.complete(ask("x"))[0].text == "you said x"
    assert len(faulty.bodies) == 3


def test_each_server_is_remembered_by_itself() -> None:
    def strict(body: dict[str, object]) -> Answer:
        return (
            (400, server_behaviours.openai_error("Unsupported parameter: 'stop'", "stop"))
            if "stop" in body
            else echo(body)
        )

    with running(Faulty(strict)) as one, running(Faulty(echo)) as two, OpenAIChatModel(config(one, two)) as model:
        for number in range(8):
            model.complete(ask(str(number), stop=("<end>",)))
            model._endpoints._all.reverse()  # so that both are asked, whichever is free
    assert ["stop" in body for body in one.bodies].count(True) == 1
    assert two.bodies
    assert all("stop" in body for body in two.bodies)


def test_what_the_user_put_into_extra_body_is_never_dropped() -> None:
    def answer(body: dict[str, object]) -> Answer:
        return 400, server_behaviours.openai_error("Unsupported parameter: 'top_p' is not supported.", "top_p")

    with (
        running(Faulty(answer)) as faulty,
        OpenAIChatModel(config(faulty, extra_body={"top_p": 0.5})) as model,
        pytest.raises(ProviderError, match="'top_p' is not supported"),
    ):
        model.complete(ask())
    assert len(faulty.bodies) == 1


def test_an_echo_of_the_request_names_no_parameter() -> None:
    """FastAPI's errors quote the body that they refuse."""

    def answer(body: dict[str, object]) -> Answer:
        return 422, {"detail": [{"type": "missing", "loc": ["body", "key"], "msg": "Field required", "input": body}]}

    with (
        running(Faulty(answer)) as faulty,
        OpenAIChatModel(config(faulty)) as model,
        pytest.raises(ProviderError, match="Field required"),
    ):
        model.complete(FULL_REQUEST)
    assert len(faulty.bodies) == 1


def test_a_refused_key_is_no_reason_to_drop_anything() -> None:
    said = "Your key is invalid: it may only be used with temperature 1"
    with (
        running(Faulty(lambda body: refuse(401, said))) as faulty,
        OpenAIChatModel(config(faulty)) as model,
        pytest.raises(ProviderError, match=said),
    ):
        model.complete(ask())
    assert len(faulty.bodies) == 1


def _error_of(row: Full) -> Answer:
    error: Mapping[str, object] = {"message": row.words, **row.more}
    return row.status, {"error": error}


@pytest.mark.parametrize("row", FULL, ids=named)
def test_a_full_context_is_reported_in_any_words_and_the_remaining_tokens_are_used(row: Full) -> None:
    def answer(body: dict[str, object]) -> Answer:
        asked = body["max_tokens"]
        assert isinstance(asked, int)
        return reply("ok") if row.room is not None and asked <= row.room else _error_of(row)

    with running(Faulty(answer)) as faulty, OpenAIChatModel(config(faulty, max_retries=1)) as model:
        if row.room is None:
            with pytest.raises(ContextFullError):
                model.complete(ask(max_tokens=64))
        else:
            assert model.complete(ask(max_tokens=64))[0].text == "ok"
    assert [body["max_tokens"] for body in faulty.bodies] == ([64] if row.room is None else [64, row.room])


@pytest.mark.parametrize(("status", "words"), NOT_FULL)
def test_other_refusals_are_no_full_context(status: int, words: str) -> None:
    with (
        running(Faulty(lambda body: refuse(status, words))) as faulty,
        OpenAIChatModel(config(faulty, max_retries=0)) as model,
        pytest.raises(ProviderError),
    ):
        model.complete(ask())


@pytest.mark.parametrize("row", MODEL_LISTS, ids=named)
def test_an_odd_list_of_models_is_read_or_passed_over_without_retries(row: ModelList) -> None:
    with running(Faulty(echo, models=(row.status, row.body))) as faulty, OpenAIChatModel(config(faulty)) as model:
        assert model.prefix_delivery == row.delivery
        assert model.complete(ask("x"))[0].text == "you said x"


def test_more_completions_than_llama_cpp_has_slots_are_requested_in_parts(caplog: pytest.LogCaptureFixture) -> None:
    def answer(body: dict[str, object]) -> Answer:
        n = body["n"]
        assert isinstance(n, int)
        words = f"Field 'n': Value must be between 1 <= value <= 4, but got {n}"
        return refuse(400, words) if n > 4 else reply(*[str(body["seed"])] * n)

    with running(Faulty(answer)) as faulty, OpenAIChatModel(config(faulty)) as model:
        texts = [c.text for c in model.complete(ask(n=9, seed=7, temperature=1.0))]
    assert texts == ["7"] * 4 + ["11"] * 4 + ["15"]
    assert [body["n"] for body in faulty.bodies] == [9, 4, 4, 1]
    assert "4 are requested at a time" in caplog.text


def _llama_cpp(*texts: str, **choice: object) -> Answer:
    choices = [{"message": {"content": text}, "finish_reason": "stop", **choice} for text in texts]
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}
    return 200, {"choices": choices, "usage": usage, "timings": {"predicted_n": 2}}


def test_llama_cpp_counts_the_tokens_of_the_first_reply_only() -> None:
    with running(Faulty(lambda _: _llama_cpp("four", "fourfour", ""))) as faulty, OpenAIChatModel(config(faulty)) as m:
        usages = [c.usage for c in m.complete(ask(n=3, temperature=1.0))]
    assert [usage.completion_tokens for usage in usages] == [2, 4, 0]
    assert [usage.cached_tokens for usage in usages] == [1, 0, 0]


@pytest.mark.parametrize(("tokens", "ids"), [(["he", "llo"], (5, 6)), (["llo"], None), (["he", "llo", " w"], None)])
def test_llama_cpps_ids_beside_log_probabilities_are_read_if_they_spell_the_reply(
    tokens: list[str], ids: tuple[int, ...] | None
) -> None:
    content = [{"id": 5 + n, "token": token, "logprob": -0.5} for n, token in enumerate(tokens)]
    answer = _llama_cpp("hello", logprobs={"content": content})
    with running(Faulty(lambda _: answer)) as faulty, OpenAIChatModel(config(faulty)) as model:
        (completion,) = model.complete(ask(logprobs=True))
    assert completion.token_ids == ids
    assert completion.usage.completion_tokens == 2


def test_llama_cpps_echo_of_a_continued_message_is_removed() -> None:
    begun = (Message(role=Role.USER, content="hi"), Message(role=Role.ASSISTANT, content="Thought: I"))
    settings = {"prefix_delivery": "continued"}
    with (
        running(Faulty(lambda _: _llama_cpp("Thought: I am"))) as faulty,
        OpenAIChatModel(config(faulty, **settings)) as model,
    ):
        (completion,) = model.complete(Request(begun, continue_final=True))
    assert completion.text == " am"


# --- stop strings -------------------------------------------------------------------------------------


STOPS = ("<end_code>", "Observation:", "Calling tools:")
CALL = "Thought: rows\nCode:\n```py\nprint(rows)\n```"


@pytest.mark.parametrize(
    ("came", "text", "stop"),
    [
        (f"{CALL}<end_code>\nObservation: rows: 999\nThought: So 999 rows.", CALL, "<end_code>"),
        (f"{CALL}\nObservation: rows: 999", f"{CALL}\n", "Observation:"),
        (f"{CALL}\nCalling tools: x<end_code>", f"{CALL}\n", "Calling tools:"),
        (f"{CALL}<end_code>\n{CALL}<end_code>", CALL, "<end_code>"),
        ("Observation: invented", "", "Observation:"),
    ],
)
@pytest.mark.parametrize("finish_reason", ["stop", "length"])
def test_a_reply_of_a_server_that_does_not_stop_is_cut_here(
    came: str, text: str, stop: str, finish_reason: str
) -> None:
    body = server_behaviours.said({"content": came}, finish_reason=finish_reason)
    with running(Faulty(lambda _: (200, body))) as faulty, OpenAIChatModel(config(faulty)) as model:
        (completion,) = model.complete(ask(stop=STOPS))
        (whole,) = model.complete(ask())
    assert (completion.text, completion.cut_at) == (text, stop)
    assert completion.finish_reason == "stop"
    assert completion.usage.completion_tokens == 2, "what was billed is counted, cut or not"
    assert (whole.text, whole.cut_at, whole.finish_reason) == (came, "", finish_reason)


def _with_tokens(tokens: list[str], spelled: list[str] | None = None) -> Answer:
    content = [{"token": token, "logprob": -0.5 - n} for n, token in enumerate(spelled or tokens)]
    choice = {
        "message": {"content": "".join(tokens)},
        "finish_reason": "stop",
        "logprobs": {"content": content},
        "token_ids": list(range(10, 10 + len(tokens))),
    }
    return 200, {"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": len(tokens)}}


def test_ids_and_log_probabilities_of_a_cut_reply_end_with_the_stop_string() -> None:
    tokens = ["a", "b<", "end", "> c", " d"]
    with running(Faulty(lambda _: _with_tokens(tokens))) as faulty, OpenAIChatModel(config(faulty)) as model:
        (completion,) = model.complete(ask(stop=("<end>",), logprobs=True))
    assert completion.text == "ab"
    assert completion.token_ids == (10, 11, 12, 13)
    assert completion.logprobs == (-0.5, -1.5, -2.5, -3.5)
    assert completion.usage.completion_tokens == 5


def test_tokens_that_do_not_spell_a_cut_reply_are_dropped() -> None:
    tokens = ["a", "<end>", "c"]
    with (
        running(Faulty(lambda _: _with_tokens(tokens, ["token_id:1", "token_id:2", "token_id:3"]))) as faulty,
        OpenAIChatModel(config(faulty)) as model,
    ):
        (cut,) = model.complete(ask(stop=("<end>",), logprobs=True))
        (whole,) = model.complete(ask(logprobs=True))
    assert (cut.text, cut.token_ids, cut.logprobs) == ("a", None, None)
    assert (whole.token_ids, whole.logprobs) == ((10, 11, 12), (-0.5, -1.5, -2.5))


# --- the docs -----------------------------------------------------------------------------------------


def table() -> str:
    """The rows as the docs show them."""
    lines = ["| server | what it does | result |", "|---|---|---|"]
    for reply_row in REPLIES:
        outcome = "retried, then an error with its message" if reply_row.error else _understood(reply_row)
        lines.append(f"| {reply_row.server} | {reply_row.behaviour} | {outcome} |")
    for refused in REFUSED:
        left = [f"`{name}: {value}`" for name, value in refused.sent.items() if name != "messages"]
        if "messages" in refused.sent:
            left.append("its text goes before the first user message")
        left += [f"no `{name}`" for name in refused.absent]
        lines.append(f"| {refused.server} | refuses {refused.behaviour} | {', '.join(left)} |")
    for models in MODEL_LISTS:
        lines.append(f"| {models.server} | `/v1/models`: {models.behaviour} | `{models.delivery}` |")
    return "\n".join(lines)


def _understood(row: Reply) -> str:
    parts = ["the text" if row.text else "an empty text"]
    parts += ["its reasoning"] * bool(row.reasoning) + [f"`{row.reason.value}`"] * (row.reason != "stop")
    return ", ".join(parts)


def test_the_docs_show_the_table() -> None:
    assert table() in DOCS.read_text()
    known = ", ".join(dict.fromkeys(name for row in FULL for name in row.server.split(", ")))
    assert known in " ".join(DOCS.read_text().split())
