"""The corpus of issue kinds: no wrong verdict, in either direction, by the graders that judge them.

``corpus/*.tsv``: a file a kind; a line is a mark, a reference and an answer. ``=``: equal, ``≠``: unequal, ``?``: it
cannot be decided, so it is not judged. ``⏎`` is a line break within an answer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.grading.attempts import task
from understudy.grading.facts import ExactMatchGrader
from understudy.grading.math_grader import MathGrader
from understudy.records import TaskKind

FOLDER = Path(__file__).parent / "corpus"
FACTS = "facts"
KINDS = sorted(path.stem for path in FOLDER.glob("*.tsv"))
VERDICTS = {"=": True, "≠": False, "?": None}


def pairs(kind: str) -> list[tuple[bool | None, str, str]]:
    lines = (FOLDER / f"{kind}.tsv").read_text(encoding="utf-8").split("\n")
    rows = [line.replace("⏎", "\n").split("\t") for line in lines if line.strip("\n")]
    return [(VERDICTS[mark], reference, answer) for mark, reference, answer in rows]


def test_the_corpus_is_large_and_says_nothing_twice() -> None:
    rows = [(kind == FACTS, reference, answer) for kind in KINDS for _, reference, answer in pairs(kind)]
    assert len(rows) >= 400
    assert len({*rows}) == len(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_no_wrong_verdict(grader: MathGrader, kind: str) -> None:
    judge = ExactMatchGrader() if kind == FACTS else grader
    task_kind = TaskKind.FACT if kind == FACTS else TaskKind.MATH
    wrong = []
    for verdict, reference, answer in pairs(kind):
        found = judge.judge(task(reference, task_kind), answer)
        if found.correct is not verdict:
            wrong.append((reference, answer, verdict, found))
    assert wrong == []
