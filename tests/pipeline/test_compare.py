"""Runs side by side: seeds of one recipe, or runs that only share systems."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.report.make_run import make_run
from understudy.pipeline import RunDirectory, compare_runs
from understudy.pipeline.compare import NoRunError
from understudy.pipeline.run_directory import list_stages
from understudy.records import Metrics
from understudy.runs import read_record


def a_run(folder: Path, name: str, seed: int) -> Path:
    directory = RunDirectory(make_run(folder, n_tasks=4))
    directory.write_manifest(directory.read_manifest().model_copy(update={"name": name, "seed": seed}))
    return folder


def printed(run_dirs: list[Path]) -> str:
    console = Console(width=400, file=io.StringIO())
    with console.capture() as capture:
        console.print(compare_runs(run_dirs))
    return capture.get()


def test_seeds_of_one_recipe_have_a_median(tmp_path: Path) -> None:
    text = printed([a_run(tmp_path / "a", "x", 0), a_run(tmp_path / "b", "x", 1)])
    assert "Accuracy over seeds" in text
    assert "seed 0" in text
    assert "seed 1" in text
    assert "median" in text


@pytest.mark.parametrize(("names", "seeds"), [(("x", "x"), (0, 0)), (("x", "y"), (0, 1))])
def test_other_runs_are_named_by_their_folders_and_have_none(
    tmp_path: Path, names: tuple[str, str], seeds: tuple[int, int]
) -> None:
    runs = [a_run(tmp_path / f"lora-{n}", name, seed) for n, (name, seed) in enumerate(zip(names, seeds, strict=True))]
    text = printed(runs)
    assert "lora-0" in text
    assert "lora-1" in text
    assert "median" not in text
    assert "seed" not in text


def test_seeds_with_another_setting_changed_have_no_median(tmp_path: Path) -> None:
    """Such as a run with ``seed=1 train.agent.learning_rate=1e-3``."""
    runs = [a_run(tmp_path / f"run-{seed}", "x", seed) for seed in (0, 1)]
    directory = RunDirectory(runs[1])
    record = next(one for one in list_stages(runs[1]) if one.kind == "evaluate")
    directory.write_stage(record.model_copy(update={"settings": {**record.settings, "seed": 1}}))
    assert "median" in printed(runs), "the seed is no other setting"
    directory.write_stage(record.model_copy(update={"settings": {**record.settings, "stage": {"in_flight": 1}}}))
    text = printed(runs)
    assert "median" not in text
    assert "run-0" in text


def test_systems_that_answered_other_questions_are_named(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / "a", "x", 0), a_run(tmp_path / "b", "x", 1)]
    assert "same questions" not in printed(runs)
    path = next((runs[1] / "evaluate").glob("*/metrics.json"))
    metrics = read_record(path, Metrics)
    (first, *rest) = metrics.task_sets
    for changes in ({"n_tasks": first.n_tasks + 8}, {"task_set": "autumn"}):
        changed = metrics.model_copy(update={"task_sets": (first.model_copy(update=changes), *rest)})
        path.write_text(changed.model_dump_json())
        text = printed(runs)
        assert f"{metrics.system} did not answer the same questions: seed 0: " in text
        assert str(next(iter(changes.values()))) in text


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / name / "run", name, 0) for name in ("first", "second")]
    text = printed(runs)
    assert "first/run" in text
    assert "second/run" in text


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: x\n")
    with pytest.raises(NoRunError, match=r"recipe\.yaml: expected a run directory; it is a file"):
        compare_runs([recipe])
    with pytest.raises(NoRunError, match=r"expected a run directory; there is no manifest\.json in it"):
        compare_runs([tmp_path])
