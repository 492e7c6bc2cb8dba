"""A trained student in the forms in which others run it: a folder of weights, a GGUF file, an Ollama model.

In: a checkpoint, and what its agent is, as records. Out: files, and a check that a real llama.cpp answers stored
prompts as the student does. A form is one file of this package, or a user's class. Not here: which student of a run is
meant (``understudy.pipeline.exporting``), serving, uploading.
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
