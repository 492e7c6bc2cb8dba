"""Code as a JSON tool: one call of ``python`` is one execution in the attempt's episode.

In: the episode, the texts around printed text. Out: a ``JsonTool``. The code cannot call the other tools. Not here:
isolation, limits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from understudy.agents.observations import observe_execution
from understudy.agents.prestarted_episode import PrestartedEpisode
from understudy.agents.prompts import ObservationTexts
from understudy.records import ExecutionStatus
from understudy.tools import JsonTool, Tool, ToolError, json_tool
from understudy.tools.json_tools import JsonArguments

PYTHON = "python"


class FailedCodeError(ToolError):
    """The code of a call failed; the message is what it printed and why."""

    def __init__(self, message: str, status: ExecutionStatus) -> None:
        super().__init__(message)
        self.status = status


@lru_cache(maxsize=16)
def _described(imports: tuple[str, ...]) -> JsonTool:
    def python(code: str) -> str:
        return code

    about = (
        "Run Python code and get what it prints and the value of its last expression. Variables of earlier calls are "
        f"still there. It may import only: {', '.join(imports)}.\ncode: the Python code."
    )
    return json_tool(Tool(name=PYTHON, signature="(code: str) -> str", description=about, function=python))


def python_tool(
    imports: tuple[str, ...], texts: ObservationTexts, episode: PrestartedEpisode | None = None
) -> JsonTool:
    """The tool of one attempt; without an episode, only its schema can be used.

    ``imports``: what the code may import.
    """
    described = _described(imports)

    def bind(arguments: JsonArguments) -> Callable[[], object]:
        run = described.bind(arguments)
        return lambda: _run(str(run()), texts, episode)

    return JsonTool(described.schema, bind)


def _run(code: str, texts: ObservationTexts, episode: PrestartedEpisode | None) -> str:
    """Raises ``FailedCodeError``, and what the sandbox raises."""
    if episode is None:
        raise ValueError("python needs an episode, got none")
    execution = episode.get().run(code)
    text = observe_execution(execution, texts)
    if execution.is_final:
        raise FailedCodeError("final_answer cannot be called by code here.", ExecutionStatus.ERROR)
    if execution.status is not ExecutionStatus.OK:
        raise FailedCodeError(text, execution.status)
    return text
