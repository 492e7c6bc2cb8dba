"""A student is the one that was trained, or it is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.models.faulty_server import Faulty, reply, running
from tests.models.test_server import serving
from tests.tiny_model import save_tiny_adapter
from understudy.models import DType, LocalConfig, OpenAIChatConfig, Quantization, Request
from understudy.models.finite import NotFiniteError
from understudy.models.loading import AdapterWithoutEffectError, Checkpoint, load_checkpoint, without_peft_warning
from understudy.models.local import LocalModel
from understudy.models.parity import ParityReport, StudentMismatchError, check_student, says_the_same
from understudy.models.rendering import open_renderer
from understudy.records import Completion, FinishReason, FunctionCall, Message, Role, ToolSchema

PROMPTS = [(Message(role=Role.USER, content=text),) for text in ("hello", "What is 6 * 7?", "Who wrote it?")]


@pytest.fixture(scope="module")
def merged_dir(tiny_dir: Path, adapter_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As training would merge it."""
    folder = tmp_path_factory.mktemp("merged")
    base = AutoModelForCausalLM.from_pretrained(tiny_dir, dtype=torch.float32)
    with without_peft_warning():
        PeftModel.from_pretrained(base, adapter_dir).merge_and_unload().save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_dir).save_pretrained(folder)
    return folder


@pytest.fixture
def base(tiny_dir: Path) -> LocalConfig:
    return LocalConfig(path=str(tiny_dir), dtype=DType.FLOAT32)


def at(url: str) -> OpenAIChatConfig:
    return OpenAIChatConfig(model="student", base_urls=(url,), max_retries=0)


def test_tools_are_offered_to_all_systems(base: LocalConfig, adapter_dir: Path) -> None:
    tools = [(ToolSchema(name="search"),)] * len(PROMPTS)
    report = check_student(base, PROMPTS, adapter=str(adapter_dir), acting=True, tools=tools)
    assert report.call_form == "plain"
    by_name = {system.system: system for system in report.systems}
    assert by_name["acting"].greedy_agreement == 1.0
    without = check_student(base, PROMPTS, adapter=str(adapter_dir))
    assert without.systems[0].mean_difference_nat != by_name["base"].mean_difference_nat


@pytest.mark.parametrize(
    ("text", "calls", "same"),
    [
        ("I look.", [{"q": "a"}], True),
        ("I look.", [{"q": "b"}], False),
        ("I look.", [], False),
        ("Look.", [{"q": "a"}], False),
    ],
)
def test_a_server_must_read_the_same_calls(tiny_dir: Path, text: str, calls: list[dict[str, str]], same: bool) -> None:
    made = tuple(FunctionCall.model_validate({"id": "x", "name": "search", "arguments": one}) for one in calls)
    served = Completion(text=text, finish_reason=FinishReason.STOP, tool_calls=made)
    own = 'I look.\n<tool_call>\n{"name": "search", "arguments": {"q": "a"}}\n</tool_call>'
    assert says_the_same(served, own, open_renderer(str(tiny_dir)), (ToolSchema(name="search"),)) is same


def test_base_adapter_merged_weights_and_server_are_compared(
    base: LocalConfig, tiny_dir: Path, adapter_dir: Path, merged_dir: Path
) -> None:
    student = LocalConfig(path=str(merged_dir), name="student")
    with LocalModel(student) as model, serving(model) as url:
        report = check_student(base, PROMPTS, adapter=str(adapter_dir), merged=str(merged_dir), server=at(url))
    by_name = {system.system: system for system in report.systems}
    assert list(by_name) == ["base", "server", "merged"]
    for same in ("server", "merged"):
        assert by_name[same].greedy_agreement == 1.0
        assert (by_name[same].max_difference_nat or 0) < 1e-4
        assert by_name[same].n_tokens > 10
    assert (by_name["base"].mean_difference_nat or 0) > 0.1
    assert by_name["base"].greedy_agreement < 1.0
    assert report.n_prompts == 3


def test_an_adapter_without_effect_is_refused(base: LocalConfig, tiny_dir: Path, tmp_path: Path) -> None:
    idle = save_tiny_adapter(tiny_dir, tmp_path, scale=0.0)
    with pytest.raises(AdapterWithoutEffectError):
        check_student(base, PROMPTS, adapter=str(idle))


def test_merged_weights_that_differ_are_refused(base: LocalConfig, tiny_dir: Path, adapter_dir: Path) -> None:
    with pytest.raises(StudentMismatchError, match=r"merged is not .* log-probabilities differ"):
        check_student(base, PROMPTS, adapter=str(adapter_dir), merged=str(tiny_dir))


def test_a_server_of_the_base_is_not_the_student(base: LocalConfig, tiny_dir: Path, adapter_dir: Path) -> None:
    mistake = LocalConfig(path=str(tiny_dir), name="student")
    with (
        LocalModel(mistake) as model,
        serving(model) as url,
        pytest.raises(StudentMismatchError, match="server is not"),
    ):
        check_student(base, PROMPTS, adapter=str(adapter_dir), server=at(url))


def test_a_server_that_tells_only_text_is_compared_by_its_text(base: LocalConfig, adapter_dir: Path) -> None:
    with (
        running(Faulty(lambda body: reply("something else"))) as other,
        pytest.raises(StudentMismatchError, match="no greedy reply equals"),
    ):
        check_student(base, PROMPTS, adapter=str(adapter_dir), server=at(other.url))


def test_no_prompts_are_refused(base: LocalConfig) -> None:
    with pytest.raises(ValueError, match="at least one prompt"):
        check_student(base, [])


def test_a_fully_trained_student_differs_from_what_it_began_with(tiny_dir: Path, merged_dir: Path) -> None:
    student = LocalConfig(path=str(merged_dir), dtype=DType.FLOAT32)
    report = check_student(student, PROMPTS, untrained=str(tiny_dir))
    assert [one.system for one in report.systems] == ["base"]
    with pytest.raises(StudentMismatchError, match="is its own base"):
        check_student(student, PROMPTS, untrained=str(merged_dir))


def test_a_server_of_other_weights_is_not_the_fully_trained_student(
    tiny_dir: Path, merged_dir: Path, tmp_path: Path
) -> None:
    near = tmp_path / "near"  # a training that changed little
    shutil.copytree(tiny_dir, near)
    file = near / "model.safetensors"
    trained, untrained = load_file(merged_dir / "model.safetensors"), load_file(file)
    save_file({name: 0.02 * trained[name] + 0.98 * untrained[name] for name in trained}, file, {"format": "pt"})
    barely = LocalConfig(path=str(near), dtype=DType.FLOAT32)

    def served(path: Path, checked: LocalConfig) -> ParityReport:
        with LocalModel(LocalConfig(path=str(path), name="student")) as model, serving(model) as url:
            return check_student(checked, PROMPTS, untrained=str(tiny_dir), server=at(url))

    by_name = {one.system: one for one in served(near, barely).systems}
    assert (by_name["server"].mean_difference_nat or 0) < (by_name["server"].base_difference_nat or 0) < 0.1
    with pytest.raises(StudentMismatchError, match=r"server is not .*, but its base"):
        served(tiny_dir, barely)


def test_the_student_as_agents_run_it_is_compared(base: LocalConfig, adapter_dir: Path) -> None:
    report = check_student(base, PROMPTS, adapter=str(adapter_dir), acting=True)
    acting = next(one for one in report.systems if one.system == "acting")
    assert 0 < (acting.max_difference_nat or 0) < 1e-4, "merged in memory: the same but for rounding"


@pytest.mark.parametrize("quantization", [None, Quantization.INT8])
@pytest.mark.parametrize("is_adapter", [True, False])
def test_what_is_kept_is_what_agents_would_load(
    tiny_dir: Path, adapter_dir: Path, merged_dir: Path, is_adapter: bool, quantization: Quantization | None
) -> None:
    path, adapter = (tiny_dir, str(adapter_dir)) if is_adapter else (merged_dir, None)
    config = LocalConfig(path=str(path), dtype=DType.FLOAT32, device="cpu", quantization=quantization)
    kept: list[Checkpoint] = []
    check_student(
        config, PROMPTS, adapter=adapter, untrained=None if is_adapter else str(tiny_dir), acting=True, keep=kept.append
    )
    student = config.model_copy(update={"adapter": adapter})
    loaded = load_checkpoint(student)
    assert len(kept) == 1
    ids = torch.arange(40)[None]
    with torch.inference_mode():
        assert torch.equal(kept[0].model(input_ids=ids).logits, loaded.model(input_ids=ids).logits)
    assert not any(weights.requires_grad for weights in kept[0].model.parameters())
    assert kept[0].context_tokens == loaded.context_tokens
    request = Request(PROMPTS[1], max_tokens=12, temperature=0.7, seed=3, n=2)
    with LocalModel(student, kept[0]) as model, LocalModel(student) as other:
        assert model.complete(request) == other.complete(request)


def test_a_student_that_is_refused_is_not_kept(merged_dir: Path) -> None:
    student = LocalConfig(path=str(merged_dir), dtype=DType.FLOAT32)
    kept: list[Checkpoint] = []
    with pytest.raises(StudentMismatchError, match="is its own base"):
        check_student(student, PROMPTS, untrained=str(merged_dir), keep=kept.append)
    assert not kept


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("where", ["model.embed_tokens.weight", "model.layers.1.mlp.up_proj.weight"])
def test_weights_that_are_not_finite_are_no_student(tiny_dir: Path, tmp_path: Path, number: float, where: str) -> None:
    """One number of one row that no prompt reads is enough: log-probabilities alone would not show it."""
    spoil(tiny_dir, tmp_path, where, number)
    spoilt = LocalConfig(path=str(tmp_path), dtype=DType.FLOAT32)
    with pytest.raises(NotFiniteError, match=rf"1 of the \d+ numbers of {where}"):
        check_student(spoilt, PROMPTS, untrained=str(tiny_dir))


def test_what_the_student_is_compared_with_must_be_finite_too(
    base: LocalConfig, tiny_dir: Path, adapter_dir: Path, merged_dir: Path, tmp_path: Path
) -> None:
    spoil(merged_dir, tmp_path / "merged", "model.norm.weight", float("nan"))
    with pytest.raises(NotFiniteError, match=r"merged.*model\.norm\.weight"):
        check_student(base, PROMPTS, adapter=str(adapter_dir), merged=str(tmp_path / "merged"))
    shutil.copytree(adapter_dir, tmp_path / "adapter")
    weights = load_file(adapter_dir / "adapter_model.safetensors")
    next(iter(weights.values()))[0, 0] = float("inf")
    save_file(weights, tmp_path / "adapter" / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(NotFiniteError, match="lora"):
        check_student(base, PROMPTS, adapter=str(tmp_path / "adapter"))


def test_finite_weights_that_compute_no_numbers_are_no_student(tiny_dir: Path, tmp_path: Path) -> None:
    spoil(tiny_dir, tmp_path, "model.layers.0.mlp.down_proj.weight", 3e38)
    spoilt = LocalConfig(path=str(tmp_path), dtype=DType.FLOAT32)
    with pytest.raises(NotFiniteError, match=f"{tmp_path}: expected finite logits"):
        check_student(spoilt, PROMPTS, untrained=str(tiny_dir))


def spoil(model_dir: Path, folder: Path, where: str, number: float) -> None:
    """Write a copy of a model in which one number is another; a large one takes all places."""
    shutil.copytree(model_dir, folder, dirs_exist_ok=True)
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    weight = dict(model.named_parameters())[where].data
    weight.view(-1)[0 if number == 3e38 else -1 :] = number
    model.save_pretrained(folder)
