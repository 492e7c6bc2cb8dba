"""A real llama.cpp that reads a GGUF file: the npm package node-llama-cpp, in a separate process.

In: the file, and prompts and replies as token ids. Out: the log-probability of each token of the replies, the greedy
choice of llama.cpp at each position, and whether it splits the prompts into the same tokens. Not here: allowed
differences (``checking.py``).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from understudy.records import Record

VERSION = "3.21.1"
"""The version of node-llama-cpp that matches the binary which npm installs."""
_SCRIPT = Path(__file__).with_name("llama_cpp.mjs")
_VARIABLE = "NODE_LLAMA_CPP"
_MACHINES = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}
_TIME_LIMIT_S = 1800.0


class LlamaCppError(RuntimeError):
    """llama.cpp is not installed, or cannot read the file."""


class Question(Record):
    """One prompt and the reply whose tokens are scored."""

    text: str
    """The prompt as text, which llama.cpp tokenizes itself."""
    prompt_ids: tuple[int, ...]
    reply_ids: tuple[int, ...]


class Reading(Record):
    """llama.cpp's result for one prompt and reply. The lists are as long as the reply."""

    same_prompt: bool
    """Whether it splits the prompt into the same tokens."""
    logprobs: tuple[float | None, ...]
    """In nats; None if it is not a number."""
    greedy_ids: tuple[int, ...]


def require_llama_cpp() -> Path:
    """The folder ``node_modules`` that contains the package. Raises ``LlamaCppError``, which says how to install it."""
    folders = [Path(folder) for folder in filter(None, [os.environ.get(_VARIABLE)])] + [_cache() / "node_modules"]
    found = next((folder for folder in folders if (folder / "node-llama-cpp").is_dir()), None)
    if found is None or shutil.which("node") is None:
        needed = "Node.js, and then: " if shutil.which("node") is None else ""
        binary = f"@node-llama-cpp/{_MACHINES.get(platform.machine(), 'linux-x64')}@{VERSION}"
        raise LlamaCppError(
            f"the check of a GGUF file needs llama.cpp. Install {needed}npm install --prefix {_cache()} "
            f"--omit=optional --ignore-scripts node-llama-cpp@{VERSION} {binary}. "
            f"Another folder node_modules can be named in the environment variable {_VARIABLE}. "
            "--no-check writes the file unchecked"
        )
    return found


def read_replies(model: Path, questions: Sequence[Question]) -> list[Reading]:
    """Let llama.cpp read each prompt with its reply. Raises ``LlamaCppError``."""
    environment = {**os.environ, _VARIABLE: str(require_llama_cpp())}
    items = [question.model_dump(mode="json") for question in questions]
    done = subprocess.run(
        ["node", str(_SCRIPT)],
        input=json.dumps({"model": str(model.resolve()), "items": items}),
        capture_output=True,
        text=True,
        env=environment,
        timeout=_TIME_LIMIT_S,
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != len(questions):
        raise LlamaCppError(f"{model}: llama.cpp cannot read it (exit {done.returncode}): {done.stderr[-800:].strip()}")
    return [Reading.model_validate_json(line) for line in lines]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "understudy"
