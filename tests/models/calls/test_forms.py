"""Every call form reads back what it writes."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.models.calls.strategies import TYPED, arguments, plain_text, several, texts, typed_calls
from understudy.models.calls import CALL_FORMS, UnwritableCallError
from understudy.records import FunctionCall

JSON_FORMS = [name for name in CALL_FORMS if name != "qwen_xml"]
said = plain_text.filter(lambda text: not {"<", "{", "["} & set(text)).map(str.rstrip)


@pytest.mark.parametrize("name", JSON_FORMS)
@given(content=said, calls=several(arguments))
@settings(max_examples=40, deadline=None)
def test_a_form_reads_what_it_writes(name: str, content: str, calls: tuple[FunctionCall, ...]) -> None:
    form = CALL_FORMS[name]
    text = content + form.separator + form.render(calls) if content else form.render(calls)
    parsed = form.parse(text)
    assert (parsed.problem, parsed.calls, parsed.text) == ("", calls, content)


@given(content=said, calls=typed_calls)
@settings(max_examples=60, deadline=None)
def test_qwen_xml_reads_what_it_writes_by_the_tools_schema(content: str, calls: tuple[FunctionCall, ...]) -> None:
    form = CALL_FORMS["qwen_xml"]
    try:
        written = form.render(calls)
    except UnwritableCallError:
        assume(False)
    parsed = form.parse(content + form.separator + written if content else written, (TYPED,))
    assert (parsed.problem, parsed.calls, parsed.text) == ("", calls, content)


@pytest.mark.parametrize("name", CALL_FORMS)
@given(text=st.lists(texts, max_size=6).map("".join))
@settings(max_examples=40, deadline=None)
def test_a_form_reads_any_text_without_an_error(name: str, text: str) -> None:
    parsed = CALL_FORMS[name].parse(text)
    if not parsed.calls:
        assert parsed.text == text
    assert not (parsed.calls and parsed.problem)


@pytest.mark.parametrize("name", CALL_FORMS)
@given(calls=several(arguments), cut=st.integers(1, 10**6))
@settings(max_examples=30, deadline=None)
def test_a_reply_that_was_cut_makes_no_other_call(name: str, calls: tuple[FunctionCall, ...], cut: int) -> None:
    """A prefix of a reply gives a beginning of its calls, or a problem; never a call with other arguments."""
    form = CALL_FORMS[name]
    try:
        text = form.render(calls)
    except UnwritableCallError:
        assume(False)
    whole, parsed = form.parse(text).calls, form.parse(text[: cut % len(text)])
    assert parsed.calls == whole[: len(parsed.calls)]


@pytest.mark.parametrize("name", JSON_FORMS)
def test_what_cannot_be_read_back_is_not_written(name: str) -> None:
    with pytest.raises(UnwritableCallError, match="cannot be written in JSON"):
        CALL_FORMS[name].render([FunctionCall(id="call_0", name='say "hi"')])


@pytest.mark.parametrize(
    "call",
    [
        FunctionCall(id="call_0", name="f", arguments={"text": "a\n</parameter>\nb"}),
        FunctionCall(id="call_0", name="f", arguments={"a>b": 1}),
        FunctionCall(id="call_0", name="f\n", arguments={}),
    ],
)
def test_qwen_xml_refuses_what_it_cannot_hold(call: FunctionCall) -> None:
    with pytest.raises(UnwritableCallError):
        CALL_FORMS["qwen_xml"].render([call])


@pytest.mark.parametrize("name", CALL_FORMS)
def test_an_opening_is_how_a_call_begins(name: str) -> None:
    form = CALL_FORMS[name]
    written = form.render([FunctionCall(id="call_0", name="search", arguments={"query": "x"})])
    assert written.startswith(form.opening("search"))
    assert written.startswith(form.opening() + "search")
