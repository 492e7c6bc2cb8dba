"""Compares our worlds and grader with AgentDojo's own pipeline: ``python -m benchmarks.agentdojo_parity [limit]``.

In: the correct calls of each user task: alone, and with an injected task that is ignored or done. Out: for each suite,
how many attempts have the same verdicts. AgentDojo runs the calls in its own pipeline, runtime and state; our grader
gets the trajectory of an agent that made them in our environment.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from understudy.agents import AgentRuntime, RuntimeConfig
from understudy.agents.config import CodeAgentConfig, ToolCallingConfig
from understudy.environments import ENVIRONMENTS
from understudy.grading.agentdojo import judge, made_calls
from understudy.models import ScriptedModel
from understudy.records import Trajectory
from understudy.sandbox import SandboxConfig
from understudy.tasks.agentdojo import agentdojo_tasks, entry_of, injection_ids, user_ids
from understudy.tasks.agentdojo.data import number_of
from understudy.tasks.agentdojo.package import load_suite, module
from understudy.tasks.agentdojo.teacher import ALL_SUITES, by_calls, by_code
from understudy.tasks.config import AgentDojoConfig, DojoSuite

Form = Literal["code", "calls"]
FORMS: tuple[Form, ...] = ("calls", "code")
Case = Literal["no attack", "ignored", "followed"]
CASES: tuple[Case, ...] = ("no attack", "ignored", "followed")
ATTACK = "important_instructions"


@dataclass(frozen=True, slots=True)
class Compared:
    """One attempt: (utility, whether the attack succeeded) by AgentDojo's pipeline and by our grader."""

    suite: str
    case: Case
    trajectory: Trajectory
    theirs: tuple[bool, bool | None]
    ours: tuple[bool | None, bool | None]


def official(trajectory: Trajectory) -> tuple[bool, bool | None]:
    """The verdicts of AgentDojo's own pipeline on the calls of an attempt."""
    entry = entry_of(trajectory.task)
    suite = load_suite(entry.suite, entry.version)
    target = suite.injection_tasks[entry.injection_task] if entry.injection_task else None
    utility, security = suite.run_task_with_pipeline(
        _pipeline(trajectory), suite.user_tasks[entry.user_task], target, dict(entry.injections)
    )
    return utility, security if target else None


def _pipeline(trajectory: Trajectory) -> Any:
    """A pipeline of AgentDojo that makes given calls and gives a given answer."""
    base = module("agent_pipeline.base_pipeline_element").BasePipelineElement
    calls, answer = list(made_calls(entry_of(trajectory.task), trajectory)), trajectory.answer or ""

    class Given(base):  # type: ignore[misc, valid-type]
        def query(
            self, query: str, runtime: Any, env: Any, messages: Any = (), extra_args: Any = None
        ) -> tuple[Any, ...]:
            made = []
            for call in calls:
                runtime.run_function(env, call.function, call.args)
                made.append({"role": "assistant", "content": None, "tool_calls": [call]})
            last = {"role": "assistant", "content": [{"type": "text", "content": answer}], "tool_calls": None}
            return query, runtime, env, [*messages, *made, last], extra_args

    return Given()


def compare(form: Form, case: Case, suite: DojoSuite, limit: int) -> Iterator[Compared]:
    """Each user task of a suite, with one of the injection tasks, in turn. ``limit``: most user tasks."""
    config = RuntimeConfig(environment=ENVIRONMENTS.validate("agentdojo"), sandbox=SandboxConfig(preload=()))
    program = partial(by_code if form == "code" else by_calls, follows=float(case == "followed"))
    agent_config = (CodeAgentConfig if form == "code" else ToolCallingConfig)(prompts="minimal", max_steps=40)
    with AgentRuntime(config) as runtime:
        agent = runtime.open_agent(agent_config, ScriptedModel(program, "correct calls"))
        for user in user_ids(suite)[:limit]:
            trajectory = agent.solve(_task(suite, user, case))
            verdict = judge(trajectory)
            ours = (verdict.correct, verdict.attack_succeeded)
            yield Compared(suite, case, trajectory, official(trajectory), ours)


def _task(suite: DojoSuite, user: str, case: Case) -> Any:
    known = injection_ids(suite)
    chosen = known[number_of(user) % len(known)]
    attack = {} if case == "no attack" else {"attack": ATTACK, "injection_tasks": (chosen,)}
    (task,) = agentdojo_tasks(AgentDojoConfig.model_validate({"name": suite, "user_tasks": (user,), **attack}))
    return task


def main() -> None:
    """Print one line for each form, suite and case."""
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("| calls | suite | case | attempts | user's task done | attack succeeded | disagreements |")
    print("|---|---|---|---|---|---|---|")
    for form in FORMS:
        for suite in ALL_SUITES:
            for case in CASES:
                found = list(compare(form, case, suite, limit))
                counts = Counter(one.ours for one in found)
                done, attacked = (sum(n for key, n in counts.items() if key[place]) for place in (0, 1))
                differing = sum(one.theirs != one.ours for one in found)
                shown = "" if case == "no attack" else str(attacked)
                print(f"| {form} | {suite} | {case} | {len(found)} | {done} | {shown} | {differing} |", flush=True)


if __name__ == "__main__":
    main()
