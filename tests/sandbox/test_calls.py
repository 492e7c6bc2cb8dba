"""Calls of functions as they are recorded: by the parameters' names, as the code gave them."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from understudy.sandbox import Execution, HostFunction, Limits, Sandbox


def plain(city: str, unit: str = "C", *, days: int = 1) -> str:
    return city


def collecting(first: int, *rest: int, **options: object) -> int:
    return first


def positional(a: object, /, **options: object) -> object:
    return 1


def run(sandbox: Sandbox, code: str, call: Callable[..., object], **facts: object) -> Execution:
    with sandbox.episode({"tool": HostFunction(call, **facts)}) as episode:  # type: ignore[arg-type]
        return episode.run(code)


@pytest.mark.parametrize(
    ("code", "call", "arguments"),
    [
        ("tool('Oslo')", plain, '{"city": "Oslo"}'),
        ("tool('Oslo', 'F')", plain, '{"city": "Oslo", "unit": "F"}'),
        ("tool(unit='F', city='Oslo')", plain, '{"city": "Oslo", "unit": "F"}'),
        ("tool('Oslo', days=3)", plain, '{"city": "Oslo", "days": 3}'),
        ("tool(*['Oslo'], **{'days': None})", plain, '{"city": "Oslo", "days": null}'),
        ("tool(1)", collecting, '{"first": 1}'),
        ("tool(1, 2, 3)", collecting, '{"first": 1, "rest": [2, 3]}'),
        ("tool(1, 2, k=3, z='a')", collecting, '{"first": 1, "rest": [2], "k": 3, "z": "a"}'),
        ("tool(1, rest=2)", collecting, '{"first": 1, "rest": 2}'),
        ("tool(1, 2, rest=3)", collecting, '{"first": 1, "rest": [2], "options": {"rest": 3}}'),
        ("tool(1, a=2)", positional, '{"a": 1, "options": {"a": 2}}'),
        ("tool({(1, 2): {3}, None: b'x'})", positional, '{"a": {"(1, 2)": [3], "None": "b\'x\'"}}'),
        ("tool(float('nan'), days=-1e999)", plain, '{"city": "nan", "days": "-inf"}'),
        ("tool('é')", plain, '{"city": "é"}'),
    ],
)
def test_arguments_are_bound_to_names(
    code: str, call: Callable[..., object], arguments: str, light_sandbox: Sandbox
) -> None:
    execution = run(light_sandbox, code, call)
    assert execution.error == ""
    assert [each.arguments for each in execution.tool_calls] == [arguments]


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("tool()", '{"args": [], "kwargs": {}}'),
        ("tool('Oslo', 'F', 3)", '{"args": ["Oslo", "F", 3], "kwargs": {}}'),
        ("tool('Oslo', town='Rome')", '{"args": ["Oslo"], "kwargs": {"town": "Rome"}}'),
        ("tool('Oslo', city='Rome')", '{"args": ["Oslo"], "kwargs": {"city": "Rome"}}'),
    ],
)
def test_a_call_that_does_not_fit_is_kept_as_it_came(code: str, arguments: str, light_sandbox: Sandbox) -> None:
    execution = run(light_sandbox, code, plain)
    assert execution.error_name == "ToolError"
    assert execution.tool_calls[0].arguments == arguments
    assert execution.tool_calls[0].error is not None


def test_the_names_are_those_of_the_signature(light_sandbox: Sandbox) -> None:
    def wrapper(*args: object, **kwargs: object) -> str:
        return plain(*args, **kwargs)  # type: ignore[arg-type]

    execution = run(light_sandbox, "tool('Oslo', days=2)", wrapper, signature=inspect.signature(plain))
    assert execution.tool_calls[0].arguments == '{"city": "Oslo", "days": 2}'
    assert run(light_sandbox, "tool('Oslo')", wrapper).tool_calls[0].arguments == '{"args": ["Oslo"]}'
    assert run(light_sandbox, "tool(city='Oslo')", wrapper).tool_calls[0].arguments == '{"city": "Oslo"}'


def test_a_call_says_whether_it_searched(light_sandbox: Sandbox) -> None:
    assert run(light_sandbox, "tool('a')", plain, is_search=True).tool_calls[0].is_search
    assert not run(light_sandbox, "tool('a')", plain).tool_calls[0].is_search


def test_a_call_beyond_the_limit_is_refused() -> None:
    with Sandbox(preload=(), limits=Limits(tool_calls=1)) as sandbox:
        execution = run(sandbox, "tool('a')\ntool('b')", plain)
    assert "has made its 1 calls" in execution.error
    assert len(execution.tool_calls) == 1
