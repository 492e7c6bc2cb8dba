"""The student as a folder that transformers, vLLM and SGLang load: merged weights, tokenizer and settings.

In: a student. Out: ``model.safetensors``, ``tokenizer.json``, ``chat_template.jinja``, ``generation_config.json`` with
the stop tokens and the sampling of the agent, ``agent.json`` with the agent's settings and its tools.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from understudy.export.exporter import FolderConfig
from understudy.export.student import Student
from understudy.models.rendering import open_renderer
from understudy.runs import write_atomic
from understudy.training import merge, read_card

AGENT = "agent.json"
_GENERATION = "generation_config.json"


class FolderExporter:
    """Writes the folder."""

    def __init__(self, config: FolderConfig) -> None:
        self._config = config

    def write(self, student: Student, folder: Path) -> Iterator[str]:
        """Write the folder. Raises the errors of ``training.merge``."""
        write_folder(student, folder)
        yield f"{folder}: merged weights, tokenizer, chat template, {_GENERATION}, {AGENT}"


def write_folder(student: Student, folder: Path) -> None:
    """Write merged weights, tokenizer and settings. ``folder`` is replaced."""
    if read_card(student.checkpoint).is_adapter:
        merge(student.checkpoint, folder)
    else:
        shutil.copytree(student.checkpoint, folder, dirs_exist_ok=True)
    write_atomic(folder / _GENERATION, json.dumps(_generation(student, folder), indent=2) + "\n")
    write_atomic(folder / AGENT, json.dumps(agent_settings(student), indent=2, ensure_ascii=False) + "\n")


def agent_settings(student: Student) -> dict[str, object]:
    """Everything needed to run the agent: its settings, the system message, the tools, the stop strings."""
    return {
        "name": student.name,
        "agent": student.agent,
        "system": student.system,
        "tools": student.tools,
        "stop": student.stop,
    }


def _generation(student: Student, folder: Path) -> dict[str, object]:
    path = folder / _GENERATION
    settings: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
    renderer = open_renderer(str(folder))
    ends = {renderer.end_of_turn_ids[-1], renderer.tokenizer.eos_token_id} - {None}
    sampled = {"do_sample": True, "temperature": student.temperature, "top_p": student.top_p}
    settings = {key: value for key, value in settings.items() if key not in (*sampled, "top_k")}
    return {**settings, "eos_token_id": sorted(ends), **(sampled if student.temperature else {"do_sample": False})}
