"""The card of a student. In: the facts of its run. Out: Markdown with the Hub's metadata, and its evaluation results.
Every sentence and figure is one of these facts. Not here: the files of the model.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from understudy.publishing.facts import Publication
from understudy.publishing.markdown import again, named, origin, page, percent, table, teachers_of
from understudy.records import Comparison


def model_card(facts: Publication) -> str:
    """README.md of the model's repository."""
    name = facts.model_id.rpartition("/")[2]
    return page(
        _header(facts),
        [
            f"# {name}",
            _opening(facts),
            _figures(facts),
            _serving(facts),
            _acting(facts),
            _training(facts),
            _limits(facts),
            _licence(facts),
            again(facts, facts.model_id),
        ],
    )


def eval_results(facts: Publication, source_url: str = "") -> str:
    """A file of ``.eval_results``; empty if no task set belongs to a data set of the Hub.

    A task set that does not come from the Hub belongs to the published data set, which holds its attempts.
    """
    figures = facts.figures_of(facts.student)
    entries: list[dict[str, Any]] = []
    for one in figures.task_sets if figures else ():
        data_set = facts.data_sets.get(one.task_set, facts.data_id)
        if not data_set:
            continue
        notes = (
            f"Accuracy in %, 95 % interval {percent(one).partition(' ')[2].strip('()')} over {one.n_tasks} tasks; one "
            f"training, seed {facts.seed}; {facts.agent_settings['kind']} with tools."
        )
        entries.append(
            {
                "dataset": {"id": data_set, "task_id": one.task_set},
                "value": round(100 * one.accuracy, 2),
                "date": facts.created[:10],
                **({"source": {"url": source_url, "name": "Attempts and scores"}} if source_url else {}),
                "notes": notes,
            }
        )
    return yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=1000) if entries else ""


def _header(facts: Publication) -> dict[str, object]:
    base = {"base_model": facts.base.hub_id, "base_model_relation": "finetune" if facts.merged else "adapter"}
    return {
        **({"license": facts.licence} if facts.licence else {}),
        "library_name": "transformers" if facts.merged else "peft",
        "pipeline_tag": "text-generation",
        **(base if facts.base.hub_id else {}),
        **({"datasets": [facts.data_id]} if facts.data_id else {}),
        "tags": ["agent", "distillation", "tool-use", "understudy"],
        **origin(facts),
    }


def _opening(facts: Publication) -> str:
    base = facts.base.hub_id or facts.base.name
    lines = [
        f"A small agent that acts by itself: {base}, trained on {facts.n_examples} attempts of {teachers_of(facts)}. "
        "It was made by agent distillation ([Kang et al., 2025](https://arxiv.org/abs/2505.17612)) with Understudy.",
        facts.description,
    ]
    if facts.base.hub_id and facts.base.name != facts.base.hub_id:
        lines.append(f"The training began with a copy of the base, `{facts.base.name}`, and the figures are of it.")
    if facts.base.is_toy:
        lines.append(
            "**This is a toy.** Its base is the small model of Understudy's demo, which was pretrained on a generated "
            "world and knows no other language. It is of use for trying things out, and for nothing else."
        )
    return "\n\n".join(filter(None, lines))


def _figures(facts: Publication) -> str:
    rows = [
        (f"**{named(one)}**" if one.system == facts.student else named(one), row.task_set, row.n_tasks, percent(row),
         f"{row.mean_steps:.1f}")
        for one in facts.metrics
        for row in one.task_sets
    ]  # fmt: skip
    if not rows:
        return "## Figures\n\nThe student was not evaluated."
    lines = ["## Figures", "", table(("system", "task set", "tasks", "accuracy, %", "steps"), rows), ""]
    lines.append(
        f"Accuracy with 95 % intervals, which cover sampling of tasks, not variation between trainings: this is one "
        f"training, with seed {facts.seed}."
    )
    compared = [
        _compared(one, facts.student) for one in facts.comparisons if facts.student in (one.system, one.baseline)
    ]
    return "\n".join([*lines, "", *compared])


def _compared(one: Comparison, student: str) -> str:
    """A comparison from the student's side."""
    difference, low, high, other = one.difference, one.interval.low, one.interval.high, one.baseline
    if one.baseline == student:
        difference, low, high, other = -difference, -high, -low, one.system
    return (
        f"* {student} against {other} on {one.task_set}: {100 * difference:+.1f} points "
        f"({100 * low:+.1f} to {100 * high:+.1f}), p = {one.p_value:.2g} (McNemar)."
    )


def _serving(facts: Publication) -> str:
    if facts.merged:
        command = f"understudy serve-model {facts.model_id} --local"
    else:
        command = f"understudy serve-model {facts.base.hub_id or facts.base.name} --adapter {facts.model_id} --local"
    return (
        f"## Serving\n\n```sh\n{command}\n```\n\nThis serves the model over OpenAI's protocol; without `--local`, vLLM "
        "serves it. The loop, the tools and the sandbox of the agent are in the recipe below. What the model writes is "
        "run as code: confine it."
    )


def _acting(facts: Publication) -> str:
    settings = facts.agent_settings
    shown = {
        key: settings[key] for key in ("kind", "max_steps", "temperature", "top_p", "max_tokens") if key in settings
    }
    lines = ["## How it acts", "", f"Agent: `{json.dumps(shown)}`"]
    if facts.system:
        lines += ["", "System message:", "", f"```text\n{facts.system}\n```"]
    if facts.tools:
        lines += ["", "Tools:", "", "```python\n" + "\n\n".join(facts.tools) + "\n```"]
    if facts.stop:
        lines += ["", f"Stop strings: {', '.join(f'`{one}`' for one in facts.stop)}"]
    return "\n".join(lines)


def _training(facts: Publication) -> str:
    summary, settings = facts.training, facts.settings
    rows = [
        ("method", settings.get("method", summary.student.method)),
        ("examples", f"{facts.n_examples} of {facts.n_examples + sum(facts.dropped.values())} attempts"),
        ("optimiser steps", summary.n_steps),
        ("batch size", settings.get("batch_size", "")),
        ("learning rate", settings.get("learning_rate", "")),
        ("trained tokens, all steps", f"{summary.n_trained_seen:,}"),
        ("trained parameters", f"{summary.student.n_trainable:,}"),
        ("loss, first and last", f"{summary.first_loss:.3f}, {summary.last_loss:.3f}" if summary.last_loss else ""),
    ]
    data = (
        f"\n\nThe examples are in [{facts.data_id}](https://huggingface.co/datasets/{facts.data_id})."
        if facts.data_id
        else ""
    )
    return "## Training\n\n" + table(("", ""), [row for row in rows if row[1] != ""]) + data


def _limits(facts: Publication) -> str:
    limits = ["It was measured on the task sets of the table alone; on others it may be much worse."]
    if any(one.is_program for one in facts.teachers):
        limits.append("Its teacher is a program that solves generated questions: the figures say nothing on real ones.")
    limits.append("One training: other seeds give other figures, by more than the intervals say.")
    figures = facts.figures_of(facts.student)
    if figures is None:
        limits.append("It was not evaluated.")
    for row in figures.task_sets if figures else ():
        ends = {str(reason): n for reason, n in row.stop_reasons.items() if reason != "answered"}
        if ends or row.step_failures:
            found = ", ".join(f"{name} {n}" for name, n in {**ends, **row.step_failures}.items())
            where = f"On {row.task_set} ({row.n} attempts)"
            limits.append(f"{where}, attempts that did not end in an answer and steps that failed: {found}.")
    return "## Limits\n\n" + "\n".join(f"* {one}" for one in limits)


def _licence(facts: Publication) -> str:
    stated = f"`{facts.licence}`" if facts.licence else "not stated; ask whoever published it."
    return f"## Licence\n\n{stated} The terms of the base and of the teacher's outputs apply too."
