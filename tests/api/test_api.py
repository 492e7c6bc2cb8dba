"""The functions for notebooks: a distillation of plain functions, settings that are refused, calls that resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tiny_model import save_tiny_model
from understudy import (
    Attempts,
    Task,
    Trajectory,
    compare,
    curate,
    evaluate,
    first_thoughts,
    grade,
    load_tasks,
    open_agent,
    open_model,
    rollout,
    tool,
    train,
)
from understudy.agents import CodeAgentConfig
from understudy.grading import open_grader
from understudy.models import ScriptedConfig
from understudy.retrieval import Hit, Passage
from understudy.rollouts import ResumeError, RolloutStoppedError
from understudy.runs import read_jsonl
from understudy.sandbox import SandboxConfig, open_sandbox
from understudy.tools import ToolConfigError

TASKS = [Task(question=f"What is {n} doubled?", answer=str(2 * n), source="sums") for n in range(4)]
AGENT = {"kind": "code_agent", "prompts": "minimal"}
ACTION = "Thought: I call it.\nCode:\n```py\nfinal_answer({})\n```<end_code>"
calls: list[int] = []


def double(number: int) -> int:
    """Twice a number."""
    return 2 * number


def doubles(request: object) -> str:
    """Calls the tool on the number of the question."""
    calls.append(1)
    question = request.messages[1].content  # type: ignore[attr-defined]
    return ACTION.format(f"double({question.split()[2]})")


def guesses(request: object) -> str:
    """Always says four."""
    return ACTION.format(4)


def test_a_model_a_tool_and_a_grader_may_be_plain_functions() -> None:
    made = rollout(TASKS, model=doubles, agent=AGENT, tools=[double], attempts=2, quiet=True)
    assert isinstance(made, Attempts)
    assert (len(made), made.accuracy, made.is_program) == (8, 1.0, True)
    assert [one.answer for one, _ in made] == ["0", "0", "2", "2", "4", "4", "6", "6"]
    assert {call.name for one, _ in made for step in one.steps for call in step.tool_calls} == {"double"}

    def is_small(trajectory: Trajectory) -> bool:
        return int(trajectory.answer or 9) < 4

    assert rollout(TASKS, model=doubles, agent=AGENT, tools=[double], grader=is_small, quiet=True).accuracy == 0.5


def test_parts_may_be_open_configs_or_what_a_recipe_says() -> None:
    said = {"kind": "scripted", "program": f"{__name__}:doubles"}
    with (
        open_model(ScriptedConfig(program=f"{__name__}:doubles")) as model,
        open_grader("exact_match") as grader,
        open_sandbox(SandboxConfig()) as sandbox,
    ):
        opened = open_agent(CodeAgentConfig(), model, sandbox, (tool(double),))
        found = [
            rollout(TASKS, agent=opened, grader=grader, quiet=True),
            rollout(TASKS, model=model, agent=CodeAgentConfig(), tools=[tool(double)], sandbox=sandbox, quiet=True),
        ]
    found += [
        rollout(TASKS, model=said, tools=[f"{__name__}:double"], sandbox={"level": "rlimits"}, quiet=True),
        rollout(TASKS, model=said, tools=[{"function": f"{__name__}:double", "pure": True}], grader="math", quiet=True),
    ]
    assert [one.accuracy for one in found] == [1.0] * 4


def search(query: str, k: int) -> list[str]:
    return [f"{query} is 7"] * k


class Engine:
    closed = False

    def search(self, queries: list[str], k: int) -> list[list[Hit]]:
        return [[Hit(Passage("1", "", search(query, 1)[0]), None)] for query in queries]

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("retriever", [search, Engine(), f"{__name__}:search"])
def test_a_search_engine_may_be_a_function_an_engine_or_a_kind(retriever: object) -> None:
    def asks(request: object) -> str:
        return ACTION.format("web_search('x')")

    made = rollout(
        TASKS[:1], model=asks, agent=AGENT, retriever=retriever, search={"shape": "brief", "k": 1}, quiet=True
    )  # type: ignore[arg-type]
    assert made.trajectories[0].answer == "x is 7"
    assert not getattr(retriever, "closed", False), "what the caller opened stays open"


def test_an_out_folder_resumes_and_belongs_to_one_rollout(tmp_path: Path) -> None:
    calls.clear()
    first = rollout(TASKS[:3], model=doubles, agent=AGENT, tools=[double], out=tmp_path / "out", quiet=True)
    again = rollout(TASKS, model=doubles, agent=AGENT, tools=[double], out=tmp_path / "out", quiet=True)
    assert again.trajectories[:3] == first.trajectories
    assert len(calls) == len(TASKS)
    with pytest.raises(ResumeError, match="not asked for now"):
        rollout(TASKS[:2], model=doubles, agent=AGENT, tools=[double], out=tmp_path / "out", quiet=True)
    with pytest.raises(ResumeError):
        rollout(TASKS, model=guesses, agent=AGENT, tools=[double], out=tmp_path / "out", quiet=True)
    assert (tmp_path / "out" / "scores.jsonl").exists()


@pytest.mark.parametrize("options", [{"error_rate": 0.5}, {"world_seed": 1}])
def test_an_out_folder_belongs_to_one_setting_of_the_model(options: dict[str, float], tmp_path: Path) -> None:
    model = {"kind": "scripted", "program": "understudy.tasks.toy:toy_teacher", "name": "teacher"}
    toy = load_tasks({"kind": "toy", "split": "test", "limit": 1})
    settings: dict[str, Any] = {"agent": {**AGENT, "max_steps": 1}, "out": tmp_path / "out", "quiet": True}
    rollout(toy, model=model, **settings)
    assert len(rollout(toy, model=dict(model), **settings).trajectories) == 1
    with pytest.raises(ResumeError, match="model_settings"):
        rollout(toy, model={**model, "options": options}, **settings)


def test_first_thoughts_begin_an_agents_first_step() -> None:
    def thinks(request: object) -> str:
        return "I double it.\n\n\\boxed{0}"

    def goes_on(request: object) -> str:
        return " Now." + ACTION.removeprefix("Thought: I call it.").format(4)

    chains = rollout(TASKS, model=thinks, agent={"kind": "chain_of_thought", "prompts": "minimal"}, quiet=True)
    assert [one.text for one in first_thoughts(chains)] == ["I double it."] * 4
    assert len(first_thoughts(chains, only_correct=True)) == 1
    prefixed = {**AGENT, "prefix_mode": "prefix"}
    for thoughts in (chains, first_thoughts(chains)):
        made = rollout(TASKS, model=goes_on, agent=prefixed, first_thoughts=thoughts, quiet=True)
        assert made.trajectories[0].messages[2].content.startswith("Thought: I double it. Now.\nCode:")


def test_two_evaluations_are_compared_on_the_same_tasks() -> None:
    right = evaluate(doubles, TASKS, label="right", agent=AGENT, tools=[double], quiet=True)
    guessed = evaluate(guesses, TASKS, agent=AGENT, quiet=True)
    assert (right.metrics.average, guessed.metrics.average, guessed.attempts.accuracy) == (1.0, 0.25, 0.25)
    assert str(right) == "right (program): 1.000 [0.510, 1.000] on 4 tasks"
    test = compare(right, guessed)
    assert (test.system, test.baseline, test.difference, test.n_only_system) == ("right", "guesses", 0.75, 3)
    other = evaluate(guesses, [Task(question="Else?", answer="4")], agent=AGENT, quiet=True)
    with pytest.raises(ValueError, match="right and guesses have no task in common"):
        compare(right, other)


def test_a_curation_takes_several_rollouts_and_says_why_it_drops() -> None:
    made = rollout(TASKS, model=doubles, agent=AGENT, tools=[double], quiet=True)
    guessed = rollout(TASKS, model=guesses, agent=AGENT, quiet=True)
    curated = curate([guessed, made], agent={**AGENT, "action_format": "code_tags"}, tools=[double])
    assert curated.counts == {"incorrect": 3, "not_selected": 1}
    assert {one.stage for one in curated.examples} == {"attempts/0", "attempts/1"}
    assert all("</code>" in one.messages[2].content for one in curated.examples)
    kept = curate(made)
    assert kept.examples[0].messages == made.trajectories[0].messages
    assert not curate(made, against=TASKS).examples


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": None}, "model: is missing"),
        ({"model": {"kind": "loca"}}, "model: kind: expected one of openai_chat, local, scripted"),
        ({"model": "no/such/folder"}, "model: path: .*expected a folder that exists or a Hub id"),
        ({"agent": {"kind": "code_agent", "max_step": 3}}, "agent: max_step: Extra inputs"),
        ({"agent": "coder"}, "agent: kind: expected one of code_agent"),
        ({"grader": "nobody"}, "grader: kind: expected one of auto"),
        ({"grader": "judge"}, "grader: model: Field required"),
        ({"grader": {"kind": "math", "rel_tol": 7}}, "grader: rel_tol: .*less than 0.1"),
        ({"retriever": {"kind": "memory"}}, "retriever: corpus: Field required"),
        ({"retriever": search, "search": {"top": 3}}, "search: top: Extra inputs"),
        ({"sandbox": {"level": "none at all"}}, "sandbox: level: "),
        ({"tools": double}, r"tools: expected several, as in tools=\[<function double"),
        ({"tools": [{"command": [], "url": None}]}, "tools: .*set one of command and url"),
        ({"tasks": ["What?"]}, "tasks: expected Task records, or mappings with a question; got 'What\\?', a str"),
        ({"tasks": TASKS[0]}, r"tasks: expected several Task records, as in \[Task\(question=…\)\]; got "),
        ({"tasks": None}, "tasks: expected several Task records.*got None"),
        ({"tasks": "nosuch"}, "tasks: .*name: 'nosuch' is not a benchmark"),
        ({"tasks": [{"qestion": "What?"}]}, "tasks: question: Field required"),
        ({"tools": None}, "tools: expected several, as in .*; got one"),
        ({"attempts": 0}, "rollout: attempts: .*greater than or equal to 1"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(wrong: dict[str, object], message: str) -> None:
    calls.clear()
    settings = {"tasks": TASKS, "model": doubles, "agent": AGENT, "tools": [double], **wrong}
    with pytest.raises(ValueError, match=message):
        rollout(**settings, quiet=True)  # type: ignore[arg-type]
    assert not calls


def test_attempts_are_graded_again() -> None:
    made = rollout(
        [{"question": "What is 2 doubled?", "answer": 5}], model=doubles, agent=AGENT, tools=[double], quiet=True
    )
    assert made.trajectories[0].task.answer == "5"
    for attempts in (made, made.trajectories):
        again = grade(attempts, grader=lambda trajectory: trajectory.answer is not None)
        assert again.trajectories == made.trajectories
        assert [score.correct for score in again.scores] == [True]
    with pytest.raises(ValueError, match="grader: kind: expected one of auto"):
        grade(made, grader="nobody")


def test_other_mistakes_are_named_too(tmp_path: Path) -> None:
    with pytest.raises(ToolConfigError, match="a lambda cannot be a tool"):
        rollout(TASKS, model=doubles, agent=AGENT, tools=[lambda x: x], quiet=True)
    with pytest.raises(ValueError, match="curate: filtres: Extra inputs"):
        curate([], filtres=())
    with pytest.raises(ValueError, match="train: learning_rat: Extra inputs"):
        train([], "x", tmp_path, learning_rat=1)
    with pytest.raises(ValueError, match="base: expected a local model; got one of kind 'scripted'"):
        train([], {"kind": "scripted", "program": "a:b"}, tmp_path)
    with pytest.raises(ValueError, match="tasks: expected at least one"):
        evaluate(doubles, [], agent=AGENT, quiet=True)
    with pytest.raises(TypeError, match=r"rollout.* unexpected keyword argument 'agents'"):
        evaluate(doubles, TASKS, agents=AGENT)


def test_a_program_that_always_fails_is_no_result() -> None:
    def breaks(request: object) -> str:
        raise ConnectionError("no answer")

    with pytest.raises((RolloutStoppedError, Exception), match="no answer"):
        rollout(TASKS, model=breaks, agent=AGENT, quiet=True)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_student_is_a_model_and_a_base(tmp_path: Path) -> None:
    tasks = load_tasks("toy", split="train", limit=3)
    teacher = {"kind": "scripted", "program": "understudy.tasks.toy:toy_teacher"}
    world = {"agent": AGENT, "retriever": {"kind": "memory", "corpus": "toy"}, "search": {"k": 1, "shape": "brief"}}
    made = rollout(tasks, model=teacher, quiet=True, **world)  # type: ignore[arg-type]
    curated = curate(made, **world)  # type: ignore[arg-type]
    assert len(curated.examples) == 3
    base = str(save_tiny_model(tmp_path / "base", scale=0.02))
    settings = {"epochs": None, "max_steps": 2, "batch_size": 2, "method": "full", "quiet": True}
    student = train(curated, base, tmp_path / "student", **settings)  # type: ignore[arg-type]
    assert (student.path, student.summary.n_steps) == (tmp_path / "student" / "checkpoint", 2)
    again = train(curated.examples, base, tmp_path / "student", **settings)  # type: ignore[arg-type]
    assert again.summary == student.summary
    with pytest.raises(ValueError, match="holds a training on other examples"):
        train(curated.examples[:1], base, tmp_path / "student", **settings)  # type: ignore[arg-type]
    assert len(list(read_jsonl(tmp_path / "student" / "examples.jsonl", type(curated.examples[0])))) == 3
    short = {**world, "agent": {**AGENT, "max_steps": 1, "max_tokens": 4}}
    figures = evaluate(student, tasks, quiet=True, **short)
    assert figures.metrics.model == str(tmp_path / "student")
    second = train(curated, student, tmp_path / "second", **{**settings, "method": "lora"})  # type: ignore[arg-type]
    assert second.summary.student.is_adapter
    assert len(evaluate(second, tasks, quiet=True, **short).attempts) == 3
    with pytest.raises(ValueError, match="a training starts from whole weights"):
        train(curated, second, tmp_path / "third", **settings)  # type: ignore[arg-type]
