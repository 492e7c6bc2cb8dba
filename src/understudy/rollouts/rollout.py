"""Tasks times attempts are written to ``trajectories.jsonl``; no finished attempt is lost. In: tasks and an agent, or
an ``AgentSpec``. Out: a file with one record an attempt, appended and flushed as attempts end, and a summary. A rollout
that was killed resumes; one whose settings differ from those of its file is refused. Each attempt has its own seed, so
records do not depend on the order in which attempts end. Not here: grading.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from understudy.agents import ActingConfig, Agent, AgentFacts
from understudy.extras import require
from understudy.progress import Progress
from understudy.records import FirstThought, PrefixMode, Task, Trajectory, Usage
from understudy.rollouts.config import Engine, RolloutConfig, RolloutSummary
from understudy.rollouts.outcomes import Outcome, outcome_of
from understudy.rollouts.resuming import Earlier, RolloutSettings, check_settings, read_earlier, read_trajectories
from understudy.rollouts.spec import AgentSpec, open_spec
from understudy.rollouts.workers import Assignment, ThreadWorkers, Workers
from understudy.runs import append_jsonl, derive_seed, digest

MAX_FAILED_FROM_START = 20
"""If this many first attempts all end in infrastructure errors, the rollout stops instead of spending its budget."""


class RolloutStoppedError(Exception):
    """The rollout stopped because further attempts are pointless; finished attempts are kept."""


def rollout(
    tasks: Sequence[Task],
    agent: Agent | AgentSpec,
    path: Path,
    config: RolloutConfig,
    *,
    first_thoughts: Sequence[FirstThought] = (),
    progress: str | None = "rollout",
) -> RolloutSummary:
    """Let an agent make every attempt that ``path`` does not contain yet. ``progress``: label of the bar, None for
    none.

    After Ctrl-C no attempt starts, attempts that end within a second are kept, and ``KeyboardInterrupt`` is raised
    again; the next call makes the others. Raises ``ResumeError`` if the file was made with other settings,
    ``RolloutStoppedError`` if the first 20 attempts all end in infrastructure errors, ``ValueError`` for two tasks with
    one id or an engine that needs an ``AgentSpec`` and got an agent.
    """
    if not isinstance(agent, AgentSpec):
        if config.engine is Engine.RAY:
            raise ValueError("engine: ray needs an AgentSpec, from which each worker makes its own agent; got an agent")
        workers: Workers = ThreadWorkers(agent, config.in_flight)
        return _roll_out(tasks, workers, path, config, first_thoughts=first_thoughts, progress=progress)
    if config.engine is Engine.RAY:
        require("ray", "engine: ray")
        from understudy.rollouts.ray_engine import open_ray_workers

        with open_ray_workers(agent, config) as workers:
            return _roll_out(tasks, workers, path, config, first_thoughts=first_thoughts, progress=progress)
    with open_spec(agent) as opened:
        return rollout(tasks, opened, path, config, first_thoughts=first_thoughts, progress=progress)


def _roll_out(
    tasks: Sequence[Task],
    workers: Workers,
    path: Path,
    config: RolloutConfig,
    *,
    first_thoughts: Sequence[FirstThought],
    progress: str | None,
) -> RolloutSummary:
    started = time.monotonic()
    thoughts = {thought.task_id: thought for thought in first_thoughts}
    assignments = _assignments(tasks, config, thoughts)
    path.parent.mkdir(parents=True, exist_ok=True)
    in_order = sorted(first_thoughts, key=lambda each: each.task_id)
    thoughts_digest = digest([thought.model_dump(mode="json") for thought in in_order])
    check_settings(path, RolloutSettings(seed=config.seed, facts=workers.facts, first_thoughts=thoughts_digest))
    earlier = read_earlier(path, tasks, config.attempts)
    todo = [each for each in assignments if each.id not in earlier.done]
    tally = _Tally()
    bar = Progress(progress or "", len(assignments), done=len(earlier.done), quiet=progress is None)
    with append_jsonl(path) as writer, bar:

        def keep(trajectory: Trajectory) -> None:
            writer.write(trajectory)
            bar.advance(facts=tally.add(trajectory))

        workers.solve_all(todo, keep)
    n_without = sum(each.first_thought is None for each in assignments) if _wants_thoughts(workers.facts) else 0
    return _summary(path, len(assignments), earlier, n_without, time.monotonic() - started)


def _assignments(tasks: Sequence[Task], config: RolloutConfig, thoughts: dict[str, FirstThought]) -> list[Assignment]:
    """All requested attempts. Every task gets its first attempt before any task gets its second."""
    counts = Counter(task.id for task in tasks)
    twice = [task_id for task_id, count in counts.items() if count > 1]
    if twice:
        raise ValueError(f"tasks: ids must be unique, but {len(twice)} come more than once, such as {twice[0]!r}")
    return [
        Assignment(
            task=task,
            attempt=attempt,
            seed=derive_seed(config.seed, task.id, attempt),
            first_thought=thoughts.get(task.id),
        )
        for attempt in range(config.attempts)
        for task in tasks
    ]


def _wants_thoughts(facts: AgentFacts) -> bool:
    return isinstance(facts.agent, ActingConfig) and facts.agent.prefix_mode in (PrefixMode.PREFIX, PrefixMode.PLAN)


def _summary(path: Path, n_wanted: int, earlier: Earlier, n_without: int, wall_s: float) -> RolloutSummary:
    outcomes: Counter[Outcome] = Counter()
    usage = Usage()
    candidates_saved = 0
    for trajectory in read_trajectories(path) if n_wanted else ():
        outcomes[outcome_of(trajectory)] += 1
        usage += trajectory.usage
        candidates_saved += sum(step.candidates_saved for step in trajectory.steps)
    return RolloutSummary(
        n_wanted=n_wanted,
        n_before=len(earlier.done),
        n_retried=len(earlier.failed),
        outcomes=dict(outcomes),
        n_without_first_thought=n_without,
        candidates_saved=candidates_saved,
        usage=usage,
        wall_s=wall_s,
    )


class _Tally:
    """Counts the attempts of this run, for the text at the end of the bar and for stopping a rollout that cannot
    succeed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n = self._n_failed = 0
        self._cost_usd: float | None = None

    def add(self, trajectory: Trajectory) -> str:
        """Count an attempt and return the facts for the bar. Raises ``RolloutStoppedError``."""
        with self._lock:
            self._n += 1
            self._n_failed += trajectory.stop_reason.is_infrastructure_error
            if trajectory.usage.cost_usd is not None:
                self._cost_usd = (self._cost_usd or 0.0) + trajectory.usage.cost_usd
            if self._n == self._n_failed == MAX_FAILED_FROM_START:
                raise RolloutStoppedError(_stopped(trajectory))
            parts = [] if self._cost_usd is None else [f"${self._cost_usd:.2f}"]
            return " · ".join(parts + [f"{self._n_failed} failed"] * (self._n_failed > 0))


def _stopped(trajectory: Trajectory) -> str:
    failure = trajectory.failure
    last = f"; the last one: {failure.kind}: {failure.message}" if failure else ""
    return (
        f"the first {MAX_FAILED_FROM_START} attempts all ended in infrastructure errors, so the rollout was stopped"
        f"{last}\nThese attempts are tried again when the rollout is resumed."
    )
