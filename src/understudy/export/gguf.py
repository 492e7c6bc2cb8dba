"""The student as a GGUF file: llama.cpp's own converter writes it, and a real llama.cpp checks it.

In: a student. Out: ``NAME-PRECISION.gguf``, ``agent.json``, and ``export.json`` with the figures of the check. The
merged weights from which the file is made are removed at the end. Not here: reading GGUF files as models
(``models.gguf_file``).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from understudy.export.checking import ExportCheck, check_gguf
from understudy.export.exporter import GgufOptions
from understudy.export.folder import AGENT, agent_settings, write_folder
from understudy.export.llama_cpp import require_llama_cpp
from understudy.export.student import Student
from understudy.extras import require
from understudy.models.gguf_writing import convert
from understudy.runs import write_atomic

CHECK = "export.json"


class GgufExporter:
    """Writes the file and checks it."""

    def __init__(self, config: GgufOptions) -> None:
        """Before any work, raises ``MissingExtraError``, or ``LlamaCppError`` if the check is impossible."""
        require("export", "exporting to GGUF")
        if config.check:
            require_llama_cpp()
        self._config = config

    def write(self, student: Student, folder: Path) -> Iterator[str]:
        """Raises ``ConversionError``, ``ExportMismatchError``, ``LlamaCppError``."""
        precision = self._config.precision
        file = self.file(student, folder)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            weights, unproven = Path(scratch) / "weights", Path(scratch) / file.name
            write_folder(student, weights)
            convert(weights, unproven, precision)
            check = check_gguf(weights, unproven, precision, student.prompts) if self._config.check else None
            unproven.rename(file)
        write_atomic(folder / AGENT, json.dumps(agent_settings(student), indent=2, ensure_ascii=False) + "\n")
        yield f"{file}: {file.stat().st_size / 1e6:.0f} MB"
        yield self._verdict(folder, file, check)

    def file(self, student: Student, folder: Path) -> Path:
        """Where the weights are written."""
        return folder / f"{_file_name(student.name)}-{self._config.precision}.gguf"

    def _verdict(self, folder: Path, file: Path, check: ExportCheck | None) -> str:
        if check is None:
            return f"{file.name}: not checked"
        write_atomic(folder / CHECK, check.model_dump_json(indent=2) + "\n")
        return check.sentence()


def _file_name(name: str) -> str:
    return name.rpartition("/")[2] or name
