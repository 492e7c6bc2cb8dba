"""AgentDojo's worlds, tasks, teachers and grader, compared with AgentDojo's own pipeline."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

pytest.importorskip("agentdojo", reason="pip install --no-deps agentdojo==0.1.35")
pytest.importorskip("deepdiff", reason="pip install deepdiff")
pytest.importorskip("email_validator", reason="pip install email-validator")

from benchmarks.agentdojo_parity import ATTACK, CASES, FORMS, Case, Form, compare, official

from understudy.agents import AgentRuntime, CodeAgentConfig, RuntimeConfig, ToolCallingConfig
from understudy.environments import ENVIRONMENTS, Worlds
from understudy.evaluation import measure
from understudy.grading import open_grader
from understudy.grading.agentdojo import judge
from understudy.models import ScriptedModel
from understudy.records import FunctionCall, Message, Role, Task, Trajectory
from understudy.sandbox import SandboxConfig
from understudy.tasks import load_tasks
from understudy.tasks.agentdojo import DojoEntry, agentdojo_tasks, injection_ids, open_state, user_ids
from understudy.tasks.agentdojo.data import METADATA_KEY
from understudy.tasks.agentdojo.package import load_suite
from understudy.tasks.agentdojo.runtime import state_json
from understudy.tasks.agentdojo.teacher import ALL_SUITES, FOLLOWED, IGNORED, UnknownDialogueError, by_calls, by_code
from understudy.tasks.config import AgentDojoConfig
from understudy.tasks.source import BadTaskError

RUNTIME = RuntimeConfig(environment=ENVIRONMENTS.validate("agentdojo"), sandbox=SandboxConfig(preload=()))
THREE = ("injection_task_0", "injection_task_4", "injection_task_7")
SIZES = {"workspace": (40, 14), "travel": (20, 7), "banking": (16, 9), "slack": (21, 5)}


def tasks(**keys: Any) -> tuple[Task, ...]:
    return agentdojo_tasks(AgentDojoConfig.model_validate(keys))


def attempts(given: tuple[Task, ...], follows: float, form: Form = "calls") -> list[Trajectory]:
    program = partial(by_code if form == "code" else by_calls, follows=follows)
    config = (CodeAgentConfig if form == "code" else ToolCallingConfig)(prompts="minimal", max_steps=40)
    with AgentRuntime(RUNTIME) as runtime:
        agent = runtime.open_agent(config, ScriptedModel(program, "teacher"))
        return [agent.solve(task) for task in given]


@pytest.mark.parametrize("suite", ["banking", "slack"])
@pytest.mark.parametrize("form", FORMS)
def test_verdicts_are_those_of_the_official_pipeline(form: Form, suite: Any) -> None:
    found = [one for case in CASES for one in compare(form, case, suite, 3)]
    assert [one.trajectory.task.id for one in found if one.ours != one.theirs] == []
    assert {one.ours for one in found} >= {(True, None), (True, False), (True, True)}


@pytest.mark.slow
@pytest.mark.parametrize("suite", ALL_SUITES)
@pytest.mark.parametrize("form", FORMS)
def test_all_verdicts_are_those_of_the_official_pipeline(form: Form, suite: Any) -> None:
    cases: tuple[Case, ...] = CASES
    found = {case: list(compare(form, case, suite, 1000)) for case in cases}
    assert [one.trajectory.task.id for part in found.values() for one in part if one.ours != one.theirs] == []
    assert [one.trajectory.task.id for one in found["no attack"] if one.ours != (True, None)] == []
    assert len(found["no attack"]) == SIZES[suite][0]
    assert {one.ours[1] for one in found["ignored"]} == {False}


@pytest.mark.parametrize("suite", ["banking", "slack", pytest.param("travel", marks=pytest.mark.slow),
                                   pytest.param("workspace", marks=pytest.mark.slow)])  # fmt: skip
def test_an_injected_task_that_is_done_counts_as_done(suite: Any) -> None:
    """As in the package's own check of a suite: the calls of the injected task alone, in a world without its text."""
    for name in injection_ids(suite):
        entry = DojoEntry(suite=suite, user_task=user_ids(suite)[0], injection_task=name, attack=ATTACK)
        injected = load_suite(suite, entry.version).injection_tasks[name]
        truth = injected.ground_truth(open_state(entry))
        task = Task(id=name, question="?", metadata={METADATA_KEY: entry.model_dump(mode="json")})
        trajectory = attempt_of(task, truth, injected.GROUND_TRUTH_OUTPUT)
        can_be_done = bool(truth or injected.GROUND_TRUTH_OUTPUT)
        assert (judge(trajectory).attack_succeeded, official(trajectory)[1]) == (can_be_done, can_be_done), name


def attempt_of(task: Task, truth: list[Any], answer: str) -> Trajectory:
    def program(request: Any) -> Any:
        from understudy.records import Completion, FinishReason

        n_made = sum(one.role is Role.ASSISTANT for one in request.messages)
        made = [FunctionCall(id="1", name=one.function, arguments=dict(one.args)) for one in truth[n_made : n_made + 1]]
        text = "" if made else answer or "Done."
        return Completion(text=text, finish_reason=FinishReason.STOP, tool_calls=tuple(made))

    with AgentRuntime(RUNTIME) as runtime:
        return runtime.open_agent(ToolCallingConfig(max_steps=40), ScriptedModel(program, "given")).solve(task)


def test_an_attempt_without_an_answer_is_judged_by_its_state() -> None:
    (task,) = tasks(name="banking", user_tasks=["user_task_0"], attack=ATTACK, injection_tasks=["injection_task_0"])
    with AgentRuntime(RUNTIME) as runtime, open_grader("agentdojo") as grader:
        model = ScriptedModel(partial(by_calls, follows=1.0), "teacher")
        trajectory = runtime.open_agent(ToolCallingConfig(max_steps=2), model).solve(task)
        score = grader.grade(trajectory)
    assert trajectory.answer is None
    assert (score.correct, score.attack_succeeded) == (False, True)
    assert official(trajectory) == (False, True)


def test_a_state_is_the_one_that_the_package_makes() -> None:
    for suite in ALL_SUITES:
        first = user_ids(suite)[0]
        entry = DojoEntry(suite=suite, user_task=first)
        loaded = load_suite(suite, entry.version)
        theirs = loaded.user_tasks[first].init_environment(loaded.load_and_inject_default_environment({}))
        assert open_state(entry) == theirs
        assert state_json(open_state(entry)) == state_json(theirs)


def test_sizes_splits_and_choices() -> None:
    for suite in ("banking", "slack"):
        n_users, n_injected = SIZES[suite]
        every = load_tasks(kind="agentdojo", name=suite).tasks
        halves = [load_tasks(kind="agentdojo", name=suite, split=split).tasks for split in ("train", "test")]
        assert len(every) == n_users == sum(map(len, halves))
        assert not {one.question for one in halves[0]} & {one.question for one in halves[1]}
        attacked = load_tasks(kind="agentdojo", name=suite, attack="direct").tasks
        assert len(attacked) == n_users * n_injected
        assert all(one.is_attacked and Task.model_validate_json(one.model_dump_json()) == one for one in attacked)
    with pytest.raises(
        BadTaskError, match=r"banking: user_tasks: expected some of user_task_0, .*; got 'user_task_99'"
    ):
        tasks(name="banking", user_tasks=["user_task_99"])


def test_a_world_keeps_nothing_of_another_and_its_clock_stands_still() -> None:
    (task,) = tasks(name="workspace", user_tasks=["user_task_14"])
    with Worlds("agentdojo") as worlds:
        world = worlds.make(task)
        before = world.state()
        fork = world.fork()
        sent = [
            one.call("send_email", (), {"recipients": ["a@b.com"], "subject": "s", "body": "b"})
            for one in (fork, world.fork())
        ]
        assert sent[0] == sent[1]
        assert sent[0]["timestamp"] == "2024-05-15T12:00:00"  # type: ignore[index]
        assert world.state() == before == worlds.make(task).state()
        assert fork.state() != before


def test_an_error_of_a_function_is_read_by_the_model() -> None:
    (task,) = tasks(name="slack", user_tasks=["user_task_0"])
    with Worlds("agentdojo") as worlds:
        world = worlds.make(task)
        named = {tool.name: tool for tool in world.tools}
        with pytest.raises(Exception, match="ValueError: Channel does not exist!"):
            named["read_channel_messages"]("nowhere")
        with pytest.raises(Exception, match="read_channel_messages needs channel"):
            named["read_channel_messages"]()
        assert named["read_inbox"].declaration().startswith("def read_inbox(")


def test_a_code_agent_reads_signatures_and_a_calling_agent_reads_schemas() -> None:
    (task,) = tasks(name="banking", user_tasks=["user_task_0"])
    with Worlds("agentdojo") as worlds:
        named = {tool.name: tool for tool in worlds.make(task).tools}
    assert named["get_balance"].signature == "() -> float"
    money = named["send_money"]
    assert money.signature.startswith("(recipient: str, amount: float, subject: str, date: str) -> ")
    assert money.schema is not None
    assert money.schema.parameters["required"] == ["recipient", "amount", "subject", "date"]
    assert "IBAN of the recipient" in money.declaration()


@pytest.mark.parametrize("form", FORMS)
def test_teachers_say_what_they_do_with_injected_instructions(form: Form) -> None:
    given = tasks(name="banking", user_tasks=["user_task_0"], attack=ATTACK, injection_tasks=["injection_task_0"])
    for follows, said, other in ((0.0, IGNORED, FOLLOWED), (1.0, FOLLOWED, IGNORED)):
        (trajectory,) = attempts(given, follows, form)
        text = "\n".join(one.content for one in trajectory.messages if one.role is Role.ASSISTANT)
        assert said in text
        assert other not in text


def test_a_teacher_follows_a_stated_share_of_attacks_and_metrics_say_so() -> None:
    calm, attacked = tasks(name="banking"), tasks(name="banking", attack="direct", injection_tasks=THREE)
    made = attempts((*calm, *attacked), 0.5)
    with open_grader("agentdojo") as grader:
        scores = [grader.grade(one) for one in made]
    (found,) = measure("Teacher", "m", "a", made, scores, is_program=True).robustness
    assert (found.source, found.n_tasks) == ("agentdojo_banking", 16)
    assert found.without_attack is not None
    assert (found.without_attack.n, found.without_attack.rate) == (16, 1.0)
    assert found.under_attack.n == found.attack_success.n == 48
    assert 0.3 < found.attack_success.rate < 0.7
    assert found.attack_success.interval.low < found.attack_success.rate < found.attack_success.interval.high


def test_a_teacher_refuses_a_dialogue_that_it_does_not_know() -> None:
    from understudy.models import Request

    request = Request(messages=(Message(role=Role.USER, content="Who?"),))
    with pytest.raises(UnknownDialogueError, match="no task of banking begins with 'Who\\?'"):
        by_calls(request, suites=("banking",))


def test_the_import_leaves_no_substitute_behind() -> None:
    import sys

    load_suite("slack", "v1.2.2")
    left = [name for name in sys.modules if name == "agentdojo.agent_pipeline" or ".agent_pipeline.llms" in name]
    assert left == []
