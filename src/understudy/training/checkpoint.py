"""The folder of a trained student, and its merged weights.

In: a trainer that has finished. Out: ``checkpoint/`` with an adapter or full weights, tokenizer and ``student.json``,
written beside its place and renamed into it. ``merge`` makes full weights of base and adapter, for servers that take no
adapters. Not here: whether the merged weights behave the same (``understudy.models`` proves that).
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.annotations import ADAPTER_SETTINGS
from understudy.models.finite import require_finite_weights
from understudy.models.gguf_file import is_gguf
from understudy.models.loading import bars_of_downloads_only, load_base, load_tokenizer, without_peft_warning
from understudy.models.locating import CARD
from understudy.runs import write_atomic
from understudy.training.summary import StudentCard

if TYPE_CHECKING:
    from understudy.training.trainer import StudentTrainer


def save_student(trainer: StudentTrainer, tokenizer: Any, card: StudentCard, folder: Path) -> None:
    """Write the student; with several devices all of them must call."""
    beside = _beside(folder)
    if trainer.is_world_process_zero():
        shutil.rmtree(beside, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.model.config.use_cache = True
    if trainer.is_fsdp_enabled:  # one set of weights, also if checkpoints in between are in parts
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    with bars_of_downloads_only(beside.parent):
        trainer.save_model(str(beside))
    if trainer.is_world_process_zero():
        _finish(beside, tokenizer, card, folder)


def save_weights(model: Any, tokenizer: Any, card: StudentCard, folder: Path) -> None:
    """Write a student from one process that holds all of it."""
    beside = _beside(folder)
    shutil.rmtree(beside, ignore_errors=True)
    with bars_of_downloads_only(beside.parent):
        model.save_pretrained(beside)
    _finish(beside, tokenizer, card, folder)


def read_card(folder: Path) -> StudentCard:
    """The card of a checkpoint. Raises ``FileNotFoundError`` if the folder is not a checkpoint of this package."""
    card = StudentCard.model_validate_json((folder / CARD).read_bytes())
    if not card.base.startswith("."):
        return card
    return card.model_copy(update={"base": os.path.normpath(folder.absolute() / card.base)})


def merge(checkpoint: Path, folder: Path) -> StudentCard:
    """Write base and adapter of a checkpoint as one set of weights.

    Raises ``ValueError`` if there is no adapter, ``NotFiniteError`` if the number format of the base cannot hold
    the sum.
    """
    import torch
    from peft import PeftModel

    card = read_card(checkpoint)
    if not card.is_adapter:
        raise ValueError(f"{checkpoint}: expected an adapter, found full weights, which need no merge")
    # Added up in float32 and stored in the base's numbers, so that rounding happens once.
    base: Any = load_base(card.base, "auto")
    stored = base.dtype
    with without_peft_warning():
        model = PeftModel.from_pretrained(base.to(torch.float32), checkpoint).merge_and_unload().to(stored)
    require_finite_weights(model, f"{checkpoint} merged into {card.base}")
    merged = card.model_copy(update={"is_adapter": False})
    save_weights(model, load_tokenizer(str(checkpoint)), merged, folder)
    return merged


def whole_weights(weights: str, folder: Path) -> str:
    """``weights``, a folder or Hub id, or if it is an adapter of ours the ``folder`` that it is merged into."""
    if not (Path(weights) / CARD).is_file() or not read_card(Path(weights)).is_adapter:
        return weights
    merge(Path(weights), folder)
    return str(folder)


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.part")


def _movable(card: StudentCard, folder: Path) -> StudentCard:
    """The card with a path that stays right if the run is moved: its base may be a student of the same run."""
    base, run_dir = Path(card.base).absolute(), folder.parents[min(2, len(folder.parents) - 1)]
    if not (base.is_relative_to(run_dir) and (base / CARD).is_file()):
        return card
    return card.model_copy(update={"base": os.path.relpath(base, folder)})


def _finish(beside: Path, tokenizer: Any, card: StudentCard, folder: Path) -> None:
    tokenizer.save_pretrained(beside)
    (beside / "training_args.bin").unlink(missing_ok=True)  # a pickle, which nobody should have to trust
    if card.is_adapter and is_gguf(card.base):  # PEFT names the folder in the cache
        settings = json.loads((beside / ADAPTER_SETTINGS).read_text())
        write_atomic(
            beside / ADAPTER_SETTINGS, json.dumps({**settings, "base_model_name_or_path": card.base}, indent=2) + "\n"
        )
    write_atomic(beside / CARD, _movable(card, folder.absolute()).model_dump_json(indent=2) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)
