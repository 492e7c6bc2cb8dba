"""What ``GRPOTrainer`` takes, opened from ``setup.json``.

In: the setup of a student. Out: a ``Session``: its model, a data set of its tasks, and either ``rollout`` with
``reward`` (any agent that acts; dialogues too) or ``environments`` with ``reward_of_calls`` (an agent that calls tools,
one turn). The sandbox, the worlds and the grader stay open until the session is closed. Not here: the settings of GRPO.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.agents import ActingConfig, AgentRuntime, ToolCallingConfig
from understudy.extras import require
from understudy.grading import open_grader
from understudy.models import LocalConfig, open_model
from understudy.models.loading import Checkpoint, load_checkpoint
from understudy.models.rendering import Renderer
from understudy.records import Task, Trajectory
from understudy.reinforcement.rollouts import attempt_all, columns, reward_of
from understudy.reinforcement.setup import RlSetup
from understudy.reinforcement.worlds import TrlWorld, as_trajectory, world_class
from understudy.reinforcement.written import ListeningModel, Written, written_in
from understudy.runs import derive_seed

if TYPE_CHECKING:
    from understudy.models.local import LocalModel


class Session:
    """Made by ``open_session``."""

    def __init__(self, setup: RlSetup, stack: ExitStack) -> None:
        """Raises ``ValueError`` for an agent that does not act in steps, and what opening its parts raises."""
        require("train", "export-rl")
        if not isinstance(setup.agent, ActingConfig):
            raise ValueError(
                f"agent: expected one that acts in steps (code_agent, tool_calling); it is {setup.agent.kind}"
            )
        self.setup = setup
        self.runtime = stack.enter_context(AgentRuntime(setup))
        judge = None if setup.judge is None else stack.enter_context(open_model(setup.judge))
        self.grader = stack.enter_context(open_grader(setup.grading, judge))
        self.checkpoint = load_checkpoint(setup.student)
        self.checkpoint.model.requires_grad_(requires_grad=True)
        self._renderer = Renderer(self.checkpoint.tokenizer)
        self._tasks = {task.id: task for task in setup.tasks}
        self._stack = stack
        self._policy: LocalModel | None = None

    @property
    def model(self) -> Any:
        """The student's weights, with an adapter merged."""
        return self.checkpoint.model

    @property
    def tokenizer(self) -> Any:
        """The student's tokenizer."""
        return self.checkpoint.tokenizer

    def task(self, task_id: str) -> Task:
        """One of the tasks. Raises ``KeyError``."""
        return self._tasks[task_id]

    def dataset(self) -> Any:
        """Rows for ``rollout``: the prompt of a row is the id of its task."""
        from datasets import Dataset

        return Dataset.from_list([{"prompt": task_id} for task_id in self._tasks])

    def rollout(self, prompts: list[str], trainer: Any) -> dict[str, list[Any] | None]:
        """TRL's ``rollout_func``: one attempt for each prompt. The trainer repeats each prompt ``num_generations``
        times.
        """
        model, step = trainer.accelerator.unwrap_model(trainer.model), trainer.state.global_step
        was_training = model.training
        model.eval()
        try:
            policy = self._policy_of(model)
            made = attempt_all(
                lambda number: self._attempt(policy, trainer.args, step, prompts[number], number), len(prompts)
            )
        finally:
            model.train(was_training)
        trajectories = [trajectory for trajectory, _ in made]
        rewards = [reward_of(self.grader, one) for one in trajectories]
        # Without log-probabilities of sampling, TRL takes those of the model, whose weights have not changed since.
        found = columns(self._renderer, trajectories, [written for _, written in made])
        return {**found, "logprobs": None, "attempt_reward": rewards}

    def reward(self, attempt_reward: list[float | None], **rest: object) -> list[float | None]:  # noqa: ARG002
        """TRL's reward function for ``rollout``, which has graded the attempts."""
        return attempt_reward

    def environments(self) -> dict[str, Callable[[], TrlWorld]]:
        """TRL's ``environment_factory``: a class for each set of tools that the tasks offer, by name."""
        return {name: partial(kind, self.runtime, self.task) for name, kind in self._kinds().items()}

    def rows(self) -> Any:
        """Rows for ``environments``. Raises ``ValueError`` for another kind of agent, and for dialogues."""
        from datasets import Dataset

        if not isinstance(self.setup.agent, ToolCallingConfig) or any(task.turns for task in self.setup.tasks):
            raise ValueError(
                "environment_factory: expected an agent that calls tools, and tasks of one turn; use rollout"
            )
        names = self._names()
        return Dataset.from_list(
            [
                {"prompt": self._prompt(task), "environment": names[task.id], "task": task.id}
                for task in self.setup.tasks
            ]
        )

    def reward_of_calls(
        self, completions: list[list[dict[str, Any]]], environments: list[TrlWorld], task: list[str], **_: object
    ) -> list[float | None]:
        """TRL's reward function for ``environments``: the recipe's grader, on the state and the calls."""
        return [
            reward_of(self.grader, as_trajectory(world, self.task(task_id), completion, self._initial(task_id)))
            for completion, world, task_id in zip(completions, environments, task, strict=True)
        ]

    def _attempt(
        self, policy: LocalModel, args: Any, step: int, task_id: str, number: int
    ) -> tuple[Trajectory, list[Written]]:
        """One attempt, and what the model wrote in each step."""
        listening = ListeningModel(policy)
        sampled = {"temperature": args.temperature, "top_p": args.top_p, "self_consistency": None}
        agent = self.runtime.open_agent(self.setup.agent.model_copy(update=sampled), listening)
        trajectory = agent.solve(self.task(task_id), number, derive_seed(self.setup.seed, step, task_id, number))
        end = self._renderer.end_of_turn_ids
        return trajectory, [written_in(one, self.tokenizer, end) for one in listening.replies]

    def _policy_of(self, model: Any) -> LocalModel:
        if self._policy is None:
            from understudy.models.local import LocalModel

            checkpoint = Checkpoint(model, self.tokenizer, self.checkpoint.context_tokens)
            config = LocalConfig(path=self.setup.student.path, name=self.setup.name)
            self._policy = self._stack.enter_context(LocalModel(config, checkpoint, is_trained=True))
        return self._policy

    def _kinds(self) -> dict[str, type[TrlWorld]]:
        found: dict[str, type[TrlWorld]] = {}
        for task in self.setup.tasks:
            if self._names()[task.id] not in found:
                found[self._names()[task.id]] = world_class(self.runtime, task)
        return found

    def _names(self) -> dict[str, str]:
        """The name of each task's kind of world. Tasks whose worlds offer the same tools share one."""
        if not hasattr(self, "_named"):
            self._named = {
                task.id: " ".join(tool.name for tool in self.runtime.tools_for(task)) for task in self.setup.tasks
            }
        return self._named

    def _initial(self, task_id: str) -> Any:
        return self.runtime.initial_messages(self.setup.agent, self.task(task_id)) or ()

    def _prompt(self, task: Task) -> list[dict[str, str]]:
        return [{"role": message.role.value, "content": message.content} for message in self._initial(task.id)]


@contextmanager
def open_session(path: Path) -> Iterator[Session]:
    """Open what ``setup.json`` describes. Raises ``pydantic.ValidationError``, and what opening the parts raises."""
    setup = RlSetup.model_validate(json.loads(path.read_text(encoding="utf-8")))
    with ExitStack() as stack:
        yield Session(setup, stack)
