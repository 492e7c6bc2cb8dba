"""What becomes of attempts whose searches fail, and of a rollout in which all of them do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.agents.scripts import action, in_order
from tests.retrieval.test_service import odd_server
from tests.rollouts.making import make_tasks
from understudy.agents import Agent, ChainOfThoughtConfig, CodeAgentConfig, PassagesConfig, open_agent
from understudy.records import StopReason
from understudy.retrieval import HttpConfig, RetrievalConfig, SearchDownError, open_retriever
from understudy.rollouts import Outcome, RolloutConfig, read_trajectories, rollout
from understudy.sandbox import Limits, SandboxConfig, open_sandbox
from understudy.tools import SearchConfig, ToolDownError, ToolsConfig, open_tools

REPLIES = (action("print(web_search('Oslo'))"), action("final_answer('Norway')"))
SANDBOX = SandboxConfig(preload=(), limits=Limits(cpu_s=2.0, wall_s=10.0))


@contextmanager
def searching_agent(retrieval: RetrievalConfig, search: SearchConfig | None = None) -> Iterator[Agent]:
    retriever = open_retriever(retrieval)
    with open_sandbox(SANDBOX) as sandbox, open_tools(ToolsConfig(search=search or SearchConfig()), retriever) as tools:
        yield open_agent(CodeAgentConfig(), in_order(*REPLIES), sandbox, tools, retriever)
    retriever.close()


@pytest.mark.parametrize("reply", [b'{"error": "no index"}', b'{"result": [[{"vector": [1]}]]}', b"busy"])
def test_a_failed_search_is_no_observation(reply: bytes) -> None:
    with odd_server(reply, 0) as url, searching_agent(HttpConfig(url=url)) as agent:
        trajectory = agent.solve(make_tasks(1)[0])
    assert trajectory.stop_reason is StopReason.SANDBOX
    assert trajectory.failure is not None
    assert url in trajectory.failure.message
    assert "expected" in trajectory.failure.message
    assert not any("expected" in message.content for message in trajectory.messages[2:])


def test_a_search_without_an_answer_in_time_is_no_observation() -> None:
    config = HttpConfig(url="http://127.0.0.1:9", attempts=9, max_pause_s=5)
    with searching_agent(config, SearchConfig(timeout_s=0.2)) as agent:
        trajectory = agent.solve(make_tasks(1)[0])
    assert trajectory.stop_reason is StopReason.SANDBOX


def test_a_rollout_in_which_every_search_fails_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    with (
        odd_server(b"{}", 0) as url,
        searching_agent(HttpConfig(url=url)) as agent,
        pytest.raises(ToolDownError, match=rf"searches in a row.*{url}"),
    ):
        rollout(make_tasks(60), agent, path, RolloutConfig(in_flight=4), progress=None)
    kept = list(read_trajectories(path))
    assert 0 < len(kept) < 40
    assert all(one.stop_reason is StopReason.SANDBOX for one in kept)
    with odd_server(b'{"result": [["In Norway."]]}', 0) as url, searching_agent(HttpConfig(url=url)) as agent:
        summary = rollout(make_tasks(60), agent, path, RolloutConfig(in_flight=4), progress=None)
    assert (summary.outcomes, summary.n_failed) == ({Outcome.ANSWERED: 60}, 0)


def test_a_rollout_of_chains_of_thought_is_stopped_too(tmp_path: Path) -> None:
    config = ChainOfThoughtConfig(passages=PassagesConfig())
    with odd_server(b"{}", 0) as url:
        agent = open_agent(config, in_order("x"), None, (), open_retriever(HttpConfig(url=url)))
        with pytest.raises(SearchDownError, match="searches in a row"):
            rollout(make_tasks(60), agent, tmp_path / "trajectories.jsonl", RolloutConfig(in_flight=4), progress=None)
