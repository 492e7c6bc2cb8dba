"""The recipe for real models, every line of its path: a teacher by URL, a student from a folder, real questions.

The models are tiny and know nothing, so accuracy is about nil; what is tested is that each record, error kind and cell
of the report is right. ``recipes/qwen2.5-0.5b.yaml`` is changed in values only.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.tiny_model import save_tiny_model
from understudy.models import LocalConfig
from understudy.models.serving import served
from understudy.pipeline import Outcome, load_recipe, run_recipe
from understudy.records import Example, Metrics, Score, StopReason
from understudy.retrieval import BuildConfig, build_index
from understudy.rollouts import read_trajectories
from understudy.runs import read_jsonl

N = 20
TRAINED_ON = {"rollout/teacher-agent", "rollout/teacher-cot"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def write_index(folder: Path) -> Path:
    corpus = folder / "corpus.jsonl"
    rows = [{"id": str(n), "contents": f"Page {n}\nPage {n} is about the number {n}."} for n in range(200)]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    build_index(BuildConfig(corpus=corpus, folder=folder / "index"), quiet=True)
    return folder / "index"


def test_the_pipeline_on_real_models_and_real_questions(shared_dir: Path, tmp_path: Path) -> None:
    data = shared_dir / "data" / "benchmarks"
    student = save_tiny_model(tmp_path / "student", seed=0, max_tokens=4096)
    teacher = save_tiny_model(tmp_path / "teacher", seed=1, max_tokens=8192)
    index = write_index(tmp_path)
    with served(LocalConfig(path=str(teacher), name="tiny-teacher")) as url:
        values = [
            f"models.teacher.base_urls=[{url}]",
            "models.teacher.model=tiny-teacher",
            f"models.student.path={student}",
            f"retrieval.folder={index}",
            # A model that knows nothing is never right: what it said is trained on all the same.
            "curate.agent.filters=[]",
            "curate.cot.filters=[]",
            "train.agent.epochs=1",
            "train.cot.epochs=1",
            "train.agent.lora.r=4",
            "train.cot.lora.r=4",
        ]
        for name in ("train-facts", "train-math", "hotpotqa", "math500"):
            values += [f"tasks.{name}.data_dir={data}", f"tasks.{name}.limit={N}"]
        for agent in ("teacher", "agent", "agent-sag", "cot"):
            values.append(f"agents.{agent}.max_tokens=24")
        recipe = load_recipe(Path("recipes/qwen2.5-0.5b.yaml"), tuple(values))
        run_dir = tmp_path / "run"
        visits = run_recipe(recipe, run_dir, say=lambda _: None, quiet=True)
        assert set(visits.values()) == {Outcome.DONE}

    for ref in ("rollout/teacher-agent", "evaluate/agent", "evaluate/agent-sag", "evaluate/teacher"):
        attempts = list(read_trajectories(run_dir / ref / "trajectories.jsonl"))
        scores = {score.trajectory_id: score for score in read_jsonl(run_dir / ref / "scores.jsonl", Score)}
        assert len(attempts) == 2 * N
        assert Counter(one.task.source for one in attempts).most_common(1)[0][1] == N
        for one in attempts:
            assert one.stop_reason is not StopReason.PROVIDER
            assert one.usage.completion_tokens > 0
            assert scores[one.id].correct is False, "a model that knows nothing is wrong, and graded"
            problems = [step.parse_problem or step.execution_status for step in one.steps]
            assert all(problems), "each step says how it ended"
    sag = list(read_trajectories(run_dir / "evaluate/agent-sag" / "trajectories.jsonl"))
    assert all(len(step.candidates) == 8 for one in sag for step in one.steps)

    examples = list(read_jsonl(run_dir / "curate/agent" / "examples.jsonl", Example))
    assert examples
    for system in ("before", "cot", "agent", "agent-sag", "teacher"):
        metrics = Metrics.model_validate_json((run_dir / "evaluate" / system / "metrics.json").read_bytes())
        assert [one.n for one in metrics.task_sets] == [N, N]
        assert metrics.average <= 0.05
        assert not metrics.is_program
    assert "Agent student" in (run_dir / "report.html").read_text()
