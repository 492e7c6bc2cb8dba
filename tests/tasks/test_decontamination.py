"""Near twins are found, stock phrases are not; MinHash misses nothing that comparing all with all finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.records import Task, TaskKind
from understudy.tasks import (
    TEST_SETS,
    TRAINING_SETS,
    BenchmarkConfig,
    Contamination,
    ContaminationRule,
    DecontaminationConfig,
    contaminated_questions,
    find_contamination,
    load_tasks,
)
from understudy.tasks.minhash import similar_pairs


def tasks(*questions: str, source: str = "train") -> list[Task]:
    return [
        Task(id=f"{source}/{n}", question=q, answer="a", kind=TaskKind.MATH, source=source)
        for n, q in enumerate(questions)
    ]


@pytest.fixture(scope="module")
def train(shared_dir: Path) -> list[Task]:
    return [task for name, split in TRAINING_SETS for task in _load(shared_dir, name, split)]


def _load(shared_dir: Path, name: str, split: str) -> tuple[Task, ...]:
    return load_tasks(BenchmarkConfig(name=name, split=split, data_dir=shared_dir / "data" / "benchmarks")).tasks


@pytest.fixture(scope="module")
def found(shared_dir: Path, train: list[Task]) -> dict[str, list[Contamination]]:
    test = {name: _load(shared_dir, name, split) for name, split in TEST_SETS}
    pairs = find_contamination(train, [task for tasks in test.values() for task in tasks])
    return {name: [pair for pair in pairs if pair.test_id.startswith(f"{name}/")] for name in test}


def test_the_33_near_twins_of_math500(found: dict[str, list[Contamination]]) -> None:
    twins = {c.test_id for c in found["math500"] if c.rule is ContaminationRule.NEAR_DUPLICATE}
    assert len(twins) == 33
    assert all(0.7 <= c.score <= 1 for c in found["math500"] if c.rule is ContaminationRule.NEAR_DUPLICATE)


def test_no_question_of_aime_is_flagged_on_a_stock_phrase(found: dict[str, list[Contamination]]) -> None:
    assert found["aime"] == []
    assert found["gsm_hard"] == found["musique"] == found["2wikimultihopqa"] == []


def test_a_disguised_twin_is_found_by_its_rare_phrases(found: dict[str, list[Contamination]]) -> None:
    """OlymMATH asks an AIME question of the MATH training set without its story."""
    rare = [c for c in found["olymmath"] if c.rule is ContaminationRule.RARE_PHRASES]
    assert len(rare) == 1


def test_the_same_question_in_other_spelling() -> None:
    pairs = find_contamination(
        tasks("What is 1,000 + 2?", "Something else entirely about birds"), tasks("what is  1000 + 2", source="test")
    )
    assert [(p.train_id, p.test_id, p.rule, p.score) for p in pairs] == [
        ("train/0", "test/0", ContaminationRule.SAME_QUESTION, 1.0)
    ]
    assert pairs[0].same_numbers


def test_other_numbers_are_reported() -> None:
    question = "How many ways are there to put {} balls in {} boxes if the balls are not distinguishable?"
    pairs = find_contamination(tasks(question.format(5, 3)), tasks(question.format(5, 2), source="test"))
    assert [(p.rule, p.same_numbers) for p in pairs] == [(ContaminationRule.NEAR_DUPLICATE, False)]


def test_a_test_question_inside_a_longer_training_question() -> None:
    inner = "Which otter crossed the frozen Lena on a borrowed sledge in spring?"
    story = "Consider the following puzzle that grandmother liked to tell on long evenings by the stove. "
    filler = [f"Question number {n} about topic {n * 7} and thing {n * 13}" for n in range(50)]
    pairs = find_contamination(tasks(story + inner + " Explain why.", *filler), tasks(inner, source="test"))
    assert [(p.train_id, p.rule) for p in pairs] == [("train/0", ContaminationRule.RARE_PHRASES)]
    assert pairs[0].score == pytest.approx(1.0)


def test_thresholds_are_the_users() -> None:
    train, test = tasks("a b c d e f g h"), tasks("a b c d e f x y", source="test")
    off = DecontaminationConfig(jaccard=1.0, rare_phrases=1.0)
    assert find_contamination(train, test, off) == []
    assert find_contamination(train, test, off.model_copy(update={"jaccard": 0.6}))[0].score == pytest.approx(0.6)
    assert find_contamination([], test) == find_contamination(train, []) == []


words = st.sets(st.sampled_from([f"w{n}" for n in range(30)]), min_size=1, max_size=25)


@settings(max_examples=40, deadline=None)
@given(st.lists(words, min_size=1, max_size=12), st.lists(words, min_size=1, max_size=12))
def test_minhash_misses_no_similar_pair(left: list[set[str]], right: list[set[str]]) -> None:
    threshold = 0.7
    candidates = list(similar_pairs(left, right, threshold))
    similar = {(i, j) for i, a in enumerate(left) for j, b in enumerate(right) if len(a & b) / len(a | b) >= threshold}
    assert similar <= set(candidates)
    assert len(candidates) == len(set(candidates))


def test_questions_are_known_by_their_text_and_not_by_their_id() -> None:
    shared = "Which painter of the northern school was born in the town of Veldhoven in 1602?"
    train = [Task(id="1", question="Who wrote the ballad of the three sisters?"), Task(id="1", question=shared)]
    test = [Task(id="9", question=shared.upper())]
    assert contaminated_questions(train, {"held-out": test}) == {shared: "held-out: 9"}
    assert contaminated_questions(train, {}) == {}
