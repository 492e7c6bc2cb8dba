"""Preference pairs: a verified teacher correction is preferred to the student's wrong step at the same state.

In: wrong attempts, and the tries of a ``repair`` stage at correcting them. Out: ``PreferencePair`` records, and counts
of the attempts without one, by reason. Not here: the training on them (``understudy.training.dpo``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from understudy.curation.repair import Repair, said
from understudy.records import ParseProblem, PreferencePair, Trajectory


def preference_pairs(
    wrong: Iterable[Trajectory], tries: Mapping[str, Sequence[Repair]]
) -> tuple[list[PreferencePair], Counter[str]]:
    """One pair for each attempt that a correction repaired. ``tries``: by the id of the wrong attempt."""
    pairs: list[PreferencePair] = []
    dropped: Counter[str] = Counter()
    for attempt in wrong:
        verified = next((one for one in tries.get(attempt.id, ()) if one.is_verified), None)
        if verified is None:
            dropped["not_repaired"] += 1
            continue
        step = attempt.steps[verified.step - 1]
        rejected, chosen = (one.messages[step.message_index] for one in (attempt, verified.trajectory))
        if said(chosen) == said(rejected):
            dropped["same_reply"] += 1
        elif any(len(one.content) <= step.prefilled_chars and not one.tool_calls for one in (chosen, rejected)):
            dropped["empty_reply"] += 1
        else:
            pairs.append(
                PreferencePair(
                    id=attempt.id,
                    task_id=attempt.task.id,
                    messages=attempt.messages[: step.message_index],
                    chosen=chosen.content,
                    rejected=rejected.content,
                    chosen_calls=chosen.tool_calls,
                    rejected_calls=rejected.tool_calls,
                    tools=attempt.tools,
                    prefilled_chars=step.prefilled_chars,
                    rejected_is_whole=step.parse_problem is not ParseProblem.CUT_BY_LENGTH,
                )
            )
    return pairs, dropped
