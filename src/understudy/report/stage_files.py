"""The small files of a run: manifest, stage.json, a training's log.

In: a run directory. Out: stages, flat text facts, curves. Facts are read leniently, for they only inform: what a stage
adds to its own file shows up in the report without a change here. Not here: trajectories, scores, metrics.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

from understudy.records import StageKind, StageRecord, StageState
from understudy.report.data import Curve, CurvePoint, Stage
from understudy.runs import read_record

_LOGGED = {"log.jsonl": "loss", "eval_callback.jsonl": "_rate"}
"""Files of a training, and what the name of a quantity has that is drawn."""
FactList = tuple[tuple[str, str], ...]
_COUNTED = {
    StageKind.ROLLOUT: "trajectories.jsonl",
    StageKind.PREFIXES: "prefixes.jsonl",
    StageKind.REPAIR: "trajectories.jsonl",
    StageKind.CURATE: "examples.jsonl",
    StageKind.TRAIN: "log.jsonl",
    StageKind.ON_POLICY: "log.jsonl",
    StageKind.EVALUATE: "trajectories.jsonl",
}


def read_facts(path: Path) -> FactList:
    """Return a JSON file's leaves as (dotted path, text); nothing where the file is not there or not whole yet."""
    return tuple(_leaves("", _read_json(path)))


def stage_dirs(run_dir: Path, kind: StageKind) -> list[Path]:
    """Folders of all stages of one kind, in the order in which they were begun."""
    folders = [folder for folder in (run_dir / kind).glob("*") if folder.is_dir()]
    return sorted(folders, key=lambda folder: (_began(folder), folder.name))


def read_stages(run_dir: Path) -> tuple[Stage, ...]:
    """Where each stage of the run stands, in the order of the walk and, within a kind, of their beginning."""
    stages = [_stage(run_dir / kind / folder.name, kind) for kind in StageKind for folder in stage_dirs(run_dir, kind)]
    return tuple(stages)


def read_curves(run_dir: Path) -> tuple[Curve, ...]:
    """Return over their steps what the trainings of a run logged: losses, and rates of sampled replies."""
    curves: list[Curve] = []
    for folder in (one for kind in StageKind if kind.is_training for one in stage_dirs(run_dir, kind)):
        label = folder.name if folder.parent.name == StageKind.TRAIN else f"{folder.name}, on policy"
        points: dict[str, list[CurvePoint]] = {}
        for name, point in _logged(folder):
            points.setdefault(name, []).append(point)
        curves += [Curve(stage=label, quantity=name, points=tuple(found)) for name, found in points.items()]
    return tuple(curves)


def _logged(folder: Path) -> Iterator[tuple[str, CurvePoint]]:
    for file, mark in _LOGGED.items():
        for number, row in enumerate(_rows(folder / file), 1):
            step = row.get("step", number)
            for name, value in row.items():
                if mark in name and _is_number(value) and _is_number(step):
                    yield name, CurvePoint(step=float(str(step)), value=float(str(value)))


def _stage(folder: Path, kind: StageKind) -> Stage:
    """A folder without a readable ``stage.json`` has just been begun, or was filled by hand."""
    path = folder / "stage.json"
    record = read_record(path, StageRecord) if path.is_file() else None
    return Stage(
        kind=kind,
        name=folder.name,
        state=record.state if record else StageState.RUNNING,
        n=_lines(folder / _COUNTED[kind]),
        inputs=tuple(record.inputs) if record else (),
        facts=read_facts(path),
    )


def _began(folder: Path) -> str:
    return dict(read_facts(folder / "stage.json")).get("started", "")


def _lines(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _rows(path: Path) -> Iterator[dict[str, object]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                row = json.loads(line)
            except json.JSONDecodeError:  # a torn line of a training that still writes
                continue
            if isinstance(row, dict):
                yield row


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _leaves(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for number, inner in enumerate(value):
            yield from _leaves(f"{path}[{number}]", inner)
    elif isinstance(value, list):
        yield path, ", ".join(_text(one) for one in value)
    elif path:
        yield path, _text(value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "–" if value is None else json.dumps(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
