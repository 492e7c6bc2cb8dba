"""The format: parse inverts render, every unusable reply has its reason, nothing a model writes breaks the parser."""

from __future__ import annotations

import ast
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.agents.formats.code_fence import CodeFence
from understudy.agents.formats.python_code import MAX_CODE_CHARS
from understudy.records import FinishReason, ParseProblem

FORMAT = CodeFence()
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
    reply = FORMAT.parse(render(thought, code, name))
    assert (reply.thought, reply.code, reply.problem) == (thought.strip(), code, None)


@given(st.text(max_size=400), st.sampled_from(FinishReason))
def test_any_reply_is_either_code_or_a_problem(text: str, reason: FinishReason) -> None:
    reply = FORMAT.parse(text, reason)
    assert (reply.code is None) == (reply.problem is not None)
    if reply.code is not None:
        ast.parse(reply.code)
    whole = FORMAT.complete(text, reason)
    assert whole.startswith(text.rstrip())
    assert FORMAT.complete(whole, reason) == whole
    assert FORMAT.parse(whole, reason) == reply


@given(THOUGHT, PYTHON)
def test_a_reply_that_stopped_at_end_code_is_stored_with_its_end(thought: str, code: str) -> None:
    whole = render(thought, code)
    for cut in (whole.removesuffix("<end_code>"), whole.removesuffix("<end_code>") + "\n"):
        assert FORMAT.complete(cut) == whole


@pytest.mark.parametrize(
    ("text", "reason", "problem"),
    [
        ("", FinishReason.STOP, ParseProblem.EMPTY),
        (" \n<end_code>", FinishReason.STOP, ParseProblem.EMPTY),
        ("Thought: I know it.", FinishReason.STOP, ParseProblem.NO_CODE),
        ("Thought: a\nCode:\n```py\n\n```", FinishReason.STOP, ParseProblem.NO_CODE),
        ("Thought: a\nCode:\n```py\nx = (1", FinishReason.STOP, ParseProblem.NO_CODE),
        ("Thought: a\nCode:\n```py\nx = 1", FinishReason.OTHER, ParseProblem.NO_CODE),
        ("Thought: a\nCode:\n```py\nx = 1", FinishReason.LENGTH, ParseProblem.CUT_BY_LENGTH),
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
    assert FORMAT.parse(text, reason).problem is problem


def test_a_complete_action_at_the_token_limit_is_run() -> None:
    assert FORMAT.parse("Thought: a\nCode:\n```py\nx\n```", FinishReason.LENGTH).code == "x"


def test_the_detail_of_a_syntax_error_names_line_and_text() -> None:
    detail = FORMAT.parse("```py\nx = 1\ny = = 2\n```").detail
    assert "line 2" in detail
    assert "y = = 2" in detail


def test_published_replies_are_read() -> None:
    """Shapes found in trajectories of smolagents' time: blank lines, a name after the fence, two ways to end."""
    for text in (
        'Thought: I search.\n\nCode:\n```py\nresult = web_search(query="a")\nprint(result)\n```<end_code>',
        'Thought: I search.\nCode:\n```python\nresult = web_search(query="a")\nprint(result)\n```\n<end_code>',
        'I search.\n```py\nresult = web_search(query="a")\nprint(result)\n```',
    ):
        reply = FORMAT.parse(text)
        assert (reply.thought, reply.code) == ("I search.", 'result = web_search(query="a")\nprint(result)')


def test_code_that_makes_python_warn_is_silent_in_all_threads(recwarn: pytest.WarningsRecorder) -> None:
    replies: list[ParseProblem | None] = []

    def parse() -> None:
        replies.extend(FORMAT.parse("```py\nx = '\\d'\n```").problem for _ in range(50))

    threads = [threading.Thread(target=parse) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [None] * 400
    assert not recwarn.list


# --- forms that models really write -----------------------------------------------------------

FENCE = "```"
BLOCK = f"{FENCE}py\nfinal_answer(1)\n{FENCE}"
ACTION = f"Code:\n{BLOCK}<end_code>"
LABELS = ["Python", "PYTHON", "python3", "py3", "python3.11", "ipython", "ipython3", "tool_code", "code"]
LABELS += ["{python}", "{.python}", "{python,echo=FALSE}", "python:a.py"]
GOOD = {
    "an unlabelled fence in the thought": f"Thought: a\n{FENCE}\nname | rows\n{FENCE}\n{ACTION}",
    "unlabelled code in the thought": f"Thought: a\n{FENCE}\nfoo(1)\n{FENCE}\nso\n{ACTION}",
    "named code in the thought": f"Thought: a\n{FENCE}python\nfoo(1)\n{FENCE}\nso\n{ACTION}",
    "other code in the thought": f"Thought: a\n{FENCE}sql\nselect 1\n{FENCE}\n{ACTION}",
    "a draft in reasoning": f"<think>perhaps\n{FENCE}py\nx = 2\n{FENCE}\n</think>\nThought: a\n{ACTION}",
    "a whole draft in reasoning": f"<think>perhaps\n{ACTION}\n</think>\nThought: a\n{ACTION}",
    "an unclosed draft in reasoning": f"<think>perhaps\n{FENCE}py\nx = 2\n</think>\nThought: a\n{ACTION}",
    "a draft before a closing tag": f"perhaps\n{FENCE}py\nx = 2\n{FENCE}\n</think>\n\nThought: a\n{ACTION}",
    "reasoning on the line of the label": f"<thinking>{BLOCK}</thinking>{ACTION}",
    "reasoning in brackets": f"[THINK]{ACTION}[/THINK]\nThought: a\n{ACTION}",
    "an output block": f"Thought: a\nCode:\n{BLOCK}\nOutput:\n{FENCE}\n1\n{FENCE}",
    "an output block without a label": f"Thought: a\n{BLOCK}\n{FENCE}\n[1] Oslo (score 0.9)\n{FENCE}",
    "a named output block": f"Thought: a\nCode:\n{BLOCK}\n{FENCE}text\n1\n{FENCE}",
    "an output block that is named Python": f"Thought: a\nCode:\n{BLOCK}\nResult:\n{FENCE}python\n[1, 2]\n{FENCE}",
    "a text for an output": f"Thought: a\nCode:\n{BLOCK}\nOutput:\n{FENCE}py\n'Oslo'\n{FENCE}",
    "a token of the model for a closing fence": f"Thought: a\nCode:\n{FENCE}py\nfinal_answer(1)\n<|im_end|>",
    "another token of a model": f"Thought: a\nCode:\n{FENCE}py\nfinal_answer(1)\n<｜end▁of▁sentence｜>",
    "a cut stop string": f"Thought: a\nCode:\n{BLOCK}<end_code",
    "hardly any of the stop string": f"Thought: a\nCode:\n{BLOCK}<",
    "a cut stop string on its own line": f"Thought: a\nCode:\n{BLOCK}\n<end_c",
    "a token of the model at the end": f"Thought: a\nCode:\n{BLOCK}<|im_end|>",
    "the closing fence on the line of the code": f"Thought: a\nCode:\n{FENCE}py\nfinal_answer(1){FENCE}<end_code>",
    "that and an output block": f"Code:\n{FENCE}py\nfinal_answer(1){FENCE}\n{FENCE}\n1\n{FENCE}",
    "code on the line of the fence": f"Thought: a\nCode:\n{FENCE}py final_answer(1)\n{FENCE}<end_code>",
    "all on one line": f"Thought: a\nCode: {FENCE}py final_answer(1){FENCE}<end_code>",
    "all on one line without a name": f"Thought: a\nCode:\n{FENCE}final_answer(1){FENCE}",
    "the fence on the line of the label": f"Thought: a\nCode: {BLOCK}<end_code>",
    "the label on the line of the thought": f"Thought: a Code: {BLOCK}<end_code>",
    "the fence on the line of the thought": f"Thought: I do it. {BLOCK}<end_code>",
    "carriage returns": f"Thought: a\n{ACTION}".replace("\n", "\r\n"),
    "four backticks": f"Thought: a\nCode:\n`{FENCE}py\nfinal_answer(1)\n`{FENCE}<end_code>",
    "four backticks, closed by three": f"Thought: a\nCode:\n`{FENCE}py\nfinal_answer(1)\n{FENCE}<end_code>",
    "tildes": "Thought: a\nCode:\n~~~python\nfinal_answer(1)\n~~~",
    "an indented block": f"Thought: a\n  Code:\n  {FENCE}py\n  final_answer(1)\n  {FENCE}",
    "a block in a list": f"Thought: a\n- {FENCE}py\n  final_answer(1)\n  {FENCE}",
    "no closing fence": f"Thought: a\nCode:\n{FENCE}py\nfinal_answer(1)",
    "a cut stop string for a closing fence": f"Thought: a\nCode:\n{FENCE}py\nfinal_answer(1)\n<end_co",
    "a cut closing fence": f"Thought: a\nCode:\n{FENCE}py\nfinal_answer(1)\n``",
    "one backtick of a closing fence": f"Thought: a\nCode:\n{FENCE}py\nfinal_answer(1)\n`",
    "spaces that Python does not know": f"Thought: a\nCode:\n{FENCE}py\n\u00a0final_answer(1)\n{FENCE}<end_code>",
    "characters of no width": f"Thought: a\nCode:\n{FENCE}py\n\u200bfinal_answer(1)\ufeff\n{FENCE}<end_code>",
    "no opening fence": f"Thought: a\nCode:\nfinal_answer(1)\n{FENCE}<end_code>",
    "no fence": "Thought: a\nCode:\nfinal_answer(1)\n<end_code>",
    "no label": f"Thought: a\n{BLOCK}<end_code>",
    "Markdown around the labels": f"**Thought:** a\n\n**Code:**\n{BLOCK}",
    "blank lines after the label": f"Thought: a\nCode:\n\n{BLOCK}",
    "reasoning that is not closed": f"<think>a\n{ACTION}",
    "attributes": f'Thought: a\nCode:\n{FENCE}python title="a.py"\nfinal_answer(1)\n{FENCE}',
} | {f"named {name}": f"Thought: a\nCode:\n{FENCE}{name}\nfinal_answer(1)\n{FENCE}<end_code>" for name in LABELS}


@pytest.mark.parametrize("text", GOOD.values(), ids=list(GOOD))
def test_good_replies_are_read(text: str) -> None:
    assert FORMAT.parse(text) == replace(FORMAT.parse(text), code="final_answer(1)", problem=None)
    whole = FORMAT.complete(text)
    assert FORMAT.complete(whole) == whole
    assert FORMAT.parse(whole) == FORMAT.parse(text)


@pytest.mark.parametrize(
    "code",
    [
        f's = """\n{FENCE}\nfenced\n{FENCE}\n"""\nfinal_answer(s)',
        f"s = '''# Title\n{FENCE}python\nx = 1\n{FENCE}\n'''\nfinal_answer(s)",
        f's = """{FENCE}\n"""\nprint(s)',
        f"# ends in {FENCE}\nfinal_answer(1)",
        "print('Code:')\nprint('<think>no</think>')",
        "print('a\u00a0b')",
        "s = '`'\nprint(s)",
    ],
)
def test_backticks_inside_the_code_close_nothing(code: str) -> None:
    for fence in (FENCE, f"{FENCE}`"):
        assert FORMAT.parse(f"Thought: a\nCode:\n{fence}py\n{code}\n{fence}<end_code>").code == code


@pytest.mark.parametrize(
    "text",
    [
        f"{ACTION}\n{ACTION}",
        f"Thought: a\n{BLOCK}\nThought: b\n{BLOCK}",
        f"Thought: a\nCode:\n{FENCE}py\nx = 1\n{FENCE}\nThought: b\nCode:\n{BLOCK}",
        f"Thought: a\nCode:\n{FENCE}py\nx = 1\n{FENCE}\n{BLOCK}",
        f"{FENCE}\nx = 1\n{FENCE}\nand\n{FENCE}\ny = 1\n{FENCE}",
        f"Code:\n{FENCE}py\nx = 1\n{FENCE}\nThen\n{FENCE}\nfinal_answer(x)\n{FENCE}",
        f"{FENCE}py\nx = 1\nand\n{FENCE}py\ny = 1",
        f"<think>a draft</think>{ACTION}\n{ACTION}",
        f"~~~py\nx = 1\n~~~\n{BLOCK}",
    ],
)
def test_two_actions_stay_a_problem(text: str) -> None:
    assert FORMAT.parse(text).problem is ParseProblem.SEVERAL_BLOCKS


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{BLOCK}</think>I do not know.",
        f"Code:\n{FENCE}json\n{{}}\n{FENCE}",
        "Thought: a\nCode:\nNone needed.",
        "Thought: a\nCode:\nnothing",
        f"Thought: use {FENCE}py blocks",
    ],
)
def test_a_draft_data_and_prose_are_no_actions(text: str) -> None:
    assert FORMAT.parse(text).problem is ParseProblem.NO_CODE


@pytest.mark.parametrize("text", [GOOD["a cut stop string"], GOOD["hardly any of the stop string"]])
def test_a_cut_stop_string_is_completed(text: str) -> None:
    assert FORMAT.complete(text) == f"Thought: a\n{ACTION}"


@pytest.mark.parametrize("rest", ["\nOutput:\n```\n999\n```\nSo 999.", "\n\nThis answers.", "<end_code>\nOut: 3"])
def test_what_follows_the_action_is_a_part_of_its_own(rest: str) -> None:
    text = f"Thought: a\nCode:\n{BLOCK}{rest}"
    assert [(part.name, text[part.start : part.end]) for part in FORMAT.parts(text)] == [
        ("thought", "Thought: a\nCode:\n"),
        ("answer", BLOCK),
        ("rest", rest),
    ]


def test_what_follows_the_action_is_stored_as_it_came() -> None:
    text = GOOD["an output block"]
    assert FORMAT.complete(text) == text


@pytest.mark.parametrize("text", ["`" * 90_000, "```x y\n" * 9_000, "*" * 90_000, " " * 90_000 + "```", "<" * 90_000])
def test_odd_replies_take_no_time(text: str) -> None:
    started = time.process_time()
    FORMAT.parse(text)
    assert time.process_time() - started < 20


def test_attributes_of_a_fence_that_run_together_take_no_time() -> None:
    FORMAT.parse("Thought: a\n```" + "title=" * 40 + "a )\nx = 1\n```")
