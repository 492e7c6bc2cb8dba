"""Ctrl-C in a command: one sentence, exit status 130, no traceback, whatever is running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.rollouts.interrupted import DEMO_BASE, silent_server

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPE = """\
name: stopped
tasks: {{few: {{name: toy, split: test, limit: 8}}}}
models: {{slow: {model}}}
agents: {{cot: {{kind: chain_of_thought, prompts: minimal, max_tokens: 100000, temperature: 1.0}}}}
rollout: {{slow: {{tasks: [few], model: slow, agent: cot}}}}
"""


@pytest.mark.parametrize("kind", ["local", "server", "torch"])
def test_one_sentence_says_how_to_resume(kind: str, tmp_path: Path) -> None:
    model = {
        "local": f"{{kind: local, path: {DEMO_BASE}, device: cpu}}",
        "server": f"{{kind: openai_chat, model: m, base_urls: ['{silent_server()}']}}",
        "torch": "{kind: scripted, program: 'tests.rollouts.programs:multiply'}",
    }[kind]
    recipe, run_dir = tmp_path / "stopped.yaml", tmp_path / "run"
    recipe.write_text(RECIPE.format(model=model))
    command = [sys.executable, "-m", "understudy", "rollout", str(recipe), "--run-dir", str(run_dir)]
    begun = run_dir / "rollout" / "slow" / "stage.json"
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            until = time.monotonic() + 150
            while not begun.exists() and process.poll() is None and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(2)
            process.send_signal(signal.SIGINT)
            errors = process.communicate(timeout=60)[1]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    last = errors.strip().splitlines()[-1]
    assert last.startswith("Stopped. All finished work is kept")
    assert last.endswith(f"rollout {recipe} --run-dir {run_dir}")


def test_ctrl_c_while_the_program_is_loaded_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupts())\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "understudy", "run", "x.yaml"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nStopped before any work began.\n")


INTERRUPTED = """\
import os, signal, sys, threading, time
from understudy.cli.interrupts import CtrlC
sys.argv[1:] = {arguments!r}
ctrl_c = CtrlC()
ctrl_c.has_commands = True
def press(): os.kill(os.getpid(), signal.SIGINT); time.sleep(0.01)
try:
    {first}
except KeyboardInterrupt:
    {then}
    ctrl_c.end()
"""


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("press()", "pass"),
        ("press()", "press()"),  # while what the first one stopped is being closed
        ("exec('press()')", "pass"),  # after which Python would end by the signal itself
        ("press()", "threading.Thread(target=time.sleep, args=(600,)).start()"),
        ("press()", "os.close(1)"),
        ("press()", "import atexit; atexit.register(press)"),
    ],
)
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "my recipe.yaml"], "All finished work is kept; to resume: understudy run 'my recipe.yaml'"),
        (["kinds"], "To run it again: understudy kinds"),
    ],
)
def test_ctrl_c_at_any_moment_ends_with_one_sentence(
    first: str, then: str, arguments: list[str], sentence: str
) -> None:
    code = INTERRUPTED.format(arguments=arguments, first=first, then=then)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, f"\nStopped. {sentence}\n")


def test_a_program_that_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    code = (
        "import os, signal; signal.signal(signal.SIGINT, signal.SIG_IGN); from understudy.cli.interrupts import CtrlC; "
        "CtrlC(); os.kill(os.getpid(), signal.SIGINT); print('goes on')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")
