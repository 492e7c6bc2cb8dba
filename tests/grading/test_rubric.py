"""A judge with a rubric: what it reads, what it says, replies that cannot be read. The model is a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.curation.cleaning.conversations import conversation, order, reply
from understudy.grading import RubricConfig, open_grader
from understudy.grading.rubric import parse_rubric_verdict, prompt_of
from understudy.models.model import ProviderError, Request
from understudy.models.scripted import ScriptedModel
from understudy.records import Failure, Score, StopReason, Trajectory

CRITERIA = [{"text": "The order is looked up.", "weight": 3}, "The answer is polite."]


def said(*met: bool) -> str:
    found = [{"number": number, "reason": f"because {number}", "met": one} for number, one in enumerate(met, 1)]
    return json.dumps({"criteria": found})


def grade(text: str, trajectory: Trajectory | None = None, **options: Any) -> tuple[Score, list[Request]]:
    requests: list[Request] = []

    def program(request: Request) -> str:
        requests.append(request)
        if not text:
            raise ProviderError("it is away")
        return text

    config = RubricConfig.model_validate({"model": "judge", "rubric": CRITERIA, **options})
    with open_grader(config, ScriptedModel(program, "judge")) as grader:
        return grader.grade(trajectory or order("A17")), requests


def test_the_value_is_the_weighted_share_of_criteria_that_are_met() -> None:
    right, _ = grade(said(True, True))
    assert (right.correct, right.value, right.grader) == (True, 1.0, "rubric")
    wrong, (request,) = grade(said(True, False))
    assert (wrong.correct, wrong.value) == (False, 0.75)
    assert wrong.explanation == "1 of 2 criteria are met. 1 met: because 1; 2 not met: because 2"
    assert grade(said(True, False), passes_at=0.75)[0].correct is True
    assert request.temperature == 0
    assert json.loads(request.json_schema or "")["required"] == ["criteria"]
    assert "1. The order is looked up.\n2. The answer is polite." in request.messages[-1].content
    assert '[calls get_order with {"order_id": "A17"}]' in request.messages[-1].content
    assert "TOOL: order A17: shipped" in request.messages[-1].content


def test_a_rubric_may_be_one_text() -> None:
    score, _ = grade(said(True), rubric="The answer helps.")
    assert score.correct is True


@pytest.mark.parametrize(
    "text",
    [
        "It is right.",
        said(True),
        json.dumps({"criteria": [{"number": 1, "met": True}, {"number": 1, "met": True}]}),
        json.dumps({"criteria": [{"number": 1, "met": True}, {"number": 2, "met": "perhaps"}]}),
        '{"criteria": [{"number": 1, "met": tr',
        "[" * 100_000,
    ],
)
def test_a_reply_that_cannot_be_read_is_not_a_verdict(text: str) -> None:
    score, _ = grade(text)
    assert (score.correct, score.value) == (None, None)
    assert score.explanation == "not judged: the judge's reply could not be read"


def test_verdicts_are_found_among_words_and_fences() -> None:
    text = f'<think>{{"criteria": []}}</think>Here:\n```json\n{said(True, False)}\n```'
    found = parse_rubric_verdict(text, 2)
    assert found is not None
    assert [one.met for one in found.criteria] == [True, False]


def test_a_judge_that_is_away_is_not_a_verdict() -> None:
    assert grade("")[0].explanation == "not judged: the judge could not be asked: it is away"


def test_nothing_to_judge_is_not_asked_about() -> None:
    silent = conversation("Where?", reply("", get_order={"order_id": "A"}), "here", stop=StopReason.STEP_LIMIT)
    score, requests = grade(said(True, True), silent)
    assert (score.correct, requests) == (False, [])
    failed = silent.model_copy(
        update={"stop_reason": StopReason.PROVIDER, "failure": Failure(kind=StopReason.PROVIDER, message="gone")}
    )
    assert grade(said(True, True), failed)[0].correct is None


def test_each_conversation_is_asked_about_once(tmp_path: Path) -> None:
    path = tmp_path / "cache.jsonl"
    assert len(grade(said(True, True), cache_path=path)[1]) == 1
    score, requests = grade(said(False, False), cache_path=path)
    assert (score.correct, requests) == (True, [])
    assert len(grade(said(False, False), order("B2"), cache_path=path)[1]) == 1
    assert len(grade(said(False), rubric="Another.", cache_path=path)[1]) == 1


def test_a_long_conversation_is_cut_in_the_middle_and_says_so() -> None:
    config = RubricConfig.model_validate({"model": "judge", "rubric": "Good.", "max_chars": 1000})
    prompt = prompt_of(conversation("Begin " + "x" * 5000, reply("y" * 100 + " end")), config)
    assert "USER: Begin" in prompt
    assert prompt.endswith("y end")
    assert "characters are left out here" in prompt


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"rubric": []}, "at least 1 item"),
        ({"rubric": ""}, "at least 1 character"),
        ({"rubric": 5}, "rubric"),
        ({"rubric": [{"text": "a", "weight": 0}]}, "greater than 0"),
        ({"rubric": "a", "passes_at": 0}, "greater than 0"),
    ],
)
def test_wrong_rubrics_are_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        RubricConfig.model_validate({"model": "judge", **options})


def test_it_needs_a_model() -> None:
    config = RubricConfig.model_validate({"model": "judge", "rubric": "Good."})
    with pytest.raises(ValueError, match="a model is needed"), open_grader(config):
        pass
