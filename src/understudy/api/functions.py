"""The functions. Each reads its settings, opens its parts, calls the package that does the work, and closes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from understudy import curation, evaluation, rollouts, training
from understudy.agents import AGENTS, Agent, FirstThoughtConfig, make_first_thoughts
from understudy.api.parts import (
    DEFAULTS,
    Function,
    Modelled,
    Said,
    Searched,
    Tasks,
    local_config,
    opened_agent,
    opened_grader,
    opened_runtime,
    read_part,
    read_settings,
    tasks_of,
)
from understudy.api.results import Attempts, Evaluation, Student
from understudy.curation import Cleaned, CurateConfig, Curated
from understudy.evaluation import Graded, compare_all
from understudy.grading import Grader, grade_all
from understudy.models.scoring import Scorer
from understudy.records import Comparison, Example, FirstThought, Task, Trajectory
from understudy.registry import PartConfig
from understudy.rollouts import RolloutConfig, RolloutStoppedError, read_trajectories
from understudy.run_layout import CHECKPOINT, EXAMPLES, SCORES, TRAJECTORIES
from understudy.runs import read_user_jsonl, write_jsonl
from understudy.sandbox import Sandbox, SandboxConfig
from understudy.tasks import contaminated_questions
from understudy.tools import SearchConfig, Tool
from understudy.training import TrainConfig


def rollout(
    tasks: Tasks,
    *,
    model: Modelled | None = None,
    agent: Agent | PartConfig | Said = "code_agent",
    tools: Iterable[Tool | Function | Said] = (),
    retriever: Searched | None = None,
    search: SearchConfig | Mapping[str, object] | None = DEFAULTS,
    sandbox: Sandbox | SandboxConfig | Mapping[str, object] | None = None,
    grader: Grader | PartConfig | Said | Callable[[Trajectory], object] = "auto",
    judge: Modelled | None = None,
    first_thoughts: Attempts | Sequence[FirstThought] = (),
    attempts: int = 1,
    seed: int = 0,
    in_flight: int = 32,
    failures_allowed: float = 0.01,
    out: Path | str | None = None,
    quiet: bool = False,
) -> Attempts:
    """Let an agent attempt tasks, and grade the attempts.

    Args:
        tasks: Tasks, or what ``load_tasks`` takes.
        model: The model that acts. Not needed if ``agent`` is an opened agent.
        agent: The config of an agent, or an opened agent.
        tools: What its code may call: functions, ``module:function``, keys of a function or an MCP server.
        retriever: The engine behind ``web_search``; None: the agent has no search.
        search: How ``web_search`` answers; None: the retriever serves chains of thought alone.
        sandbox: Where code runs; opened when an agent needs it.
        grader: What judges; it may be a function of a trajectory.
        judge: The model of the grader ``judge``.
        first_thoughts: First thoughts, if the agent's ``prefix_mode`` uses them: chains of thought about the same
            tasks, or the result of ``first_thoughts``.
        attempts: Attempts per task.
        seed: Each attempt derives its own from it.
        in_flight: Concurrent attempts.
        failures_allowed: Share of the attempts that may end in infrastructure errors.
        out: Folder of ``trajectories.jsonl`` and ``scores.jsonl``. A call with the same settings resumes there.
        quiet: Show no progress.

    Raises ``ValueError`` for settings that are wrong or do not fit together, ``ResumeError`` for an ``out`` of another
    rollout, ``RolloutStoppedError`` if too many attempts ended in infrastructure errors; finished attempts are kept.
    """
    config = read_settings("rollout", RolloutConfig, {"attempts": attempts, "seed": seed, "in_flight": in_flight})
    thoughts = thoughts_of(first_thoughts) if isinstance(first_thoughts, Attempts) else first_thoughts
    wanted = tasks_of(tasks)
    with (
        opened_grader(grader, judge) as graded_by,
        opened_runtime(tools, retriever, search, sandbox) as runtime,
        opened_agent(agent, model, runtime) as acting,
        nullcontext(out) if out is not None else TemporaryDirectory() as folder,
    ):
        made = _attempts_in(Path(folder), wanted, acting, config, thoughts, quiet=quiet)
        _refuse_failures(made, failures_allowed)
        scores = tuple(grade_all(graded_by, made))
        write_jsonl(Path(folder) / SCORES, scores)
    return Attempts(tuple(made), scores, acting.facts.is_program)


def first_thoughts(chains: Attempts, **settings: Any) -> tuple[FirstThought, ...]:
    """The first thoughts of chains of thought, at most one per task. ``settings``: those of ``FirstThoughtConfig``."""
    config = read_settings("first_thoughts", FirstThoughtConfig, settings)
    by_id = {score.trajectory_id: score for score in chains.scores}
    return make_first_thoughts(chains.trajectories, by_id, config).thoughts


thoughts_of = first_thoughts  # ``rollout`` has a parameter of the other name


def curate(
    attempts: Attempts | Cleaned | Iterable[Attempts | Cleaned],
    *,
    agent: PartConfig | Said | None = None,
    tools: Iterable[Tool | Function | Said] = (),
    retriever: Searched | None = None,
    search: SearchConfig | Mapping[str, object] | None = DEFAULTS,
    student: Modelled | None = None,
    against: Tasks = (),
    **settings: Any,
) -> Curated:
    """Choose attempts and make training examples of them, with a reason for each dropped one.

    Args:
        attempts: Graded attempts of one rollout or several, as they are or cleaned.
        agent: The agent as the student will run it: examples carry its prompts. None: the prompts of the attempts.
        tools: The student's tools, for these prompts.
        retriever: The student's search engine.
        search: How the student's ``web_search`` answers.
        student: The local model whose tokens or likelihoods decide, if ``max_tokens`` or ``select`` needs it.
        against: Test tasks; examples that are too similar to them are dropped.
        settings: Those of ``CurateConfig``, such as ``filters=("correct",)``.

    Raises ``ValueError`` for wrong settings.
    """
    config = read_settings("curate", CurateConfig, settings)
    several = [attempts] if isinstance(attempts, Attempts | Cleaned) else list(attempts)
    named = [(*pair, f"attempts/{number}") for number, one in enumerate(several) for pair in one]
    prompted = None if agent is None else read_part("agent", AGENTS, agent)
    with ExitStack() as stack:
        runtime = stack.enter_context(opened_runtime(tools, retriever, search, None))
        return curation.curate(
            named,
            config,
            initial_messages=None if prompted is None else lambda one: runtime.initial_messages(prompted, one.task),
            form=None if prompted is None else runtime.reply_form(prompted),
            student=None if student is None else stack.enter_context(Scorer(local_config("student", student))),
            contaminated=contaminated_questions([one.task for one, *_ in named], {"against": tasks_of(against)}),
        )


def train(
    examples: Curated | Iterable[Example] | Path | str,
    base: Modelled,
    out: Path | str,
    *,
    quiet: bool = False,
    **settings: Any,
) -> Student:
    """Fine-tune a base on examples, in this process.

    Args:
        examples: What ``curate`` gave, or a file of examples.
        base: Folder or Hub id of whole weights, the config of a local model, or a student.
        out: Folder of the training. The same call resumes there, or returns at once if the training is finished.
        quiet: Show no progress.
        settings: Those of ``TrainConfig``; the defaults are the paper's LoRA.

    Raises ``ValueError`` for wrong settings, ``OtherTrainingError`` for an ``out`` of another training, and what
    ``understudy.training.train`` raises.
    """
    config, start, folder = read_settings("train", TrainConfig, settings), local_config("base", base), Path(out)
    if start.adapter is not None or (isinstance(base, Student) and base.summary.student.is_adapter):
        raise ValueError("base: a training starts from whole weights; merge the adapter first (understudy.training)")
    path = Path(examples) if isinstance(examples, Path | str) else _written(examples, folder)
    summary = training.train(path, config, start.path, folder, quiet=quiet)
    checkpoint = folder / CHECKPOINT
    return Student(checkpoint, summary, start.model_copy(update={"path": str(checkpoint), "name": str(folder)}))


def evaluate(model: Modelled | None, tasks: Tasks, *, label: str | None = None, **settings: Any) -> Evaluation:
    """Let a model attempt test tasks, and measure it.

    Args:
        model: The model that acts; None if ``agent`` is an opened agent.
        tasks: As in ``rollout``.
        label: Name of the system; None: the name of its model.
        settings: Those of ``rollout``.

    Raises as ``rollout``, and ``ValueError`` if there is no task.
    """
    made = rollout(tasks, model=model, **settings)
    if not made.trajectories:
        raise ValueError("tasks: expected at least one; got none")
    first = made.trajectories[0]
    metrics = evaluation.measure(
        label or first.model, first.model, first.agent, made.trajectories, made.scores, is_program=made.is_program
    )
    return Evaluation(made, metrics)


def grade(
    attempts: Attempts | Iterable[Trajectory],
    *,
    grader: Grader | PartConfig | Said | Callable[[Trajectory], object] = "auto",
    judge: Modelled | None = None,
) -> Attempts:
    """Grade attempts, or grade them again: trajectories stay as they are, and only the scores are new.

    Args:
        attempts: Attempts, or trajectories without scores.
        grader: As in ``rollout``.
        judge: The model of the grader ``judge``.

    Raises ``ValueError`` for wrong settings.
    """
    trajectories = tuple(attempts.trajectories if isinstance(attempts, Attempts) else attempts)
    with opened_grader(grader, judge) as graded_by:
        scores = tuple(grade_all(graded_by, trajectories))
    return Attempts(trajectories, scores, isinstance(attempts, Attempts) and attempts.is_program)


def compare(system: Evaluation, baseline: Evaluation, *, seed: int = 0) -> Comparison:
    """Paired comparison on the tasks that both attempted: difference of accuracies, its interval, McNemar's p-value.

    With several task sets, the averages over the sets are compared. ``seed``: of the bootstrap. Raises ``ValueError``
    if the two have no task in common.
    """
    one, other = (
        Graded(each.metrics.system, each.attempts.trajectories, each.attempts.scores) for each in (system, baseline)
    )
    rows = compare_all(one, other, seed=seed)
    if not rows:
        raise ValueError(f"{one.system} and {other.system} have no task in common")
    return rows[-1]


def _attempts_in(
    folder: Path,
    tasks: list[Task],
    agent: Agent,
    config: RolloutConfig,
    thoughts: Sequence[FirstThought],
    *,
    quiet: bool,
) -> list[Trajectory]:
    """All attempts, new or from the folder, in the order of the tasks."""
    path = folder / TRAJECTORIES
    rollouts.rollout(tasks, agent, path, config, first_thoughts=thoughts, progress=None if quiet else "rollout")
    place = {task.id: number for number, task in enumerate(tasks)}
    made = read_trajectories(path) if tasks else ()
    return sorted(made, key=lambda one: (place[one.task.id], one.attempt))


def _refuse_failures(made: list[Trajectory], allowed: float) -> None:
    failed = [one for one in made if one.stop_reason.is_infrastructure_error]
    if len(failed) > allowed * len(made):
        first = failed[0].failure
        raise RolloutStoppedError(
            f"{len(failed)} of {len(made)} attempts ended in infrastructure errors"
            f"{f', such as: {first.kind}: {first.message}' if first else ''}"
        )


def _written(examples: Curated | Iterable[Example], folder: Path) -> Path:
    """The examples as a file of the training's folder. Examples of another training are never overwritten."""
    path, wanted = folder / EXAMPLES, list(examples.examples if isinstance(examples, Curated) else examples)
    if not path.exists():
        write_jsonl(path, wanted)
    elif list(read_user_jsonl(path, Example)) != wanted:
        raise ValueError(f"{folder}: holds a training on other examples; name another folder as `out`")
    return path
