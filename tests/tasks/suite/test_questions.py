"""The questions of the suite can be parsed, have the answers of the world, and share nothing with training."""

from __future__ import annotations

import contextlib
import io
import re
from collections import Counter

import pytest

from understudy.records import Task, TaskKind
from understudy.retrieval import Passage
from understudy.retrieval.lexical import lexical_retriever
from understudy.tasks import TASK_SOURCES, find_contamination, load_tasks
from understudy.tasks.config import FACT_SETS, IN_DOMAIN, MATH_SETS, SuiteSet
from understudy.tasks.suite import suite_passages, suite_tasks
from understudy.tasks.suite.numbers import numbers_in
from understudy.tasks.suite.questions import Chain, read_question
from understudy.tasks.suite.word_problems import read_problem
from understudy.tasks.suite.words import NAMESAKE_FACTS, WORDS
from understudy.tasks.suite.world import SPLITS, world

NAME = re.compile(r"[A-Z][a-z]+")


def tasks(name: SuiteSet, split: str = "test") -> tuple[Task, ...]:
    return load_tasks(kind="suite", name=name, split=split).tasks


def training() -> list[Task]:
    return [task for name in IN_DOMAIN for task in tasks(name, "train")]


def names_in(question: str) -> set[str]:
    """Capitalised words that do not begin a sentence."""
    inner = re.sub(r"(^|[.?!]\s+)\w+", "", question)
    return set(NAME.findall(inner))


def skeleton(question: str) -> str:
    """A question without its names and numbers."""
    return re.sub(r"\d[\d,.]*", "#", re.sub(r"(?<=\s)[A-Z][a-z]+( [A-Z][a-z]+)*", "@", question))


@pytest.mark.parametrize("name", FACT_SETS)
def test_a_factual_question_is_read_back_and_has_the_world_s_answer(name: SuiteSet) -> None:
    splits = SPLITS if name in IN_DOMAIN else ("test",)
    for split in splits:
        for task in suite_tasks(name, split):
            asked = read_question(task.question)
            assert asked is not None
            assert asked.text == task.question
            assert asked.answer(world(split)) == task.answer
            assert task.kind is TaskKind.FACT


def test_hops_pages_and_words_are_those_of_the_set() -> None:
    n_hops = {name: Counter[int]() for name in FACT_SETS}
    for name in FACT_SETS:
        for task in tasks(name):
            asked = read_question(task.question)
            if isinstance(asked, Chain):
                n_hops[name][len(asked.relations)] += 1
                assert asked.is_paraphrased == (name == "paraphrase")
    assert set(n_hops["bridge"]) == set(n_hops["paraphrase"]) == {2}
    assert set(n_hops["deep"]) == {3}
    assert not n_hops["comparison"]


@pytest.mark.slow
def test_a_code_s_result_is_the_answer_of_each_word_problem() -> None:
    for split in SPLITS:
        for task in suite_tasks("word_problems", split):
            problem = read_problem(task.question)
            assert problem is not None
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(problem.code, {})
            assert float(printed.getvalue()) == pytest.approx(float(task.answer or "nan"))


@pytest.mark.slow
@pytest.mark.parametrize("name", MATH_SETS)
def test_the_generator_s_scoring_knows_the_answer(name: SuiteSet) -> None:
    from understudy.tasks.procedural import entry_of

    for task in tasks(name)[:20]:
        dataset, entry = entry_of(task)
        assert dataset.score_answer(answer=task.answer, entry=entry) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FACT_SETS, *MATH_SETS])
def test_a_test_question_shares_no_name_number_or_phrasing_with_training(name: SuiteSet) -> None:
    trained, tested = training(), tasks(name)
    assert len(trained) > 1500
    assert len(tested) >= 100
    numbers = {float(n) for task in trained for n in numbers_in(task.question) if float(n) >= 10}
    assert numbers.isdisjoint(float(n) for task in tested for n in numbers_in(task.question))
    # Names that stand in a template are no entities: no question could be asked without them.
    ordinary = {"Give", "Do", "If", "How", "Ms", "Mr", "Mrs", "Dr"}
    names = set().union(*(names_in(task.question) for task in trained)) - ordinary
    assert not names & set().union(*(names_in(task.question) for task in tested))
    assert {skeleton(task.question) for task in trained}.isdisjoint(skeleton(task.question) for task in tested)


@pytest.mark.slow
def test_no_word_problem_is_near_one_of_training() -> None:
    assert not find_contamination(tasks("word_problems", "train"), tasks("word_problems"))


def test_paraphrases_use_words_that_training_never_had() -> None:
    pages = " ".join(page.text for page in suite_passages())
    said = " ".join(task.question for task in tasks("bridge", "train"))
    known = set(re.findall(r"[a-z]+", f"{pages} {said}".lower()))
    small = {
        "whose",
        "from",
        "whom",
        "with",
        "when",
        "where",
        "did",
        "does",
        "is",
        "was",
        "in",
        "one",
        "to",
        "a",
        "its",
    }
    for words in WORDS.values():
        for text in (words.paraphrased.question, words.paraphrased.noun):
            new = set(re.findall(r"[a-z]+", text.lower())) - known - small
            assert new, f"{text}: all of its words occur in training"
        assert words.trained.noun.split()[1] not in words.paraphrased.noun


def test_the_right_page_occurs_at_every_rank_and_answers_are_never_in_the_namesakes() -> None:
    retriever = lexical_retriever([Passage(id=one.id, title=one.title, text=one.text) for one in suite_passages()])
    ranks: Counter[int] = Counter()
    for split in SPLITS:
        for thing in world(split).pages:
            if thing.kind not in NAMESAKE_FACTS:
                texts = [hit.passage.text for hit in retriever.search([thing.name], 3)[0]]
                assert thing.page in texts
                ranks[texts.index(thing.page) + 1] += 1
    assert min(ranks[1], ranks[2], ranks[3]) > 0.3 * ranks.total()


def test_only_sets_in_domain_are_trained_on() -> None:
    with pytest.raises(ValueError, match="deep is out of domain: it has test questions only"):
        TASK_SOURCES.validate({"kind": "suite", "name": "deep", "split": "train"})


def test_a_larger_limit_holds_the_smaller_one() -> None:
    small = load_tasks(kind="suite", name="bridge", split="test", limit=20, seed=3).tasks
    large = load_tasks(kind="suite", name="bridge", split="test", limit=60, seed=3).tasks
    assert {one.id for one in small} <= {one.id for one in large}
