"""Plain Python functions as tools: what is shown of them, what they are called with and what they answer."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.agents.scripts import action
from tests.agents.test_code_agent import solve
from tests.tools import records
from understudy.retrieval import Passage, lexical_retriever
from understudy.sandbox import Sandbox, SandboxConfig, open_sandbox
from understudy.tools import (
    FunctionToolConfig,
    Tool,
    ToolConfigError,
    ToolError,
    ToolsConfig,
    function_tool,
    open_tools,
    pure,
    tool,
    tools_of,
)

LINE = "{'name': str, 'price': float, 'size': Literal['s', 'l']}"
ORDER = f"{{'id': int, 'lines': list[{LINE}], 'ordered': str, 'note': str | None}}"


@pytest.mark.parametrize(
    ("function", "signature"),
    [
        (records.order, f"(number: int) -> {ORDER}"),
        (records.orders, f"() -> dict[int, {ORDER}]"),
        (records.total, f"(of: {ORDER}, discount: float = 0.0) -> float"),
        (
            records.ship,
            f"(day: str, size: Literal['s', 'l'] = 'l', *boxes: {{'x': float, 'y': float}}, **more: {LINE}) -> str",
        ),
        (records.middle, "(points: list[{'x': float, 'y': float}]) -> {'x': float, 'y': float}"),
        (records.totals, "() -> {'sum': float}"),
        (records.opaque, "() -> str"),
        (records.count, "() -> list[int]"),
        (
            records.pairs,
            "(where: set[Literal['s', 'l']], until: str | None = None) -> tuple[{'x': float, 'y': float}, ...]",
        ),
    ],
)
def test_types_are_shown_as_the_code_receives_them(function: Callable[..., object], signature: str) -> None:
    assert tool(function).signature == signature


def test_a_name_that_is_unknown_is_shown_as_it_is_written() -> None:
    def book(seat: Seat, day: records.dt.date) -> records.Point:  # type: ignore[name-defined]  # noqa: F821
        """Book a seat."""
        return records.Point(1, day.day)

    assert tool(book).signature == "(seat: Seat, day: str) -> {'x': float, 'y': float}"
    assert tool(book)("1A", "2024-01-02") == {"x": 1, "y": 2}


def test_a_record_that_holds_itself_is_shown() -> None:
    assert tool(records.tree).signature.startswith("() -> {'children': list[{'children': ")
    assert len(tool(records.tree).signature) < 200


def test_records_are_dicts_in_the_code() -> None:
    order = {
        "id": 7,
        "lines": [{"name": "pen", "price": 1.5, "size": "s"}],
        "ordered": "2024-01-02",
        "note": None,
    }
    assert tool(records.order)(7) == order
    assert tool(records.orders)() == {1: {**order, "id": 1}}
    assert tool(records.totals)() == {"sum": 1.5}
    assert tool(records.tree)() == {"children": [{"children": []}]}
    assert tool(records.opaque)() == "opaque"
    assert tool(records.count)() == [0, 1, 2]
    assert tool(records.pairs)(set()) == ({"x": 1, "y": 2},)


def test_functions_get_the_records_that_they_ask_for() -> None:
    order = tool(records.order)(7)
    assert tool(records.total)(order) == 1.5
    assert tool(records.total)(of=order, discount=0.5) == 0.75
    assert tool(records.middle)([{"x": 0, "y": 0}, {"x": 2, "y": 4}]) == {"x": 1, "y": 2}
    line = {"name": "pen", "price": 2}
    assert tool(records.ship)("2024-01-02", "s", {"x": 1, "y": 2}, pen=line) == "02.01.24 SMALL [3.0] ['pen']"
    assert tool(records.ship)("2024-01-02T00:00") == "02.01.24 LARGE [] []"


@pytest.mark.parametrize(
    ("function", "args", "message"),
    [
        (records.total, ({"id": "x", "lines": [], "ordered": "2024-01-02"},), r"of: id: .*integer.*got 'x'"),
        (records.total, ({"id": 1, "lines": [{"name": "pen"}], "ordered": "2024-01-02"},), "of: lines.0.price: Field"),
        (records.ship, ("tomorrow",), "day: Input should be a valid datetime.*got 'tomorrow'"),
        (records.ship, ("2024-01-02", "medium"), "size: Input should be 's' or 'l', got 'medium'"),
        (records.ship, (), "missing a required argument: 'day'"),
    ],
)  # fmt: skip
def test_wrong_records_are_reported_in_words(
    function: Callable[..., object], args: tuple[object, ...], message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        tool(function)(*args)


async def fetch(city: str) -> records.Point:
    """Fetch a city."""
    await asyncio.sleep(0)
    return records.Point(len(city), 0)


async def never() -> str:
    """Never answer."""
    await asyncio.Event().wait()
    return ""


async def fail() -> str:
    """Fail."""
    raise TimeoutError("the other side is late")


def test_coroutines_are_awaited() -> None:
    assert tool(fetch).signature == "(city: str) -> {'x': float, 'y': float}"
    assert tool(fetch)("Oslo") == {"x": 4, "y": 0}
    with pytest.raises(ToolError, match=r"did not answer within 0.05 s"):
        tool(never, timeout_s=0.05)()
    with pytest.raises(ToolError, match="the other side is late"):
        tool(fail)()

    async def inside() -> object:
        return tool(fetch)("Rome")

    with ThreadPoolExecutor(1) as pool:  # browser tests leave a running loop in this thread
        found = pool.submit(lambda: asyncio.run(inside())).result()
    assert found == {"x": 4, "y": 0}, "also where a loop runs already, as in a notebook"


class Shop:
    """A shop."""

    def __init__(self, stock: int) -> None:
        self.stock = stock

    def left(self, name: str) -> int:
        """How many are left."""
        return self.stock

    async def later(self) -> int:
        """How many are left, later."""
        return self.stock

    def __call__(self, name: str = "pen") -> str:
        """Buy something."""
        return f"bought {name}"


def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@functools.lru_cache
def cached(a: int) -> int:
    """Cached."""
    return a


@pytest.mark.parametrize(
    ("function", "name", "declaration", "answer"),
    [
        (Shop(3).left, "left", 'def left(name: str) -> int:\n    """How many are left."""', 3),
        (Shop(3).later, "later", 'def later() -> int:\n    """How many are left, later."""', 3),
        (Shop(3), "Shop", 'def Shop(name: str = \'pen\') -> str:\n    """Buy something."""', "bought x"),
        (functools.partial(add, 1), "add", 'def add(b: int) -> int:\n    """Add."""', 3),
        (cached, "cached", 'def cached(a: int) -> int:\n    """Cached."""', 2),
    ],
)
def test_everything_that_can_be_called(
    function: Callable[..., object], name: str, declaration: str, answer: object
) -> None:
    made = tool(function)
    assert (made.name, made.declaration()) == (name, declaration)
    assert made(*{"left": ["x"], "later": [], "Shop": ["x"], "add": [2], "cached": [2]}[name]) == answer


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x, "a lambda cannot be a tool"),
        (3, "a tool is a function; got 3, a int"),
        ("shop.tools:f", "a tool is a function; got 'shop.tools:f', a str"),
        (max, "max: its parameters cannot be read"),
        (abs, "abs: no type hints for x"),
        (functools.partial(lambda x: x, 1), "a lambda cannot be a tool"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_in_a_sentence(function: Any, message: str) -> None:
    with pytest.raises(ToolConfigError, match=message):
        tool(function)


def test_the_decorator() -> None:
    @tool
    def find_note(word: str) -> str:
        """Find a note."""
        return word

    @tool(name="write", pure=True, max_chars=10)
    def write_note(word: str) -> str:
        """Write a note."""
        return word * 20

    assert (find_note.name, find_note.is_search, find_note.pure) == ("find_note", False, False)
    assert find_note("a") == "a"
    assert (write_note.name, write_note.pure) == ("write", True)
    assert str(write_note("a")).startswith("a" * 10 + "\n… cut")
    assert tool(pure(add)).pure
    assert not tool(add, pure=False).pure
    assert tool(add, is_search=True).is_search
    assert tool(add, name="search_sums").is_search, "its name says so"
    assert not tool(add, name="search_sums", is_search=False).is_search


def test_a_recipe_may_name_a_decorated_function() -> None:
    made = function_tool(FunctionToolConfig(function="tests.tools.records:look_up"))
    assert (made.name, made.is_search, made.timeout_s, made("a")) == ("look", True, 5, "A")
    renamed = function_tool(FunctionToolConfig(function="tests.tools.records:look_up", name="see", is_search=False))
    assert (renamed.name, renamed.is_search, renamed.timeout_s) == ("see", False, 5)


def test_functions_stand_beside_those_of_the_recipe() -> None:
    config = ToolsConfig(functions=(FunctionToolConfig(function="tests.tools.functions:note"),))
    retriever = lexical_retriever([Passage("1", "Salt", "Salt is a mineral.")])
    with open_tools(config, retriever, [add, tool(fetch, name="fetch_city")]) as tools:
        assert [each.name for each in tools] == ["web_search", "note", "add", "fetch_city"]
        assert [each.is_search for each in tools] == [True, False, False, False]
    for taken in ("add", "list", "final_answer"):
        with (
            pytest.raises(ToolConfigError, match=f"'{taken}' is already taken"),
            open_tools(ToolsConfig(search=None), None, [add, tool(fetch, name=taken)]),
        ):
            pass
    assert [type(each) for each in tools_of([add, tool(fetch)])] == [Tool, Tool]


def test_functions_of_a_notebook() -> None:
    """What ``__main__`` defines has no module that could be imported."""
    code = (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\nfrom understudy.tools import tool\n"
        "@dataclass\nclass P:\n    x: int\n"
        "@tool\ndef half(of: P) -> P:\n    'Half.'\n    return P(of.x // 2)\n"
        "print(half.signature, half({'x': 4}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(of: {'x': int}) -> {'x': int} {'x': 2}\n"


@pytest.fixture(scope="module")
def sandbox() -> Any:
    with open_sandbox(SandboxConfig(preload=())) as opened:
        yield opened


def test_an_agent_calls_them(sandbox: Sandbox) -> None:
    trajectory = solve(
        sandbox,
        action("found = order(7)\nprint(found['lines'][0]['name'], total(found), fetch('Oslo')['x'])"),
        action("total({'id': 1})"),
        action("final_answer(order(number=3)['id'])"),
        tools=tools_of([records.order, records.total, fetch]),
    )
    texts = [message.content for message in trajectory.messages]
    assert any("pen 1.5 4" in text for text in texts)
    assert any("of: lines: Field required" in text for text in texts)
    assert trajectory.answer == "3"
    calls = [call for step in trajectory.steps for call in step.tool_calls]
    assert [call.arguments for call in calls][:1] == ['{"number": 7}']
    assert calls[2].arguments == '{"city": "Oslo"}'
