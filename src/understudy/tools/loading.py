"""From what the recipe says about tools to the tools.

In: ``ToolsConfig``, a retriever, and functions of the calling program. Out: ``Tool`` objects: the search tool,
functions, tools of MCP servers. Any typed Python function that can be imported as ``module:function`` is a tool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from understudy.annotations import CodeTarget
from understudy.records import Record
from understudy.registry import TargetError, import_target
from understudy.retrieval import Retriever
from understudy.tools.base import MAX_ANSWER_CHARS, Tool, ToolConfigError
from understudy.tools.functions import tool, tools_of
from understudy.tools.mcp import McpConfig, open_mcp
from understudy.tools.search import SearchConfig, SearchTool


class FunctionToolConfig(Record):
    """A Python function as a tool."""

    function: CodeTarget
    """``module:function``, importable where the rollout runs."""
    name: Annotated[str, Field(pattern=r"^[^\W\d]\w*$")] | None = None
    """What the agent's code calls it; None for the function's own name."""
    pure: bool | None = None
    """None: as the function declares (see ``pure``), else impure."""
    is_search: bool | None = None
    """It looks something up, which reports count and curation may demand. None: its name says so."""
    timeout_s: PositiveFloat = 60.0
    max_chars: PositiveInt = MAX_ANSWER_CHARS


class ToolsConfig(Record):
    """What the agent's code may call, besides ``final_answer``."""

    search: SearchConfig | None = SearchConfig()
    functions: tuple[FunctionToolConfig, ...] = ()
    mcp: tuple[McpConfig, ...] = ()


@contextmanager
def open_tools(
    config: ToolsConfig, retriever: Retriever | None = None, functions: Iterable[Tool | Callable[..., object]] = ()
) -> Iterator[tuple[Tool, ...]]:
    """All tools of a recipe, and ``functions`` of the program; MCP servers are connected to for as long as the context
    lasts.

    Raises ``ToolConfigError``.
    """
    tools: list[Tool | Callable[..., object]] = []
    if config.search is not None:
        if retriever is None:
            raise ToolConfigError(
                "tools.search needs a retriever; name one under retrieval, or set tools.search to null"
            )
        tools.append(SearchTool(retriever, config.search).tool())
    tools += [*(function_tool(each) for each in config.functions), *functions]
    with ExitStack() as stack:
        for server in config.mcp:
            tools += stack.enter_context(open_mcp(server))
        yield tools_of(tools)


def function_tool(config: FunctionToolConfig) -> Tool:
    """The function that a recipe names, as a tool. Raises ``ToolConfigError``."""
    try:
        target = import_target(config.function)
    except TargetError as error:
        raise ToolConfigError(str(error)) from error
    facts = {key: value for key, value in config if key in config.model_fields_set - {"function"} and value is not None}
    if isinstance(target, Tool):
        return replace(target, **facts)
    if not callable(target):
        raise ToolConfigError(f"{config.function}: expected a function; got a {type(target).__name__}")
    try:
        return tool(target, **facts)
    except ToolConfigError as error:
        raise ToolConfigError(f"{config.function}: {error}") from error
