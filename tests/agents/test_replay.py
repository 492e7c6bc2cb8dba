"""One real trajectory of each agent is kept and must replay to the same record."""

from __future__ import annotations

import pytest

from tests.agents.replaying import AGENTS, FOLDER, replay
from understudy.records import PrefixDelivery, StopReason, Trajectory
from understudy.sandbox import Sandbox


def kept(name: str) -> Trajectory:
    return Trajectory.model_validate_json((FOLDER / f"{name}.json").read_text())


def test_every_agent_has_one() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(AGENTS)


@pytest.mark.parametrize("name", AGENTS)
def test_it_replays_to_the_same_record(sandbox: Sandbox, name: str) -> None:
    assert replay(name, kept(name), sandbox).without_timing() == kept(name)


def test_they_show_what_they_are_kept_for() -> None:
    assert kept("code_agent_prefix").prefix_delivery is PrefixDelivery.CONTINUED
    assert any(step.failed for step in kept("code_agent").steps)
    assert any(step.candidates_saved for step in kept("code_agent_vote").steps)
    assert any(step.tool_calls for step in kept("code_agent").steps)
    assert all(kept(name).stop_reason is StopReason.ANSWERED for name in AGENTS)
