"""Collects the pages of the site: those of ``docs/``, those at the top of the repository, and the generated reference.

In: the repository. Out: ``build/docs``. Run it as ``python -m docs.site.pages``.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from docs.site.command_line import command_line_page
from docs.site.python_names import python_page
from docs.site.recipe_keys import recipe_page

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "docs"
TOP_PAGES = ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
COPIED = {"examples/own_agent/README.md": "own-agent.md", "recipes/accelerate/README.md": "several-gpus.md"}
"""Pages beside what they describe, and their names on the site."""


def main() -> None:
    """Write all pages, in place of the old ones."""
    shutil.rmtree(OUT, ignore_errors=True)
    shutil.copytree(ROOT / "docs", OUT, ignore=shutil.ignore_patterns("site", "__pycache__", "*.py"))
    for name in TOP_PAGES:
        (OUT / name.lower()).write_text(moved((ROOT / name).read_text()))
    for source, name in COPIED.items():
        (OUT / name).write_text((ROOT / source).read_text())
    for page in OUT.glob("*.md"):
        page.write_text(moved(page.read_text()))
    reference = OUT / "reference"
    reference.mkdir()
    (reference / "recipe.md").write_text(recipe_page())
    (reference / "command-line.md").write_text(command_line_page())
    (reference / "python.md").write_text(python_page())


def moved(text: str) -> str:
    """The text with links to where pages are on the site."""
    text = re.sub(r"\]\(docs/", "](", text)
    text = re.sub(r"\]\((?:\.\./)?(ARCHITECTURE|CHANGELOG|CONTRIBUTING|SECURITY)\.md", _lowered, text)
    # Folders and files of the repository that are no pages are named, not linked.
    return re.sub(r"\[([^\]]+)\]\((?:\.\./)?(?:recipes|examples|src|demo|LICENSE|CITATION)[^)]*\)", r"\1", text)


def _lowered(match: re.Match[str]) -> str:
    return f"]({match[1].lower()}.md"


if __name__ == "__main__":
    main()
