"""From what the recipe says about tools to the tools.

In: ``ToolsConfig`` and a retriever. Out: ``Tool`` objects: the search tool, functions, tools of MCP servers. Any typed
Python function that can be imported as ``module:function`` is a tool: its signature and docstring go into the prompt.
It is taken for impure, called once by the branch that lives on, unless the recipe or the decorator ``pure`` says
otherwise.
Not covered: functions without type hints or docstring, which the model would have to guess at; they are refused.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, TypeVar

from pydantic import Field

from understudy.records import Record
from understudy.retrieval import Retriever
from understudy.tools.mcp import McpConfig, open_mcp
from understudy.tools.search import SearchConfig, SearchTool
from understudy.tools.tool import MAX_ANSWER_CHARS, Tool, ToolConfigError

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])
_PURE_MARK = "__understudy_pure__"
_TAKEN = ("final_answer", "print")


class FunctionToolConfig(Record):
    """A Python function as a tool."""

    function: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    """``module:function``, importable where the rollout runs."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")] | None = None
    """What the agent's code calls it; None for the function's own name."""
    pure: bool | None = None
    """None: as the function declares (see ``pure``), else impure."""
    timeout_s: float = 60.0
    max_chars: int = MAX_ANSWER_CHARS


class ToolsConfig(Record):
    """What the agent's code may call, besides ``final_answer``."""

    search: SearchConfig | None = SearchConfig()
    functions: tuple[FunctionToolConfig, ...] = ()
    mcp: tuple[McpConfig, ...] = ()


def pure(function: FunctionT) -> FunctionT:
    """Declare that a function gives the same answer to the same arguments and changes nothing."""
    setattr(function, _PURE_MARK, True)
    return function


@contextmanager
def open_tools(config: ToolsConfig, retriever: Retriever | None = None) -> Iterator[tuple[Tool, ...]]:
    """All tools of a recipe; MCP servers are connected to for as long as the context lasts.

    Raises ``ToolConfigError``.
    """
    tools: list[Tool] = []
    if config.search is not None:
        if retriever is None:
            raise ToolConfigError(
                "tools.search needs a retriever; name one under retrieval, or set tools.search to null"
            )
        tools.append(SearchTool(retriever, config.search).tool())
    tools += [function_tool(each) for each in config.functions]
    with ExitStack() as stack:
        for server in config.mcp:
            tools += stack.enter_context(open_mcp(server))
        names = [tool.name for tool in tools]
        for name in names:
            if names.count(name) > 1 or name in _TAKEN:
                raise ToolConfigError(f"tools: the name {name!r} is already taken; give one of them another name")
        yield tuple(tools)


def function_tool(config: FunctionToolConfig) -> Tool:
    """A Python function as a tool. Raises ``ToolConfigError``."""
    function = _import(config.function)
    description = inspect.getdoc(function)
    signature = inspect.signature(function)
    untyped = [name for name, each in signature.parameters.items() if each.annotation is inspect.Parameter.empty]
    if untyped:
        raise ToolConfigError(f"{config.function}: no type hints for {', '.join(untyped)}; the prompt shows them")
    if not description:
        raise ToolConfigError(f"{config.function}: no docstring; the prompt shows it")
    return Tool(
        name=config.name or config.function.partition(":")[2],
        signature=_written(signature),
        description=description,
        function=function,
        pure=bool(getattr(function, _PURE_MARK, False)) if config.pure is None else config.pure,
        timeout_s=config.timeout_s,
        max_chars=config.max_chars,
    )


def _import(path: str) -> Callable[..., object]:
    module_name, _, name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ToolConfigError(f"{path}: the module cannot be imported: {error}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ToolConfigError(f"{path}: {module_name} has no function {name}")
    return function  # type: ignore[no-any-return]


def _written(signature: inspect.Signature) -> str:
    # Annotations that are strings (postponed evaluation) would be shown in quotes.
    parameters = [each.replace(annotation=_Shown(each.annotation)) for each in signature.parameters.values()]
    returned = signature.return_annotation
    shown = returned if returned is inspect.Signature.empty else _Shown(returned)
    return str(signature.replace(parameters=parameters, return_annotation=shown))


class _Shown:
    """An annotation that is written as its source would write it."""

    def __init__(self, annotation: object) -> None:
        self._text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)

    def __repr__(self) -> str:
        return self._text
