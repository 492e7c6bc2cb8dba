"""The agent for a container: a Containerfile whose image serves the agent with its loop, tools and sandbox.

In: a student. Out: ``Containerfile``, ``recipe.yaml``, ``weights/`` and ``requirements.txt`` with the versions of this
environment. Not promised: an image; building one needs a container engine, which no test has.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from understudy.export.exporter import ContainerConfig
from understudy.export.folder import write_folder
from understudy.export.student import Student
from understudy.runs import write_atomic

CONTAINERFILE = "Containerfile"
RECIPE = "recipe.yaml"
REQUIREMENTS = "requirements.txt"
PORT = 8790
_WEIGHTS = "weights"
_PINNED = ("torch", "transformers", "tokenizers", "safetensors", "pydantic", "starlette", "uvicorn", "tantivy", "numpy")
_KEPT = ("retrieval", "tools", "environment", "user", "sandbox")
"""Sections of the recipe that the agent acts with."""


class ContainerExporter:
    """Writes the folder from which an image is built."""

    def __init__(self, config: ContainerConfig) -> None:
        self._config = config

    def write(self, student: Student, folder: Path) -> Iterator[str]:
        """Write the folder. Raises the errors of ``training.merge``."""
        write_folder(student, folder / _WEIGHTS)
        recipe = serving_recipe(student)
        write_atomic(folder / RECIPE, yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=116))
        write_atomic(folder / REQUIREMENTS, "".join(f"{line}\n" for line in pins()))
        write_atomic(folder / CONTAINERFILE, containerfile(student))
        yield f"{folder}: {CONTAINERFILE}, {RECIPE}, {REQUIREMENTS}, {_WEIGHTS}/"
        for one in student.outside:
            yield f"The recipe of the run names {one}; put it into the folder if the agent needs it"
        image = label_of(student)
        yield f"Build: podman build -t {image} {folder}"
        yield f"Serve: podman run -p {PORT}:{PORT} -e UNDERSTUDY_SERVE_TOKEN=... {image}"


def label_of(student: Student) -> str:
    """The agent's label in requests: the name of the training."""
    return student.name.rpartition("/")[2]


def serving_recipe(student: Student) -> dict[str, Any]:
    """The recipe with which the agent is served. An evaluation names the agent; its task is a placeholder."""
    label = label_of(student)
    kept = {key: value for key in _KEPT if (value := student.recipe.get(key)) is not None}
    models: dict[str, Any] = {"student": {"kind": "local", "path": _WEIGHTS, "name": student.name}}
    user, named = kept.get("user"), student.recipe.get("models")
    if isinstance(user, dict) and isinstance(named, dict):
        models[str(user["model"])] = named[str(user["model"])]
    return {
        "name": "served",
        "tasks": {"placeholder": {"name": "toy", "split": "test", "limit": 1}},
        "models": models,
        "agents": {"agent": student.agent},
        **kept,
        "evaluate": {label: {"label": label, "model": "student", "agent": "agent", "tasks": ["placeholder"]}},
    }


def pins() -> list[str]:
    """The installed versions of what serving needs, without tags of builds for CPUs or GPUs."""
    found = []
    for package in _PINNED:
        try:
            found.append(f"{package}=={importlib.metadata.version(package).partition('+')[0]}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def install_command() -> list[str]:
    """What the image installs, after ``pip install``."""
    return ["--no-cache-dir", "-r", REQUIREMENTS]


def start_command(student: Student) -> list[str]:
    """What the container runs. Other machines reach it, so it needs a token."""
    agent = ["--agent", label_of(student), "--run-dir", "served"]
    return ["understudy", "serve-agent", RECIPE, *agent, "--host", "0.0.0.0", "--port", str(PORT)]


def containerfile(student: Student) -> str:
    """The text of the file."""
    version = importlib.metadata.version("understudy")
    start = ", ".join(f'"{word}"' for word in start_command(student))
    health = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{PORT}/health')"
    return f"""\
# Serves the agent {student.name}. Requests need the token in UNDERSTUDY_SERVE_TOKEN.
FROM docker.io/library/python:3.11-slim
# Another source of the package, such as a wheel in this folder:
# --build-arg UNDERSTUDY='./understudy-{version}-py3-none-any.whl[local,serve]'
ARG UNDERSTUDY="understudy[local,serve]=={version}"
# torch for CPUs; leave it out for a GPU.
ARG INDEX="https://download.pytorch.org/whl/cpu"
RUN useradd --create-home agent && install -d -o agent /home/agent/app
WORKDIR /home/agent/app
COPY --chown=agent . .
RUN pip install {" ".join(install_command())} --extra-index-url "$INDEX" "$UNDERSTUDY"
USER agent
ENV HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 TOKENIZERS_PARALLELISM=false
EXPOSE {PORT}
HEALTHCHECK CMD ["python", "-c", "{health}"]
CMD [{start}]
"""
