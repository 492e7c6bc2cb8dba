"""GGUF files as checkpoints: converts llama.cpp's format to a folder that all other code can read.

In: the path of a ``.gguf`` file. Out: a folder with the same weights as float32 safetensors, config and tokenizer. The
folder is in the user's cache under the file's SHA-256, so a file is converted once on each machine; the folder may be
deleted at any time. transformers determines which architectures can be read. Not here: writing GGUF files.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from understudy.annotations import in_package
from understudy.extras import require

SUFFIX = ".gguf"
_MAGIC = b"GGUF"
_DONE = "config.json"


class GgufError(ValueError):
    """The file cannot be read as a model; the message says why."""


def is_gguf(path: str | Path) -> bool:
    """Whether the name is that of a GGUF file. The file need not exist."""
    return str(path).lower().endswith(SUFFIX)


def dequantised(file: Path) -> Path:
    """The folder with the file's weights. Raises ``GgufError``, ``MissingExtraError``, ``OSError``."""
    stat = file.stat()
    return _dequantised(file, stat.st_size, stat.st_mtime_ns)


def file_sha256(weights: str) -> str | None:
    """SHA-256 of weights that are one GGUF file, in hex digits; None for a folder or a Hub id."""
    if not is_gguf(weights):
        return None
    with Path(in_package(weights)).expanduser().open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@functools.lru_cache(maxsize=8)
def _dequantised(file: Path, size: int, _modified_ns: int) -> Path:
    with file.open("rb") as stream:
        start = stream.read(len(_MAGIC))
    if start != _MAGIC:
        raise GgufError(f"{file}: expected a GGUF file; its {size} bytes begin with {start!r}, not with {_MAGIC!r}")
    folder = _cache() / str(file_sha256(str(file)))
    if (folder / _DONE).exists():
        return folder
    require("gguf", f"the model {file.name}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    try:
        _convert(file, beside)
        if not folder.exists():  # else another process was faster
            beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "understudy" / "gguf"


def _convert(file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        with contextlib.redirect_stderr(io.StringIO()):  # bars that cannot be disabled would disturb ours
            read = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        # transformers marks the model as quantised and refuses to save it, so the weights are copied to a plain model.
        config = read.config
        for mark in ("quantization_config", "_pre_quantization_dtype"):
            if hasattr(config, mark):
                delattr(config, mark)
        model = type(read)(config)
        model.load_state_dict(read.state_dict())
        _set_ends(model, tokenizer)
        with contextlib.redirect_stderr(io.StringIO()):
            model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except Exception as error:  # parsing a foreign file may raise anything, from struct errors to failed asserts
        raise GgufError(f"{file}: transformers cannot read it: {type(error).__name__}: {error}") from error


def _set_ends(model: Any, tokenizer: Any) -> None:
    """Set the tokens for beginning, end and padding if the file has them only in its tokenizer."""
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        value = getattr(tokenizer, name)
        for settings in (model.config, model.generation_config):
            if getattr(settings, name) is None and value is not None:
                setattr(settings, name, value)
