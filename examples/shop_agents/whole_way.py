"""The whole way in one command: ``python whole_way.py --out runs/shop-agents``.

1. The agents work with the expensive model, and ``understudy record`` keeps what passes.
2. ``understudy run recipe.yaml`` imports the log, cleans and curates it, and distils a student.
3. ``understudy serve-model`` serves the student under the expensive model's name.
4. The same agents, unchanged, work with the student: only their base URL is another.

It prints how many of the questions that no training saw are solved before and after, and what a question takes. The
expensive model is a program here (``teacher.py``), and counts words as tokens. What is there already is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from make_base import make_base

HERE = Path(__file__).resolve().parent
UNDERSTUDY = (sys.executable, "-m", "understudy")
AGENTS = ("with_openai_agents", "with_langgraph", "with_pydantic_ai")
DEADLINE_S = 300.0


def main(agents: list[str], recorded: list[str], out: Path, n_train: int, n_test: int, overrides: list[str]) -> None:
    """All four steps, and the table. ``recorded``: the agents whose conversations the student learns from."""
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.environ["SHOP_DATA"] = str(out)
    traces = out / "traces"
    with serving(sys.executable, str(HERE / "teacher.py")) as url:
        for part, agent in enumerate(recorded):
            record(agent, url, traces / "recorded" / agent, "train", n_train, part)
        for agent in agents:
            record(agent, url, traces / "program" / agent, "test", n_test)
    if not (out / "base").exists():
        make_base(out / "base")
    base = f"models.student.path={out}/base"
    paths = (base, f"imported.recorded.path={traces}/recorded", f"imported.held-out.path={traces}/program/{agents[0]}")
    run = (*UNDERSTUDY, "run", str(HERE / "recipe.yaml"), "--run-dir", str(out / "run"), *paths, *overrides)
    subprocess.run(run, check=True)
    student = str(out / "run" / "train" / "clerk")
    with serving(*UNDERSTUDY, "serve-model", student, "--local", "--name", "shop-model") as url:
        for agent in agents:
            record(agent, url, traces / "student" / agent, "test", n_test)
    print(f"\n{n_test} questions that no training saw; requests, tokens and seconds are those of a question")
    print(f"{'agent':<20}{'model':<10}{'solved':>8}{'95 % interval':>15}{'requests':>10}{'tokens':>8}{'seconds':>9}")
    for agent in agents:
        for name in ("program", "student"):
            print(f"{agent:<20}{name:<10}{row_of(traces / name / agent, n_test)}")


def record(agent: str, upstream: str, traces: Path, split: str, n: int, part: int = 0) -> None:
    """Let the agent answer ``n`` questions of a split; what passes goes to a folder, unless it is there already."""
    if list(traces.glob("exchanges-*")):
        return
    recorder = (*UNDERSTUDY, "record", "--upstream", upstream, "--out", str(traces))
    with serving(*recorder, health="/understudy/health") as url:
        environment = {**os.environ, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}
        asking = (sys.executable, str(HERE / "ask_all.py"), agent, split, str(n), str(part))
        subprocess.run(asking, check=True, env=environment, cwd=HERE)


@contextmanager
def serving(*command: str, health: str = "/health") -> Iterator[str]:
    """Run a server on a free port until it is not needed any more; yields its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    process = subprocess.Popen([*command, "--port", str(port)], cwd=HERE, stderr=subprocess.PIPE, text=True)
    try:
        until_up(f"http://127.0.0.1:{port}{health}", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.communicate()


def until_up(url: str, process: subprocess.Popen[str]) -> None:
    """Wait for the server. Raises ``RuntimeError`` with what it said if it ends, ``TimeoutError``."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(process.communicate()[1])
        try:
            if httpx.get(url).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise TimeoutError(url)


def row_of(traces: Path, n: int) -> str:
    """The figures of a row of the table. A question without a whole conversation is not solved."""
    from grading import is_right
    from understudy.curation import ImportConfig, import_trajectories
    from understudy.evaluation import wilson

    try:
        attempts = [one for one, _ in import_trajectories(ImportConfig(path=traces)).attempts]
    except ValueError:  # not one reply that can be read
        attempts = []
    solved = sum(bool(is_right(one).correct) for one in attempts if one.failure is None)
    lines: list[dict[str, Any]] = [
        json.loads(line) for path in traces.glob("*.jsonl") for line in path.read_text().splitlines()
    ]
    tokens = sum(one.usage.total_tokens for one in attempts)
    seconds = sum(line["duration_s"] for line in lines)
    interval = wilson(solved, n)
    bounds = f"{100 * interval.low:.1f}–{100 * interval.high:.1f}"
    return f"{solved:>8}{bounds:>15}{len(lines) / n:>10.1f}{tokens / n:>8.0f}{seconds / n:>9.2f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="the folder of all results")
    parser.add_argument("--agents", nargs="+", default=AGENTS, choices=AGENTS, help="those that the student serves")
    parser.add_argument("--recorded-by", nargs="+", choices=AGENTS, help="those that it learns from; the same")
    parser.add_argument("--train", type=int, default=200, help="recorded questions of each agent")
    parser.add_argument("--test", type=int, default=50, help="held-out questions")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of the recipe")
    chosen = parser.parse_intermixed_args()
    main(
        list(chosen.agents),
        list(chosen.recorded_by or chosen.agents),
        chosen.out,
        chosen.train,
        chosen.test,
        chosen.overrides,
    )
