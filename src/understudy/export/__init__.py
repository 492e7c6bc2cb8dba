"""Exports a trained student in forms that other software runs: a folder of weights, a GGUF file, an Ollama model.

In: a checkpoint, and records that describe its agent. Out: files, and a check that a real llama.cpp answers stored
prompts as the student does. Each form is one file of this package, or a user's class. Not here: selecting a student of
a run (``understudy.pipeline.exporting``), serving, uploading.
"""

from understudy.export.checking import ExportCheck, ExportMismatchError
from understudy.export.exporter import EXPORTERS, Exporter, ExporterConfig, GgufConfig, OllamaConfig
from understudy.export.student import Student

__all__ = [
    "EXPORTERS",
    "ExportCheck",
    "ExportMismatchError",
    "Exporter",
    "ExporterConfig",
    "GgufConfig",
    "OllamaConfig",
    "Student",
]
