"""The terminal: all text is shown, no control sequence is interpreted."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from tests.report.hostile import ANSI, BIDI, MARKUP, hostile_trajectory
from understudy.records import Example, Trajectory, Usage
from understudy.report import NotInRunError, show_mask, show_run, show_trajectory, terminal_table
from understudy.report.masks import character_mask
from understudy.report.visible import visible
from understudy.runs import read_jsonl


def printed(renderable: RenderableType, width: int = 100) -> str:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=False, color_system=None).print(renderable)
    return file.getvalue()


@pytest.mark.parametrize(("cached", "expected"), [(1000, "1,200 (1,000 cached) + 30 tokens"), (0, "1,200 + 30 tokens")])
def test_tokens_from_a_cache_are_stated_where_there_are_some(cached: int, expected: str) -> None:
    usage = Usage(prompt_tokens=1200, completion_tokens=30, requests=2, cached_tokens=cached)
    shown = printed(show_trajectory(hostile_trajectory().model_copy(update={"usage": usage})))
    assert expected in " ".join(shown.split())


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


@pytest.mark.parametrize("width", [80, 160])
def test_a_narrow_terminal_shows_figures_without_bars(made_run: Path, width: int) -> None:
    text = printed(terminal_table(made_run), width=width)
    assert "20.33" in text
    assert ("━" in text) == (width > 100)


def test_show_finds_stages_trajectories_and_examples(made_run: Path) -> None:
    assert "evaluate/agent-both" in printed(show_run(made_run))
    assert "hotpotqa-test-00003#0" in printed(show_run(made_run, "evaluate/agent-both", "hotpotqa-test-00003"))
    assert "★" in printed(show_run(made_run, "evaluate/agent-both", "hotpotqa-test-00003#0"))
    assert "characters are learnt" in printed(show_run(made_run, "curate/teacher-agent", mask=True))
    assert "prefilled" in printed(show_run(made_run, "rollout/teacher-agent-ftp"))


def test_an_evaluation_shows_accuracy_by_level_unless_one_attempt_is_asked_for(made_run: Path) -> None:
    text = printed(show_run(made_run, "evaluate/agent-both"), width=160)
    (heading,) = [line for line in text.splitlines() if "math500 by level" in line]
    assert heading.split()[3:6] == ["Tasks", "Right", "Accuracy"]
    assert "by level" not in printed(show_run(made_run, "evaluate/agent-both", "hotpotqa-test-00003"))


def test_replies_that_were_cut_and_attempts_that_were_not_judged_are_counted(made_run: Path, tmp_path: Path) -> None:
    run_dir = shutil.copytree(made_run, tmp_path / "run")
    path = run_dir / "evaluate" / "agent" / "metrics.json"
    assert "Not judged" not in printed(terminal_table(run_dir), width=160)
    metrics = json.loads(path.read_text())
    for part, not_scored, cut in zip(metrics["task_sets"], (2, 3, 0, 0), (0, 0, 7, 0), strict=True):
        part |= {"n_not_scored": not_scored, "n_cut_replies": cut}
    path.write_text(json.dumps(metrics))
    text = printed(terminal_table(run_dir), width=160)
    assert "Not judged (counted as wrong): 5 of Agent distilled\n" in text
    assert "after which the model had continued: 7 of Agent distilled\n" in text


def test_a_reply_that_was_cut_says_where(made_run: Path) -> None:
    (whole, *_) = read_jsonl(made_run / "evaluate" / "agent" / "trajectories.jsonl", Trajectory)
    assert "cut at" not in printed(show_trajectory(whole))
    first, *others = whole.steps
    cut = whole.model_copy(update={"steps": (first.model_copy(update={"cut_at": "Observation:\n"}), *others)})
    text = " ".join(printed(show_trajectory(cut), width=160).split())
    assert f"1 of {len(cut.steps)} replies cut at a stop string" in text
    assert r"cut at 'Observation:\n'" in text


def test_what_is_not_there_is_reported_with_what_is(made_run: Path) -> None:
    with pytest.raises(LookupError, match=r"expected one of .*rollout/teacher-agent.*; got 'rollout/none'"):
        show_run(made_run, "rollout/none")
    with pytest.raises(LookupError, match="no trajectory 'none'"):
        show_run(made_run, "rollout/teacher-agent", "none")
    with pytest.raises(LookupError, match="no example 'none'"):
        show_run(made_run, "curate/teacher-agent", "none")


def test_a_training_shows_its_steps_its_loss_and_its_checkpoint(made_run: Path, tmp_path: Path) -> None:
    run_dir = shutil.copytree(made_run, tmp_path / "run")
    folder = next((run_dir / "train").iterdir())
    (folder / "checkpoint").mkdir(exist_ok=True)
    (folder / "checkpoint" / "model.safetensors").write_bytes(b"x" * 4321)
    (folder / "summary.json").write_text('{"n_steps": 77, "last_loss": 0.125, "student": {"base": "small"}}')
    text = printed(show_run(run_dir, f"train/{folder.name}"))
    for said in ("loss", "learning rate", "lines of the log", "last_loss", "0.125", "checkpoint/", "4,321 bytes"):
        assert said in text


def test_a_failed_curation_says_what_it_dropped(made_run: Path, tmp_path: Path) -> None:
    run_dir = shutil.copytree(made_run, tmp_path / "run")
    folder = run_dir / "curate" / "teacher-agent"
    (folder / "examples.jsonl").unlink()
    dropped = {"trajectory_id": "t#0", "stage": "rollout/teacher-agent", "reason": "incorrect"}
    (folder / "dropped.jsonl").write_text(f"{json.dumps(dropped)}\n" * 20)
    (folder / "stage.json").write_text('{"state": "failed", "error": "nothing is left to train on"}')
    text = printed(show_run(run_dir, "curate/teacher-agent/"))
    assert "nothing is left to train on" in text
    assert "20 incorrect" in text


def test_a_stage_without_attempts_yet_is_shown(tmp_path: Path) -> None:
    (tmp_path / "rollout" / "begun").mkdir(parents=True)
    (tmp_path / "rollout" / "begun" / "stage.json").write_text('{"state": "running"}')
    (tmp_path / "prefixes" / "p").mkdir(parents=True)
    (tmp_path / "prefixes" / "p" / "prefixes.jsonl").write_text("{}\n{}\n")
    assert "running, 0 records" in printed(show_run(tmp_path, "rollout/begun"))
    assert "2 records" in printed(show_run(tmp_path, "prefixes/p"))


@pytest.mark.parametrize(
    ("what", "which", "complaint"),
    [
        ("nosuch", "", "expected one of .*evaluate/agent"),
        ("evaluate", "", "expected one of"),
        ("evaluate/nosuch", "", "expected one of"),
        ("../run", "", "expected one of"),
        (".", "", "expected one of"),
        ("evaluate/agent", "noid", r"no trajectory 'noid'; the first ones are .*#0"),
        ("curate/teacher-agent", "noid", "no example 'noid'; the first ones are"),
        ("train/agent", "noid", "no trajectory 'noid'"),
    ],
)
def test_slips_are_answered_in_one_line(made_run: Path, what: str, which: str, complaint: str) -> None:
    with pytest.raises(NotInRunError, match=complaint) as raised:
        show_run(made_run, what, which)
    assert "\n" not in str(raised.value)


def test_a_mask_needs_an_example(made_run: Path) -> None:
    with pytest.raises(ValueError, match="--mask"):
        show_run(made_run, "evaluate/agent", mask=True)


def test_the_command_line_says_it_without_a_traceback(made_run: Path) -> None:
    command = [sys.executable, "-m", "understudy", "show", str(made_run), "nosuch"]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert "expected one of" in done.stderr
    assert "Traceback" not in done.stderr


def test_mask_prints_the_complete_example(made_run: Path) -> None:
    example = next(read_jsonl(made_run / "curate" / "teacher-agent" / "examples.jsonl", Example))
    text = printed(show_mask(character_mask(example)), width=4000)
    assert all(line.rstrip() in text for message in example.messages for line in message.content.splitlines())
