"""A distillation of tool calls with the functions for notebooks, up to the examples."""

from __future__ import annotations

from tests.api.test_api import TASKS, double
from understudy import curate, evaluate, rollout
from understudy.records import Completion, FinishReason, FunctionCall, Role

AGENT = {"kind": "tool_calling", "prompts": "minimal"}


def doubles(request: object) -> Completion:
    """Calls the tool on the number of the question, then says what it returned."""
    *_, last = request.messages  # type: ignore[attr-defined]
    if last.role is Role.TOOL:
        return Completion(text=last.content, finish_reason=FinishReason.STOP)
    arguments = {"number": int(last.content.split()[2])}
    call = FunctionCall(id="", name="double", arguments=arguments)
    return Completion(text="I double it.", finish_reason=FinishReason.STOP, tool_calls=(call,))


def test_an_agent_that_calls_tools_is_rolled_out_evaluated_and_curated() -> None:
    made = rollout(TASKS, model=doubles, agent=AGENT, tools=[double], quiet=True)
    assert (len(made), made.accuracy) == (4, 1.0)
    metrics = evaluate(doubles, TASKS, agent=AGENT, tools=[double], quiet=True).metrics
    assert metrics.task_sets[0].mean_steps == 2
    curated = curate(made, agent={**AGENT, "parallel": False}, tools=[double])
    assert len(curated.examples) == 4
    assert {tool.name for tool in curated.examples[0].tools} == {"double"}
    assert curate(made, agent={"kind": "code_agent"}, tools=[double]).counts == {"other_form": 4}
