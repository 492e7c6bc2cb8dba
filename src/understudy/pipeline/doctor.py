"""``understudy doctor``: what this machine has, and which features work on it. In: nothing. Out: a table. Isolation is
tested in a scratch process, not read from configuration.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from understudy.extras import EXTRAS, command_of, is_installed, missing
from understudy.models import LocalConfig, llama_cpp_process, vllm_process
from understudy.models.engines.auto import Auto, AutoConfig
from understudy.models.engines.gpus import visible_gpus
from understudy.models.process import ServerMissingError
from understudy.pipeline.machine import describe_machine, installed_versions
from understudy.sandbox import Level, sandbox_report

PURPOSES = {
    "local": "models in this process",
    "train": "training",
    "qlora": "LoRA on a base in four bits",
    "gguf": "weights in llama.cpp's format",
    "llama_cpp": "llama.cpp as an engine of local models",
    "export": "students as GGUF files",
    "dense": "dense retrieval",
    "serve": "serving models, indexes and reports",
    "hub": "data sets of the Hugging Face Hub",
    "qdrant": "retrieval by Qdrant",
    "mcp": "tools of MCP servers",
    "ray": "rollouts over several machines",
    "reasoning_gym": "generated questions, scored by their generators",
    "bfcl": "BFCL's multi-turn dialogues",
    "agentdojo": "AgentDojo's worlds and attacks",
}
"""What each extra of this package is for."""


def examine() -> RenderableType:
    """Examine the machine and say which features work on it."""
    return Group(_machine(), _engines(), _isolation(), _extras(), _packages())


def _machine() -> Table:
    table = _table("Machine", "", "")
    facts = describe_machine()
    for name, value in facts.items():
        table.add_row(name, value)
    table.add_row("allows", "; ".join(_allowed(facts)))
    return table


def _allowed(facts: dict[str, str]) -> Iterator[str]:
    if all(is_installed(name) for name in EXTRAS["train"]):
        yield "understudy demo: a student of about a million parameters on the CPU, in minutes"
    else:
        yield "rollouts, curation and evaluation of models by URL; training needs the extra `train`"
    if facts["gpu"] == "none":
        yield "no GPU: larger students train elsewhere; teachers are reached by URL"
    else:
        yield "a GPU: LoRA of 0.5B to 7B students here, as memory allows"


def _engines() -> Table:
    table = _table("Engines of local models", "engine", "here")
    gpus = visible_gpus()
    chosen = "vllm" if Auto(AutoConfig()).serves(LocalConfig(path="any")) else "transformers"
    where = f"GPUs that may be used: {', '.join(gpus)}" if gpus else "no GPU that may be used"
    table.add_row("transformers", Text(missing("local", "it") or "in this process"))
    table.add_row("vllm", Text(_vllm()))
    table.add_row("llama_cpp", Text(_llama_cpp()))
    table.add_row("auto", Text(f"{chosen}; {where}"))
    return table


def _vllm() -> str:
    try:
        path = vllm_process.server_program()
    except ServerMissingError as error:
        return str(error)
    version = vllm_process.installed_version(path) or "of unknown version"
    return f"{version}, at {path}; also for `understudy serve-model`"


def _llama_cpp() -> str:
    try:
        program = llama_cpp_process.server_program()
    except ServerMissingError as error:
        return str(error)
    where = f"llama-server at {program[0]}" if len(program) == 1 else "the package xllamacpp"
    return "; ".join(filter(None, [where, missing("export", "making its files")]))


def _isolation() -> Table:
    table = _table("Isolation of model-written code", "protection", "active", "how it was tried")
    for level in Level:
        report = sandbox_report(level)
        table.add_section()
        table.add_row(f"level {level}", "yes" if report.available else "no", Text(report.refusal))
        for one in report.protections:
            table.add_row(f"  {one.name}", "yes" if one.active else "NO", Text(one.tried))
    return table


def _extras() -> Table:
    table = _table("Extras", "extra", "for", "state")
    for extra, purpose in PURPOSES.items():
        absent = [name for name in EXTRAS[extra] if not is_installed(name)]
        state = f"lacks {', '.join(absent)}: {command_of(extra)}" if absent else "installed"
        table.add_row(extra, purpose, Text(state))
    return table


def _packages() -> Table:
    table = _table("Packages", "package", "version")
    for package, version in installed_versions().items():
        table.add_row(package, version)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=any(columns))
    for column in columns:
        table.add_column(column)
    return table
