"""Reads a card: the recipe that it holds, and the figures that a run of it is compared with.

In: a README, the folder of a repository, or the id of one on the Hub. Out: a ``PublishedRun``. Not here: running it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from understudy.annotations import HUB_ID
from understudy.extras import require
from understudy.hub import naming_what_is_missing
from understudy.publishing.facts import RepoKind
from understudy.publishing.markdown import RECIPE_FENCE
from understudy.records import Record

_DATA_SETS = "datasets/"


class CardError(ValueError):
    """A card that holds no recipe. The message says what was expected."""


class PublishedRun(Record):
    """What a card says of its run."""

    source: str
    """Where the card was read."""
    recipe: str
    """As YAML."""
    run: str = ""
    version: str = ""
    curation: str = ""
    """The stage that made the examples."""
    stage: str = ""
    seed: int = 0
    examples_sha256: str = ""
    accuracy: dict[str, float] = {}
    """Of the student, by task set."""


def read_card(card: str) -> PublishedRun:
    """Read a card. ``card``: a file, a folder with ``README.md``, or a Hub id, ``datasets/NAMESPACE/NAME`` for a data
    set. Raises ``CardError``, or ``OSError`` if it cannot be reached.
    """
    path = _find(card)
    text = path.read_text(encoding="utf-8")
    recipe = re.search(rf"^{re.escape(RECIPE_FENCE)}\n(.*?)^```$", text, re.S | re.M)
    if recipe is None:
        raise CardError(f"{card}: expected a card written by understudy push; it holds no recipe")
    header = _header(text, card).get("understudy")
    if not isinstance(header, dict):
        raise CardError(f"{card}: expected a card written by understudy push; its metadata has no key understudy")
    known = {key: value for key, value in header.items() if key in PublishedRun.model_fields}
    return PublishedRun.model_validate({**known, "source": card, "recipe": recipe[1]})


def _header(text: str, card: str) -> dict[str, Any]:
    front = re.match(r"---\n(.*?)^---$", text, re.S | re.M)
    try:
        found = yaml.safe_load(front[1]) if front else None
    except yaml.YAMLError as error:
        raise CardError(f"{card}: its metadata is not YAML: {' '.join(str(error).split())}") from None
    return found if isinstance(found, dict) else {}


def _find(card: str) -> Path:
    path = Path(card).expanduser()
    if path.is_dir():
        path = path / "README.md"
    if path.is_file():
        return path
    repo_id = card.removeprefix(_DATA_SETS)
    if path.exists() or path.suffix == ".md" or card.startswith((".", "/", "~")) or not HUB_ID.fullmatch(repo_id):
        raise CardError(f"{card}: expected a README.md, a folder with one, or an id of the Hub; there is no such file")
    require("hub", "reading a card of the Hub", "huggingface_hub")
    from huggingface_hub import hf_hub_download

    kind = RepoKind.DATASET if card.startswith(_DATA_SETS) else RepoKind.MODEL
    with naming_what_is_missing(card):
        return Path(hf_hub_download(repo_id, "README.md", repo_type=str(kind)))
