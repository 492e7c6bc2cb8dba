"""Writes the folders that become repositories. In: the facts of a run, its student, examples and attempts. Out: a
``Repository`` each. Not here: whether they may be published (``screening``).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from understudy.annotations import ADAPTER_SETTINGS
from understudy.curation.export import example_row, write_parquet
from understudy.export import Student
from understudy.export.folder import AGENT, agent_settings, write_folder
from understudy.models.locating import CARD
from understudy.publishing.data_card import ATTEMPTS, EXAMPLES, data_card
from understudy.publishing.facts import Publication, RepoKind, Repository
from understudy.publishing.model_card import eval_results, model_card
from understudy.publishing.tables import write_attempts
from understudy.records import Example, Score, Trajectory
from understudy.runs import write_atomic

Attempts = Iterable[tuple[Trajectory, Score | None]]
README = "README.md"
RESULTS = ".eval_results/understudy.yaml"


def write_data(
    facts: Publication, examples: Iterable[Example], attempts: Mapping[str, Attempts], folder: Path
) -> Repository:
    """Write the data set: examples as the split ``train``, and the attempts of each evaluation as a split.

    ``attempts``: by the name of the evaluation.
    """
    train = f"data/{EXAMPLES}/train.parquet"
    rows = [example_row(one) for one in examples]
    write_parquet(rows, folder / train)
    splits: dict[str, dict[str, tuple[str, int]]] = {EXAMPLES: {"train": (train, len(rows))}}
    for name, found in attempts.items():
        split = re.sub(r"\W+", "_", name)
        path = f"data/{ATTEMPTS}/{split}.parquet"
        splits.setdefault(ATTEMPTS, {})[split] = (path, write_attempts(found, folder / path))
    write_atomic(folder / README, data_card(facts, splits))
    return Repository(kind=RepoKind.DATASET, id=facts.data_id, folder=folder)


def write_model(facts: Publication, student: Student, folder: Path) -> Repository:
    """Write the student: its adapter, or merged weights; the settings of its agent; card and evaluation results."""
    if facts.merged:
        write_folder(student, folder)
    else:
        shutil.copytree(student.checkpoint, folder, dirs_exist_ok=True)
        write_atomic(folder / AGENT, json.dumps(agent_settings(student), indent=2, ensure_ascii=False) + "\n")
    _name_the_base(folder, facts)
    write_atomic(folder / README, model_card(facts))
    source = f"https://huggingface.co/datasets/{facts.data_id}" if facts.data_id else ""
    if results := eval_results(facts, source):
        write_atomic(folder / RESULTS, results)
    return Repository(kind=RepoKind.MODEL, id=facts.model_id, folder=folder)


def _name_the_base(folder: Path, facts: Publication) -> None:
    """Name the base as the card does, wherever a training wrote the path of its folder."""
    base = facts.base.hub_id or facts.base.name
    for name, key in ((CARD, "base"), (ADAPTER_SETTINGS, "base_model_name_or_path")):
        path = folder / name
        if path.is_file():
            settings = json.loads(path.read_text())
            write_atomic(path, json.dumps({**settings, key: base}, indent=2) + "\n")
