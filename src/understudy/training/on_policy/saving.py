"""The state from which a killed distillation resumes.

In: the trained weights, the optimiser, sums since the last line of the log. Out: one file, written beside its place and
renamed into it, the one before it removed after that.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(slots=True)
class Tally:
    """Sums since the last line of the log."""

    n_steps: int = 0
    loss: float = 0.0
    n_read: int = 0
    n_acted: int = 0


def save_state(folder: Path, step: int, model: Any, optimizer: torch.optim.Optimizer, tally: Tally) -> None:
    """Write the state of the distillation after ``step`` steps."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: one for name, one in model.named_parameters() if one.requires_grad}
    state = {"step": step, "weights": weights, "optimizer": optimizer.state_dict(), "tally": asdict(tally)}
    path = folder / f"step-{step}.pt"
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    for old in folder.glob("step-*"):
        if old != path:
            old.unlink()


def restore_state(folder: Path, model: Any, optimizer: torch.optim.Optimizer) -> tuple[int, Tally]:
    """Put back what was saved last; return the number of steps done, 0 if nothing was saved."""
    saved = sorted(folder.glob("step-*.pt"), key=lambda path: int(path.stem.removeprefix("step-")))
    if not saved:
        return 0, Tally()
    state = torch.load(saved[-1], map_location=model.device, weights_only=True)
    with torch.no_grad():
        for name, one in model.named_parameters():
            if one.requires_grad:
                one.copy_(state["weights"][name])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"], Tally(**state["tally"])
