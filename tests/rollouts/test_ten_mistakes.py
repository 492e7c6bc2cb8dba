"""The ten mistakes of the released code: for each, a test through public calls that would have caught it.

If a package has tests of its own for the same mistake, the test here is the shortest that tells the story.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.agents.scripts import TASK, Candidates, action, in_order
from tests.rollouts.making import PROGRAMS, make_tasks, spec
from understudy.agents import (
    ChainOfThoughtConfig,
    CodeAgentConfig,
    FirstThoughtConfig,
    SelfConsistencyConfig,
    make_first_thoughts,
    open_agent,
    prompt_set,
)
from understudy.agents.prompts import PromptSetName
from understudy.curation import CurateConfig, curate
from understudy.grading import open_grader
from understudy.models import LocalConfig, ProviderError, Request, ScriptedConfig, ScriptedModel
from understudy.models.process import ServerProcess
from understudy.records import DropReason, ExecutionStatus, FirstThought, PrefixMode, Score, StopReason, Task, TaskKind
from understudy.rollouts import AgentSpec, RolloutConfig, read_trajectories, rollout
from understudy.sandbox import Sandbox

VOTE = CodeAgentConfig(self_consistency=SelfConsistencyConfig(n_candidates=4))


def test_1_a_crash_is_never_right(sandbox: Sandbox) -> None:
    """A run that crashed was graded correct in math, as "None" equals "None"."""

    def crashes(request: Request) -> str:
        raise ProviderError("gone")

    task = Task(id="t", question="Is there a solution?", answer="None", kind=TaskKind.MATH, source="s")
    crashed = open_agent(CodeAgentConfig(), ScriptedModel(crashes, "m"), sandbox).solve(task)
    nothing = open_agent(CodeAgentConfig(), in_order(action("final_answer(None)")), sandbox).solve(task)
    out_of_steps = open_agent(CodeAgentConfig(max_steps=1), in_order(action("1 / 0")), sandbox).solve(task)
    with open_grader() as grader:
        assert grader.grade(crashed).correct is None
        assert grader.grade(nothing).correct is False
        assert grader.grade(out_of_steps).correct is False
    assert crashed.answer is None


def test_2_the_vote_sees_final_answers(sandbox: Sandbox) -> None:
    """Votes went by printed text only: final answers 1, 2, 2, 2 elected 1."""
    model = Candidates([action(f"final_answer({each})") for each in (1, 2, 2, 2)])
    assert open_agent(VOTE, model, sandbox).solve(TASK).answer == "2"


def test_3_candidates_start_from_one_state_and_run_once(sandbox: Sandbox) -> None:
    """Candidates ran one after another in one interpreter, and the winner once more."""
    model = Candidates(
        [action("x = 0\nprint(x)")] * 4,
        [action("x += 1\nprint('moved')")] * 3 + [action("leak = x = 100\nprint('moved')")],
        [action("final_answer((x, 'leak' in globals()))")] * 4,
    )
    assert open_agent(VOTE, model, sandbox).solve(TASK).answer == "(1, False)"


def test_4_ordinary_programs_run_as_in_python(sandbox: Sandbox) -> None:
    """Nested loops and combinations were refused, product and permutations crashed."""
    code = """
import itertools
pairs = [(a, b) for a in range(3) for b in range(a)]
for a in range(2):
    for b in range(2):
        pairs.append((a, b))
chosen = list(itertools.combinations("abc", 2))
ordered = list(itertools.permutations("abc", 2))
multiplied = list(itertools.product("ab", repeat=2))
for n in range(3):
    if n > 5:
        break
else:
    pairs.append("else")
final_answer((len(pairs), len(chosen), len(ordered), len(multiplied), True and "b"))
"""
    trajectory = open_agent(CodeAgentConfig(), in_order(action(code)), sandbox).solve(TASK)
    assert trajectory.answer == "(8, 3, 6, 4, 'b')"


def test_5_time_limits_hold_in_every_thread(sandbox: Sandbox) -> None:
    """The time-out was a signal, which works in the main thread only, and could hang."""
    agent = open_agent(CodeAgentConfig(max_steps=1), in_order(action("while True:\n    pass")), sandbox)
    statuses: list[ExecutionStatus | None] = []

    def solve() -> None:
        statuses.append(agent.solve(TASK).steps[0].execution_status)

    threads = [threading.Thread(target=solve) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [ExecutionStatus.TIMEOUT] * 2


def test_6_resume_goes_by_task_and_attempt_and_retries_errors(tmp_path: Path) -> None:
    """Resume went by question text and counted errors as done."""
    path = tmp_path / "trajectories.jsonl"
    tasks = [task.model_copy(update={"question": "One question?"}) for task in make_tasks(6)]
    failing = ScriptedConfig(program=f"{PROGRAMS}:fail_sometimes", options={"modulus": 2}, name="program")
    broken = AgentSpec(agent=spec().agent, model=failing)
    n_failed = rollout(tasks, broken, path, RolloutConfig(attempts=2), progress=None).n_failed
    assert n_failed
    rollout(tasks, spec(), path, RolloutConfig(attempts=2), progress=None)
    kept = list(read_trajectories(path))
    assert len(kept) == len({each.id for each in kept}) == 12
    assert all(each.stop_reason is StopReason.ANSWERED for each in kept)


def test_7_nothing_is_dropped_without_a_reason(tmp_path: Path, sandbox: Sandbox) -> None:
    """A failed judge call or a missing prefix dropped the question in silence."""
    config = CodeAgentConfig(prefix_mode=PrefixMode.PREFIX)
    agent = open_agent(config, ScriptedModel(lambda request: action("final_answer(1)"), "m"), sandbox)
    path = tmp_path / "trajectories.jsonl"
    thoughts = [FirstThought(task_id="t0", text="First.", trajectory_id="t0#0")]
    summary = rollout(make_tasks(3), agent, path, RolloutConfig(), first_thoughts=thoughts, progress=None)
    trajectories = list(read_trajectories(path))
    assert (len(trajectories), summary.n_without_first_thought) == (3, 2)
    not_judged = Score(trajectory_id="t0#0", grader="judge", grader_version="1", correct=None)
    curated = curate([(trajectories[0], not_judged), (trajectories[1], None)], CurateConfig())
    assert curated.counts == {DropReason.NOT_SCORED: 2}


def test_8_prompts_have_one_home_and_unknown_settings_are_errors() -> None:
    """The student's prompt stood in four places; a wrong argument name evaluated the base model as the student.

    That an adapter without effect is refused is tested where it costs a model: ``tests/models/test_local.py``.
    """
    words = "You solve a task by writing Python."
    assert words in prompt_set(PromptSetName.PAPER).system
    sources = Path(__file__).resolve().parents[2] / "src"
    homes = [path.name for path in sources.rglob("*.py") if words in path.read_text()]
    assert homes == ["paper.py"]
    with pytest.raises(ValidationError, match="lora_path"):
        LocalConfig.model_validate({"path": "base", "lora_path": "adapter"})
    with pytest.raises(ValidationError, match="max_step"):
        CodeAgentConfig.model_validate({"max_step": 5})


def test_9_a_prefix_is_never_the_complete_chain_and_can_be_required_to_be_right() -> None:
    """Without a blank line the whole chain of thought became the prefix; wrong ones were used too."""
    said = "First I add. Then I see 4. So the answer is \\boxed{4}."
    trajectory = open_agent(ChainOfThoughtConfig(), ScriptedModel(lambda request: said, "m")).solve(TASK)
    (thought,) = make_first_thoughts([trajectory], {}, FirstThoughtConfig()).thoughts
    assert thought.text == "First I add. Then I see 4."
    wrong = Score(trajectory_id=trajectory.id, grader="math", grader_version="1", correct=False)
    assert not make_first_thoughts([trajectory], {trajectory.id: wrong}, FirstThoughtConfig(only_correct=True)).thoughts


def _server(port: int) -> ServerProcess:
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    return ServerProcess(command, f"http://127.0.0.1:{port}/", deadline_s=60.0)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def test_10_only_what_was_started_here_is_stopped() -> None:
    """Launch scripts ended by killing every ``vllm serve`` of the user."""
    with _server(_free_port()) as theirs:
        with _server(_free_port()) as ours:
            assert ours.pid != theirs.pid
        os.kill(theirs.pid, 0)
        with pytest.raises(ProcessLookupError):
            os.kill(ours.pid, 0)
