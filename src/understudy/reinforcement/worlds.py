"""Worlds and tools as TRL's ``environment_factory`` expects them: a class whose methods are the tools, with ``reset``.

In: a task that shows which tools there are. Out: a class with one typed, documented method for each tool; and the
attempt as a trajectory, for the grader. Errors are results that the model reads, as in our own agents. Not here: TRL's
loop, which samples the replies and calls the methods.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from understudy.agents import AgentRuntime
from understudy.agents.call_results import CallMaker, CallResult
from understudy.environments import World
from understudy.records import FunctionCall, Message, Role, Step, StopReason, Task, ToolSchema, Trajectory
from understudy.tools import JsonTool, json_tool

_TYPES: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}


class TrlWorld:
    """One world, reset for each attempt. Subclasses have a method for each tool."""

    def __init__(self, runtime: AgentRuntime, task_of: Callable[[str], Task]) -> None:
        self._runtime = runtime
        self._task_of = task_of
        self._world: World | None = None
        self._maker = CallMaker({})
        self._before: Mapping[str, Any] = {}
        self._results: list[CallResult] = []

    def reset(self, task: str, **row: object) -> None:  # noqa: ARG002
        """Begin an attempt. TRL passes the columns of the row. Raises ``EnvironmentFailedError``."""
        if self._world is not None:
            self._world.close()
        worlds = self._runtime.worlds
        self._world = None if worlds is None else worlds.make(self._task_of(task))
        self._before = {} if self._world is None else self._world.state()
        self._maker = CallMaker({tool.name: tool for tool in _tools(self._runtime, self._world)})
        self._results = []

    def _call(self, name: str, arguments: dict[str, Any]) -> str:
        """Make a call. Raises ``SandboxError`` if a tool or the world is broken."""
        (result,) = self._maker.make([FunctionCall(id="", name=name, arguments=arguments)])
        self._results.append(result)
        return result.text


def world_class(runtime: AgentRuntime, task: Task) -> type[TrlWorld]:
    """The class for the tools of a task. Raises ``ToolConfigError``, ``EnvironmentFailedError``."""
    with runtime.described_world(task) as world:
        schemas = [tool.schema for tool in _tools(runtime, world) if world is None or tool.name not in world.held_back]
    return type("World", (TrlWorld,), {schema.name: _method(schema) for schema in schemas})


def as_trajectory(
    world: TrlWorld, task: Task, said: Sequence[Mapping[str, Any]], initial: Sequence[Message]
) -> Trajectory:
    """The attempt, from the messages that TRL collected and the calls that reached the world."""
    messages, steps, results = list(initial), [], iter(world._results)
    answer: str | None = None
    for one in said:
        role, content = Role(one["role"]), _text(one.get("content"))
        if role is not Role.ASSISTANT:
            messages.append(Message(role=Role.TOOL, content=content))
            continue
        calls = one.get("tool_calls") or []
        made = [result.record for result, _ in zip(results, calls, strict=False)]
        answer = None if calls else content.strip()
        steps.append(Step(message_index=len(messages), is_final=not calls, tool_calls=tuple(made)))
        messages.append(Message(role=Role.ASSISTANT, content=content))
    return Trajectory(
        task=task,
        agent="tool_calling",
        model="trained by TRL",
        seed=0,
        messages=tuple(messages),
        steps=tuple(steps),
        stop_reason=StopReason.STEP_LIMIT if answer is None else StopReason.ANSWERED,
        answer=answer,
        environment=None if world._world is None else world._world.record(world._before),
    )


def _tools(runtime: AgentRuntime, world: World | None) -> list[JsonTool]:
    return [*map(json_tool, runtime.tools), *(() if world is None else world.json_tools)]


def _method(schema: ToolSchema) -> Callable[..., str]:
    """A method from which transformers derives the schema again: with type hints and Google's form of docstring."""

    def method(self: TrlWorld, **arguments: Any) -> str:
        return self._call(schema.name, arguments)

    properties: Any = schema.parameters.get("properties", {})
    required: Any = schema.parameters.get("required", [])
    described = {name: " ".join(str(one.get("description") or name).split()) for name, one in properties.items()}
    lines = "\n".join(f"    {name}: {text}" for name, text in described.items())
    method.__name__ = method.__qualname__ = schema.name
    method.__doc__ = " ".join(schema.description.split()) + (f"\n\nArgs:\n{lines}\n" if lines else "\n")
    hints = {name: _TYPES.get(str(one.get("type")), Any) for name, one in properties.items()}
    method.__annotations__ = {**hints, "return": str}
    kind = inspect.Parameter
    method.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [kind("self", kind.POSITIONAL_OR_KEYWORD)]
        + [
            kind(name, kind.KEYWORD_ONLY, annotation=hint, default=kind.empty if name in required else None)
            for name, hint in hints.items()
        ]
    )
    return method


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, default=str) if content else ""
