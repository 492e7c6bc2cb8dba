"""A person's marks as verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.curation.cleaning.conversations import order
from understudy.grading import MarksConfig, open_grader, read_marks, shown_digest
from understudy.records import Mark, MarkVerdict, Score, Trajectory
from understudy.runs import append_jsonl

RIGHT, WRONG, SKIPPED, UNDONE, OTHER, UNMARKED = (order(name) for name in ("A1", "B2", "C3", "D4", "E5", "F6"))


def mark(of: Trajectory, verdict: MarkVerdict, stage: str = "imported/shop") -> Mark:
    return Mark(stage=stage, trajectory_id=of.id, verdict=verdict, digest=shown_digest(of), at="2026-11-27")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "marks.jsonl"
    with append_jsonl(path) as file:
        file.write(mark(RIGHT, MarkVerdict.WRONG))
        file.write(mark(RIGHT, MarkVerdict.RIGHT))
        file.write(mark(WRONG, MarkVerdict.WRONG))
        file.write(mark(SKIPPED, MarkVerdict.SKIP))
        file.write(mark(UNDONE, MarkVerdict.RIGHT))
        file.write(mark(UNDONE, MarkVerdict.UNDONE))
        file.write(mark(OTHER, MarkVerdict.RIGHT))
    return path


def grade(path: Path, trajectory: Trajectory, **options: object) -> Score:
    with open_grader(MarksConfig.model_validate({"path": path, **options})) as grader:
        return grader.grade(trajectory)


@pytest.mark.parametrize(
    ("trajectory", "correct", "explanation"),
    [
        (RIGHT, True, "marked by a person, 2026-11-27"),
        (WRONG, False, "marked by a person, 2026-11-27"),
        (SKIPPED, None, "not judged: it was skipped"),
        (UNDONE, None, "not judged: nobody has marked it"),
        (UNMARKED, None, "not judged: nobody has marked it"),
        (order("E5", state="lost"), None, "not judged: it was marked when its messages were different"),
    ],
)
def test_the_last_mark_of_the_same_messages_counts(
    path: Path, trajectory: Trajectory, correct: bool | None, explanation: str
) -> None:
    score = grade(path, trajectory)
    assert (score.correct, score.explanation, score.grader) == (correct, explanation, "marks")


def test_another_grader_judges_what_nobody_marked(path: Path) -> None:
    own = {"kind": "tests.grading.test_marks:always_right"}
    assert grade(path, WRONG, otherwise=own).correct is False
    found = grade(path, UNMARKED, otherwise=own)
    assert (found.correct, found.grader) == (True, "tests.grading.test_marks:always_right")


def always_right(trajectory: Trajectory) -> bool:
    return True


def test_a_file_with_a_torn_line_is_read(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"stage": "imp')
    assert len(read_marks(path)) == 4
    assert read_marks(path.with_name("none.jsonl")) == []
