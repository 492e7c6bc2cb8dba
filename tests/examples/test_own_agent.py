"""``examples/own_agent``: the shop, as a checkout has it and as an installed wheel copies it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.curation.attempts import attempt
from understudy.grading import Judgement
from understudy.pipeline import load_recipe, run_recipe
from understudy.records import Score, Step, Task, ToolCall, Trajectory
from understudy.rollouts import read_trajectories
from understudy.runs import read_jsonl
from understudy.tasks import load_tasks

ROOT = Path(__file__).resolve().parents[2]
TINY = ("tasks.train.limit=30", "tasks.test.limit=3", "train.clerk.max_steps=2", "agents.clerk.max_tokens=24")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the example, which is the working directory."""
    folder = tmp_path / "shop"
    shutil.copytree(
        ROOT / "examples" / "own_agent", folder, ignore=shutil.ignore_patterns("__pycache__", "shop.db*", "runs")
    )
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def of_shop(module: str) -> ModuleType:
    import importlib

    return importlib.import_module(f"shop.{module}")


@pytest.mark.usefixtures("shop")
def test_questions_of_the_test_name_nothing_of_the_training() -> None:
    train, test = (load_tasks(kind="shop.tasks:questions", split=split).tasks for split in ("train", "test"))
    assert (len(train), len(test)) == (2786, 552)
    assert {task.type for task in test} == {"customer", "stock", "price", "worth", "refund"}
    names = [{word for task in tasks for word in task.question.split() if word[0].isupper()} for tasks in (train, test)]
    frames = {"Who", "How", "What", "Refund"}
    assert names[0] & names[1] == frames
    assert not {task.question for task in train} & {task.question for task in test}


@pytest.mark.usefixtures("shop")
def test_the_grader_looks_at_answers_and_at_acts() -> None:
    rows, is_right = of_shop("database").rows, of_shop("grading").is_right
    ((late, amount),) = rows(
        "SELECT number, pieces * price FROM orders JOIN products ON product = name WHERE is_late LIMIT 1"
    )
    ((in_time,),) = rows("SELECT number FROM orders WHERE NOT is_late LIMIT 1")

    def judged(question: str, reference: object, answer: object, *refunds: str) -> bool | None:
        task = Task(question=question, answer=str(reference))
        calls = tuple(ToolCall(name="refund", arguments=f'{{"number": {number}}}') for number in refunds)
        made = attempt().model_copy(update={"task": task, "answer": str(answer)})
        steps = (made.steps[0].model_copy(update={"tool_calls": calls}),)
        found: Judgement = is_right(made.model_copy(update={"steps": steps}))
        return found.correct

    asked = "Refund order {} if it is late. How much went back?"
    assert judged(asked.format(late), amount, amount, str(late))
    assert not judged(asked.format(late), amount, amount), "nothing was paid back"
    assert not judged(asked.format(late), amount, amount, str(late), str(late)), "paid twice"
    assert judged(asked.format(in_time), 0, 0)
    assert not judged(asked.format(in_time), 0, 0, str(in_time)), "paid without a reason"
    assert not judged(f"What is order {late} worth?", amount, amount, str(late)), "paid unasked"
    assert not judged(f"What is order {late} worth?", amount, amount + 1)


def test_the_teacher_works_and_slips(shop: Path) -> None:
    recipe = load_recipe(shop / "recipe.yaml", ("tasks.train.limit=80", "tasks.test.limit=40"))
    wanted = [ref for ref in recipe.ordered_stages() if str(ref) in ("rollout/teacher", "curate/clerk")]
    run_recipe(recipe, shop / "run", only=wanted, say=lambda _: None, quiet=True)
    attempts: dict[str, Trajectory] = {
        one.id: one for one in read_trajectories(shop / "run/rollout/teacher/trajectories.jsonl")
    }
    scores = list(read_jsonl(shop / "run/rollout/teacher/scores.jsonl", Score))
    right = [score for score in scores if score.correct]
    assert 0.8 < len(right) / len(scores) < 1
    refunded = [step for one in attempts.values() for step in one.steps if _refunds(step)]
    ((ledger,),) = of_shop("database").rows("SELECT count(*) FROM refunds")
    assert ledger == len(refunded) > 0
    examples = (shop / "run/curate/clerk/examples.jsonl").read_text()
    assert "def refund(number: int) -> str:" in examples
    assert "You are the clerk of a shop." in examples


def _refunds(step: Step) -> bool:
    return any(call.name == "refund" and call.error is None for call in step.tool_calls)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_installed_wheel_writes_the_package_and_distils_it_elsewhere(tmp_path: Path) -> None:
    """The wheel stands alone in a fresh environment; what it depends on is that of the tests, by ``PYTHONPATH``."""
    uv, fresh = Path(sys.executable).with_name("uv"), tmp_path / "fresh"
    links = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.find-links"], capture_output=True, text=True, check=False
    )
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    if links.stdout.strip():
        environment.setdefault("UV_FIND_LINKS", links.stdout.strip())

    def run(*command: str | Path, cwd: Path = tmp_path) -> None:
        done = subprocess.run(
            list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"

    run(uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path / "wheel", ROOT)
    run(uv, "venv", "--quiet", "--python", sys.executable, fresh)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    run(uv, "pip", "install", "--quiet", "--no-deps", "--python", fresh / "bin" / "python", wheel)
    environment |= {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONWARNINGS": "ignore"}
    where = "import understudy, sys; assert sys.prefix in understudy.__file__, understudy.__file__"
    run(fresh / "bin" / "python", "-c", where)

    understudy = fresh / "bin" / "understudy"
    run(understudy, "init", "shop")
    names = {str(path.relative_to(tmp_path / "shop")) for path in (tmp_path / "shop").rglob("*") if path.is_file()}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT / "examples" / "own_agent", capture_output=True, text=True, check=True
    )
    assert names == set(tracked.stdout.split())
    run(understudy, "run", "recipe.yaml", *TINY, cwd=tmp_path / "shop")
    assert (tmp_path / "shop" / "runs" / "shop" / "report.html").exists()
    tiny = ("tasks.train.limit=12", "tasks.test.limit=2", "train.agent.max_steps=2", "train.cot.max_steps=2")
    short = [f"agents.{name}.max_tokens=16" for name in ("agent", "agent-sag", "cot")]
    run(understudy, "demo", *tiny, *short)
    assert (tmp_path / "runs" / "demo" / "report.html").exists()


@pytest.mark.usefixtures("shop")
def test_the_world_is_graded_by_the_state_that_a_dialogue_leaves() -> None:
    from understudy.agents import AgentRuntime, RuntimeConfig
    from understudy.models import ScriptedModel

    recipe = load_recipe(Path("world.yaml"))
    tasks = load_tasks(recipe.tasks["test"]).tasks[:4]
    assert all(len(task.turns) == 1 for task in tasks)
    config = RuntimeConfig(tools=recipe.tools, sandbox=recipe.sandbox, environment=recipe.environment)
    with AgentRuntime(config) as runtime:
        agent = runtime.open_agent(recipe.agents["clerk"], ScriptedModel(of_shop("teacher").clerk, "clerk"))
        made = [agent.solve(task) for task in tasks]
    judged = [of_shop("grading").state_is_right(one) for one in made]
    assert [(one.correct, one.value) for one in judged] == [(True, 1.0)] * 4
    assert made[0].environment is not None
    extra = made[0].environment.model_copy(update={"after": {"refunds": {"1": 5}}})
    wrong = of_shop("grading").state_is_right(made[0].model_copy(update={"environment": extra}))
    assert wrong.correct is False
    assert wrong.value < 1
    assert "paid back ['1']" in wrong.explanation
