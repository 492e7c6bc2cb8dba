"""The student for Ollama: a GGUF file and a Modelfile.

In: a student. Out: what ``gguf`` writes, and ``Modelfile`` with system message, stop strings and sampling.
Ollama finds the chat template in the GGUF file. Ollama itself was not here to try; llama.cpp checks the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from understudy.export.exporter import OllamaConfig
from understudy.export.gguf import GgufExporter
from understudy.export.student import Student
from understudy.runs import write_atomic

MODELFILE = "Modelfile"


class OllamaExporter(GgufExporter):
    """Writes the GGUF file, then the Modelfile."""

    def __init__(self, config: OllamaConfig) -> None:
        """Raises what ``GgufExporter`` raises."""
        super().__init__(config)

    def write(self, student: Student, folder: Path) -> Iterator[str]:
        """Raises what ``GgufExporter.write`` raises."""
        yield from super().write(student, folder)
        file = next(folder.glob("*.gguf"))
        write_atomic(folder / MODELFILE, modelfile(student, file.name))
        name = file.stem.lower()
        yield f"{folder / MODELFILE}: ollama create {name} -f {MODELFILE}"


def modelfile(student: Student, weights: str) -> str:
    """The text of a Modelfile beside ``weights``."""
    lines = [
        f"FROM ./{weights}",
        f"PARAMETER temperature {student.temperature:g}",
        f"PARAMETER top_p {student.top_p:g}",
    ]
    lines += [f"PARAMETER stop {_quoted(text)}" for text in student.stop]
    if student.system:
        lines.append(f"SYSTEM {_quoted(student.system)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """In three quotation marks, as Ollama reads texts of several lines; it has no escape for these marks."""
    return f'"""{text}"""' if "\n" in text or '"' in text else f'"{text}"'
