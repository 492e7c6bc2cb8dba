"""Slips in the recipes that ship: engines, cascades, worlds, preferences. Each ends in an error with line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.extras import missing
from understudy.pipeline import RecipeError, load_recipe

ROOT = Path(__file__).parents[2]
LOCAL = "device: cpu, dtype: float32"
WORLD = "environment: {kind: agentdojo}"
INJECTED = "attack: direct, split: train, injection_tasks: [injection_task_1]"
SIGNALS = "{student: dev-student, teacher: dev-teacher, share: 0.1}"
# Recipe, what is written instead of what, and what the message must name.
WRONG = [
    ("demo-tools", LOCAL, f"{LOCAL}, engine: vlllm", ["line 9: models.student.engine: ", "vllm, llama_cpp", "'vlllm'"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{replicas: 2}}", ["models.student.engine: `kind` is missing"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: [vllm]", ["models.student.engine: expected a mapping"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: vllm, replicas: 0}}", ["student.engine.replicas: ", "than 0"]),
    (
        "demo-tools",
        LOCAL,
        f"{LOCAL}, engine: {{kind: vllm, extra_arguments: --max-model-len=8192}}",
        ["models.student.engine.extra_arguments: expected a list; got '--max-model-len=8192'"],
    ),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: vllm, memory_share: 90}}", ["engine.memory_share: ", "90"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: vllm, host: 'http://a'}}", ["engine.host: ", "without http://"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: vllm, host: 'a:80'}}", ["engine.host: ", "port; got 'a:80'"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: vllm, host: ''}}", ["engine.host: ", "got ''"]),
    ("demo-tools", "demo.yaml", "dem.yaml", ["line 4: extends: expected a file that exists", "dem.yaml"]),
    ("demo-tools", "../src/understudy/demo/demo.yaml", "[demo.yaml]", ["line 4: extends: expected a file"]),
    ("demo-tools", "python: true", "python: true, answer: txt", ["agents.agent.answer: expected 'text' or 'tool'"]),
    (
        "demo-cascade",
        "threshold: student",
        "threshold: students",
        ["threshold: expected one of student, ", "'students'"],
    ),
    (
        "demo-cascade",
        "model: teacher\n",
        "model: train/agent\n",
        ["teacher_model: expected another model than the student"],
    ),
    (
        "demo-cascade",
        SIGNALS,
        SIGNALS.replace("dev-teacher", "dev-student"),
        ["line 26: signals.student.teacher: ", "both"],
    ),
    ("demo-cascade", SIGNALS, SIGNALS.replace("0.1", "10"), ["line 26: signals.student.share: ", "equal to 1; got 10"]),
    (
        "demo-cascade",
        "student_agent: agent",
        "student_agent: cascade",
        ["student_agent: expected an agent that is no "],
    ),
    ("demo-cascade", "at: step", "at: steps", ["line 18: agents.cascade-step.at: ", "'steps'"]),
    ("agentdojo", WORLD, "", ["line 15: tasks.calm: ", "expected environment: {kind: agentdojo}; got None"]),
    ("agentdojo", WORLD, "environment: {kind: bfcl}", ["expected environment: {kind: agentdojo}; got 'bfcl'"]),
    ("agentdojo", "grading: {kind: agentdojo}", "", ["grading.kind: expected 'agentdojo' or a grader", "'auto'"]),
    ("agentdojo", "grading: {kind: agentdojo}", "grading: {kind: math}", ["line 29: grading.kind: ", "got 'math'"]),
    ("agentdojo", "user_task_17", "user_task_170", ["line 15: tasks.calm: ", "user_tasks: ", "got 'user_task_170'"]),
    ("agentdojo", INJECTED, INJECTED.replace("_1", "_99"), ["line 21: tasks.train-even: ", "got 'injection_task_99'"]),
    (
        "agentdojo",
        INJECTED,
        INJECTED.removeprefix("attack: direct, "),
        ["line 21: ", "injection_tasks: needs `attack`"],
    ),
    ("agentdojo", "suites: [slack]", "suites: slack", ["line 37: models.cautious.options.suites: ", "'slack'"]),
    ("agentdojo", "suites: [slack]", "suites: [slak]", ["models.cautious.options.suites: ", "'slak'"]),
    ("agentdojo", "follows: 0.0", "follows: none", ["models.cautious.options.follows: expected float; got 'none'"]),
    ("agentdojo", "follows: 0.0", "follows: '0.5'", ["models.cautious.options.follows: expected float; got '0.5'"]),
    ("second-round", "teacher: train/longer", "teacher: train/first", ["line 76: on_policy.first.teacher: ", "both"]),
    ("second-round", "error_rate: 0.1", "error_rate: 10%", ["models.teacher.options.error_rate: ", "'10%'"]),
    ("second-round", "n_steps: 80", "max_steps: 80", ["line 77: on_policy.first.max_steps", "did you mean `n_steps`"]),
    ("second-round", "label: + more of the teacher", "label: First round", ["expected a label of its own"]),
    ("preference", "corrections: repair/student", "corrections: student", ["dpo.first.corrections: ", "'repair'"]),
    # Engines of local models.
    ("demo-tools", LOCAL, f"{LOCAL}, engine: true", ["engine: expected a mapping with `kind`, or one of ", "got True"]),
    (
        "demo-tools",
        LOCAL,
        f"{LOCAL}, engine: {{kind: vllm, deadline_s: .inf}}",
        ["engine.deadline_s: ", "finite", "inf"],
    ),
    (
        "demo-tools",
        LOCAL,
        f"{LOCAL}, engine: {{kind: vllm, replicas: true}}",
        ["engine.replicas: ", "a number; got true"],
    ),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: vllm, executable: null}}", ["engine.executable: ", "got None"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: vllm, host: '::1'}}", ["engine.host: ", "IPv4", "got '::1'"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: vllm, host: 'me@a'}}", ["engine.host: ", "got 'me@a'"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: vllm, extra_args: [x]}}", ["did you mean `extra_arguments`?"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: vllm, extra_arguments: ['']}}", ["extra_arguments.0: ", "got ''"]),
    (
        "demo-tools",
        LOCAL,
        f"{LOCAL}, engine: {{kind: vllm, extra_arguments: [--port=9000]}}",
        ["engine.extra_arguments: expected no --port, which is set by the run; got '--port=9000'"],
    ),
    (
        "demo-tools",
        LOCAL,
        f"{LOCAL}, engine: {{kind: auto, extra_arguments: [--tensor_parallel_size, '2']}}",
        ["engine.extra_arguments: ", "is set by the key `gpus_per_replica`"],
    ),
    (
        "demo-tools",
        LOCAL,
        f"{LOCAL}, engine: {{kind: llama_cpp, extra_arguments: [-c, '512']}}",
        ["engine.extra_arguments: ", "is set by the model's window and `n_parallel`; got '-c'"],
    ),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: llama_cpp, n_parallel: 0}}", ["engine.n_parallel: ", "got 0"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: auto, precision: f16}}", ["engine.precision: unknown key"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: {{kind: 'json:JSONDecoder'}}", ["engine.kind: ", "the method weights"]),
    ("demo-tools", LOCAL, "device: cpu, dtype: float64, engine: vllm", ["models.student: dtype: float64", "got vllm"]),
    ("demo-tools", LOCAL, "device: cpu, dtype: float64, engine: llama_cpp", ["dtype: float64", "got llama_cpp"]),
    ("demo-tools", LOCAL, f"{LOCAL}, engine: vllm, quantization: int8", ["quantization: int8 ", "got vllm"]),
    ("demo-tools", LOCAL, f"{LOCAL}, quantization: true", ["models.student.quantization: expected 'int8'; got True"]),
    (
        "demo-tools",
        LOCAL,
        f"{LOCAL}, adapter: src/understudy/demo/base",
        ["models.student.adapter: ", "an adapter; there is"],
    ),
    # Cascades and signals, whose keys take a name or settings.
    (
        "demo-cascade",
        "threshold: student",
        "threshold: .nan",
        ["threshold: expected a finite number or string; got nan"],
    ),
    ("demo-cascade", "threshold: student", "threshold: null", ["threshold: expected number or string; got None"]),
    ("demo-cascade", "threshold: student", "threshold: 0.5", ["line 12: agents.cascade.signal: is missing"]),
    (
        "demo-cascade",
        "teacher_model: teacher",
        "teacher_model: {kind: openai_chat}",
        ["2 problems", "line 16: agents.cascade.teacher_model.model: is missing"],
    ),
    (
        "demo-cascade",
        "teacher_agent: agent",
        "teacher_agent: {kind: code_agent, max_steps: 0}",
        ["2 problems", "line 15: agents.cascade.teacher_agent.max_steps: expected greater than or equal to 1; got 0"],
    ),
    ("demo-cascade", "teacher_model: teacher", "teacher_model: 5", ["teacher_model: expected string or a mapping"]),
    ("demo-cascade", SIGNALS, SIGNALS.replace("0.1", "0.1, signals: []"), ["signals.student.signals: ", "at least 1"]),
    (
        "demo-cascade",
        SIGNALS,
        SIGNALS.replace("0.1", "0.1, signals: [lowest_action_logprob, lowest_action_logprob]"),
        ["line 26: signals.student: signals: expected each signal once; got 'lowest_action_logprob' again"],
    ),
    # On-policy distillation, preferences, trainings.
    ("second-round", "on_policy:", "on-policy:", ["line 72: on-policy: unknown key: did you mean `on_policy`?"]),
    ("second-round", "n_steps: 80", "method: qlora", ["on_policy.first.method: expected full or lora; got qlora"]),
    ("second-round", "n_steps: 80", "teacher_topk: 5", ["teacher_topk: unknown key: did you mean `teacher_top_k`?"]),
    ("second-round", "n_steps: 80", "temperature: .nan", ["on_policy.first.temperature: ", "finite", "nan"]),
    ("second-round", "teacher: train/longer", "teacher: teacher", ["on_policy.first.teacher: ", "'scripted'"]),
    ("second-round", "teacher: train/longer", "teacher: [student]", ["line 76: on_policy.first.teacher: ", "string"]),
    ("preference", "beta: 0.1", "beta: yes", ["line 70: dpo.first.beta: expected a number; got true"]),
    ("preference", "student: train/first", "student: teacher", ["dpo.first.student: expected a local model"]),
    (
        "demo-cascade",
        "extends:",
        "stages: 5\nextends:",
        ["line 4: stages: unknown key: each kind of stage has a section"],
    ),
    ("demo-cascade", "extends:", "user: teacher\nextends:", ["line 4: user: expected a mapping; got 'teacher'"]),
    ("preference", "beta: 0.1", "beta: 0", ["line 70: dpo.first.beta: expected greater than 0; got 0"]),
    ("preference", "model: dpo/first", "model: dpo/frist", ["line 83: evaluate.preferred.model: ", "'dpo/frist'"]),
]


@pytest.mark.parametrize(("name", "old", "new", "said"), WRONG, ids=[f"{row[0]}-{n}" for n, row in enumerate(WRONG)])
def test_line_and_key_are_named_before_any_work(tmp_path: Path, name: str, old: str, new: str, said: list[str]) -> None:
    if name == "agentdojo" and missing("agentdojo", "it"):
        pytest.skip("agentdojo is not installed")
    for folder in ("src", "demo"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "recipes").mkdir()
    for recipe in (ROOT / "recipes").glob("*.yaml"):
        (tmp_path / "recipes" / recipe.name).write_text(recipe.read_text())
    path = tmp_path / "recipes" / f"{name}.yaml"
    text = path.read_text()
    assert old in text, "the case must change something"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    for words in said:
        assert words in str(caught.value), str(caught.value)


def test_an_option_of_the_right_type_is_taken(tmp_path: Path) -> None:
    """A whole number is a float; a type that only a type checker imports is not looked at."""
    (tmp_path / "program_with_options.py").write_text(
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from nowhere import Nothing\n"
        "def reply(request: Nothing, rate: float = 0, names: tuple[str, ...] = (), other: Nothing = None, free=1):\n"
        "    return ''\n"
    )
    program = "program: 'program_with_options:reply', options: {rate: 1, names: [a], other: {x: 1}, free: [2]}"
    path = tmp_path / "recipe.yaml"
    path.write_text(f"extends: {ROOT}/recipes/smoke.yaml\nname: own\nmodels: {{own: {{kind: scripted, {program}}}}}\n")
    assert load_recipe(path).models["own"].options["rate"] == 1
