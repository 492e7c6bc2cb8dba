"""Last replies that a model writes again.

In: kept trajectories and a teacher. Out: trajectories with another last reply, the originals beside, and findings that
count both. Only the last reply can be replaced without the tools: results that follow an earlier reply belong to its
calls. A reply that answers by a call or by code is left as it is, and that is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from understudy.curation.cleaning.config import RelabelConfig, Relabelled
from understudy.curation.cleaning.faults import FaultAction, Finding
from understudy.models import ContextFullError, Model, ProviderError, Request
from understudy.parallel import map_ordered
from understudy.records import FinishReason, Message, Record, Score, StopReason, Trajectory

RELABEL = "relabel"
Pair = tuple[Trajectory, Score | None]


class Replacement(Record):
    """A line of ``relabelled.jsonl``: a reply before and after."""

    trajectory_id: str
    message_index: int
    model: str
    """Who wrote the new reply."""
    before: Message
    after: Message
    score: Score | None = None
    """The verdict on the original, which the new reply does not keep."""


class RelabelJournal:
    """Replies of an earlier, unfinished call, and the place to which new replies are appended."""

    def __init__(self, earlier: Iterable[Replacement] = (), write: Callable[[Replacement], None] | None = None) -> None:
        """``write`` is called from many threads."""
        self._earlier = {made.trajectory_id: made for made in earlier}
        self._write = write

    def keep(self, made: Replacement) -> None:
        """Write a new reply."""
        if self._write is not None:
            self._write(made)

    def earlier(self, trajectory_id: str, before: Message) -> Replacement | None:
        """The reply that was written in place of this one."""
        made = self._earlier.get(trajectory_id)
        return made if made is not None and made.before == before else None


@dataclass(frozen=True, slots=True)
class Relabelling:
    """What became of all trajectories."""

    pairs: tuple[Pair, ...]
    """In their order; a trajectory with another reply has no score."""
    replacements: tuple[Replacement, ...]
    findings: tuple[Finding, ...]


def relabel(
    pairs: Sequence[Pair], config: RelabelConfig, teacher: Model, journal: RelabelJournal | None = None
) -> Relabelling:
    """Let the teacher write the last reply of the chosen trajectories, except those that the journal has."""
    journal = journal or RelabelJournal()
    results = list(map_ordered(lambda pair: _again(pair, config, teacher, journal), pairs, config.in_flight))
    made = [one for one, _ in results if one is not None]
    by_id = {one.trajectory_id: one for one in made}
    return Relabelling(
        pairs=tuple((_with(pair[0], by_id[pair[0].id]), None) if pair[0].id in by_id else pair for pair in pairs),
        replacements=tuple(made),
        findings=tuple(finding for _, finding in results if finding is not None),
    )


def _again(
    pair: Pair, config: RelabelConfig, teacher: Model, journal: RelabelJournal
) -> tuple[Replacement | None, Finding | None]:
    trajectory, score = pair
    if not _is_chosen(score, config.which):
        return None, None
    index = _last_reply(trajectory)
    if index is None:
        return None, _finding(trajectory, "not_relabelled", FaultAction.COUNT, "its answer is not a plain reply")
    before = trajectory.messages[index]
    if (earlier := journal.earlier(trajectory.id, before)) is not None:
        return earlier, _relabelled(trajectory, earlier)
    request = Request(
        trajectory.messages[:index],
        temperature=config.temperature,
        max_tokens=config.max_tokens,
        seed=trajectory.seed,
        tools=trajectory.tools,
        tool_choice="none" if trajectory.tools else "auto",
    )
    try:
        (completion,) = teacher.complete(request)
    except (ProviderError, ContextFullError) as error:
        return None, _finding(trajectory, "not_relabelled", FaultAction.COUNT, f"the model could not be asked: {error}")
    if completion.finish_reason is not FinishReason.STOP or completion.tool_calls or not completion.text.strip():
        return None, _finding(trajectory, "not_relabelled", FaultAction.COUNT, "the model gave no whole reply")
    after = Message(role=before.role, content=completion.text, reasoning=completion.reasoning)
    made = Replacement(
        trajectory_id=trajectory.id,
        message_index=index,
        model=teacher.name,
        before=before,
        after=after,
        score=score,
    )
    journal.keep(made)
    return made, _relabelled(trajectory, made)


def _relabelled(trajectory: Trajectory, made: Replacement) -> Finding:
    detail = f"message {made.message_index + 1} by {made.model}"
    return _finding(trajectory, "relabelled", FaultAction.CHANGE, detail)


def _finding(trajectory: Trajectory, reason: str, action: FaultAction, detail: str) -> Finding:
    return Finding(trajectory_id=trajectory.id, check=RELABEL, reason=reason, action=action, detail=detail)


def _is_chosen(score: Score | None, which: Relabelled) -> bool:
    correct = None if score is None else score.correct
    match which:
        case Relabelled.WRONG:
            return correct is False
        case Relabelled.NOT_RIGHT:
            return correct is not True
        case Relabelled.ALL:
            return True


def _last_reply(trajectory: Trajectory) -> int | None:
    """Index of the reply that answers in plain text; None if there is none."""
    if trajectory.stop_reason is not StopReason.ANSWERED or trajectory.agent == "code_agent" or not trajectory.steps:
        return None
    last = trajectory.steps[-1]
    message = trajectory.messages[last.message_index]
    is_last = last.message_index == len(trajectory.messages) - 1
    return last.message_index if last.is_final and is_last and not message.tool_calls else None


def _with(trajectory: Trajectory, made: Replacement) -> Trajectory:
    messages = list(trajectory.messages)
    messages[made.message_index] = made.after
    steps = list(trajectory.steps)
    steps[-1] = steps[-1].model_copy(update={"prefilled_chars": 0, "candidates": (), "mean_logprob": None})
    return trajectory.model_copy(
        update={"messages": tuple(messages), "steps": tuple(steps), "answer": made.after.content}
    )
