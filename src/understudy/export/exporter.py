"""Defines the exporter interface, and the forms that a recipe can name.

In: the settings of a form. Out: an ``Exporter``, which writes a student into a folder. Not here: the forms themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Protocol

from understudy.export.student import Student
from understudy.models.gguf_writing import Precision
from understudy.registry import Builtin, Group, PartConfig


class Exporter(Protocol):
    """Writes a student in one form."""

    def write(self, student: Student, folder: Path) -> Iterator[str]:
        """Write into ``folder``, which exists and is empty; yield a sentence about each file and check.

        Raises ``ExportMismatchError`` if the exported file does not answer as the student does.
        """
        ...


class FolderConfig(PartConfig):
    """Merged weights with tokenizer, chat template, generation settings and the agent's settings."""

    kind: Literal["folder"] = "folder"


class GgufOptions(PartConfig):
    """What all forms that hold a GGUF file share."""

    precision: Precision = Precision.Q8_0
    check: bool = True
    """Compare the file with the student on stored prompts. Without this check, the export is reported as unchecked."""

    @property
    def extras(self) -> tuple[str, ...]:
        return ("export", "local")


class GgufConfig(GgufOptions):
    """A GGUF file for llama.cpp, made by its own converter and checked with a real llama.cpp."""

    kind: Literal["gguf"] = "gguf"


class OllamaConfig(GgufOptions):
    """A GGUF file with a Modelfile: ``ollama create NAME -f Modelfile``."""

    kind: Literal["ollama"] = "ollama"


class ContainerConfig(PartConfig):
    """A folder with a Containerfile that serves the agent: weights, recipe, pinned packages."""

    kind: Literal["container"] = "container"


_HERE = "understudy.export"
EXPORTERS: Group[Exporter] = Group(
    "exporters",
    "writes a trained student in a form that others run",
    {
        "folder": Builtin(config=f"{_HERE}.exporter:FolderConfig", part=f"{_HERE}.folder:FolderExporter"),
        "gguf": Builtin(config=f"{_HERE}.exporter:GgufConfig", part=f"{_HERE}.gguf:GgufExporter"),
        "container": Builtin(config=f"{_HERE}.exporter:ContainerConfig", part=f"{_HERE}.container:ContainerExporter"),
        "ollama": Builtin(config=f"{_HERE}.exporter:OllamaConfig", part=f"{_HERE}.ollama:OllamaExporter"),
    },
    methods=("write",),
)
ExporterConfig = Annotated[PartConfig, EXPORTERS]
