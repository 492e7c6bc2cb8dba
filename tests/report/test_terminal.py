"""The terminal: everything is said, nothing is obeyed."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from tests.report.hostile import ANSI, BIDI, MARKUP, hostile_trajectory
from understudy.records import Example
from understudy.report import show_mask, show_run, show_trajectory, terminal_table
from understudy.report.masks import character_mask
from understudy.report.visible import visible
from understudy.runs import read_jsonl


def printed(renderable: RenderableType, width: int = 100) -> str:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=False, color_system=None).print(renderable)
    return file.getvalue()


@given(st.text() | st.from_regex(r"(\x1b[\[\]P^_]?[ -~]{0,9}|[\x80-\x9f]|.){0,20}"))
def test_visible_text_has_no_character_that_acts(text: str) -> None:
    shown = visible(text)
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cf") and char not in "\n\t\u200c\u200d"]
    assert visible(shown) == shown


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_visible_text_that_was_harmless_is_unchanged(text: str) -> None:
    assert visible(text) == text


def test_examples_of_what_is_stripped_and_what_is_spelt_out() -> None:
    assert visible(ANSI) == "red<U+009B>31m"
    assert visible(BIDI).startswith("safe <U+202E>gnp.exe<U+202C>")
    assert visible("a\r\nb") == "a\nb"


def test_hostile_trajectory_stays_text() -> None:
    text = printed(show_trajectory(hostile_trajectory()), width=200)
    assert not {char for char in text if unicodedata.category(char) in ("Cc", "Cf")} - {"\n"}
    assert MARKUP[:25] in text
    assert "<script>window.pwned = 1</script>" in text


def test_table_names_every_system_and_says_program(made_run: Path) -> None:
    text = printed(terminal_table(made_run), width=160)
    for name in ("Student, CoT prompt", "Agent distilled + FTP + SAG", "Teacher (a program)"):
        assert name in text
    assert "20.33" in text


def test_show_finds_stages_trajectories_and_examples(made_run: Path) -> None:
    assert "evaluate/agent-both" in printed(show_run(made_run))
    assert "hotpotqa-test-00003#0" in printed(show_run(made_run, "evaluate/agent-both", "hotpotqa-test-00003"))
    assert "★" in printed(show_run(made_run, "evaluate/agent-both", "hotpotqa-test-00003#0"))
    assert "characters are learnt" in printed(show_run(made_run, "curate/teacher-agent", mask=True))
    assert "given to it" in printed(show_run(made_run, "rollout/teacher-agent-ftp"))


def test_an_evaluation_shows_accuracy_by_level_unless_one_attempt_is_asked_for(made_run: Path) -> None:
    text = printed(show_run(made_run, "evaluate/agent-both"), width=160)
    (heading,) = [line for line in text.splitlines() if "math500 by level" in line]
    assert heading.split()[3:6] == ["Tasks", "Right", "Accuracy"]
    assert "by level" not in printed(show_run(made_run, "evaluate/agent-both", "hotpotqa-test-00003"))


def test_what_is_not_there_is_said_with_what_is(made_run: Path) -> None:
    with pytest.raises(LookupError, match=r"expected one of .*rollout/teacher-agent.*; came 'rollout/none'"):
        show_run(made_run, "rollout/none")
    with pytest.raises(LookupError, match="no trajectory 'none'"):
        show_run(made_run, "rollout/teacher-agent", "none")
    with pytest.raises(LookupError, match="no example 'none'"):
        show_run(made_run, "curate/teacher-agent", "none")


def test_mask_prints_the_whole_example(made_run: Path) -> None:
    example = next(read_jsonl(made_run / "curate" / "teacher-agent" / "examples.jsonl", Example))
    text = printed(show_mask(character_mask(example)), width=4000)
    assert all(line.rstrip() in text for message in example.messages for line in message.content.splitlines())
