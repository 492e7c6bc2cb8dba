"""The format: parse inverts render, every unusable reply has its reason, nothing a model writes breaks the parser."""

from __future__ import annotations

import ast
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.agents import completed, parse_reply
from understudy.agents.parsing import MAX_CODE_CHARS
from understudy.records import FinishReason, ParseProblem

PYTHON = st.sampled_from(
    ["x = 1", "for a in b:\n    for c in d:\n        pass", "final_answer('```')", "print('Code:')", "'ü'"]
)
THOUGHT = st.text(st.characters(exclude_characters="`\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00"), max_size=80).filter(
    lambda text: "Code:" not in text and not text.strip().startswith("Thought:")
)


def render(thought: str, code: str, name: str = "py") -> str:
    return f"Thought: {thought}\nCode:\n```{name}\n{code}\n```<end_code>"


@given(THOUGHT, PYTHON, st.sampled_from(["py", "python", ""]))
def test_parsing_inverts_rendering(thought: str, code: str, name: str) -> None:
    reply = parse_reply(render(thought, code, name))
    assert (reply.thought, reply.code, reply.problem) == (thought.strip(), code, None)


@given(st.text(max_size=400), st.sampled_from(FinishReason))
def test_any_reply_is_either_code_or_a_problem(text: str, reason: FinishReason) -> None:
    reply = parse_reply(text, reason)
    assert (reply.code is None) == (reply.problem is not None)
    if reply.code is not None:
        ast.parse(reply.code)
    whole = completed(text, reason)
    assert whole.startswith(text.rstrip())
    assert completed(whole, reason) == whole
    assert parse_reply(whole, reason) == reply


@given(THOUGHT, PYTHON)
def test_a_reply_that_stopped_at_end_code_is_stored_whole(thought: str, code: str) -> None:
    whole = render(thought, code)
    for cut in (whole.removesuffix("<end_code>"), whole.removesuffix("<end_code>") + "\n"):
        assert completed(cut) == whole


@pytest.mark.parametrize(
    ("text", "reason", "problem"),
    [
        ("", FinishReason.STOP, ParseProblem.EMPTY),
        (" \n<end_code>", FinishReason.STOP, ParseProblem.EMPTY),
        ("Thought: I know it.", FinishReason.STOP, ParseProblem.NO_CODE),
        ("Thought: a\nCode:\n```py\n\n```", FinishReason.STOP, ParseProblem.NO_CODE),
        ("Thought: a\nCode:\n```py\nx = 1", FinishReason.STOP, ParseProblem.NO_CODE),
        ('Thought: a\n```json\n{"a": 1}\n```', FinishReason.STOP, ParseProblem.NO_CODE),
        ("```py\nx\n```\nand\n```py\ny\n```", FinishReason.STOP, ParseProblem.SEVERAL_BLOCKS),
        ("```py\nx\n```\nand\n```py\ny", FinishReason.STOP, ParseProblem.SEVERAL_BLOCKS),
        ("```py\nx = = 1\n```", FinishReason.STOP, ParseProblem.SYNTAX_ERROR),
        ("```py\n" + "(" * 3000 + "\n```", FinishReason.STOP, ParseProblem.SYNTAX_ERROR),
        ("```py\n" + "-" * 90_000 + "1\n```", FinishReason.STOP, ParseProblem.SYNTAX_ERROR),
        ("```py\n'" + "a" * MAX_CODE_CHARS + "'\n```", FinishReason.STOP, ParseProblem.SYNTAX_ERROR),
        ("```py\nx = '\0'\n```", FinishReason.STOP, ParseProblem.SYNTAX_ERROR),
        ("```py\nx = '\udc80'\n```", FinishReason.STOP, ParseProblem.SYNTAX_ERROR),
        ("", FinishReason.LENGTH, ParseProblem.CUT_BY_LENGTH),
        ("Thought: so much to", FinishReason.LENGTH, ParseProblem.CUT_BY_LENGTH),
        ("```py\nx = = 1", FinishReason.LENGTH, ParseProblem.CUT_BY_LENGTH),
        ("```py\nx\n```\nand the", FinishReason.LENGTH, ParseProblem.CUT_BY_LENGTH),
        ("```py\nx\n```\n```py\ny\n```", FinishReason.LENGTH, ParseProblem.CUT_BY_LENGTH),
    ],
)
def test_why_a_reply_is_unusable(text: str, reason: FinishReason, problem: ParseProblem) -> None:
    assert parse_reply(text, reason).problem is problem


def test_a_whole_action_at_the_token_limit_is_run() -> None:
    assert parse_reply("Thought: a\nCode:\n```py\nx\n```", FinishReason.LENGTH).code == "x"


def test_the_detail_of_a_syntax_error_names_line_and_text() -> None:
    detail = parse_reply("```py\nx = 1\ny = = 2\n```").detail
    assert "line 2" in detail
    assert "y = = 2" in detail


def test_published_replies_are_read() -> None:
    """Shapes found in trajectories of smolagents' time: blank lines, a name after the fence, two ways to end."""
    for text in (
        'Thought: I search.\n\nCode:\n```py\nresult = web_search(query="a")\nprint(result)\n```<end_code>',
        'Thought: I search.\nCode:\n```python\nresult = web_search(query="a")\nprint(result)\n```\n<end_code>',
        'I search.\n```py\nresult = web_search(query="a")\nprint(result)\n```',
    ):
        reply = parse_reply(text)
        assert (reply.thought, reply.code) == ("I search.", 'result = web_search(query="a")\nprint(result)')


def test_code_that_makes_python_warn_is_silent_in_all_threads(recwarn: pytest.WarningsRecorder) -> None:
    replies: list[ParseProblem | None] = []

    def parse() -> None:
        replies.extend(parse_reply("```py\nx = '\\d'\n```").problem for _ in range(50))

    threads = [threading.Thread(target=parse) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [None] * 400
    assert not recwarn.list
