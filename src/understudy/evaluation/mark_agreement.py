"""How a grader agrees with a person who marked a sample.

In: scores of all attempts of a stage, marks of some. Out: ``MarkAgreement``: share of equal verdicts, Cohen's kappa
(Cohen 1960), and intervals. The sample may hold more of one verdict than the stage does, so the marks of each verdict
are weighted by the number of attempts with it. Intervals come from the posterior of each verdict's share under
Jeffreys' prior, so that they are honest for few marks and for marks that all agree. Not here: collecting marks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from understudy.records import Interval, Mark, MarkAgreement, MarkVerdict, Score

Floats = npt.NDArray[np.float64]
LEVEL = 0.95
N_DRAWS = 20_000
MARKS = "marks"
"""The grader that repeats marks; it is not compared with them."""
ALL = "all"
_NAMES = {True: "right", False: "wrong"}


def agreement_with_marks(
    stage: str, scores: Iterable[Score], marks: Iterable[Mark], *, seed: int = 0
) -> tuple[MarkAgreement, ...]:
    """One result for each grader with a verdict on a marked attempt; before these, one for ``all`` together if several
    graders judged different attempts. ``marks``: those of the stage that hold, at most one an attempt.
    """
    said = {one.trajectory_id: one.verdict is MarkVerdict.RIGHT for one in marks if one.verdict in _JUDGED}
    by_grader: dict[str, dict[str, Score]] = {}
    for score in sorted(scores, key=lambda one: one.grader):
        if score.grader != MARKS:
            by_grader.setdefault(score.grader, {})[score.trajectory_id] = score
    together = {name: score for judged in by_grader.values() for name, score in judged.items()}
    if len(by_grader) > 1 and len(together) == sum(map(len, by_grader.values())):
        by_grader = {ALL: together, **by_grader}
    found = (_compared(stage, grader, judged, said, seed) for grader, judged in by_grader.items())
    return tuple(one for one in found if one is not None)


_JUDGED = (MarkVerdict.RIGHT, MarkVerdict.WRONG)


def _compared(
    stage: str, grader: str, scores: Mapping[str, Score], said: Mapping[str, bool], seed: int
) -> MarkAgreement | None:
    verdicts = {name: score.correct for name, score in scores.items() if score.correct is not None}
    pairs = [(verdicts[name], right) for name, right in said.items() if name in verdicts]
    if not pairs:
        return None
    sizes = {verdict: sum(one is verdict for one in verdicts.values()) for verdict in (True, False)}
    marked = {verdict: [right for given, right in pairs if given is verdict] for verdict in (True, False)}
    present = [verdict for verdict in (True, False) if marked[verdict]]
    missing = [_NAMES[verdict] for verdict in (True, False) if sizes[verdict] and not marked[verdict]]
    weight = sizes[True] / (sizes[True] + sizes[False]) if len(present) == 2 else float(present[0])
    rate, kappa = _rates(weight, np.array([_share(marked[True])]), np.array([_share(marked[False])]))
    rates, kappas = _rates(weight, *_posteriors(marked, seed))
    return MarkAgreement(
        stage=stage,
        grader=grader,
        n=len(pairs),
        n_same=sum(given is right for given, right in pairs),
        n_population=len(verdicts),
        rate=float(rate[0]),
        interval=_interval(rates),
        kappa=None if np.isnan(kappa[0]) else float(kappa[0]),
        kappa_interval=None if np.isnan(kappa[0]) else _interval(kappas[~np.isnan(kappas)]),
        counts=_counts(pairs),
        n_not_judged=sum(name in scores and name not in verdicts for name in said),
        unmarked=", ".join(missing),
    )


def _share(marks: Sequence[bool]) -> float:
    """Share of the marks that say right; of none it does not matter, because the verdict then has no weight."""
    return sum(marks) / len(marks) if marks else 0.0


def _posteriors(marked: Mapping[bool, Sequence[bool]], seed: int) -> tuple[Floats, Floats]:
    """Draws of the chance that a person says right, for each verdict of the grader."""
    draw = np.random.default_rng(seed)
    right, wrong = (
        draw.beta(sum(marks) + 0.5, len(marks) - sum(marks) + 0.5, N_DRAWS) for marks in (marked[True], marked[False])
    )
    return right, wrong


def _rates(weight: float, if_right: Floats, if_wrong: Floats) -> tuple[Floats, Floats]:
    """Shares of equal verdicts and kappas. ``weight``: share of the attempts that the grader calls right;
    ``if_right``, ``if_wrong``: share that the person calls right of those that the grader calls right, and wrong.
    """
    same = weight * if_right + (1 - weight) * (1 - if_wrong)
    person = weight * if_right + (1 - weight) * if_wrong
    by_chance = weight * person + (1 - weight) * (1 - person)
    if weight in (0, 1):  # a grader that gives one verdict only: kappa is 0 whatever the person says
        return same, np.full_like(same, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa = np.where(by_chance < 1, (same - by_chance) / (1 - by_chance), np.nan)
    return same, kappa


def _interval(draws: Floats) -> Interval:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=float(low), high=float(high), level=LEVEL)


def _counts(pairs: Sequence[tuple[bool, bool]]) -> dict[str, int]:
    cells = [(given, right) for given in (True, False) for right in (True, False)]
    return {f"{_NAMES[given]} → {_NAMES[right]}": pairs.count((given, right)) for given, right in cells}
