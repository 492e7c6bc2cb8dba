"""Pieces of Markdown that both cards share. In: facts. Out: text. Not here: which facts a card states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from understudy.publishing.facts import Publication
from understudy.records import Metrics, TaskSetMetrics

RECIPE_FENCE = "```yaml recipe"
"""The line before the recipe of a card; ``understudy rerun`` looks for it."""


def page(header: Mapping[str, object], parts: Iterable[str]) -> str:
    """A README with metadata in front. Empty parts are left out."""
    front = yaml.safe_dump(dict(header), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{front}---\n\n" + "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; a bar in a cell is escaped."""
    lines = [list(map(str, head)), ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def recipe_block(facts: Publication) -> str:
    """The whole recipe, folded."""
    text = yaml.safe_dump(facts.recipe, sort_keys=False, allow_unicode=True, width=116, default_flow_style=None)
    return f"<details><summary>The recipe, with all defaults</summary>\n\n{RECIPE_FENCE}\n{text}```\n\n</details>"


def origin(facts: Publication) -> dict[str, Any]:
    """The metadata by which ``understudy rerun`` compares a run with the published one."""
    figures = facts.figures_of(facts.student)
    sets = {one.task_set: round(one.accuracy, 6) for one in figures.task_sets} if figures else {}
    return {
        "understudy": {
            "version": facts.versions.get("understudy", ""),
            "run": facts.run,
            "stage": facts.stage,
            "curation": facts.curation,
            "seed": facts.seed,
            "examples_sha256": facts.examples_sha256,
            **({"accuracy": sets} if sets else {}),
        }
    }


def again(facts: Publication, repository: str) -> str:
    """How to repeat the run, and what it needs in addition to the card."""
    lines = ["## The run again", "", f"```sh\nunderstudy rerun {repository}\n```", ""]
    lines.append(
        f"This runs the recipe below (seed {facts.seed}) and compares its examples and its accuracy with those of this "
        f"card. It was run on {facts.created[:10]} with {_versions(facts)}, on {_machine(facts)}."
    )
    if facts.outside:
        lines += ["", "The recipe needs what this repository does not hold:", ""]
        lines += [f"* {one}" for one in facts.outside]
    return "\n".join([*lines, "", recipe_block(facts)])


def _versions(facts: Publication) -> str:
    named = ("understudy", "python", "torch", "transformers", "trl", "peft")
    return ", ".join(f"{name} {facts.versions[name]}" for name in named if name in facts.versions)


def _machine(facts: Publication) -> str:
    gpu = facts.machine.get("gpu", "none")
    return gpu if gpu != "none" else f"CPU ({facts.machine.get('processor', 'unknown')})"


def percent(one: TaskSetMetrics) -> str:
    """Accuracy with its interval: ``47.5 (32.9–62.5)``."""
    return f"{100 * one.accuracy:.1f} ({one.interval.percents})"


def named(metrics: Metrics) -> str:
    """The system's label; a program is called one."""
    is_said = "program" in metrics.system.lower()
    return f"{metrics.system} (a program)" if metrics.is_program and not is_said else metrics.system


def teachers_of(facts: Publication) -> str:
    """The teachers in words; a program is called one."""
    found = {one.name: one.is_program for one in facts.teachers}
    return " and ".join(
        f"{name}{', a program and not a language model' if is_program else ''}" for name, is_program in found.items()
    )
