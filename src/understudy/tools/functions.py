"""Plain Python functions as tools: of a module, a notebook or a class, awaited if they are asynchronous.

In: a typed, documented function. Out: a ``Tool``. Its signature and docstring go into the prompt. Arguments and answers
are plain data on the agent's side, see ``types.py``. A function is taken for impure, called once by the branch that
lives on, unless it or the caller says otherwise.
Not covered: functions without name, type hints or docstring, which the model would have to guess at; they are refused.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar, overload

from pydantic import TypeAdapter, ValidationError

from understudy.records import sounds_like_search
from understudy.sandbox import why_no_function_name
from understudy.tools.base import MAX_ANSWER_CHARS, Tool, ToolConfigError, ToolError
from understudy.tools.types import adapter_of, hints_of, plain, type_text

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])
Adapters = dict[str, TypeAdapter[Any]]
_PURE_MARK = "__understudy_pure__"


def pure(function: FunctionT) -> FunctionT:
    """Declare that a function gives the same answer to the same arguments and changes nothing."""
    setattr(function, _PURE_MARK, True)
    return function


@overload
def tool(
    function: Callable[..., object],
    /,
    *,
    name: str | None = ...,
    pure: bool | None = ...,
    is_search: bool | None = ...,
    timeout_s: float = ...,
    max_chars: int = ...,
) -> Tool: ...


@overload
def tool(
    *,
    name: str | None = ...,
    pure: bool | None = ...,
    is_search: bool | None = ...,
    timeout_s: float = ...,
    max_chars: int = ...,
) -> Callable[[Callable[..., object]], Tool]: ...


def tool(
    function: Callable[..., object] | None = None,
    /,
    *,
    name: str | None = None,
    pure: bool | None = None,
    is_search: bool | None = None,
    timeout_s: float = 60.0,
    max_chars: int = MAX_ANSWER_CHARS,
) -> Tool | Callable[[Callable[..., object]], Tool]:
    """A function as a tool: ``tool(f)``, ``@tool``, or ``@tool(name="find", is_search=True)``.

    Args:
        function: Typed and documented: a function, coroutine function, bound method, partial or callable object.
        name: What the agent's code calls it; None for its own name.
        pure: Same arguments, same answer, no effect. None: as ``pure`` marks it, else impure.
        is_search: It looks something up. None: its name says so.
        timeout_s: Of one call.
        max_chars: Longest text of an answer.

    Raises ``ToolConfigError``.
    """

    def make(function: Callable[..., object]) -> Tool:
        made = _tool(function, name, timeout_s)
        return replace(
            made,
            pure=made.pure if pure is None else pure,
            is_search=made.is_search if is_search is None else is_search,
            max_chars=max_chars,
        )

    return make if function is None else make(function)


def method_tool(method: Callable[..., object], *, timeout_s: float = 60.0) -> Tool:
    """A method of a class as a tool. ``Tool.function`` wants the object first, which the prompt does not show.

    Raises ``ToolConfigError``.
    """
    return _tool(method, None, timeout_s, is_method=True)


def _tool(function: Callable[..., object], name: str | None, timeout_s: float, *, is_method: bool = False) -> Tool:
    own = _own_name(function)
    signature = _signature(function, own, n_hidden=int(is_method))
    adapters = {key: made for key, one in signature.parameters.items() if (made := _adapter(own, one)) is not None}
    called = name or own
    return Tool(
        name=called,
        signature=_written(signature),
        description=_document(function, own),
        function=_called(function, signature, adapters, timeout_s, n_hidden=int(is_method)),
        pure=bool(getattr(function, _PURE_MARK, False)),
        is_search=sounds_like_search(called),
        timeout_s=timeout_s,
    )


def tools_of(functions: Iterable[Tool | Callable[..., object]]) -> tuple[Tool, ...]:
    """Functions and tools, mixed, as tools whose names differ. Raises ``ToolConfigError``."""
    tools = tuple(each if isinstance(each, Tool) else tool(each) for each in functions)
    names = [each.name for each in tools]
    for name in names:
        why = "two tools have it" if names.count(name) > 1 else why_no_function_name(name)
        if why:
            raise ToolConfigError(
                f"tools: the name {name!r} is already taken: {why}; rename one, a function by `name: another_name`, a "
                f"tool of an MCP server by `rename: {{{name}: another_name}}`"
            )
    return tools


def _own_name(function: Callable[..., object]) -> str:
    if not callable(function):
        raise ToolConfigError(f"a tool is a function; got {function!r:.80}, a {type(function).__name__}")
    inner = function.func if isinstance(function, functools.partial) else function
    name = str(getattr(inner, "__name__", type(inner).__name__))
    if name == "<lambda>":
        raise ToolConfigError("a lambda cannot be a tool: the prompt shows a tool's name, types and docstring; use def")
    return name


def _document(function: Callable[..., object], name: str) -> str:
    inner = function.func if isinstance(function, functools.partial) else function
    is_instance = not isinstance(inner, type) and not hasattr(inner, "__name__")
    document = (inspect.getdoc(type(inner).__call__) if is_instance else None) or inspect.getdoc(inner)
    if not document:
        raise ToolConfigError(f"{name}: no docstring; the prompt shows it")
    return document


def _signature(function: Callable[..., object], name: str, n_hidden: int = 0) -> inspect.Signature:
    """With type hints looked up, without the first ``n_hidden`` parameters. Raises ``ToolConfigError`` if a hint is
    missing.
    """
    try:
        signature = inspect.signature(function)
        signature = signature.replace(parameters=list(signature.parameters.values())[n_hidden:])
    except (TypeError, ValueError) as error:
        raise ToolConfigError(f"{name}: its parameters cannot be read; wrap it in a function of your own") from error
    untyped = [each.name for each in signature.parameters.values() if each.annotation is inspect.Parameter.empty]
    if untyped:
        raise ToolConfigError(f"{name}: no type hints for {', '.join(untyped)}; the prompt shows them")
    hints = hints_of(_with_hints(function))
    parameters = [
        each.replace(annotation=hints.get(key, each.annotation)) for key, each in signature.parameters.items()
    ]
    returned = hints.get("return", signature.return_annotation)
    return signature.replace(parameters=parameters, return_annotation=returned)


def _with_hints(function: Callable[..., object]) -> object:
    """What has the type hints: a callable object's method, a class's constructor, a partial's function."""
    inner = function.func if isinstance(function, functools.partial) else function
    if isinstance(inner, type):
        return inner.__init__  # type: ignore[misc]
    return inner if hasattr(inner, "__name__") else type(inner).__call__


def _adapter(name: str, parameter: inspect.Parameter) -> TypeAdapter[Any] | None:
    try:
        return adapter_of(parameter.annotation)
    except Exception as error:  # a type that pydantic cannot read
        raise ToolConfigError(f"{name}: arguments of the type of {parameter.name} cannot be made: {error}") from error


def _called(
    function: Callable[..., object],
    signature: inspect.Signature,
    adapters: Adapters,
    timeout_s: float,
    n_hidden: int = 0,
) -> Callable[..., object]:
    @functools.wraps(function, updated=())
    def call(*args: object, **kwargs: object) -> object:
        hidden, args = args[:n_hidden], args[n_hidden:]
        if adapters:
            args, kwargs = _converted(signature.bind(*args, **kwargs), adapters)
        answer = function(*hidden, *args, **kwargs)
        if inspect.isawaitable(answer):
            answer = asyncio.run(_awaited(answer, timeout_s))
        return plain(answer)

    call.__signature__ = signature  # type: ignore[attr-defined]
    return call


async def _awaited(answer: Awaitable[object], timeout_s: float) -> object:
    try:
        async with asyncio.timeout(timeout_s) as limit:
            return await answer
    except TimeoutError as error:
        if limit.expired():
            raise ToolError(f"did not answer within {timeout_s:g} s") from error
        raise


def _converted(bound: inspect.BoundArguments, adapters: Adapters) -> tuple[tuple[object, ...], dict[str, object]]:
    for name, adapter in adapters.items():
        if name in bound.arguments:
            kind = bound.signature.parameters[name].kind
            value = bound.arguments[name]
            try:
                if kind is inspect.Parameter.VAR_POSITIONAL:
                    value = tuple(adapter.validate_python(each) for each in value)
                elif kind is inspect.Parameter.VAR_KEYWORD:
                    value = {key: adapter.validate_python(each) for key, each in value.items()}
                else:
                    value = adapter.validate_python(value)
            except ValidationError as error:
                raise ToolError(f"{name}: {_why(error)}") from error
            bound.arguments[name] = value
    return bound.args, bound.kwargs


def _why(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {each['msg']}".removeprefix(": ") + f", got {each['input']!r:.80}"
        for each in error.errors(include_url=False)
    )


def _written(signature: inspect.Signature) -> str:
    """As Python writes it, types and defaults as the agent's code meets them."""
    parameters = [
        each.replace(
            annotation=_Shown(type_text(each.annotation)),
            default=each.default if each.default is inspect.Parameter.empty else _Shown(repr(plain(each.default))),
        )
        for each in signature.parameters.values()
    ]
    returned = signature.return_annotation
    shown = returned if returned is inspect.Signature.empty else _Shown(type_text(returned))
    return str(signature.replace(parameters=parameters, return_annotation=shown))


class _Shown:
    """Text that a signature writes as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text
