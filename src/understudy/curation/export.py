"""A folder that others can train from: examples as JSONL and Parquet, with a data card. In: the result of a curation,
and facts about its origin. Out: ``examples.jsonl``, ``examples.parquet``, ``dropped.jsonl``, ``README.md``. Not here:
uploading. Parquet needs pyarrow, which the extra ``train`` brings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from understudy.curation.config import CurateConfig
from understudy.curation.curation import Curated
from understudy.records import Example, Record
from understudy.runs import digest, write_atomic, write_jsonl


class Provenance(Record):
    """Where trajectories come from, according to the manifest of their rollout."""

    name: str
    teacher: str
    agent: str
    prompt_hash: str
    temperature: float | None = None
    top_p: float | None = None
    task_sets: tuple[str, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    """Package → version."""


def write_curated(curated: Curated, folder: Path) -> None:
    """Write ``examples.jsonl`` and ``dropped.jsonl``, each atomically."""
    write_jsonl(folder / "dropped.jsonl", curated.dropped)
    write_jsonl(folder / "examples.jsonl", curated.examples)


def export(curated: Curated, config: CurateConfig, provenance: Provenance, folder: Path) -> None:
    """Write a self-contained data set: JSONL, Parquet and a card."""
    write_curated(curated, folder)
    write_parquet([example_row(example) for example in curated.examples], folder / "examples.parquet")
    write_atomic(folder / "README.md", data_card(curated, config, provenance))


def data_card(curated: Curated, config: CurateConfig, provenance: Provenance) -> str:
    """The card as Markdown, from facts alone."""
    n_kept = len(curated.examples) - curated.n_chat
    spans = [span for example in curated.examples for span in example.spans]
    trained_chars = sum(span.end - span.start for span in spans)
    n_calls = sum(len(message.tool_calls) for example in curated.examples for message in example.messages)
    all_chars = sum(len(message.content) for example in curated.examples for message in example.messages)
    facts = {
        "Teacher": provenance.teacher,
        "Agent": provenance.agent,
        "Prompts": f"hash `{provenance.prompt_hash}`",
        "Sampling": f"temperature {provenance.temperature}, top_p {provenance.top_p}",
        "Task sets": ", ".join(provenance.task_sets),
        "Curation": f"`{digest(config)}`: filters {', '.join(config.filters)}; kept: {config.select}",
        "Versions": ", ".join(f"{name} {version}" for name, version in sorted(provenance.versions.items())),
    }
    counts = {"kept": n_kept, "mixed-in chat": curated.n_chat} | {str(k): n for k, n in curated.counts.items()}
    return "\n".join(
        [
            f"# {provenance.name}",
            "",
            f"{len(curated.examples)} training examples of {n_kept + len(curated.dropped)} trajectories; "
            f"{trained_chars:,} of {all_chars:,} characters are trained, the others are context.",
            "",
            _table(("fact", "value"), facts),
            "",
            _table(("trajectories", "count"), counts),
            "",
            "Each row: `id`, `task_id`, `trajectory_id`, `messages`, and `spans`: character ranges of messages "
            "that are trained, with their loss weight. A span that ends where a message ends trains the "
            "end-of-turn token too.",
            "",
            *([_calls_of_card(n_calls)] if n_calls else []),
        ]
    )


def _calls_of_card(n_calls: int) -> str:
    return (
        f"{n_calls:,} tool calls are in `tool_calls` of assistant messages; `tools` has the schemas for the chat "
        'template. A span with `"part": "calls"` trains everything that the template writes for the calls of '
        "its message. In the Parquet file `arguments` and `parameters` are JSON text, so that rows keep their keys.\n"
    )


def _table(head: tuple[str, str], rows: Mapping[str, object]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {value} |" for name, value in rows.items()])


def write_parquet(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows as a Parquet file, atomically. Needs pyarrow."""
    import pyarrow.parquet

    # Columns are those of all rows; pyarrow would take those of the first.
    columns = dict.fromkeys(key for row in rows for key in row)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    pyarrow.parquet.write_table(pyarrow.table({key: [row.get(key) for row in rows] for key in columns}), beside)
    beside.replace(path)


def example_row(example: Example) -> dict[str, Any]:
    """A row of a table. Columns have one type: arguments and schemas, whose keys differ, become JSON text."""
    row: dict[str, Any] = example.model_dump(mode="json")
    for tool in row.get("tools", ()):
        tool["parameters"] = json.dumps(tool["parameters"], ensure_ascii=False)
    for message in row["messages"]:
        for call in message.get("tool_calls", ()):
            call["arguments"] = json.dumps(call["arguments"], ensure_ascii=False)
    return row
