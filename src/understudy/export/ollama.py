"""The student for Ollama: a GGUF file and a Modelfile.

In: a student. Out: the files of ``gguf``, and a ``Modelfile`` with system message, stop strings and sampling. Ollama
reads the chat template from the GGUF file. The Modelfile was not tried with Ollama; llama.cpp checks the GGUF file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from understudy.export.gguf import GgufExporter
from understudy.export.student import Student
from understudy.runs import write_atomic

MODELFILE = "Modelfile"


class OllamaExporter(GgufExporter):
    """Writes the GGUF file, then the Modelfile."""

    def write(self, student: Student, folder: Path) -> Iterator[str]:
        """Write both files. Raises the errors of ``GgufExporter.write``."""
        yield from super().write(student, folder)
        file = self.file(student, folder)
        write_atomic(folder / MODELFILE, modelfile(student, file.name))
        name = file.stem.lower()
        yield f"{folder / MODELFILE}: ollama create {name} -f {MODELFILE}"


def modelfile(student: Student, weights: str) -> str:
    """The text of a Modelfile in the folder of ``weights``."""
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
    """The text in triple quotes, which Ollama requires for several lines. Ollama has no escape for triple quotes."""
    return f'"""{text}"""' if "\n" in text or '"' in text else f'"{text}"'
