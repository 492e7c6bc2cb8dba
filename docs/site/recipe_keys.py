"""The reference of recipe keys. In: the typed configs of the package and the docstrings under their fields. Out: a page
of Markdown: a table for each section, kind of part and nested record.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from pydantic_core import PydanticUndefined

from understudy.pipeline import Recipe
from understudy.pipeline.kinds import groups
from understudy.pipeline.stage_kinds import STAGES
from understudy.records import Record
from understudy.registry import Group


def recipe_page() -> str:
    """All keys."""
    nested: dict[type[Record], None] = {}
    parts = [
        "# Recipe keys",
        "Made from the code. A recipe is YAML; any key can be overridden on the command line by `key=value`. Every key "
        "with a default may be left out. Sections of stages are described at their kinds.",
        "## The recipe",
        _table(Recipe, nested, leave_out=("stages",)),
    ]
    for group in groups():
        parts += [f"## {group.name.replace('_', ' ').capitalize()}", f"A part that {group.about}."]
        for name in group.builtin:
            parts += [f"### {group.name}: {name}", *_kind(group, name, nested)]
    parts.append("## Nested keys")
    done: set[type[Record]] = set()
    while todo := [one for one in nested if one not in done]:
        for one in todo:
            done.add(one)
            parts += [f"### {one.__name__}", _about(one), _table(one, nested)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _kind(group: Group[Any], name: str, nested: dict[type[Record], None]) -> Iterator[str]:
    config = STAGES.part(name).Config if group is STAGES else group.config_class(name)
    about = next((kind.about for kind in group.kinds() if kind.name == name), "")
    yield about or _about(config)
    yield _table(config, nested)


def _about(config: type[Record]) -> str:
    return " ".join((config.__doc__ or "").split("\n\n")[0].split())


def _table(config: type[Record], nested: dict[type[Record], None], leave_out: tuple[str, ...] = ()) -> str:
    rows = []
    for name, field in config.model_fields.items():
        if name in leave_out or (name == "kind" and isinstance(field.default, str)):
            continue
        nested |= dict.fromkeys(_records_in(field.annotation))
        rows.append(
            f"| `{name}` | {_cell(_type(field.annotation))} | {_default(field)} | {_cell(_doc(config, name))} |"
        )
    if not rows:
        return "It has no keys of its own."
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows])


def _records_in(annotation: Any) -> Iterator[type[Record]]:
    if isinstance(annotation, type) and issubclass(annotation, Record) and annotation.__name__ != "PartConfig":
        yield annotation
    for inner in get_args(annotation):
        yield from _records_in(inner)


def _type(annotation: Any) -> str:
    """The type in short: names without modules, marks left out."""
    if isinstance(annotation, type) and issubclass(annotation, StrEnum) and len(annotation) < 8:
        return " or ".join(annotation)
    text = annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    text = re.sub(r"typing\.Annotated\[([^\[\],]+(?:\[[^\]]*\])?),.*?\](?=[,\]| ]|$)", r"\1", text)
    text = re.sub(r"<[^<>]*>", "", re.sub(r"\b[a-z_]\w*(?:\.\w+)*\.(?=\w)", "", text))
    text = re.sub(r"Optional\[(.*)\]$", r"\1 | null", text.replace("PartConfig", "kind"))
    names = {"NoneType": "null", "None": "null", "Path": "path", "str": "text", "bool": "true or false"}
    text = re.sub(r"\b(NoneType|None|Path|str|bool)\b", lambda match: names[match[1]], text)
    return text if len(text) < 90 else text[:87] + "…"


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.default_factory() if field.default_factory is not None else field.default
    if value is PydanticUndefined or value is None:
        return "–"
    text = value.model_dump_json(exclude_defaults=True) if isinstance(value, Record) else str(value)
    text = text if len(text) < 50 else text[:47] + "…"
    return f"`{text}`" if text not in ("", "()", "{}") else "–"


@cache
def _fields(module: str) -> dict[str, dict[str, str]]:
    """The docstring under each field, by class."""
    path = Path(str(sys.modules[module].__file__))
    found: dict[str, dict[str, str]] = {}
    for one in ast.parse(path.read_text()).body:
        if isinstance(one, ast.ClassDef):
            found[one.name] = dict(_documented(one.body))
    return found


def _documented(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                yield name, " ".join(said.split()).replace("``", "`")


def _doc(config: type, name: str) -> str:
    """The docstring under the field, in the class that declares it."""
    owners = (one for one in config.__mro__ if one.__module__.startswith("understudy."))
    return next((found[name] for one in owners if name in (found := _fields(one.__module__).get(one.__name__, {}))), "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
