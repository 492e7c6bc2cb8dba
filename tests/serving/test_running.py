"""A server as a process: which agent it serves, its ends, its log, its figures, MCP, and the chat in the terminal."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import psutil
import pytest
from rich.console import Console

from tests.serving.bank import OPEN, served_bank
from tests.serving.conftest import Serve
from tests.serving.test_chat_completions import logged, post, until, user
from understudy.environments import Worlds
from understudy.records import ConversationEnd
from understudy.sandbox import Sandbox
from understudy.serving import ConversationsConfig, ServeAgentConfig, ServedLogError, StepView, chat_in_terminal

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """
name: bank
tasks: {test: {kind: toy, limit: 4, split: test}}
models: {program: {kind: scripted, program: "tests.serving.bank:teller"}}
agents: {agent: {kind: code_agent, max_steps: 4}}
environment: {kind: "tests.serving.bank:Bank"}
sandbox: {preload: []}
evaluate: {program: {label: Teller, model: program, agent: agent, tasks: [test]}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def command(recipe: Path, verb: str, *options: str) -> list[str]:
    run_dir = str(recipe.parent / "run")
    return [sys.executable, "-m", "understudy", verb, str(recipe), "--run-dir", run_dir, "--agent", "Teller", *options]


@contextmanager
def process(recipe: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = command(recipe, "serve-agent", "--port", str(port), *options)
    with subprocess.Popen(made, stderr=subprocess.PIPE, text=True, cwd=ROOT) as running:
        try:
            assert running.stderr is not None
            for line in running.stderr:
                if " at http://" in line:
                    break
            until(lambda: is_up(f"http://127.0.0.1:{port}"))
            yield running, f"http://127.0.0.1:{port}"
        finally:
            running.kill()


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_sigterm_lets_running_turns_finish_and_refuses_new_ones(recipe: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with process(recipe) as (running, url), ThreadPoolExecutor() as pool, httpx.Client(base_url=url) as kept:
        slow = pool.submit(post, url, model="Teller", messages=user("sleep 3"))
        until(lambda: kept.get("/health").json()["turns"] == 1)
        children = psutil.Process(running.pid).children(recursive=True)
        assert children, "the sandbox has processes"
        running.send_signal(signal.SIGTERM)
        until(lambda: kept.get("/health").status_code == 503)
        refused = post(url, model="Teller", messages=user("look"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "shutting_down")
        assert refused.headers["retry-after"] == "1"
        assert slow.result().json()["choices"][0]["message"]["content"] == "slept"
        assert running.wait(30) == 0
        until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in children))
    conversations, trajectories = read(recipe)
    assert [(one.end, one.agent) for one in conversations] == [(ConversationEnd.SHUTDOWN, "Teller")]
    assert [one.answer for one in trajectories] == ["slept"]


@pytest.mark.slow
def test_a_killed_server_loses_no_finished_turn(recipe: Path) -> None:
    with process(recipe) as (running, url):
        post(url, model="Teller", messages=user("pay 30"))
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert read(recipe) == ([], [])
    with process(recipe):
        (conversation,), (trajectory,) = read(recipe)
    assert conversation.end is ConversationEnd.KILLED
    assert (trajectory.answer, trajectory.id) == ("70", *conversation.trajectories) or trajectory.answer == "70"
    agent = json.loads((recipe.parent / "run/served/Teller/agent.json").read_text())
    assert (agent["label"], agent["model"], agent["agent"]) == ("Teller", "tests.serving.bank:teller", "code_agent")


def read(recipe: Path) -> tuple[list[Any], list[Any]]:
    folder = recipe.parent / "log"
    if not folder.exists():
        folder.symlink_to(recipe.parent / "run" / "served" / "Teller")
    return logged(recipe.parent)


def test_figures(serve: Serve) -> None:
    url = serve()
    post(url, messages=user("pay 30"))
    post(url, messages=user("pay 1000"))
    post(url, messages=user("fail"))
    text = httpx.get(f"{url}/metrics").text
    for line in (
        'understudy_turns_total{stop_reason="answered"} 1',
        'understudy_turns_total{stop_reason="provider"} 1',
        'understudy_tool_calls_total{result="ok",tool="pay"} 1',
        'understudy_requests_total{status="503"} 1',
        "understudy_turns_running 0",
        "understudy_conversations 3",
        "understudy_turn_seconds_count 3",
        'understudy_turn_seconds_bucket{le="+Inf"} 3',
    ):
        assert line in text.splitlines()
    assert 'understudy_tool_calls_total{result="error",tool="pay"}' in text


def test_a_log_is_of_one_server_and_one_agent(sandbox: Sandbox, worlds: Worlds, serve: Serve, tmp_path: Path) -> None:
    serve()
    from understudy.serving import ServedLog

    record = served_bank(sandbox, worlds).record()
    with pytest.raises(ServedLogError, match="another server writes there"):
        ServedLog(tmp_path / "log", record)
    ServedLog(tmp_path / "own", record).close()
    with pytest.raises(ServedLogError, match=r"the log of another agent \(other label\)"):
        ServedLog(tmp_path / "own", record.model_copy(update={"label": "x"}))


def test_another_host_needs_a_token() -> None:
    with pytest.raises(ValueError, match=r"host: 0\.0\.0\.0 can be reached from other machines; give a token too"):
        ServeAgentConfig(host="0.0.0.0")


@pytest.mark.slow
def test_wrong_labels_name_the_right_ones(recipe: Path) -> None:
    wrong = [*command(recipe, "chat"), "--agent", "Nobody"]
    done = subprocess.run(wrong, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "--agent: expected the label of an evaluation ('Teller'); got 'Nobody'"


@pytest.mark.slow
class TestMcp:
    @staticmethod
    def ask(server: Any, *questions: dict[str, str]) -> list[Any]:
        from mcp import Client

        async def run() -> list[Any]:
            async with Client(server) as client:
                tools = await client.list_tools()
                assert [one.name for one in tools.tools] == ["ask"]
                return [await client.call_tool("ask", dict(one)) for one in questions]

        return anyio.run(run)

    def check(self, server: Any) -> None:
        results = self.ask(
            server,
            {"question": "remember 6", "conversation": "a"},
            {"question": "recall", "conversation": "a"},
            {"question": "recall"},
            {"question": "fail"},
        )
        assert [one.content[0].text for one in results[:2]] == ["ok", "6"]
        assert [one.is_error for one in results] == [False, False, True, True]
        assert "step limit" in results[2].content[0].text
        assert "server is down" in results[3].content[0].text

    def test_over_http(self, serve: Serve) -> None:
        url = serve(mcp=True)
        self.check(f"{url}/mcp")
        until(lambda: httpx.get(f"{url}/health").json()["conversations"] == 1)

    def test_over_stdio(self, recipe: Path) -> None:
        from mcp import StdioServerParameters, stdio_client

        program, *arguments = command(recipe, "serve-agent", "--mcp", "stdio")
        environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
        self.check(stdio_client(StdioServerParameters(command=program, args=arguments, env=environment, cwd=ROOT)))


class TestTerminal:
    def chat(
        self, sandbox: Sandbox, worlds: Worlds, view: StepView, *lines: str | Callable[[], str], **settings: object
    ) -> str:
        written = io.StringIO()
        waiting = iter(lines)

        def read(_: str) -> str:
            line = next(waiting, None)
            if line is None:
                raise EOFError
            return line if isinstance(line, str) else line()

        screen = Console(file=written, width=100, highlight=False)
        config = ConversationsConfig.model_validate(settings)
        chat_in_terminal(served_bank(sandbox, worlds), config, view, out=screen, read=read)
        assert not OPEN
        return written.getvalue()

    def test_steps_are_a_line_each(self, sandbox: Sandbox, worlds: Worlds) -> None:
        shown = self.chat(sandbox, worlds, StepView.SHORT, "pay 30", "look", "/new", "look", "/quit", "never")
        assert "left = pay(30)" in shown
        assert "→ Observation: Execution logs: 70" in " ".join(shown.split())
        lines = [line for line in shown.splitlines() if line in ("70", "100")]
        assert lines == ["70", "70", "100"]

    def test_steps_whole_or_not_at_all(self, sandbox: Sandbox, worlds: Worlds) -> None:
        assert "Observation:\nExecution logs:\n70" in self.chat(sandbox, worlds, StepView.FULL, "pay 30")
        shown = self.chat(sandbox, worlds, StepView.NONE, "pay 30", "fail", "never", "/what")
        assert "pay(30)" not in shown
        for text in ("the model's server is down", "no answer: step limit", "/new begins"):
            assert text in shown

    @pytest.mark.slow
    def test_ctrl_c_stops_a_turn_and_at_the_prompt_it_ends(self, recipe: Path) -> None:
        made = command(recipe, "chat")
        pipe = subprocess.PIPE
        with subprocess.Popen(made, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            running.stdin.write("remember 6\nloop\n")
            running.stdin.flush()
            for line in running.stdout:
                if "while True" in line:
                    break
            time.sleep(0.3)
            running.send_signal(signal.SIGINT)
            running.stdin.write("recall\n")
            running.stdin.flush()
            seen = []
            for line in running.stdout:
                seen.append(line.strip())
                if line.strip() == "6":
                    break
            assert "stopping; Ctrl-C again ends the chat" in seen
            assert "no answer: stopped" in seen
            assert seen[-1] == "6"
            running.send_signal(signal.SIGINT)
            assert running.stderr is not None
            assert running.wait(60) == 0, running.stderr.read()
