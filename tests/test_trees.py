"""The trees and tables of README and ARCHITECTURE name existing files only, and all of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from understudy import run_layout
from understudy.pipeline.stage_table import STAGE_TABLE

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "understudy"
# Entries of the package that the tree need not list.
UNLISTED = {"__init__.py", "__main__.py", "__pycache__", "py.typed"}


def block_with(page: str, beginning: str) -> list[str]:
    """Lines of the first fenced block of a page that has a line with this beginning."""
    blocks = re.findall(r"^```\n(.*?)^```$", (ROOT / page).read_text(), re.S | re.M)
    return next(block for block in blocks if re.search(rf"^{re.escape(beginning)}", block, re.M)).splitlines()


def listed(lines: list[str]) -> set[Path]:
    """Paths that a tree of the repository names. An indented line is in the folder of the line without indentation."""
    paths, folder = set(), ROOT
    for line in lines:
        names = re.split(r",\s+", re.split(r"\s{2,}", line.strip())[0])
        if not line.startswith(" "):
            folder = ROOT
        paths |= {folder / name for name in names}
        if not line.startswith(" "):
            folder = ROOT / names[0]
    return paths


def test_the_tree_of_readme_names_what_there_is() -> None:
    paths = listed(block_with("README.md", "src/understudy/"))
    assert [str(path) for path in sorted(paths) if not path.exists()] == []
    missing = {path.name for path in PACKAGE.iterdir()} - {path.name for path in paths} - UNLISTED
    assert missing == set()


def test_the_rows_of_the_packages_are_those_of_the_contract() -> None:
    rows: dict[int, set[str]] = {}
    for number, names in re.findall(r"^\| (\d+) \| (`.*?) \|", (ROOT / "ARCHITECTURE.md").read_text(), re.M):
        rows.setdefault(int(number), set()).update(re.findall(r"`(\w+)`", names))
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one["name"] == "Layers"]
    assert rows == {number: set(layer.split(" | ")) for number, layer in enumerate(reversed(layers), 1)}


def test_the_tree_of_a_run_names_its_files() -> None:
    lines = block_with("ARCHITECTURE.md", "runs/<name>/")
    kinds = {found[1] for line in lines if (found := re.match(r"\s+(\w+)/<", line))}
    assert kinds == STAGE_TABLE.keys()
    named = set(re.findall(r"\b[\w.]+\.(?:jsonl?|log|html)\b", "\n".join(lines)))
    source = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    assert {name for name in named if f'"{name}"' not in source} == set()
    files = {value for name, value in vars(run_layout).items() if name.isupper() and "." in value.strip(".")}
    assert files - named == {run_layout.CORPUS}, (
        "the encyclopedia of a generated world is written only if it is searched"
    )
