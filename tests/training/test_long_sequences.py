"""Long sequences: their memory grows with their length, not with its square, and their gradients are the plain ones."""

from __future__ import annotations

import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.training.test_memory import ADAPTED, opened
from understudy.training import LoraSettings, Method, TrainSequence
from understudy.training.layout import passes_of

torch = pytest.importorskip("torch")


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that are made within and still live."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.sizes: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        taken = {x.untyped_storage()._cdata for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)}
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in taken and storage._cdata not in self.sizes:
                    self._add(storage)
        return made

    def _add(self, storage: Any) -> None:
        self.sizes[storage._cdata] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._remove, storage._cdata)

    def _remove(self, address: int) -> None:
        self.now -= self.sizes.pop(address)


def sequences_of(lengths: tuple[int, ...]) -> list[TrainSequence]:
    return [
        TrainSequence(
            tuple(5 + (7 * number + place) % 50 for place in range(n)), tuple(0.5 * (p % 3) for p in range(n))
        )
        for number, n in enumerate(lengths)
    ]


@pytest.mark.parametrize("method", [Method.LORA, Method.FULL])
@pytest.mark.parametrize("shares", [(1.0,), (1.0, 0.5, 0.5)])
def test_memory_grows_with_the_length_and_not_with_its_square(
    base: str, tmp_path: Path, method: Method, shares: tuple[float, ...]
) -> None:
    """A row of three sequences would need a mask, and eager attention scores, of the length's square."""
    from understudy.training.fitting import attach
    from understudy.training.losses import NextToken
    from understudy.training.training import batches_of

    peaks = []
    for length in (512, 1024):
        config = ADAPTED.model_copy(update={"method": method, "activations_gb": 1e-4, "max_steps": 1})
        trainer = opened(base, config, tmp_path)
        sequences = sequences_of(tuple(int(share * length) for share in shares))
        attach(trainer, batches_of(sequences, None, config, 0), NextToken(), config)  # type: ignore[arg-type]
        with LiveBytes() as live:
            trainer.training_step(trainer.model, 0)
        peaks.append(live.peak)
    assert peaks[1] < 2.1 * peaks[0]


@pytest.mark.parametrize("method", [Method.LORA, Method.FULL])
def test_gradients_are_those_of_each_sequence_alone_in_float64(
    base: str, tmp_path: Path, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy.training import losses

    trainer = opened(
        base, ADAPTED.model_copy(update={"method": method, "lora": LoraSettings(r=4, dropout=0.0)}), tmp_path
    )
    model = trainer.model.double().train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        torch.nn.init.normal_(parameter, std=0.05)
    sequences = sequences_of((70, 30, 25, 9))
    for sequence in sequences:
        ids, weights = torch.tensor([sequence.ids]), torch.tensor(sequence.weights[1:]).double()
        logits = model(input_ids=ids, use_cache=False).logits[0, :-1]
        (functional.cross_entropy(logits, ids[0, 1:], reduction="none") * weights).sum().backward()
    plain = [parameter.grad.clone() for parameter in trained]
    model.zero_grad()
    monkeypatch.setattr(losses, "LOGITS_AT_ONCE", 5 * model.get_output_embeddings().weight.shape[0])
    trainer.checkpoint_above = 40
    passes = passes_of(sequences, packing=True, tokens_per_pass=40, pad_id=0)
    assert [one.n_tokens for one in passes] == [70, 39, 25]
    for one in passes:
        trainer._choose_checkpointing(one)
        losses.loss_by_logits(model, one).backward()
    assert all(torch.allclose(p.grad, other, rtol=1e-9, atol=1e-12) for p, other in zip(trained, plain, strict=True))


_HOLES = """
import os
from understudy.training.heap import give_large_tensors_own_blocks

def resident(): return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

for is_on in (False, True):
    give_large_tensors_own_blocks(is_on=is_on)
    before = resident()
    blocks = [bytearray(b"x") * (2 << 20) for _ in range(40)]
    full = resident()
    kept = blocks[1::2]
    del blocks
    print((resident() - before) / (full - before))
    del kept
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_memory_between_kept_tensors_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", _HOLES], check=True, capture_output=True, text=True)
    in_heap, in_own_blocks = map(float, done.stdout.split())
    assert in_heap > 0.9
    assert in_own_blocks == pytest.approx(0.5, abs=0.1)
