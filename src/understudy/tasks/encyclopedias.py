"""The encyclopedias of the generated worlds, which a recipe names as its corpus.

In: the name of a world. Out: its pages as a corpus file. Not here: indexing them.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from understudy.runs import write_atomic
from understudy.tasks.suite import suite_passages
from understudy.tasks.toy import RECIPES_WORLD, toy_passages


def is_world(corpus: Path) -> bool:
    """Whether a corpus is the encyclopedia of a generated world rather than a file."""
    return corpus in (Path("toy"), Path("suite"))


def write_world(corpus: Path, path: Path) -> Path:
    """Write the encyclopedia of a world as a corpus file, and return the file's path."""
    pages = suite_passages() if corpus == Path("suite") else toy_passages(RECIPES_WORLD)
    write_atomic(path, "".join(json.dumps(asdict(page)) + "\n" for page in pages))
    return path
