"""The vote of self-consistent action generation (paper section 4.2), and when it can no longer change.

In: the outcome of each candidate, as a key; None for candidates that failed. Out: which candidate is chosen. Two
candidates agree if they printed the same, their last expressions have the same value and they gave the same final
answer; white space and addresses of objects are ignored. Not here: sampling and running the
candidates (``sampling.py``).
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from understudy.records import ExecutionStatus
from understudy.sandbox import Execution

_ADDRESS = re.compile(r"(?<= at )0x[0-9a-fA-F]{6,16}(?=>)")
"""Of an object without a form of its own, ``<generator object f at 0x7f…>``; it differs between equal candidates."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """One candidate in the vote."""

    outcome: Hashable | None
    """Equal for candidates that agree; None if the candidate failed and has no vote."""
    mean_logprob: float | None = None


@dataclass(frozen=True, slots=True)
class Election:
    """The result of a vote."""

    winner: int
    """Index of the chosen candidate."""
    groups: tuple[int | None, ...]
    """Number of each candidate's group, counted from 0 as they appear; None for failed ones."""


def outcome_of(execution: Execution) -> Hashable | None:
    """The key of the vote: everything that the code returned and printed, without white space; None if the code
    failed.
    """
    if execution.status is not ExecutionStatus.OK:
        return None
    return (
        _squeezed(execution.printed),
        _squeezed(execution.value),
        execution.is_final,
        _squeezed(execution.final_answer),
    )


def elect(ballots: Sequence[Ballot], seed: int) -> Election:
    """Choose the first candidate of the largest group. Among groups of equal size, choose the first candidate with the
    highest mean log-probability if all have one; else the one sampled first. If all failed, choose one at random, by
    the seed.
    """
    numbers: dict[Hashable, int] = {}
    groups = tuple(
        None if ballot.outcome is None else numbers.setdefault(ballot.outcome, len(numbers)) for ballot in ballots
    )
    if not numbers:
        return Election(random.Random(seed).randrange(len(ballots)), groups)
    sizes = Counter(group for group in groups if group is not None)
    largest = max(sizes.values())
    firsts = [groups.index(group) for group in range(len(numbers)) if sizes[group] == largest]
    return Election(_most_probable(firsts, ballots), groups)


def next_portion(ballots: Sequence[Ballot], n_candidates: int) -> int:
    """How many more candidates to sample: the fewest that could decide the vote, 0 if it cannot change any more."""
    missing = n_candidates - len(ballots)
    sizes = [*Counter(ballot.outcome for ballot in ballots if ballot.outcome is not None).values(), 0, 0]
    first, second, *_ = sorted(sizes, reverse=True)
    lead = first - second
    if lead > missing:
        return 0
    return min(missing, (missing - lead) // 2 + 1)


def _most_probable(indices: Sequence[int], ballots: Sequence[Ballot]) -> int:
    logprobs = [ballots[index].mean_logprob for index in indices]
    known = [logprob for logprob in logprobs if logprob is not None]
    if len(known) < len(indices):
        return indices[0]
    return indices[known.index(max(known))]


def _squeezed(text: str | None) -> str | None:
    return None if text is None else " ".join(_ADDRESS.sub("", text).split())
