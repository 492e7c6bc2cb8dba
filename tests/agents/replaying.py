"""Stored trajectories of real runs, and how they are replayed with their own replies.

``python -m tests.agents.replaying`` makes them again, with the toy world's teacher: do so only if the format of
records changes on purpose, and read the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from understudy.agents import (
    Agent,
    AgentConfig,
    ChainOfThoughtConfig,
    CodeAgentConfig,
    FirstThoughtConfig,
    PassagesConfig,
    PromptRole,
    SelfConsistencyConfig,
    make_first_thoughts,
    open_agent,
)
from understudy.models import Model, Request, ScriptedModel
from understudy.records import Completion, FinishReason, FirstThought, PrefixDelivery, PrefixMode, Trajectory, Usage
from understudy.retrieval import Passage, lexical_retriever
from understudy.runs import write_atomic
from understudy.sandbox import Sandbox, SandboxConfig, open_sandbox
from understudy.tasks.toy import ToyTeacher, toy_passages, toy_tasks
from understudy.tools import SearchConfig, SearchTool

FOLDER = Path(__file__).parent / "trajectories"
WORLD = 0

AGENTS: dict[str, AgentConfig] = {
    "chain_of_thought": ChainOfThoughtConfig(),
    "chain_of_thought_rag": ChainOfThoughtConfig(passages=PassagesConfig(k=2)),
    "chain_of_thought_vote": ChainOfThoughtConfig(self_consistency=SelfConsistencyConfig(n_candidates=4)),
    "code_agent": CodeAgentConfig(role=PromptRole.TEACHER),
    "code_agent_prefix": CodeAgentConfig(prefix_mode=PrefixMode.PREFIX),
    "code_agent_vote": CodeAgentConfig(self_consistency=SelfConsistencyConfig(n_candidates=5, adaptive=True)),
}


def make_agent(name: str, model: Model, sandbox: Sandbox) -> Agent:
    """The agent of that name, with the toy world to search in."""
    retriever = lexical_retriever([Passage(each.id, each.title, each.text) for each in toy_passages(WORLD)])
    tools = (SearchTool(retriever, SearchConfig(k=2)).tool(),)
    return open_agent(AGENTS[name], model, sandbox, tools, retriever)


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    usage: Usage


class Replay:
    """A model that says again what it said in a trajectory."""

    is_program = True
    prefix_delivery = PrefixDelivery.CONTINUED

    def __init__(self, kept: Trajectory) -> None:
        self.name = kept.model
        self._said: list[_Said] = []
        for step in kept.steps:
            if not step.candidates:
                text = kept.messages[step.message_index].content[step.prefilled_chars :]
                self._said.append(_Said(text, step.usage))
            for number, candidate in enumerate(step.candidates):
                # What was asked for in portions was paid for in portions: all of it counts on the first one.
                paid = step.usage if number == 0 else Usage()
                usage = paid.model_copy(update={"completion_tokens": candidate.completion_tokens})
                self._said.append(_Said(candidate.reply[step.prefilled_chars :], usage))

    def complete(self, request: Request) -> tuple[Completion, ...]:
        """The next replies, as many as asked for."""
        said, self._said = self._said[: request.n], self._said[request.n :]
        return tuple(
            Completion(text=each.text.removesuffix("<end_code>"), finish_reason=FinishReason.STOP, usage=each.usage)
            for each in said
        )

    def close(self) -> None: ...


def replay(name: str, kept: Trajectory, sandbox: Sandbox) -> Trajectory:
    """Run the attempt again on the words of the kept record."""
    given = kept.messages[kept.steps[0].message_index].content[: kept.steps[0].prefilled_chars]
    thought = (
        FirstThought(task_id=kept.task.id, text=given.removeprefix("Thought: "), trajectory_id="") if given else None
    )
    return make_agent(name, Replay(kept), sandbox).solve(kept.task, kept.attempt, kept.seed, thought)


def main() -> None:
    """Make all of them again."""
    task = next(each for each in toy_tasks("train", 12, WORLD) if each.type == "2-hop")
    model = ScriptedModel(ToyTeacher(WORLD, error_rate=0.4), "toy teacher, a program")
    with open_sandbox(SandboxConfig(preload=())) as sandbox:
        chain = make_agent("chain_of_thought", model, sandbox).solve(task, seed=1)
        (thought,) = make_first_thoughts([chain], {}, FirstThoughtConfig()).thoughts
        for name in AGENTS:
            for seed in range(100):  # the teacher slips now and then: a code agent is kept with a slip that it mended
                trajectory = make_agent(name, model, sandbox).solve(task, 1, seed, thought)
                is_right = trajectory.answer == task.answer
                if is_right and (name != "code_agent" or any(step.failed for step in trajectory.steps)):
                    break
            write_atomic(FOLDER / f"{name}.json", trajectory.without_timing().model_dump_json(indent=1) + "\n")
            print(name, trajectory.stop_reason, trajectory.answer, task.answer, len(trajectory.steps))


if __name__ == "__main__":
    main()
