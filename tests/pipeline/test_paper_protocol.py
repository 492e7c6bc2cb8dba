"""The paper's own protocol, whole: ``recipes/paper`` with values replaced and nothing else.

The teacher is reached by URL and is a program; the student has a few layers and Qwen2.5's real tokenizer; there are
five questions of each of the paper's real files and a small vector index. What is tested is that it ends in a report
with every cell of the paper's table, not what stands in the students' cells.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

from tests.tiny_model import tiny_tokenizer
from understudy.models import ScriptedConfig
from understudy.models.serving import served
from understudy.pipeline import Outcome, load_recipe, run_recipe
from understudy.records import Example, PrefixDelivery, Task
from understudy.report import PaperMethod, collect, draw_in_terminal, method_table
from understudy.report.method_table import Scope
from understudy.report.paper import paper_figure
from understudy.retrieval import BuildConfig, StaticEncoderConfig, build_index
from understudy.rollouts import read_trajectories
from understudy.runs import read_jsonl
from understudy.tasks import TEST_SETS, TRAINING_SETS, load_tasks

N = 5
SETS = {
    **{f"{name.replace('_', '-')}-train": (name, split) for name, split in TRAINING_SETS},
    **{name.replace("_", "-"): (name, split) for name, split in TEST_SETS},
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def save_student(folder: Path, tokenizer_folder: Path) -> Path:
    import torch
    from transformers import AutoTokenizer, GenerationConfig, Qwen2Config, Qwen2ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=32768, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=end, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_vectors(folder: Path, tasks: list[Task]) -> Path:
    encoder = folder / "encoder"
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(encoder)
    table = np.random.default_rng(0).normal(size=(len(tokenizer), 32)).astype(np.float32)
    save_file({"embeddings": table}, encoder / "model.safetensors")
    corpus = folder / "corpus.jsonl"
    rows = [{"id": str(n), "contents": f"Page {n}\n{task.question}"} for n, task in enumerate(tasks)]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = BuildConfig(corpus=corpus, folder=folder / "index", encoder=StaticEncoderConfig(model=encoder))
    build_index(config, quiet=True)
    return folder / "index"


def test_the_protocol_ends_in_a_report_with_every_cell(shared_dir: Path, tmp_path: Path) -> None:
    data = shared_dir / "data" / "benchmarks"
    student = save_student(tmp_path / "student", shared_dir / "data" / "qwen2.5-tokenizer")
    tasks = [
        task for name, split in SETS.values() for task in load_tasks(name, split=split, data_dir=data, limit=N).tasks
    ]
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({task.question: task.answer for task in tasks}))
    program = ScriptedConfig(
        program="tests.pipeline.paper_teacher:paper_teacher", options={"answers": str(answers)}, name="program"
    )
    with served(program) as url:
        values = [
            f"models.teacher.base_urls=[{url}]",
            "models.teacher.model=program",
            f"models.student.path={student}",
            f"retrieval.folder={build_vectors(tmp_path, tasks)}",
            *(f"tasks.{name}.{key}" for name in SETS for key in (f"data_dir={data}", f"limit={N}")),
            # A student that knows nothing never ends its replies: few tokens say as much.
            *(f"agents.{name}.max_tokens=16" for name in ("untrained", "student", "student-sag", "cot", "cot-rag")),
            # Random weights need a sorted vocabulary of 152,000 tokens for each sampled one.
            "agents.student-sag.self_consistency.n_candidates=2",
        ]
        run_dir = tmp_path / "run"
        recipe = load_recipe(Path("recipes/paper/qwen2.5-0.5b.yaml"), tuple(values))
        outcomes = run_recipe(recipe, run_dir, say=lambda _: None, quiet=True)
    assert set(outcomes.values()) == {Outcome.DONE}

    prefixed = list(read_trajectories(run_dir / "rollout/teacher-agent-ftp/trajectories.jsonl"))
    assert len(prefixed) == 3 * N
    assert {one.prefix_delivery for one in prefixed} == {PrefixDelivery.CONTINUED}
    for name in ("cot", "cot-rag", "agent", "agent-ftp"):
        assert len(list(read_jsonl(run_dir / "curate" / name / "examples.jsonl", Example))) >= 2 * N

    document = collect(run_dir)
    assert len(document.systems) == 9
    for system in document.systems:
        assert {one.task_set for one in system.metrics.task_sets} == {name.replace("_", "-") for name, _ in TEST_SETS}
        assert len(system.metrics.task_sets) == len(TEST_SETS)
        assert {one.n for one in system.metrics.task_sets} == {N}
        assert {one.n_not_scored for one in system.metrics.task_sets} == {0}
    figures = {system.metrics.system: system.paper for system in document.systems}
    assert figures["teacher"] == paper_figure("32B", PaperMethod.AGENT_PROMPT)
    assert figures["agent student + FTP + SAG"] == paper_figure("0.5B", PaperMethod.AGENT_DISTIL_FTP_SAG)
    teacher = next(system for system in document.systems if system.metrics.system == "teacher")
    assert teacher.metrics.average > 0.9, "the program knows the answers"

    row = method_table([run_dir]).rows[0]
    assert {key for key, cell in row.cells.items() if cell.n_sets} == {(m, s) for m in PaperMethod for s in Scope}
    assert len(row.pairs) == 28 * 3
    page = (run_dir / "report.html").read_text()
    console = Console(width=400, file=io.StringIO())
    with console.capture() as capture:
        console.print(draw_in_terminal(method_table([run_dir])))
    for system in document.systems:
        assert system.metrics.system in page
    assert all(method.heading in capture.get() for method in PaperMethod)
