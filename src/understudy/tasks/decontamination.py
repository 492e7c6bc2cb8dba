"""Training questions that are too similar to test questions, by rules for short questions.

In: training and test tasks. Out: the pairs, each with the rule that found it and how strongly. Not here: dropping them
(``understudy.curation`` does), paraphrases in other words.

Three rules, the first that holds names the pair:

* the same question after normalisation;
* a near-duplicate: Jaccard similarity of the token sets, numbers in one spelling;
* rare phrases: the share of the test question's rare 4-grams, weighted by how rare they are, that the training
  question holds. A fixed 13-gram rule, the custom for long documents, cannot see most short questions and flags stock
  phrases ("relatively prime positive integers") instead; these weigh next to nothing here.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from understudy.records import Record, Task
from understudy.tasks.minhash import similar_pairs


class ContaminationRule(StrEnum):
    """Why two questions are too similar."""

    SAME_QUESTION = "same_question"
    NEAR_DUPLICATE = "near_duplicate"
    RARE_PHRASES = "rare_phrases"


class DecontaminationConfig(Record):
    """Thresholds of similarity."""

    jaccard: Annotated[float, Field(ge=0.5, le=1)] = 0.7
    """Similarity of the token sets from which on two questions are near-duplicates."""
    rare_phrases: Annotated[float, Field(gt=0, le=1)] = 0.4
    """Weighted share of the test question's rare n-grams from which on a training question is too close."""
    ngram: Annotated[int, Field(ge=2, le=13)] = 4
    """Tokens of a phrase."""


class Contamination(Record):
    """A training question that is too similar to a test question."""

    train_id: str
    test_id: str
    rule: ContaminationRule
    score: float
    """What the rule measures, in [0, 1]."""
    same_numbers: bool
    """Whether the two hold the same numbers: if not, they are one template with other values."""


_TOKEN = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)|[^\W_]+")
MAX_SHARE_OF_RARE = 0.01
"""A phrase in more than this share of all questions is a stock phrase and weighs nothing."""


@dataclass(frozen=True, slots=True)
class _Question:
    id: str
    tokens: tuple[str, ...]

    @property
    def numbers(self) -> Counter[str]:
        return Counter(token for token in self.tokens if token[0].isdigit())

    def phrases(self, length: int) -> set[tuple[str, ...]]:
        """All runs of that many tokens; a shorter question is one phrase."""
        last = max(len(self.tokens) - length, 0)
        return {self.tokens[start : start + length] for start in range(last + 1)} if self.tokens else set()


def find_contamination(
    train_tasks: Sequence[Task], test_tasks: Sequence[Task], config: DecontaminationConfig | None = None
) -> list[Contamination]:
    """All pairs that are too similar, in the order of the training tasks, the closest test question first."""
    config = config or DecontaminationConfig()
    train, test = [_read(task) for task in train_tasks], [_read(task) for task in test_tasks]
    found: dict[tuple[int, int], Contamination] = {}
    for rule, pairs in (
        (ContaminationRule.SAME_QUESTION, _same_questions(train, test)),
        (ContaminationRule.NEAR_DUPLICATE, _near_duplicates(train, test, config.jaccard)),
        (ContaminationRule.RARE_PHRASES, _sharing_phrases(train, test, config)),
    ):
        for i, j, score in pairs:
            same_numbers = train[i].numbers == test[j].numbers
            pair = Contamination(
                train_id=train[i].id, test_id=test[j].id, rule=rule, score=score, same_numbers=same_numbers
            )
            found.setdefault((i, j), pair)
    return [found[key] for key in sorted(found, key=lambda key: (key[0], -found[key].score, key[1]))]


def contaminated_questions(
    train_tasks: Iterable[Task],
    test_sets: Mapping[str, Sequence[Task]],
    config: DecontaminationConfig | None = None,
) -> dict[str, str]:
    """Training question → name of the first test set and id of the closest test question that is too similar.

    Questions are known by their text: several task sets may use one id for different questions.
    """
    questions = list(dict.fromkeys(task.question for task in train_tasks))
    numbered = [Task(id=str(number), question=question) for number, question in enumerate(questions)]
    found: dict[str, str] = {}
    for name, test_tasks in test_sets.items():
        for pair in find_contamination(numbered, test_tasks, config):
            found.setdefault(questions[int(pair.train_id)], f"{name}: {pair.test_id}")
    return found


def _read(task: Task) -> _Question:
    text = unicodedata.normalize("NFKC", task.question).casefold()
    return _Question(task.id, tuple(token.replace(",", "") for token in _TOKEN.findall(text)))


def _same_questions(train: Sequence[_Question], test: Sequence[_Question]) -> Iterator[tuple[int, int, float]]:
    places: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for j, question in enumerate(test):
        places[question.tokens].append(j)
    for i, question in enumerate(train):
        yield from ((i, j, 1.0) for j in places.get(question.tokens, ()))


def _near_duplicates(
    train: Sequence[_Question], test: Sequence[_Question], threshold: float
) -> Iterator[tuple[int, int, float]]:
    left, right = [frozenset(q.tokens) for q in train], [frozenset(q.tokens) for q in test]
    for i, j in similar_pairs(left, right, threshold):
        n_common = len(left[i] & right[j])
        similarity = n_common / max(len(left[i]) + len(right[j]) - n_common, 1)
        if similarity >= threshold:
            yield i, j, similarity


def _sharing_phrases(
    train: Sequence[_Question], test: Sequence[_Question], config: DecontaminationConfig
) -> Iterator[tuple[int, int, float]]:
    weights = _rarity([*train, *test], config.ngram)
    places: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, question in enumerate(train):
        for phrase in question.phrases(config.ngram):
            if weights[phrase] > 0:
                places[phrase].append(i)
    for j, question in enumerate(test):
        phrases = question.phrases(config.ngram)
        whole = sum(weights[phrase] for phrase in phrases)
        shared: defaultdict[int, float] = defaultdict(float)
        for phrase in phrases:
            for i in places.get(phrase, ()):
                shared[i] += weights[phrase]
        yield from ((i, j, min(w / whole, 1.0)) for i, w in shared.items() if w >= config.rare_phrases * whole)


def _rarity(questions: Sequence[_Question], length: int) -> dict[tuple[str, ...], float]:
    """Inverse document frequency of each phrase, 0 for stock phrases."""
    counts = Counter(phrase for question in questions for phrase in question.phrases(length))
    n = len(questions)
    most = max(10, int(MAX_SHARE_OF_RARE * n))
    return {phrase: math.log(1 + n / count) if count <= most else 0.0 for phrase, count in counts.items()}
