"""The card of a data set: examples and attempts. In: the facts of a run, and what the tables hold. Out: Markdown with
the Hub's metadata. Not here: the tables (``tables``).
"""

from __future__ import annotations

from collections.abc import Mapping

from understudy.publishing.facts import Publication
from understudy.publishing.markdown import again, origin, page, table, teachers_of

EXAMPLES = "examples"
ATTEMPTS = "attempts"
_COLUMNS = {
    EXAMPLES: (
        "`id`, `task_id`, `trajectory_id`, `messages`, and `spans`: ranges of characters of messages that are trained, "
        "with their weight. A span that ends where a message ends trains the end-of-turn token too. Arguments of tool "
        "calls and parameters of tools are JSON text."
    ),
    ATTEMPTS: (
        "`question`, `reference`, `aliases`, `task_sets`, `model`, `agent`, `messages`, `stop_reason`, `answer`, "
        "`correct`, `value`, `grader`, `explanation`. An attempt without a verdict has `correct` null."
    ),
}


def data_card(facts: Publication, splits: Mapping[str, Mapping[str, tuple[str, int]]]) -> str:
    """README.md of the data set's repository. ``splits``: configuration → split → file and number of rows."""
    name = facts.data_id.rpartition("/")[2]
    rows = [(config, split, n) for config, files in splits.items() for split, (_, n) in files.items()]
    return page(
        _header(facts, splits, sum(n for *_, n in rows)),
        [
            f"# {name}",
            f"{facts.n_examples} training examples for a small agent, made of attempts by {teachers_of(facts)}, and "
            "the attempts by which the trained student was measured. Made with Understudy."
            + (f"\n\n{facts.description}" if facts.description else ""),
            "## Contents\n\n" + table(("configuration", "split", "rows"), rows),
            *(f"Columns of `{config}`: {_COLUMNS[config]}" for config in splits),
            _curation(facts),
            _limits(facts),
            again(facts, f"datasets/{facts.data_id}"),
        ],
    )


def _header(facts: Publication, splits: Mapping[str, Mapping[str, tuple[str, int]]], n_rows: int) -> dict[str, object]:
    configs = [
        {
            "config_name": config,
            **({"default": True} if config == EXAMPLES else {}),
            "data_files": [{"split": split, "path": path} for split, (path, _) in files.items()],
        }
        for config, files in splits.items()
    ]
    return {
        **({"license": facts.licence} if facts.licence else {}),
        "task_categories": ["text-generation"],
        "tags": ["agent", "trajectories", "distillation", "tool-use", "understudy"],
        "size_categories": [_size(n_rows)],
        "configs": configs,
        **origin(facts),
    }


def _size(n_rows: int) -> str:
    bounds = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
    return next((name for bound, name in bounds if n_rows < bound), "n>1M")


def _curation(facts: Publication) -> str:
    made = [(f"{one.stage}: attempts by {one.name}", one.n_attempts) for one in facts.teachers]
    dropped = [(f"dropped: {reason.replace('_', ' ')}", n) for reason, n in facts.dropped.items()]
    return "## Curation\n\n" + table(("", "count"), [*made, ("kept as examples", facts.n_examples), *dropped])


def _limits(facts: Publication) -> str:
    program = any(one.is_program for one in facts.teachers)
    lines = ["## Limits", ""]
    if program:
        lines.append("* The teacher is a program, not a language model, and makes deliberate mistakes.")
    lines.append("* A kept attempt ends in an answer that the grader accepts; its steps were not judged one by one.")
    lines.append(
        "* The files were searched for secrets and personal data by patterns (addresses, numbers, keys), which do not "
        "know names of people."
    )
    licence = f"`{facts.licence}`" if facts.licence else "not stated; ask whoever published it"
    return "\n".join(
        [*lines, "", "## Licence", "", f"{licence}. The terms of the task sets and of the teacher's outputs apply too."]
    )
