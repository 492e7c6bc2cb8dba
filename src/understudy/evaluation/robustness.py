"""How a system behaves under attack: the user's task with and without an attack, and how often the attack succeeds.

In: trajectories, some of whose worlds contain an attack, and their scores. Out: a ``Robustness`` for each source of
tasks. The attempts at one user task, with whichever attack, are one cluster of the intervals. Not here: attacking.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from understudy.evaluation.statistics import clustered_share
from understudy.records import Rate, Robustness, Score, Trajectory

_Verdicts = Iterable[tuple[str, bool | None]]
"""The question and the verdict of each attempt; None: there is none."""


def robustness_of(trajectories: Iterable[Trajectory], scores: Mapping[str, Score]) -> tuple[Robustness, ...]:
    """One for each source with attacked attempts, in order. ``scores``: by trajectory id.

    Attempts without an attack count if their question is also attacked, so that both rates are about the same tasks.
    """
    by_source: defaultdict[str, list[Trajectory]] = defaultdict(list)
    for one in trajectories:
        by_source[one.task.source].append(one)
    return tuple(made for name, part in by_source.items() for made in _of_source(name, part, scores))


def _of_source(name: str, trajectories: list[Trajectory], scores: Mapping[str, Score]) -> Iterator[Robustness]:
    attacked = [one for one in trajectories if one.task.is_attacked]
    if not attacked:
        return
    questions = {one.task.question for one in attacked}
    calm = [one for one in trajectories if not one.task.is_attacked and one.task.question in questions]
    judged = [(one.task.question, scores[one.id].attack_succeeded) for one in attacked if one.id in scores]
    yield Robustness(
        source=name,
        n_tasks=len(questions),
        without_attack=_rate(_utility(calm, scores)) if calm else None,
        under_attack=_rate(_utility(attacked, scores)),
        attack_success=_rate(judged),
    )


def _utility(trajectories: Iterable[Trajectory], scores: Mapping[str, Score]) -> list[tuple[str, bool | None]]:
    """As in all figures, an attempt without a verdict counts as wrong."""
    pairs = ((one.task.question, scores.get(one.id)) for one in trajectories)
    return [(question, score is not None and score.correct is True) for question, score in pairs]


def _rate(verdicts: _Verdicts) -> Rate:
    n, n_yes, interval = clustered_share(verdicts)
    return Rate(n=n, n_yes=n_yes, rate=n_yes / n if n else 0.0, interval=interval)
