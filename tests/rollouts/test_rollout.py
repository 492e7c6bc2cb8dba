"""Tasks times attempts: nothing lost, nothing twice, the same records in any order of completion."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.rollouts.making import PROGRAMS, make_tasks, records, spec
from understudy.agents import ChainOfThoughtConfig, CodeAgentConfig, open_agent
from understudy.extras import MissingExtraError
from understudy.models import ProgramError, ProviderError, Request, ScriptedConfig, ScriptedModel
from understudy.records import FirstThought, PrefixMode, Role, StopReason
from understudy.rollouts import (
    AgentSpec,
    Engine,
    Outcome,
    ResumeError,
    RolloutConfig,
    RolloutStoppedError,
    open_spec,
    read_trajectories,
    rollout,
)
from understudy.runs import BadRecordError, derive_seed
from understudy.sandbox import Sandbox, SandboxConfig

REPOSITORY = Path(__file__).resolve().parents[2]


def lines(path: Path) -> int:
    return len(path.read_bytes().splitlines())


def test_every_attempt_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "rollout" / "trajectories.jsonl"
    summary = rollout(make_tasks(7), spec(), path, RolloutConfig(attempts=3, in_flight=5), progress=None)
    assert sorted(each.id for each in read_trajectories(path)) == sorted(
        f"t{k}#{n}" for k in range(7) for n in range(3)
    )
    assert lines(path) == 21
    assert (summary.n_wanted, summary.n_before, summary.n_failed) == (21, 0, 0)
    assert summary.outcomes == {Outcome.ANSWERED: 21}
    assert summary.usage.requests == 21


def test_any_order_of_completion_gives_the_same_records(tmp_path: Path) -> None:
    kept = []
    for in_flight in (1, 3, 16):
        path = tmp_path / str(in_flight) / "trajectories.jsonl"
        rollout(make_tasks(9), spec(), path, RolloutConfig(attempts=2, in_flight=in_flight), progress=None)
        kept.append(records(path))
    assert kept[0] == kept[1] == kept[2]


def test_each_attempt_has_its_own_seed(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    rollout(make_tasks(5), spec(), path, RolloutConfig(attempts=3, seed=8), progress=None)
    seeds = {each.id: each.seed for each in read_trajectories(path)}
    assert len(set(seeds.values())) == 15
    assert seeds["t2#1"] == derive_seed(8, "t2", 1)


def test_a_finished_rollout_is_not_run_again(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    rollout(make_tasks(4), spec(), path, RolloutConfig(), progress=None)
    before = path.read_bytes()
    summary = rollout(make_tasks(4), spec(), path, RolloutConfig(in_flight=1), progress=None)
    assert path.read_bytes() == before
    assert summary.n_before == 4
    assert summary.outcomes == {Outcome.ANSWERED: 4}


def test_more_tasks_and_attempts_may_be_asked_for(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    rollout(make_tasks(2), spec(), path, RolloutConfig(), progress=None)
    assert rollout(make_tasks(5), spec(), path, RolloutConfig(attempts=2), progress=None).n_before == 2
    rollout(make_tasks(5), spec(), whole, RolloutConfig(attempts=2), progress=None)
    assert records(path) == records(whole)


def test_resume_goes_by_id_not_by_question(tmp_path: Path) -> None:
    """Mistake 6 of the released code: two tasks with one question were taken for one."""
    tasks = [task.model_copy(update={"question": "The same?"}) for task in make_tasks(3)]
    path = tmp_path / "trajectories.jsonl"
    rollout(tasks[:1], spec(), path, RolloutConfig(), progress=None)
    rollout(tasks, spec(), path, RolloutConfig(), progress=None)
    assert [each.id for each in records(path)] == ["t0#0", "t1#0", "t2#0"]


def test_failures_of_the_program_are_retried_and_archived(tmp_path: Path) -> None:
    """Mistake 6 again: errors counted as done."""
    path = tmp_path / "trajectories.jsonl"
    failing = AgentSpec(
        agent=spec().agent,
        model=ScriptedConfig(program=f"{PROGRAMS}:fail_sometimes", options={"modulus": 2}, name="program"),
    )
    first = rollout(make_tasks(12), failing, path, RolloutConfig(), progress=None)
    assert 0 < first.n_failed < 12
    assert all(each.answer is None for each in read_trajectories(path) if each.stop_reason is StopReason.PROVIDER)
    second = rollout(make_tasks(12), spec(), path, RolloutConfig(), progress=None)
    assert (second.n_before, second.n_retried, second.n_failed) == (12 - first.n_failed, first.n_failed, 0)
    assert lines(path) == 12 + first.n_failed
    whole = tmp_path / "whole.jsonl"
    rollout(make_tasks(12), spec(), whole, RolloutConfig(), progress=None)
    assert records(path) == records(whole)


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    rollout(make_tasks(2), spec(), path, RolloutConfig(seed=1), progress=None)
    before = path.read_bytes()
    other = spec().model_copy(update={"agent": spec().agent.model_copy(update={"max_tokens": 7})})
    with pytest.raises(ResumeError, match=r"facts\.agent\.max_tokens: was 4096, now 7") as raised:
        rollout(make_tasks(2), other, path, RolloutConfig(seed=2), progress=None)
    assert "seed: was 1, now 2" in str(raised.value)
    assert "top_p" not in str(raised.value)
    assert path.read_bytes() == before


def test_other_tasks_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    rollout(make_tasks(3), spec(), path, RolloutConfig(), progress=None)
    with pytest.raises(ResumeError, match="'t2'"):
        rollout(make_tasks(2), spec(), path, RolloutConfig(), progress=None)
    changed = [task.model_copy(update={"question": "Else?"}) for task in make_tasks(3)]
    with pytest.raises(ResumeError, match="another task under the id"):
        rollout(changed, spec(), path, RolloutConfig(), progress=None)


def test_records_without_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    rollout(make_tasks(1), spec(), path, RolloutConfig(), progress=None)
    (tmp_path / "trajectories.settings.json").unlink()
    with pytest.raises(ResumeError, match=r"trajectories\.settings\.json is missing"):
        rollout(make_tasks(1), spec(), path, RolloutConfig(), progress=None)


def test_two_tasks_with_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'t0'"):
        rollout(make_tasks(1) * 2, spec(), tmp_path / "x.jsonl", RolloutConfig(), progress=None)


def test_a_torn_line_is_made_again_and_a_spoilt_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    rollout(make_tasks(3), spec(), path, RolloutConfig(), progress=None)
    whole = records(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert rollout(make_tasks(3), spec(), path, RolloutConfig(), progress=None).n_before == 2
    assert records(path) == whole
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(BadRecordError, match="line 1"):
        rollout(make_tasks(3), spec(), path, RolloutConfig(), progress=None)


def test_no_task_is_no_work(tmp_path: Path) -> None:
    assert rollout([], spec(), tmp_path / "x.jsonl", RolloutConfig(), progress=None).n_wanted == 0


def test_a_bug_is_raised_and_what_was_done_stays(tmp_path: Path) -> None:
    def breaks(request: Request) -> str:
        if request.messages[1].content.startswith("3 "):
            raise RuntimeError("a bug")
        return "Answer: 1"

    path = tmp_path / "trajectories.jsonl"
    agent = open_agent(spec().agent, ScriptedModel(breaks, "program"))
    with pytest.raises(ProgramError, match="the program program raised RuntimeError: a bug"):
        rollout(make_tasks(6), agent, path, RolloutConfig(in_flight=1), progress=None)
    assert [each.task.id for each in read_trajectories(path)] == ["t0", "t1", "t2"]


def test_missing_first_thoughts_are_counted_and_drop_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    """Mistake 7 of the released code: a missing prefix dropped the question without a word."""

    def answers(request: Request) -> str:
        return " So.\nCode:\n```py\nfinal_answer(1)\n```"

    agent = open_agent(CodeAgentConfig(prefix_mode=PrefixMode.PREFIX), ScriptedModel(answers, "program"), sandbox)
    path = tmp_path / "trajectories.jsonl"
    thoughts = [FirstThought(task_id="t1", text="First.", trajectory_id="t1#0")]
    summary = rollout(make_tasks(3), agent, path, RolloutConfig(), first_thoughts=thoughts, progress=None)
    assert summary.n_without_first_thought == 2
    modes = {each.task.id: each.prefix_mode for each in read_trajectories(path)}
    assert modes == {"t0": PrefixMode.NONE, "t1": PrefixMode.PREFIX, "t2": PrefixMode.NONE}
    with pytest.raises(ResumeError, match="first_thoughts"):
        rollout(make_tasks(3), agent, path, RolloutConfig(), progress=None)


def test_many_code_episodes_at_once_give_the_records_of_one_at_a_time(tmp_path: Path) -> None:
    """Mistake 5 of the released code: its time-out was a signal, which works in the main thread only."""
    model = ScriptedConfig(program=f"{PROGRAMS}:act", name="program")
    acting = AgentSpec(agent=CodeAgentConfig(), model=model, sandbox=SandboxConfig(preload=()))
    kept = []
    with open_spec(acting) as agent:
        for in_flight in (1, 8):
            path = tmp_path / str(in_flight) / "trajectories.jsonl"
            rollout(make_tasks(16), agent, path, RolloutConfig(in_flight=in_flight), progress=None)
            kept.append(records(path))
    assert kept[0] == kept[1]
    assert all(each.stop_reason is StopReason.ANSWERED for each in kept[0])
    assert all(each.messages[3].role is Role.USER for each in kept[0])


def test_ray_needs_what_an_agent_is_made_of(tmp_path: Path) -> None:
    agent = open_agent(spec().agent, ScriptedModel(lambda request: "x", "program"))
    with pytest.raises(ValueError, match="needs an AgentSpec"):
        rollout(make_tasks(1), agent, tmp_path / "x.jsonl", RolloutConfig(engine=Engine.RAY), progress=None)


def test_ray_that_is_not_installed_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    config = RolloutConfig(engine=Engine.RAY)
    assert config.extras == ("ray",), "so a recipe is refused before any work"
    with pytest.raises(MissingExtraError, match=r"pip install 'understudy\[ray\]'"):
        rollout(make_tasks(1), spec(), tmp_path / "x.jsonl", config, progress=None)


def test_the_bar_says_rate_tokens_and_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failing = spec("fail_sometimes", modulus=2)
    summary = rollout(make_tasks(12), failing, tmp_path / "x.jsonl", RolloutConfig(), progress="teacher")
    said = capsys.readouterr().err
    assert "teacher: 12/12" in said
    assert "/s · " in said
    assert re.search(r"\d tokens generated, \d+/s", said)
    assert f"{summary.n_failed} failed" in said


def test_a_rollout_that_fails_from_its_start_stops(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    failing, config = spec("fail_sometimes", modulus=1), RolloutConfig(in_flight=4)
    with pytest.raises(RolloutStoppedError, match=r"first 20 attempts all ended .* 503 from the test"):
        rollout(make_tasks(200), failing, path, config, progress=None)
    assert 20 <= lines(path) <= 24, "those under way end and are kept"
    summary = rollout(make_tasks(200), spec(), path, config, progress=None)
    assert (summary.n_failed, summary.outcomes) == (0, {Outcome.ANSWERED: 200})


def test_one_attempt_that_works_is_reason_to_go_on(tmp_path: Path) -> None:
    def works_once(request: Request) -> str:
        if request.messages[1].content.startswith("10 "):
            return "Answer: 1"
        raise ProviderError("503 from the test")

    agent = open_agent(ChainOfThoughtConfig(), ScriptedModel(works_once, "program"))
    summary = rollout(make_tasks(60), agent, tmp_path / "x.jsonl", RolloutConfig(in_flight=2), progress=None)
    assert (summary.n_wanted, summary.n_failed) == (60, 59)


# --- processes that are killed ----------------------------------------------------------------


def start(path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.rollouts.making", str(path)], cwd=REPOSITORY)


def undisturbed(folder: Path) -> Path:
    path = folder / "undisturbed" / "trajectories.jsonl"
    assert start(path).wait(60) == 0
    return path


def kill_and_go_on(tmp_path: Path, n_kills: int) -> None:
    whole = records(undisturbed(tmp_path))
    assert len(whole) == 80
    moments = random.Random(n_kills)
    path = tmp_path / "killed" / "trajectories.jsonl"
    killed_half_way = 0
    for _ in range(n_kills):
        process = start(path)
        # From the end of the imports on: wait for one more record (or the end), then a random moment.
        before = path.stat().st_size if path.exists() else 0
        while process.poll() is None and (not path.exists() or path.stat().st_size == before):
            time.sleep(0.005)
        time.sleep(moments.random() * 0.8 / n_kills)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed_half_way += 0 < len(list(read_trajectories(path))) < 80
    assert killed_half_way >= n_kills // 2
    assert start(path).wait(60) == 0
    assert records(path) == whole
    assert lines(path) == 80


def test_sigkill_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    kill_and_go_on(tmp_path, n_kills=3)


@pytest.mark.slow
def test_sigkill_at_twenty_random_moments(tmp_path: Path) -> None:
    kill_and_go_on(tmp_path, n_kills=20)


def interrupted(path: Path) -> int:
    """Start a rollout, press Ctrl-C after its first record, return its exit status."""
    process = start(path)
    while process.poll() is None and (not path.exists() or lines(path) < 1):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    return process.wait(30)


def test_ctrl_c_keeps_what_is_under_way(tmp_path: Path) -> None:
    # On a machine that is busy enough a rollout is over before this process sees its first record: then once more.
    paths = (tmp_path / str(number) / "trajectories.jsonl" for number in range(10))
    path = next(path for path in paths if interrupted(path) != 0)
    assert 1 <= len(list(read_trajectories(path))) < 80
    assert path.read_bytes().endswith(b"\n")
    assert start(path).wait(60) == 0
    assert lines(path) == 80
