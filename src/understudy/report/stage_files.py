"""The small files of a run: manifest, stage.json, a training's log.

In: a run directory. Out: stages, flat text facts, curves. A stage is any folder ``kind/name`` with a ``stage.json``,
also of a kind that a user defined: its contents are recognised by its files. Facts are read leniently, because they are
only displayed. Not here: trajectories, scores, metrics; whether the run is going on (``run_state``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

from pydantic import BaseModel, JsonValue

from understudy.records import StageState
from understudy.report.data import CollectionKind, Curve, CurvePoint, Stage
from understudy.report.visible import readable
from understudy.run_layout import EXAMPLES, PREFIXES, STAGE, TRAINING_LOG, TRAJECTORIES, stage_folder, stage_refs
from understudy.runs import read_record

FactList = tuple[tuple[str, str], ...]
_COUNTED = (TRAJECTORIES, EXAMPLES, PREFIXES, TRAINING_LOG)
"""Files whose lines are a stage's records; the first that exists is used, else its only ``.jsonl``."""
_CURVES = ("loss", "_rate", "margin", "accuracy")
"""Parts of the names of quantities that are drawn over the steps of a training."""
_NO_CURVES = ("learning_rate",)


class StageFile(BaseModel):
    """The fields of ``stage.json`` that the report reads; all others are shown as facts."""

    state: StageState = StageState.RUNNING
    inputs: dict[str, JsonValue] = {}
    started: str = ""
    error: str = ""
    counts: dict[str, JsonValue] = {}


def read_facts(path: Path) -> FactList:
    """Return a JSON file's leaves as (dotted path, text); empty if the file does not exist or is incomplete."""
    return tuple((readable(name), readable(text)) for name, text in _leaves("", _read_json(path)))


def stage_dirs(run_dir: Path) -> list[Path]:
    """Folders of all stages, in the order in which they were begun: each after those it takes from."""
    found = [stage_folder(run_dir, ref) for ref in stage_refs(run_dir)]
    stages = [folder for folder in found if any((folder / name).exists() for name in (STAGE, *_COUNTED))]
    return sorted(stages, key=lambda folder: (_began(folder), folder.parts[-2:]))


def _began(folder: Path) -> str:
    return dict(read_facts(folder / STAGE)).get("started", "")


def read_stages(run_dir: Path) -> tuple[Stage, ...]:
    """Where each stage of the run stands. Raises ``BadRecordError`` for a damaged ``stage.json``."""
    return tuple(_stage(folder) for folder in stage_dirs(run_dir))


def read_curves(run_dir: Path) -> tuple[Curve, ...]:
    """The logs of a run's trainings over their steps: losses, and rates that an eval callback measured."""
    curves: list[Curve] = []
    for folder in stage_dirs(run_dir):
        kind = folder.parent.name
        label = readable(folder.name if kind == "train" else f"{folder.name}, {kind.replace('_', ' ')}")
        points: dict[str, list[CurvePoint]] = {}
        for name, point in _logged(folder):
            points.setdefault(name, []).append(point)
        curves += [Curve(stage=label, quantity=name, points=tuple(found)) for name, found in points.items()]
    return tuple(curves)


def read_rows(path: Path) -> Iterator[dict[str, object]]:
    """The JSON objects of a file that may still be written to; lines that are none are ignored."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                yield row


def _logged(folder: Path) -> Iterator[tuple[str, CurvePoint]]:
    if any((folder / name).exists() for name in (TRAJECTORIES, EXAMPLES)):
        return
    for path in sorted(folder.glob("*.jsonl")):
        for number, row in enumerate(read_rows(path), 1):
            step = row.get("step", number)
            metrics = row.get("metrics")
            for name, value in {**row, **(metrics if isinstance(metrics, dict) else {})}.items():
                is_drawn = name not in _NO_CURVES and any(part in name for part in _CURVES)
                if is_drawn and _is_number(value) and _is_number(step):
                    yield readable(name), CurvePoint(step=float(str(step)), value=float(str(value)))


def _stage(folder: Path) -> Stage:
    """A folder without ``stage.json`` was filled by hand."""
    path = folder / STAGE
    record = read_record(path, StageFile) if path.is_file() else StageFile()
    return Stage(
        kind=readable(folder.parent.name),
        name=readable(folder.name),
        collection=collection_kind(folder),
        state=record.state,
        error=readable(record.error),
        n=_lines(_records_file(folder)),
        inputs=tuple(readable(name) for name in record.inputs),
        counts={readable(name): value for name, value in record.counts.items() if isinstance(value, int | float)},
        files=tuple(_files(folder)),
        facts=read_facts(path),
    )


def collection_kind(folder: Path) -> CollectionKind | None:
    """The kind of its records: by the kind of stage, or by its files if the stage is a user's own."""
    kind = folder.parent.name
    if kind in set(CollectionKind):
        return CollectionKind(kind)
    if (folder / TRAJECTORIES).is_file():
        return CollectionKind.ROLLOUT
    return CollectionKind.CURATE if (folder / EXAMPLES).is_file() else None


def _records_file(folder: Path) -> Path | None:
    known = next((folder / name for name in _COUNTED if (folder / name).is_file()), None)
    others = sorted(folder.glob("*.jsonl"))
    return known or (others[0] if len(others) == 1 else None)


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """The entries of the folder, with sizes in bytes; subfolders with their total size."""
    for path in sorted(folder.iterdir()):
        inside = (
            [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else []
        )
        yield readable(path.name + ("/" if path.is_dir() else "")), sum(one.stat().st_size for one in inside)


def _lines(path: Path | None) -> int:
    if path is None or not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _leaves(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for number, inner in enumerate(value):
            yield from _leaves(f"{path}[{number}]", inner)
    elif isinstance(value, list) and path:
        yield path, ", ".join(_text(one) for one in value)
    elif path:
        yield path, _text(value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "–" if value is None else json.dumps(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
