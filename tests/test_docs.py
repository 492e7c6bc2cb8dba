"""Every Python example of the documentation runs, offline, and comes to what the text beside it says.

An example that needs a model, a server or a file gets a small one; words that name it are substituted. A new example
must get its place in ``EXAMPLES``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.curation.attempts import attempt, task
from tests.models.test_server import serving
from tests.retrieval.conftest import make_passages, write_corpus
from tests.tiny_model import save_tiny_model
from tests.training.conversations import write_examples
from understudy.agents import AgentRuntime, CodeAgentConfig, RuntimeConfig
from understudy.models import Request, ScriptedConfig, open_model
from understudy.records import Completion, EnvironmentRecord, Message, Role, Score, StopReason, Task
from understudy.rollouts import read_trajectories
from understudy.sandbox import SandboxConfig
from understudy.serving import ServeAgentConfig, ServedAgent, serving_agent
from understudy.tasks.own_sources import OwnSource
from understudy.training import TrainSummary, read_card

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("recipes/**/*.md")]
PROGRAM = """
def answer(request):
    return "Thought: six.\\nCode:\\n```py\\nfinal_answer(6 * 7)\\n```<end_code>"
"""
N_PASSAGES = 30

Names = dict[str, object]


@dataclass(frozen=True)
class Example:
    """What an example needs, and what holds when it has run."""

    came_to: Callable[[Names, str], object]
    """Asserts; called with the example's names and with what it printed."""
    names: Callable[[], Names] = dict
    """What the example takes as given."""
    substitutes: Callable[[], AbstractContextManager[dict[str, str]]] = lambda: nullcontext({})
    """What is written instead of which words."""


@contextmanager
def a_served_agent() -> Iterator[dict[str, str]]:
    with (
        open_model(ScriptedConfig(program="my_package.teacher:answer", name="student")) as model,
        serving(model) as url,
    ):
        yield {"http://127.0.0.1:8000/v1": url}


@contextmanager
def a_whole_served_agent() -> Iterator[dict[str, str]]:
    with (
        open_model(ScriptedConfig(program="my_package.teacher:answer", name="student")) as model,
        AgentRuntime(RuntimeConfig(sandbox=SandboxConfig(preload=()))) as runtime,
        serving_agent(
            ServedAgent("Agent student", runtime.open_agent(CodeAgentConfig(), model)), ServeAgentConfig(port=0)
        ) as url,
    ):
        yield {"http://127.0.0.1:8790": url}


def attempts_answered(names: Names, _printed: str) -> None:
    attempts = list(read_trajectories(Path("trajectories.jsonl")))
    assert [one.attempt for one in sorted(attempts, key=lambda one: one.attempt)] == [0, 1, 2, 3]
    assert not [one.failure for one in attempts if one.failure]
    assert {(one.stop_reason, one.answer) for one in attempts} == {(StopReason.ANSWERED, "42")}


def attempts_graded(names: Names, _printed: str) -> None:
    scores = names["scores"]
    assert isinstance(scores, list)
    assert [isinstance(one, Score) and one.correct for one in scores] == [True]


def a_models_reply(names: Names, _printed: str) -> None:
    own = names["MyModel"]
    assert isinstance(own, type)
    request = Request((Message(role=Role.USER, content="x"),), n=2)
    assert [one.text for one in own(own.Config(depth=3)).complete(request)] == ["3", "3"]


def eight_replies(names: Names, _printed: str) -> None:
    replies = names["replies"]
    assert isinstance(replies, tuple)
    assert [isinstance(one, Completion) for one in replies] == [True] * 8


def tasks_of_code(names: Names, _printed: str) -> None:
    source = names["refunds"]
    assert callable(source)
    first, second = OwnSource("refunds", source).find()
    assert isinstance(first.task, Task)
    assert isinstance(second.task, Task)
    assert (first.task.references, second.task.references) == (("12",), ("Ms Moreau", "Moreau"))


def refunds_graded(names: Names, _printed: str) -> None:
    (score,) = names["scores"]
    assert (score.grader, score.correct) == ("refund_is_right", False)
    assert score.explanation == "compared with the shop's ledger"


def a_shop_is_a_world(names: Names, _printed: str) -> None:
    made: Any = names["Shop"]
    shop = made(Task(question="Refund what is late.", metadata={"late": [7]}))
    assert [(one.name, one.read_only) for one in shop.actions()] == [("is_late", True), ("refund", False)]
    other = shop.fork()
    assert shop.is_late(7)
    assert other.refund(7) == "paid"
    assert (shop.state(), other.state()) == ({"paid": []}, {"paid": [7]})


def a_share_of_the_refunds(names: Names, _printed: str) -> None:
    judge: Any = names["refunds_are_right"]
    made = attempt()
    state = EnvironmentRecord(kind="shop", after={"paid": [7, 8]})
    late = made.task.model_copy(update={"metadata": {"late": [7]}})
    judgement = judge(made.model_copy(update={"environment": state, "task": late}))
    assert (judgement.correct, judgement.value) == (False, 0.5)
    assert judge(made).correct is False


def three_passages_found(_names: Names, printed: str) -> None:
    lines = printed.splitlines()
    assert len(lines) == 3
    assert lines[0].endswith(f"Town 4: {make_passages(N_PASSAGES)[4].text}")


def encoder_names() -> Names:
    import numpy as np

    from understudy import retrieval
    from understudy.retrieval.encoder import CallableEncoder

    def encode(texts: list[str]) -> object:
        return np.ones((len(texts), 4), dtype=np.float32)

    known = {name: getattr(retrieval, name) for name in retrieval.__all__}
    return {**known, "CallableEncoder": CallableEncoder, "Path": Path, "model": SimpleNamespace(encode=encode)}


@contextmanager
def a_corpus() -> Iterator[dict[str, str]]:
    passages = make_passages(N_PASSAGES)
    write_corpus(Path("corpus.jsonl"), passages)
    yield {"who discovered radium": passages[4].text}


@contextmanager
def a_base_and_examples() -> Iterator[dict[str, str]]:
    write_examples(Path("examples.jsonl"), 8)
    yield {"Qwen/Qwen2.5-1.5B-Instruct": str(save_tiny_model(Path("base"), scale=0.02))}


def a_student_is_there(names: Names, _printed: str) -> None:
    summary = names["summary"]
    assert isinstance(summary, TrainSummary)
    assert read_card(Path("student/checkpoint")) == summary.student
    assert summary.student.is_adapter
    assert Path("student/log.jsonl").stat().st_size > 0


def the_answer_is_printed(_names: Names, printed: str) -> None:
    assert printed == "42\n"


def nothing_more(_names: Names, _printed: str) -> None:
    """The example asserts for itself, or that it can be written is all that it says."""


EXAMPLES = {
    "agents.md 1": Example(attempts_answered, names=lambda: {"tasks": [task()]}, substitutes=a_served_agent),
    "data.md 1": Example(tasks_of_code),
    # tests/parts/test_from_outside.py runs these as parts of recipes.
    **{f"extend.md {number}": Example(nothing_more) for number in range(1, 11)},
    "grading.md 1": Example(attempts_graded, names=lambda: {"trajectories": [attempt()]}),
    "grading.md 2": Example(refunds_graded, names=lambda: {"trajectories": [attempt()]}),
    "models.md 1": Example(a_models_reply),
    "models.md 2": Example(eight_replies),
    "retrieval.md 1": Example(three_passages_found, substitutes=a_corpus),
    "retrieval.md 2": Example(nothing_more, names=encoder_names),
    "sandbox.md 1": Example(nothing_more),
    "serving.md 1": Example(the_answer_is_printed, substitutes=a_whole_served_agent),
    "tools.md 1": Example(nothing_more),
    "training.md 1": Example(a_student_is_there, substitutes=a_base_and_examples),
    "training.md 2": Example(nothing_more),
    "worlds.md 1": Example(a_shop_is_a_world),
    "worlds.md 2": Example(a_share_of_the_refunds),
}


def blocks() -> dict[str, str]:
    """Every Python block of every page, by page and number."""
    found = {}
    for page in sorted(PAGES):
        for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.S | re.M), 1):
            found[f"{page.name} {number}"] = block
    return found


def test_every_example_has_its_place_here() -> None:
    assert sorted(blocks()) == sorted(EXAMPLES)


@pytest.mark.parametrize("place", EXAMPLES)
def test_the_example_runs(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example, block = EXAMPLES[place], blocks()[place]
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "teacher.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("my_package", "my_package.teacher"):  # of the example before
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.chdir(tmp_path)
    names: Names = {"__name__": "__main__", **example.names()}
    with example.substitutes() as instead:
        for words, other in instead.items():
            assert words in block, "the example no longer has what is substituted"
            block = block.replace(words, other)
        exec(compile(block, place, "exec", dont_inherit=True), names)
    example.came_to(names, capsys.readouterr().out)
