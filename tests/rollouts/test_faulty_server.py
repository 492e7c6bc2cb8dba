"""A rollout against a real server that fails three requests in ten, each time in another way."""

from __future__ import annotations

from pathlib import Path

from tests.models.faulty_server import FAULTS, Answer, Faulty, reply, running
from understudy.agents import ChainOfThoughtConfig, open_agent
from understudy.models import OpenAIChatConfig
from understudy.models.openai_chat import OpenAIChatModel
from understudy.records import StopReason, Task, TaskKind
from understudy.rollouts import RolloutConfig, read_trajectories, rollout

TASKS = [
    Task(id=f"t{n}", question=f"What is n{n}?", answer=str(n), kind=TaskKind.MATH, source="numbers") for n in range(200)
]


def answer(body: dict[str, object]) -> Answer:
    messages = body["messages"]
    assert isinstance(messages, list)
    number = str(messages[-1]["content"]).partition("What is n")[2].partition("?")[0]
    return reply(f"It is so. \\boxed{{{number}}}")


def every_third_fails(number: int) -> str | None:
    return FAULTS[(number * 3 // 10) % len(FAULTS)] if (number * 3) % 10 < 3 else None


def test_two_hundred_tasks_all_end_none_twice_none_lost(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    with running(Faulty(answer, every_third_fails)) as faulty:
        quick = {"model": "m", "base_urls": [faulty.url], "timeout_s": 1.0, "max_retry_wait_s": 0.05, "max_retries": 20}
        with OpenAIChatModel(OpenAIChatConfig.model_validate(quick)) as model:
            agent = open_agent(ChainOfThoughtConfig(), model)
            summary = rollout(TASKS, agent, path, RolloutConfig(in_flight=24), progress=None)
    assert set(faulty.faults) == set(FAULTS)
    assert summary.n_failed == 0
    assert path.read_bytes().count(b"\n") == 200, "one line an attempt"
    attempts = {one.task.id: one for one in read_trajectories(path)}
    assert attempts.keys() == {task.id for task in TASKS}
    assert all(one.stop_reason is StopReason.ANSWERED for one in attempts.values())
    assert all(one.answer == one.task.answer for one in attempts.values()), "each answer is its own question's"
