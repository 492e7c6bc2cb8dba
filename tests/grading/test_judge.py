"""The judge: prompts, verdicts, cache, failures. The model is a program."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.grading.attempts import attempt
from understudy.grading import JudgeConfig, open_grader, regrade
from understudy.grading.judge import Verdict, parse_verdict
from understudy.grading.verdict_cache import VerdictCache
from understudy.models.config import OpenAIChatConfig
from understudy.models.model import ProviderError, Request, with_settings
from understudy.models.scripted import Program, ScriptedModel
from understudy.records import Record, Score, TaskKind, Trajectory
from understudy.runs import BadRecordError


def config(cache_path: Path | None = None) -> JudgeConfig:
    return JudgeConfig(model="gpt-judge", cache_path=cache_path)


def fact(reference: str, answer: str | None) -> Trajectory:
    return attempt(reference, answer, TaskKind.FACT)


class Recorder:
    """A judge that says yes where the answer holds the reference's last word, and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> str:
        with self._lock:
            self.requests.append(request)
        prompt = request.messages[-1].content
        reference, _, answer = prompt.partition("Reference answers:\n- ")[2].partition("\n\nAnswer to check:\n")
        correct = reference.split()[-1].casefold() in answer.casefold()
        return f'{{"reason": "by the last word", "correct": {str(correct).lower()}}}'


def grade(program: Program, trajectory: Trajectory, cache_path: Path | None = None) -> Score:
    with open_grader(config(cache_path), ScriptedModel(program, "gpt-judge")) as grader:
        return grader.grade(trajectory)


def test_a_verdict_becomes_a_score() -> None:
    judge = Recorder()
    right = grade(judge, fact("Larnelle Harris", "It was Harris"))
    wrong = grade(judge, fact("Larnelle Harris", "Bob"))
    assert (right.correct, right.grader, right.value) == (True, "judge", pytest.approx(2 / 5))
    assert right.explanation == "by the last word (exact match says otherwise)"
    assert "gpt-judge" in right.grader_version
    assert (wrong.correct, wrong.explanation) == (False, "by the last word (exact match agrees)")
    assert judge.requests[0].temperature == 0
    assert '"correct"' in judge.requests[0].messages[0].content
    schema = json.loads(judge.requests[0].json_schema or "")
    assert schema["required"] == list(schema["properties"]) == list(Verdict.model_fields)


def test_math_is_not_the_judges_business_and_no_answer_is_not_asked_about() -> None:
    judge = Recorder()
    assert grade(judge, attempt("42", "42.0")).grader == "math"
    assert grade(judge, fact("x", None)).correct is False
    assert grade(judge, fact("x", r"\boxed{}")).correct is False
    assert judge.requests == []


def test_the_same_is_asked_once_also_in_the_next_process(tmp_path: Path) -> None:
    judge, path = Recorder(), tmp_path / "judge.jsonl"
    first = grade(judge, fact("Harris", "Harris"), path)
    second = grade(judge, fact("Harris", "Harris"), path)
    assert len(judge.requests) == 1
    assert first == second
    grade(judge, fact("Harris", "Bob"), path)
    assert len(judge.requests) == 2


@pytest.mark.parametrize("change", [{"extra_body": {"top_k": 5}}, {"model": "b"}])
def test_verdicts_of_a_judge_with_other_settings_are_not_taken(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "judge.jsonl"
    settings: dict[str, object] = {"model": "a", "base_urls": ["http://one/v1"]}
    judges = [settings, {**settings, "max_retries": 3}, {**settings, **change}]
    recorders = []
    for each in judges:
        recorders.append(judge := Recorder())
        model = with_settings(ScriptedModel(judge, "gpt-judge"), OpenAIChatConfig.model_validate(each))
        with open_grader(config(path), model) as grader:
            assert grader.grade(fact("Harris", "Harris")).correct
    assert [len(judge.requests) for judge in recorders] == [1, 0, 1]


def test_an_unreachable_or_silent_judge_is_no_verdict() -> None:
    def fail(request: Request) -> str:
        raise ProviderError("503")

    assert grade(fail, fact("x", "y")).correct is None
    assert "503" in grade(fail, fact("x", "y")).explanation
    assert grade(lambda _: "I cannot say.", fact("x", "y")).correct is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{"reason": "same", "correct": true}', Verdict(reason="same", correct=True)),
        ('```json\n{"correct": false}\n```', Verdict(correct=False)),
        ('Let me think. {"a": 1} So {"correct": false, "reason": ""}', Verdict(correct=False)),
        ('{"reason": "cut off", "correct": true', Verdict(correct=True)),
        ("correct: yes", Verdict(correct=True)),
        ("The answer is incorrect.", Verdict(correct=False)),
        ("Correct.", Verdict(correct=True)),
        ("That is not correct.", Verdict(correct=False)),
        ("It could be correct or incorrect.", None),
        ("", None),
        ('{"correct": "maybe"}', None),
    ],
)
def test_verdicts_are_parsed(reply: str, expected: Verdict | None) -> None:
    assert parse_verdict(reply) == expected


def test_agreement_with_exact_match() -> None:
    answers = [("Harris", "Harris"), ("Harris", "Mr Harris"), ("Harris", "Bob")]
    attempts = [attempt(r, a, TaskKind.FACT, number=n) for n, (r, a) in enumerate(answers)]
    with open_grader(config(), ScriptedModel(Recorder(), "j")) as judge, open_grader() as exact:
        found = regrade(map(exact.grade, attempts), map(judge.grade, attempts))
    assert [change.after.trajectory_id for change in found.changes] == [attempts[1].id]
    assert found.agreement == pytest.approx(2 / 3)


def test_a_judge_judges_tasks_without_a_reference_too() -> None:
    asked: list[str] = []

    def judge(request: Request) -> str:
        asked.append(request.messages[-1].content)
        return '{"reason": "known", "correct": true}'

    for kind in TaskKind:
        one = attempt("-", "Paris", kind)
        score = grade(judge, one.model_copy(update={"task": one.task.model_copy(update={"answer": None})}))
        assert (score.correct, score.grader, score.value) == (True, "judge", None)
        assert "no reference answer" in score.explanation
    assert all("There is none" in prompt for prompt in asked)


class _Short(Record):
    label: str


class _Long(Record):
    points: int


def test_graders_may_share_a_file_of_verdicts_and_a_wrong_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    assert VerdictCache(path, _Short).verdict("a", lambda: _Short(label="right")) == _Short(label="right")
    assert VerdictCache(path, _Long).verdict("b", lambda: _Long(points=3)) == _Long(points=3)
    again = VerdictCache(path, _Short)
    assert again.verdict("a", lambda: None) == _Short(label="right")
    with pytest.raises(BadRecordError, match=r"verdicts\.jsonl: the verdict 'b': .*label"):
        again.verdict("b", lambda: None)
