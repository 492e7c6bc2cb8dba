"""Tools of MCP servers: real servers in processes of their own."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import ValidationError

from tests.agents.test_code_agent import action, observations, solve
from understudy.sandbox import Sandbox, SandboxConfig, open_sandbox
from understudy.tools import McpConfig, Tool, ToolConfigError, ToolError, ToolsConfig, describe_tools, open_tools

COMMAND = (sys.executable, str(Path(__file__).with_name("mcp_server.py")))
RAW_COMMAND = (sys.executable, str(Path(__file__).with_name("raw_mcp_server.py")))


ODD_COMMAND = [sys.executable, str(Path(__file__).with_name("odd_mcp_server.py"))]


def config_of(**settings: object) -> ToolsConfig:
    return ToolsConfig(search=None, mcp=(McpConfig.model_validate({"command": COMMAND, **settings}),))


@pytest.fixture(scope="module")
def tools() -> Iterator[dict[str, Tool]]:
    with open_tools(config_of(pure=["add"])) as opened:
        yield {tool.name: tool for tool in opened}


def test_schemas_become_signatures(tools: dict[str, Tool]) -> None:
    assert tools["add"].signature == "(a: int, b: int = ...) -> int"
    assert tools["get_weather"].signature == "(city: str, unit: Literal['C', 'F'] = ...) -> str"
    assert tools["table"].signature == "(n: int) -> dict[str, list[int]]"
    street = "{'name': str, 'number': NotRequired[int | None]}"
    address = (
        f"{{'street': {street}, 'lines': NotRequired[list[{street}]], 'kind': NotRequired[Literal['home', 'work']]}}"
    )
    assert tools["deliver"].signature == (
        f"(address: {address}, when: list[str] | str, extra: dict[str, int] | None = ...) -> {address}"
    )
    parsed = ast.parse(describe_tools(tuple(tools.values())))
    assert [one.name for one in parsed.body if isinstance(one, ast.FunctionDef)][-1] == "final_answer"


def test_tools_answer_with_values(tools: dict[str, Tool]) -> None:
    assert tools["add"](2, b=3) == 5
    assert tools["add"](a=2) == 3, "what is not given is the server's default"
    assert tools["get_weather"]("Oslo", "F") == "Oslo: 20 F"
    assert tools["table"](3) == {"numbers": [0, 1, 2], "squares": [0, 1, 4]}


def test_only_the_recipe_says_what_is_pure(tools: dict[str, Tool]) -> None:
    assert [name for name, tool in tools.items() if tool.pure] == ["add"]


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "message"),
    [
        ("fail", ("because",), {}, "because"),
        ("add", (), {}, "add needs a"),
        ("add", (1, 2, 3), {}, "at most 2 arguments, got 3"),
        ("add", (1,), {"c": 2}, "no parameter 'c'; it has a, b"),
        ("add", (1,), {"a": 2}, "two values for 'a'"),
        ("add", ("one",), {}, "a"),
    ],
)
def test_what_goes_wrong_reaches_the_code(
    tools: dict[str, Tool], name: str, args: tuple[object, ...], kwargs: dict[str, object], message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        tools[name](*args, **kwargs)


def test_many_threads_share_one_server(tools: dict[str, Tool]) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda n: tools["add"](n, b=n), range(64))) == [2 * n for n in range(64)]


def test_objects_go_there_and_back(tools: dict[str, Tool]) -> None:
    address = tools["deliver"]({"street": {"name": "Main"}, "kind": "work"}, "now")
    assert address == {"street": {"name": "Main", "number": None}, "lines": [], "kind": "work"}
    with pytest.raises(ToolError, match="kind"):
        tools["deliver"]({"street": {"name": "Main"}, "kind": "ship"}, "now")


def test_text_of_resources_is_handed_on(tools: dict[str, Tool]) -> None:
    assert tools["documents"]() == (
        "first\nfrom the notes\n[application/zip <file:///x.bin>, 3 bytes]\n"
        "[more <https://example.org/more> the rest]\n[image/png, 3 bytes]"
    )


RENAMED = {"list": "list_items", "get-user": "user_by_name"}


@pytest.fixture(scope="module")
def raw() -> Iterator[dict[str, Tool]]:
    with open_tools(config_of(command=RAW_COMMAND, rename=RENAMED)) as opened:
        yield {tool.name: tool for tool in opened}


def test_names_as_python_can_write_them(raw: dict[str, Tool]) -> None:
    names = raw["names"]
    assert [one.split(":")[0] for one in names.signature[1:].split(", ")] == [
        *("self", "user_id_2", "user_id_3", "user_id", "user_id_4", "from_", "class_", "_2d", "größe", "_", "a_b"),
    ]
    called = {"self": "me", "from_": "a", "class": "b", "user_id": "c", "user_id_3": "d"}
    said = {"self": "me", "from": "a", "class": "b", "user_id": "c", "user-id": "d"}
    assert json.loads(str(names(**called))) == said
    assert json.loads(str(names("me", "2"))) == {"self": "me", "user_id_2": "2"}


def test_a_tool_can_be_renamed(raw: dict[str, Tool]) -> None:
    assert {"list_items", "user_by_name", "get_user", "find_person"} < set(raw)
    assert raw["list_items"]("x") == '{"query": "x"}'
    advice = r"the name 'list' is already taken.*`rename: \{list: another_name\}`"
    with pytest.raises(ToolConfigError, match=advice), open_tools(config_of(command=RAW_COMMAND, only=["list"])):
        pass
    with (
        pytest.raises(ToolConfigError, match="'get_user' is already taken: two tools have it"),
        open_tools(config_of(command=RAW_COMMAND, only=["get-user", "get_user"])),
    ):
        pass
    with pytest.raises(ToolConfigError, match="rename: no tool 'lst'"), open_tools(config_of(rename={"lst": "a"})):
        pass
    with pytest.raises(ValidationError, match="rename"):
        config_of(rename={"list": "list items"})


def test_the_recipe_says_what_a_search_is(raw: dict[str, Tool]) -> None:
    assert not any(tool.is_search for tool in raw.values())
    with open_tools(config_of(command=RAW_COMMAND, only=["find.person", "slow"], search=["find.person"])) as opened:
        assert {tool.name: tool.is_search for tool in opened} == {"find_person": True, "slow": False}


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("broken", (), r"(?s)broken: .*no number"),
        ("missing", (), "did not return structured content"),
        ("names", (object(),), "names: "),
    ],
)
def test_what_does_not_fit_harms_nobody_else(
    raw: dict[str, Tool], name: str, args: tuple[object, ...], message: str
) -> None:
    pid = raw["slow"](0)
    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(raw["slow"], 0.5) for _ in range(3)]
        for _ in range(3):
            with pytest.raises(ToolError, match=message):
                raw[name](*args)
        assert [other.result() for other in others] == [pid] * 3
    assert raw["slow"](0) == pid, "the server was not started again"


@pytest.mark.parametrize(
    ("manner", "answer"),
    [
        ("talks", "hello"),
        ("pages without end", "hello"),
        ("no values", "hello"),
        ("error with values", 'ToolError: {"error": "no such city"}'),
        (
            "content is null",
            "ToolError: t: what the server wrote does not follow the protocol: content: Input should be a valid list",
        ),
        (
            "unknown content",
            "ToolError: t: what the server wrote does not follow the protocol: "
            "content.0.TextContent.text: Field required",
        ),
    ],
)
def test_servers_that_deviate_from_the_protocol(manner: str, answer: str, caplog: pytest.LogCaptureFixture) -> None:
    with open_tools(config_of(command=[*ODD_COMMAND, manner])) as (tool,):
        try:
            said = tool(q="x")
        except ToolError as error:
            said = f"ToolError: {error}"
    assert said == answer
    assert all(record.exc_info is None for record in caplog.records), "a server's noise is no traceback"


def test_the_tool_that_spoils_a_list_is_named() -> None:
    message = r"does not follow the protocol: tools\.1\.inputSchema: Field required"
    with (
        pytest.raises(ToolConfigError, match=message),
        open_tools(config_of(command=[*ODD_COMMAND, "tool without schema"])),
    ):
        pass


def test_a_server_that_ends_is_started_again() -> None:
    with open_tools(config_of()) as opened:
        by_name = {tool.name: tool for tool in opened}
        with pytest.raises(ToolError, match="die"):
            by_name["die"]()
        assert by_name["add"](1) == 2
        pid = by_name["pid"]()
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid), "the server ends with the context"


def test_a_call_that_takes_too_long_is_an_observation() -> None:
    with open_tools(config_of(timeout_s=0.5, only=["hang", "add"])) as opened:
        by_name = {tool.name: tool for tool in opened}
        assert set(by_name) == {"hang", "add"}
        with pytest.raises(ToolError, match="hang"):
            by_name["hang"]("x")


def test_variables_are_handed_over_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_TEST_SECRET", "open sesame")
    with open_tools(config_of(only=["secret"])) as (secret,):
        assert secret() == "nothing"
    with open_tools(config_of(only=["secret"], env=["UNDERSTUDY_TEST_SECRET"])) as (secret,):
        assert secret() == "open sesame"
    monkeypatch.delenv("UNDERSTUDY_TEST_SECRET")
    with (
        pytest.raises(ToolConfigError, match="UNDERSTUDY_TEST_SECRET is not set"),
        open_tools(config_of(env=["UNDERSTUDY_TEST_SECRET"])),
    ):
        pass


def test_a_server_by_url() -> None:
    port = 18_000 + psutil.Process().pid % 2_000
    process = subprocess.Popen([*COMMAND, str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/mcp", timeout=1)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        with open_tools(config_of(command=[], url=f"http://127.0.0.1:{port}/mcp", only=["add"])) as (add,):
            assert add(20, 22) == 42
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"command": ["no-such-program"]}, r"no-such-program: no MCP server answers: FileNotFoundError"),
        (
            {"command": [sys.executable, "-c", "raise SystemExit('no licence')"]},
            r"no MCP server answers[\s\S]*no licence",
        ),
        ({"only": ["subtract"]}, r"only: no tool 'subtract'; it offers add, get-weather"),
        ({"pure": ["subtract"]}, r"pure: no tool 'subtract'"),
    ],
)
def test_a_server_that_is_not_as_the_recipe_says_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ToolConfigError, match=message), open_tools(config_of(**settings)):
        pass


def test_one_server_is_named_in_one_way() -> None:
    with pytest.raises(ValidationError, match="one of command and url"):
        McpConfig()
    with pytest.raises(ValidationError, match="one of command and url"):
        McpConfig(command=("x",), url="http://localhost")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(SandboxConfig(preload=())) as opened:
        yield opened


def test_an_agent_calls_them(sandbox: Sandbox, tools: dict[str, Tool]) -> None:
    trajectory = solve(
        sandbox,
        action("squares = table(4)['squares']\nprint(add(squares[3], b=1), get_weather('Rome'))"),
        action("fail(why='no reason')"),
        action("final_answer(1)"),
        tools=tuple(tools.values()),
    )
    assert [call.arguments for step in trajectory.steps for call in step.tool_calls] == [
        *('{"n": 4}', '{"a": 9, "b": 1}', '{"city": "Rome"}', '{"why": "no reason"}'),
    ]
    seen = observations(trajectory)
    assert "10 Rome: 20 C" in seen[0]
    assert "no reason" in seen[1]
