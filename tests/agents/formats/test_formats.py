"""What every action format keeps, a user's own included, and where its name is stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from understudy.agents.formats import (
    ACTION_FORMATS,
    CODE_FENCE,
    ActionFormat,
    PartName,
    open_format,
    recorded_format,
    to_record,
)
from understudy.models.stopping import cut_text
from understudy.records import FinishReason, ParseProblem

OWN = "tests.agents.own_agents:Shouted"
KINDS = ("code_fence", "code_tags", OWN)
FORMATS = st.sampled_from([open_format(ACTION_FORMATS.validate(kind)) for kind in KINDS])
CODE = st.sampled_from(["x = 1", "for a in b:\n    for c in d:\n        pass", "final_answer('a')", "print('ü')"])
THOUGHT = st.text(st.characters(categories=["L", "N", "Zs", "Po"], exclude_characters=":`<*~"), max_size=60).map(
    lambda text: " ".join(text.split())
)
WORDS = ["<code>", "</code>", "```py", "```", "x = 1", "\n", " ", "Thought: a", "Code:", "</co", "<end", "<think>"]
PIECES = st.lists(st.sampled_from(WORDS), max_size=12).map("".join)


@given(FORMATS, THOUGHT, CODE)
def test_parsing_inverts_rendering(form: ActionFormat, thought: str, code: str) -> None:
    whole = form.render(thought, code)
    assert whole.endswith(form.end)
    assert (form.parse(whole).thought, form.parse(whole).code) == (thought, code)
    assert whole.startswith(form.prefill(thought)) or not thought


@given(FORMATS, THOUGHT, CODE)
def test_what_was_cut_at_the_stop_string_is_put_back(form: ActionFormat, thought: str, code: str) -> None:
    whole = form.render(thought, code)
    cut, stop = cut_text(whole, form.stop)
    assert stop
    assert form.complete(cut) == whole
    assert form.complete(cut.rstrip()) == whole


@given(FORMATS, THOUGHT, CODE)
def test_the_parts_of_a_reply(form: ActionFormat, thought: str, code: str) -> None:
    whole = form.render(thought, code)
    *before, action = form.parts(whole)
    assert action.name is (PartName.ANSWER if "final_answer" in code else PartName.ACTION)
    assert code in whole[action.start : action.end]
    assert all(part.name is PartName.THOUGHT and thought in whole[part.start : part.end] for part in before)


@given(FORMATS, PIECES, st.sampled_from(FinishReason))
def test_any_reply_is_either_code_or_a_problem(form: ActionFormat, text: str, reason: FinishReason) -> None:
    reply = form.parse(text, reason)
    assert (reply.code is None) == (reply.problem is not None)
    whole = form.complete(text, reason)
    assert form.complete(whole, reason) == whole
    again = form.parse(whole, reason)
    assert (again.code, again.problem) == (reply.code, reply.problem)
    parts = form.parts(text)
    assert [part.start for part in parts] == [0, *(part.end for part in parts[:-1])]
    assert parts[-1].end == len(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Thought: a\n<code>\nfinal_answer(1)\n", "final_answer(1)"),
        ("Thought: a\n<code>final_answer(1)", "final_answer(1)"),
        ("Thought: a\n<code> final_answer(1) </code>", "final_answer(1)"),
        ("Thought: a\nCode:\n<code>\n```py\nfinal_answer(1)\n```\n", "final_answer(1)"),
        ("Thought: I use <code> tags.\n<code>\nfinal_answer(1)\n</co", "final_answer(1)"),
        ("<think><code>x</code></think>Thought: a\n<code>\nfinal_answer(1)\n", "final_answer(1)"),
        ("Thought: a\r\n<code>\r\nfinal_answer(1)\r\n", "final_answer(1)"),
        ("Thought: a\n  <code>\n  final_answer(1)\n  ", "final_answer(1)"),
        ("<code lang='py'>\nx\n</code>", "x"),
        ("Thought: a\n<code>python\nx\n</code>", "x"),
        ("Thought: a\n<code>\nx\n<end_code>", "x"),
        ("Thought: a\n<code>\nx\n<|im_end|>", "x"),
        ("Thought: a\nCode:\n```py\nx\n```<end_code>", "x"),
        ("Thought: a\n```python\nx\n```", "x"),
        ("Thought: a\n```json\n{}\n```\n```python\nx\n```", "x"),
        ("<code>y</code>\n</think>\nThought: a\n<code>\nx\n", "x"),
    ],
)
def test_tags_are_read_as_models_write_them(text: str, code: str) -> None:
    form = open_format(ACTION_FORMATS.validate("code_tags"))
    assert form.parse(text).code == code
    assert form.parse(form.complete(text)).code == code


@pytest.mark.parametrize(
    ("text", "reason", "problem"),
    [
        ("<code>x</code><code>y</code>", FinishReason.STOP, ParseProblem.SEVERAL_BLOCKS),
        ("Thought: a", FinishReason.STOP, ParseProblem.NO_CODE),
        ("Thought: a\n```\nx\n```", FinishReason.STOP, ParseProblem.NO_CODE),
        ("```py\nx\n```\n```py\ny()\n```", FinishReason.STOP, ParseProblem.SEVERAL_BLOCKS),
        ("<code></code>", FinishReason.STOP, ParseProblem.NO_CODE),
        ("<code>x = = 1</code>", FinishReason.STOP, ParseProblem.SYNTAX_ERROR),
        ("<code>x = 1", FinishReason.LENGTH, ParseProblem.CUT_BY_LENGTH),
        ("<code>x = 1", FinishReason.OTHER, ParseProblem.NO_CODE),
        (" ", FinishReason.STOP, ParseProblem.EMPTY),
    ],
)
def test_why_a_reply_with_tags_is_unusable(text: str, reason: FinishReason, problem: ParseProblem) -> None:
    assert open_format(ACTION_FORMATS.validate("code_tags")).parse(text, reason).problem is problem


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_names_its_format(kind: str) -> None:
    config = ACTION_FORMATS.validate(kind)
    record = to_record(config)
    assert record == {"code_fence": "", OWN: f'{{"kind": "{OWN}", "word": "CODE"}}'}.get(kind, kind)
    assert type(recorded_format(record)) is type(open_format(config))


def test_wrong_formats_are_refused() -> None:
    assert ACTION_FORMATS.validate("code_fence") == CODE_FENCE
    for value in ("code_fnece", {"kind": "code_tags", "stop": "x"}, {"kind": OWN, "wrod": "x"}):
        with pytest.raises(ValidationError):
            ACTION_FORMATS.validate(value)
