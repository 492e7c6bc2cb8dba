"""Reads the log of a served agent and compares it with its run. ``understudy watch``.

In: a log's folder, and the run whose student is served. Out: a ``Watched``, and sentences that say whether a new round
of training pays. Not here: the comparison (``understudy.evaluation.drift``), the new round (``next_round``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from understudy.evaluation.drift import FEWEST, RATES, Drift, Signal, Verdict, Watched, smallest_visible_rise, watch
from understudy.pipeline.recipe import Recipe
from understudy.records import ServedAgentRecord, ServedConversation, StageRef, Trajectory
from understudy.rollouts import read_trajectories
from understudy.run_layout import CONVERSATIONS, EVALUATE, METRICS, SERVED_AGENT, TRAJECTORIES, stage_folder
from understudy.runs import read_jsonl, read_record

_FAULTS = (Signal.DEFERRED, Signal.NO_ANSWER, Signal.PARSE_FAILURE, Signal.CODE_ERROR, Signal.TOOL_ERROR)
"""Signals that training can change."""


_COUNTED = {Signal.ANSWER_LENGTH: "characters of an answer", Signal.STEPS: "steps of a conversation"}


def read_window(log: Path, last: int | None = None, since: str = "") -> list[Trajectory]:
    """Conversations of a log in the order in which they ended: the last ones, or those that ended since a date.

    ``log``: the folder of a served agent's log, or a ``trajectories.jsonl``. ``since``: ISO 8601; needs the times that
    the log states. Raises ``FileNotFoundError``, ``BadRecordError``, ``ValueError``.
    """
    path = log if log.is_file() else log / TRAJECTORIES
    if not path.is_file():
        inside = ", ".join(sorted(str(one.parent) for one in log.glob(f"*/{TRAJECTORIES}")))
        hint = f"; did you mean {inside}?" if inside else ""
        raise FileNotFoundError(f"{log}: expected the log of a served agent; there is no {TRAJECTORIES} in it{hint}")
    found = list(read_trajectories(path))
    if since:
        ended = _ends(path.parent)
        found = [one for one in found if ended.get(one.task.id, "") >= since]
    if not found:
        raise ValueError(f"{path}: no conversation {f'ended since {since}' if since else 'is in it'}")
    return found if last is None else found[-last:]


def run_of_log(log: Path) -> Path:
    """The run whose agent was served, as the log states it. Raises ``ValueError`` if it states none."""
    path = (log.parent if log.is_file() else log) / SERVED_AGENT
    run = read_record(path, ServedAgentRecord).run if path.is_file() else ""
    if not run:
        raise ValueError(f"{log}: does not state whose agent was served; name the run with --run")
    return Path(run)


def _ends(folder: Path) -> dict[str, str]:
    path = folder / CONVERSATIONS
    if not path.is_file():
        raise ValueError(f"--since: expected {path}, which says when conversations ended; use --last")
    return {one.id: one.ended for one in read_jsonl(path, ServedConversation)}


def find_reference(recipe: Recipe, run_dir: Path, served: Trajectory, name: str | None = None) -> StageRef:
    """The evaluation to compare with: the one of this name, or the first of the model and kind of agent that is served.

    Raises ``ValueError`` if there is none.
    """
    done = [ref for ref in recipe.stages_of(EVALUATE) if (stage_folder(run_dir, ref) / METRICS).is_file()]
    known = ", ".join(ref.name for ref in done) or "(none is done)"
    if name is not None:
        found = [ref for ref in done if name in (ref.name, str(ref))]
        if not found:
            raise ValueError(f"--reference: expected one of {known}; got {name!r}")
        return found[0]
    same = (ref for ref in done if _first_attempt(run_dir, ref) == (served.model, served.agent))
    if (match := next(same, None)) is None:
        raise ValueError(f"no evaluation of {run_dir} is of {served.agent} with {served.model}; --reference: {known}")
    return match


def _first_attempt(run_dir: Path, ref: StageRef) -> tuple[str, str]:
    first = next(iter(read_trajectories(stage_folder(run_dir, ref) / TRAJECTORIES)), None)
    return (first.model, first.agent) if first is not None else ("", "")


def watch_log(run_dir: Path, window: Sequence[Trajectory], reference: StageRef) -> Watched:
    """Compare conversations with the attempts of an evaluation. Raises ``ValueError`` if there are none."""
    return watch(list(read_trajectories(stage_folder(run_dir, reference) / TRAJECTORIES)), window)


def pays(watched: Watched) -> bool:
    """Whether training can change what has changed: more faults or deferrals, or tools that are new."""
    rose = [one for one in watched.drifts if one.signal in _FAULTS and one.verdict is Verdict.ROSE]
    return watched.n_window >= FEWEST and bool(rose or watched.new_tools)


def advice(watched: Watched) -> Iterator[str]:
    """Whether a new round pays, and why, as sentences."""
    if watched.n_window < FEWEST:
        yield f"{watched.n_window} conversations are too few to conclude anything; {FEWEST} are the fewest."
        return
    rose = [one for one in watched.drifts if one.signal in _FAULTS and one.verdict is Verdict.ROSE]
    if watched.drift(Signal.INFRASTRUCTURE).verdict is Verdict.ROSE:
        yield "More conversations end in infrastructure errors: look at server and sandbox; training changes nothing."
    if watched.new_tools:
        named = ", ".join(f"{name} ({n} conversations)" for name, n in watched.new_tools.items())
        yield f"The student was never measured with these tools: {named}."
    for one in watched.drifts:
        if one.signal not in RATES and one.verdict in (Verdict.ROSE, Verdict.FELL):
            change = f"{one.reference:.1f} → {one.window:.1f} {one.unit}"
            yield f"The mean number of {_COUNTED[one.signal]} {one.verdict}: {change}. Read some conversations."
    if not pays(watched):
        yield _nothing_seen(watched.drift(Signal.NO_ANSWER), watched)
        return
    changed = "; ".join(f"{one.signal} {100 * one.reference:.1f} % → {100 * one.window:.1f} %" for one in rose)
    yield f"A new round of training pays{f': {changed}' if changed else ', with attempts that use the new tools'}."


def _nothing_seen(drift: Drift, watched: Watched) -> str:
    visible = smallest_visible_rise(drift, watched.level)
    return (
        f"No rise of faults is seen, so a new round has no reason yet. With {watched.n_window} conversations, a rise "
        f"by less than {100 * visible:.0f} points of the share without an answer would often not be seen."
    )
