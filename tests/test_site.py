"""The pages of the site: all are in its navigation, its commands exist, and the reference is complete."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from docs.site.command_line import command_line_page
from docs.site.pages import COPIED, TOP_PAGES, moved
from docs.site.python_names import python_page
from docs.site.recipe_keys import recipe_page

from understudy import __all__ as promised
from understudy.cli.app import app
from understudy.pipeline import Recipe
from understudy.pipeline.kinds import groups

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md"])


def pages_of(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for inner in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from pages_of(inner)


def test_the_navigation_has_every_page_once() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    reference = {"reference/recipe.md", "reference/command-line.md", "reference/python.md"}
    written = {path.name for path in ROOT.glob("docs/*.md")}
    listed = list(pages_of(nav))
    assert sorted(listed) == sorted(written | reference | {name.lower() for name in TOP_PAGES} | {*COPIED.values()})


def commands(page: Path) -> Iterator[list[str]]:
    """The commands of this package in blocks of a shell, without environment and comments."""
    for block in re.findall(r"^```(?:sh|bash)?\n(.*?)^```$", page.read_text(), re.S | re.M):
        for line in block.replace("\\\n", " ").splitlines():
            if re.match(r"(?:[A-Z_]+=\S+ )*understudy ", line):
                words = shlex.split(line.partition(" &&")[0].partition(" | ")[0], comments=True)
                yield words[words.index("understudy") + 1 :]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_the_page_can_be_typed(page: Path) -> None:
    """Each is parsed: its name, its options and their values. Nothing is run."""
    for words in commands(page):
        group: Any = typer.main.get_command(app)
        name, *rest = words
        while hasattr(group.commands[name], "commands"):
            group, (name, *rest) = group.commands[name], rest
        group.commands[name].make_context(name, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_yaml_of_the_page_is_yaml(page: Path) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.S | re.M):
        assert yaml.safe_load(block) is not None


def test_the_reference_has_every_command_key_and_name() -> None:
    lines, keys, names = command_line_page(), recipe_page(), python_page()
    group: Any = typer.main.get_command(app)
    assert all(f"\n## {name}\n" in lines for name, one in group.commands.items() if not hasattr(one, "commands"))
    assert all(f"| `{name}` |" in keys for name in Recipe.model_fields if name != "stages")
    assert all(f"### {one.name}: {kind}\n" in keys for one in groups() for kind in one.builtin)
    assert all(f".{name}\n" in names for name in promised)
    assert "Concurrent trainings, each in its own process." in keys


def test_links_lead_to_pages_of_the_site() -> None:
    text = "[a](docs/data.md#x) [b](../SECURITY.md) [c](ARCHITECTURE.md) [d](recipes/x/) [e](../LICENSE) [f](data.md)"
    assert moved(text) == "[a](data.md#x) [b](security.md) [c](architecture.md) d e [f](data.md)"
