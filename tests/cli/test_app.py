"""The command line as its user meets it: help, refusals, exit codes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.pipeline.test_run import RECIPE
from understudy.cli.app import _in_words, app
from understudy.extras import EXTRAS, command_of, is_installed
from understudy.pipeline import recipe_of_run
from understudy.pipeline.doctor import PURPOSES

VERBS = [
    "run",
    "rollout",
    "prefixes",
    "repair",
    "curate",
    "train",
    "on-policy",
    "evaluate",
    "grade",
    "report",
    "show",
    "compare",
    "view",
    "doctor",
    "serve-model",
    "verify-student",
    "index",
]


def understudy(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "understudy", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "120", **environment},
        check=False,
    )


HEAVY = ("importlib.metadata", "pydantic", "httpx", "torch", "transformers", "understudy.records", "understudy.report")


def test_help_imports_no_library_but_the_command_lines_own() -> None:
    """``--help`` is to stay quick."""
    code = (
        "import sys; from understudy.cli import main; sys.argv = ['understudy', '--help']\n"
        "try: main()\n"
        f"except SystemExit: print('imported:', sorted(set({HEAVY}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_help_lists_every_verb() -> None:
    done = understudy("--help")
    assert done.returncode == 0
    for verb in VERBS:
        assert f" {verb} " in done.stdout


def test_a_wrong_recipe_ends_with_2_and_one_message(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE.replace("name: small", "nane: small"))
    done = understudy("run", str(path), "--run-dir", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "line 1: nane: unknown key: did you mean `name`?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists(), "refused before any work"


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    done = understudy("rollout", str(tmp_path))
    assert done.returncode == 2
    assert "there is no manifest.json in it" in done.stderr


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "small.yaml").write_text(RECIPE)
    done = understudy("run", str(folder / "small.yaml"), "--run-dir", str(folder / "run"))
    assert done.returncode == 0, done.stderr
    assert "Report:" in done.stdout
    return folder / "run"


def test_a_run_is_shown_graded_compared_and_reported(run_dir: Path) -> None:
    assert "final_answer" in understudy("show", str(run_dir), "rollout/teacher-agent").stdout
    assert "verdicts changed" in understudy("grade", str(run_dir), "--again").stdout
    assert "median" in understudy("compare", str(run_dir), str(run_dir)).stdout
    page = run_dir.parent / "compare.html"
    assert "Page:" in understudy("compare", str(run_dir), str(run_dir), "--page", str(page)).stdout
    assert "run beside run (2)" in page.read_text()
    assert "Report:" in understudy("report", str(run_dir)).stdout
    assert "done before, nothing has changed" in understudy("curate", str(run_dir)).stdout


def test_a_stage_that_is_not_there_is_named(run_dir: Path) -> None:
    done = understudy("curate", str(run_dir), "--stage", "teecher")
    assert done.returncode == 2
    assert "it has: teacher-agent" in done.stderr


def test_doctor_says_what_is_really_active_and_which_engines_are_there(tmp_path: Path) -> None:
    (tmp_path / "lib/python3.12/site-packages/vllm-0.32.0.dist-info").mkdir(parents=True)
    programs = {"nvidia-smi": "printf '0\\n1\\n'", "vllm": "exit 1", "llama-server": "exit 1"}
    for name, line in programs.items():
        (path := tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
    here = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = understudy("doctor", PATH=here, CUDA_VISIBLE_DEVICES="1", COLUMNS="300")
    assert done.returncode == 0
    assert "files cannot be read" in done.stdout
    assert f"0.32.0, at {tmp_path}/bin/vllm" in done.stdout
    assert f"llama-server at {tmp_path}/bin/llama-server" in done.stdout
    assert "vllm; GPUs that may be used: 1 " in done.stdout


def test_doctor_names_the_command_that_installs_each_missing_extra() -> None:
    assert PURPOSES.keys() == EXTRAS.keys()
    done = understudy("doctor", COLUMNS="200")
    for extra, modules in EXTRAS.items():
        assert (command_of(extra) in done.stdout) is not all(map(is_installed, modules)), extra


def test_an_index_is_built_and_asked(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"id": "1", "contents": "Ada Lovelace\\nShe wrote the first program."}\n')
    built = understudy("index", "build", str(tmp_path / "corpus.jsonl"), str(tmp_path / "index"))
    assert built.returncode == 0, built.stderr
    found = understudy("index", "search", str(tmp_path / "index"), "who wrote the first program")
    assert "Ada Lovelace" in found.stdout


@pytest.mark.parametrize("verb", ["report", "show"])
def test_a_folder_that_is_no_run_is_refused_and_left_as_it_is(verb: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "manifest.json").write_text("{}")
    done = understudy(verb, str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"{tmp_path}: expected a run directory; there is no manifest.json in it; did you mean {tmp_path / 'mine'}?"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    file = tmp_path / "mine" / "manifest.json"
    assert understudy(verb, str(file)).stderr.strip() == f"{file}: expected a run directory; it is a file"
    assert (
        understudy(verb, str(tmp_path / "none")).stderr.strip().endswith("expected a run directory; it does not exist")
    )


def test_errors_of_files_and_packages_are_sentences(tmp_path: Path) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(RECIPE)
    (tmp_path / "file").write_text("")
    there = understudy("run", str(recipe), "--run-dir", str(tmp_path / "file"))
    assert (there.returncode, there.stderr.strip()) == (1, f"{tmp_path / 'file'}: File exists")
    missing = understudy("run", str(tmp_path / "none.yaml"))
    assert "cannot be read: No such file or directory" in missing.stderr
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['tantivy'] = None\n")
    blocked = understudy("run", str(recipe), "--run-dir", str(tmp_path / "run"), PYTHONPATH=str(tmp_path))
    assert (blocked.returncode, "Traceback" in blocked.stderr) == (1, False)
    assert "tantivy is not installed: pip install" in blocked.stderr


def test_a_run_without_a_training_has_no_student_to_verify(tmp_path: Path) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(
        "name: small\ntasks: {few: {name: toy, split: test, limit: 1}}\n"
        "models: {teacher: {kind: scripted, program: 'understudy.tasks.toy:toy_teacher'}}\n"
        "agents: {cot: {kind: chain_of_thought, prompts: minimal}}\n"
        "rollout: {teacher: {tasks: [few], model: teacher, agent: cot}}\n"
    )
    done = understudy("verify-student", str(recipe))
    assert (done.returncode, done.stdout) == (1, "")
    assert "expected a run whose recipe trains a student" in done.stderr


@pytest.mark.parametrize("command", [("view", "."), ("serve-model", "m", "--local"), ("index", "serve", ".")])
def test_a_port_that_is_none_is_refused(command: tuple[str, ...]) -> None:
    done = understudy(*command, "--port", "99999999", COLUMNS="200")
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "65535" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("serve-model", "https://huggingface.co/a/b", "--local"), "path: expected a folder that exists or a Hub id"),
        (("serve-model", "", "--local"), "path: String should have at least 1 character"),
        (("record", "--upstream", "http://"), "upstream: expected a URL such as http://localhost:8000, got 'http://'"),
        (("record", "--upstream", "https://a/v1/chat/completions"), "such as https://a/v1; got 'https://a/v1/chat/"),
        (("record", "--upstream", "http://a", "--max-gb", "nan"), "--max-gb: expected a number of GB above 0; got nan"),
        (("record", "--upstream", "http://a", "--max-gb", "inf"), "--max-gb: expected a number of GB above 0; got inf"),
        (("record", "--upstream", "http://a", "--shadow-share", "0.5"), "--shadow: expected the URL of the second"),
        (("record", "--upstream", "http://a", "--shadow-model", "m"), "--shadow: expected the URL of the second"),
        (("record", "--upstream", "http://a", "--shadow", "b"), "url: expected a URL such as http://localhost:8000"),
        (("record", "--upstream", "http://a", "--host", "http://b"), "host: expected the name or address of a host"),
        (("record", "--upstream", "http://a", "--token", "a b"), "token: expected letters, digits and signs of ASCII"),
        (("serve-agent", ".", "--host", "127.0.0.1:80"), "host: expected the name or address of a host, without"),
        (("serve-agent", ".", "--host", "0.0.0.0"), "host: 0.0.0.0 can be reached from other machines"),
        (("serve-agent", ".", "--idle-s", "inf"), "idle_s: Input should be a finite number"),
        (("serve-agent", ".", "--turn-s", "nan"), "turn_s: Input should be "),
    ],
)
def test_a_wrong_option_is_named_in_one_sentence(command: tuple[str, ...], said: str) -> None:
    message = refusal(*command)
    assert said in message
    for noise in ("errors.pydantic.dev", "SecretStr", "Value error"):
        assert noise not in message


def refusal(*words: str) -> str:
    """What the command line says, without a process of its own."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code in (1, 2)
    error = result.exception
    return _in_words(error) if isinstance(error, Exception) else result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "gguff"), "--to: expected one of folder, gguf, container, ollama"),
        (("--to", "folder", "--precision", "q8_0"), "--precision: --to folder has none"),
        (("--to", "container", "--no-check"), "--no-check: --to container has none"),
        (("--to", "gguf", "--precision", "q4"), "precision: Input should be 'f32', 'f16' or 'q8_0'"),
        (("--to", "json:JSONDecoder"), "expected a class with the method write, as all exporters have"),
    ],
)
def test_a_wrong_form_of_export_is_named_before_any_work(run_dir: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refusal("export", str(run_dir), "--out", str(run_dir.parent / "exported"), *words)
    assert not (run_dir.parent / "exported").exists()


def test_an_override_changes_one_setting_of_a_stage_of_a_run(run_dir: Path) -> None:
    message = refusal("curate", str(run_dir), "curate.teacher-agent.filters=[right]")
    assert "1 problem" in message
    assert "override curate.teacher-agent.filters=[right]: curate.teacher-agent.filters.0: expected" in message
    recipe = recipe_of_run(run_dir, ("curate.teacher-agent.filters=[]",))
    assert recipe.stages["curate"]["teacher-agent"].rollouts == ("teacher-agent",)


def test_a_path_below_home_that_the_shell_left_as_it_is_leads_there(run_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(run_dir, tmp_path / "run")
    done = understudy("report", "~/run", HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"Report: {tmp_path / 'run'}" in done.stdout


def test_a_terminal_of_ascii_shows_the_table_of_a_run(run_dir: Path) -> None:
    done = understudy("run", str(run_dir), PYTHONIOENCODING="ascii")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "95 % interval" in done.stdout
