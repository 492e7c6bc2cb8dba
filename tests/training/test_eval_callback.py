"""The eval callback: code that runs counts; what fails for no fault of the code is no figure, and ends nothing."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import pytest

from tests.training.conversations import example
from understudy.agents import RuntimeConfig
from understudy.retrieval import DenseConfig, HttpConfig, MemoryConfig, RetrievalConfig
from understudy.runs import read_jsonl, write_jsonl
from understudy.sandbox import Limits, SandboxConfig
from understudy.tools import FunctionToolConfig, McpConfig, SearchConfig, ToolsConfig
from understudy.training import EvalCallbackConfig, EvalLine, Method, TrainConfig, train
from understudy.training.code_runner import CodeRunner

SANDBOX = SandboxConfig(preload=())
WITHOUT_ITS_MODULE = SANDBOX.model_copy(update={"preload": ("no_such_module",)})
"""As if the package had been removed since the recipe was read."""
SEARCH = ToolsConfig(search=SearchConfig())
NOWHERE = HttpConfig(url="http://127.0.0.1:9", attempts=1)
GAP_S = 2.0


def slow(text: str) -> str:
    """Answers long after anybody waits for it."""
    time.sleep(GAP_S)
    return text


def picky(number: int) -> int:
    """Takes numbers."""
    return number + 1


def offline() -> str:
    """Asks a service that is down."""
    raise ConnectionError("no route to the service")


def function(name: str, timeout_s: float = 5.0) -> ToolsConfig:
    config = FunctionToolConfig(function=f"{__name__}:{name}", timeout_s=timeout_s)
    return ToolsConfig(search=None, functions=(config,))


@pytest.fixture
def corpus(tmp_path: Path) -> MemoryConfig:
    path = tmp_path / "corpus.jsonl"
    path.write_text(json.dumps({"id": "1", "title": "Norway", "text": "Oslo is its capital."}) + "\n")
    return MemoryConfig(corpus=path)


def test_code_that_runs_with_the_recipes_tools_counts(corpus: MemoryConfig) -> None:
    codes = [
        "hit = web_search('capital of Norway')\nassert 'Oslo' in hit",
        "final_answer('Oslo')",
        "print(hit)",  # each reply has an episode of its own
        "1 / 0",
        "web_search(3)",
        None,
    ]
    with CodeRunner(RuntimeConfig(sandbox=SANDBOX, tools=SEARCH, retrieval=corpus)) as runner:
        assert runner.code_runs_rate(codes) == pytest.approx(2 / 6)
        assert runner.code_runs_rate(codes[:2]) == 1.0


def test_what_never_ends_is_ended_and_did_not_run() -> None:
    limits = Limits(wall_s=0.3, cpu_s=0.3)
    with CodeRunner(RuntimeConfig(sandbox=SandboxConfig(preload=(), limits=limits))) as runner:
        assert runner.code_runs_rate(["while True: pass", "1"]) == 0.5


def test_replies_without_code_open_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with CodeRunner(RuntimeConfig(tools=SEARCH)) as runner:
        assert runner.code_runs_rate([None, None]) == 0.0
    assert not caplog.records


@pytest.mark.parametrize(
    ("spec", "code", "reason"),
    [
        (RuntimeConfig(sandbox=SANDBOX, tools=SEARCH), "1", "needs a retriever"),
        (RuntimeConfig(sandbox=SANDBOX, tools=function("nothing")), "1", "has no 'nothing'"),
        (RuntimeConfig(sandbox=WITHOUT_ITS_MODULE), "1", "no_such_module"),
        (RuntimeConfig(sandbox=SANDBOX, tools=SEARCH, retrieval=NOWHERE), "web_search('Oslo')", "the search failed"),
        (RuntimeConfig(sandbox=SANDBOX, tools=function("offline")), "offline()", "no route to the service"),
        (RuntimeConfig(sandbox=SANDBOX, tools=function("slow", 0.2)), "slow('x')", "did not answer within"),
    ],
)
def test_a_failure_of_tools_or_sandbox_is_no_figure_and_is_logged_once(
    spec: RuntimeConfig, code: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), CodeRunner(spec) as runner:
        assert runner.code_runs_rate([code, None]) is None
        assert runner.code_runs_rate([code]) is None
    (logged,) = caplog.messages
    assert reason in logged


def test_a_tool_that_code_misuses_is_the_codes_fault() -> None:
    with CodeRunner(RuntimeConfig(sandbox=SANDBOX, tools=function("picky"))) as runner:
        assert runner.code_runs_rate(["picky('a')", "picky(1)"]) == 0.5


def test_what_costs_or_changes_something_is_not_light(corpus: MemoryConfig, tmp_path: Path) -> None:
    index: RetrievalConfig = DenseConfig(folder=tmp_path, corpus=tmp_path)
    server = ToolsConfig(search=None, mcp=(McpConfig(command=("server",)),))
    light = [RuntimeConfig(), *(RuntimeConfig(tools=SEARCH, retrieval=each) for each in (corpus, NOWHERE))]
    heavy = [RuntimeConfig(tools=each) for each in (function("picky"), server)]
    heavy.append(RuntimeConfig(tools=SEARCH, retrieval=index))
    assert [spec.is_cheap_to_open for spec in light + heavy] == [True] * 3 + [False] * 3


def test_the_share_rises_as_the_student_learns_to_write_code(base: str, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "examples.jsonl", [example(3, 1)])
    config = TrainConfig(
        method=Method.FULL,
        epochs=None,
        max_steps=100,
        learning_rate=1e-2,
        n_threads=1,
        eval_callback=EvalCallbackConfig(every_steps=50, n_prompts=1, max_new_tokens=120),
    )
    spec = RuntimeConfig(sandbox=SANDBOX)
    (tmp_path / "out").mkdir()
    write_jsonl(
        tmp_path / "out" / "eval_callback.jsonl",
        [EvalLine(step=50, n_replies=1, parse_rate=0, stop_rate=0, mean_tokens=0)],
    )
    train(tmp_path / "examples.jsonl", config, base, tmp_path / "out", acting=spec, quiet=True)
    lines = list(read_jsonl(tmp_path / "out" / "eval_callback.jsonl", EvalLine))
    assert [line.step for line in lines] == [50, 100], "what a killed training said of lost steps is forgotten"
    assert (lines[-1].parse_rate, lines[-1].stop_rate, lines[-1].code_runs_rate) == (1.0, 1.0, 1.0)


def test_an_eval_callback_that_is_to_run_code_needs_something_to_run_it_with(base: str, tmp_path: Path) -> None:
    config = TrainConfig(eval_callback=EvalCallbackConfig(every_steps=1, run_code=True))
    with pytest.raises(ValueError, match=r"eval_callback\.run_code: expected the sandbox and tools"):
        train(tmp_path / "examples.jsonl", config, base, tmp_path / "out")
