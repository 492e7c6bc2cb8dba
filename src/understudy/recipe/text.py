"""The text of a recipe: YAML plus overrides, with the line that each key came from.

In: a path and ``key=value`` strings. Out: ``RecipeText``, plain data with origins. Not here: the meaning of the keys.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import yaml

Key = tuple[str, ...]
EXTENDS = "extends"


class RecipeError(Exception):
    """A recipe that cannot be run. ``problems`` has one line per problem."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.path = path
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{path}: {count}", *(f"  {problem}" for problem in problems)]))


@dataclass(frozen=True, slots=True)
class RecipeText:
    """The contents of a recipe file, after overrides."""

    path: Path
    data: object
    origins: dict[Key, str]
    """The origin of each key: ``line 12``, or the override itself."""
    folders: tuple[Path, ...] = ()
    """Folder of the recipe, then of those that it extends: relative paths and modules are searched there."""


def read_recipe_text(path: Path, above: tuple[Path, ...] = ()) -> RecipeText:
    """Read YAML; ``extends: other.yaml`` inherits all keys that this file does not set. Raises ``RecipeError``.

    ``above``: the files that this one is extended by.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise RecipeError(path, [f"cannot be read: {why or error}"]) from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None and (line := _cyclic_alias(root, ())) is not None:
            raise RecipeError(path, [f"line {line}: an alias is inside what it names"])
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(path, [f"is not YAML: {' '.join(str(error).split())}"]) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise RecipeError(path, [f"cannot be read: {error}"]) from None
    if root is None or not isinstance(data, dict):
        raise RecipeError(path, [f"expected a mapping of keys at the top, got {type(data).__name__}"])
    origins: dict[Key, str] = {}
    repeated = _note_lines(root, (), origins)
    if repeated:
        raise RecipeError(path, repeated)
    own = RecipeText(path, data, origins, (path.resolve().parent,))
    return own if EXTENDS not in data else _extended(own, data, (*above, path))


def _extended(own: RecipeText, data: dict[str, object], above: tuple[Path, ...]) -> RecipeText:
    name, line = data.pop(EXTENDS), own.origins.get((EXTENDS,), "")
    if not isinstance(name, str):
        raise RecipeError(own.path, [f"{line}: {EXTENDS}: expected a file in the folder of this one, got {name!r}"])
    parent_path = own.path.parent / name
    if parent_path in above:
        raise RecipeError(own.path, [f"{line}: {EXTENDS}: {name} extends this recipe itself"])
    if not parent_path.is_file():
        raise RecipeError(own.path, [f"{line}: {EXTENDS}: expected a file that exists; there is no {parent_path}"])
    parent = read_recipe_text(parent_path, above)
    origins = {
        key: f"{name} {origin}" if origin.startswith("line") else origin for key, origin in parent.origins.items()
    }
    folders = tuple(dict.fromkeys((*own.folders, *parent.folders)))
    return RecipeText(own.path, _merged(parent.data, data), origins | own.origins, folders)


def _merged(below: object, above: object) -> object:
    """Mappings are merged key by key; anything else is replaced whole."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: _merged(below.get(key), value) for key, value in above.items()}
    return above


def with_overrides(text: RecipeText, overrides: tuple[str, ...]) -> RecipeText:
    """Put ``key=value`` into a recipe's text. Raises ``RecipeError`` if the key leads nowhere."""
    data, origins = copy.deepcopy(text.data), dict(text.origins)
    for override in overrides:
        _apply(text.path, data, override, origins)
    return RecipeText(text.path, data, origins, text.folders)


def _cyclic_alias(node: yaml.Node, above: tuple[yaml.Node, ...]) -> int | None:
    """The line of a node that contains itself."""
    if any(node is other for other in above):
        return int(node.start_mark.line) + 1
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    below = node.value if isinstance(node, yaml.SequenceNode) else [one for pair in pairs for one in pair]
    return next((line for one in below if (line := _cyclic_alias(one, (*above, node))) is not None), None)


def _note_lines(node: yaml.Node, key: Key, origins: dict[Key, str]) -> list[str]:
    """Record the line of each key; return duplicate keys, of which YAML would silently drop one."""
    problems: list[str] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for name_node, value in node.value:
            name = str(name_node.value)
            line = f"line {name_node.start_mark.line + 1}"
            if name in seen:
                problems.append(f"{line}: {'.'.join([*key, name])}: the key is here a second time")
            seen.add(name)
            origins[(*key, name)] = line
            problems += _note_lines(value, (*key, name), origins)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            origins[(*key, str(number))] = f"line {value.start_mark.line + 1}"
            problems += _note_lines(value, (*key, str(number)), origins)
    return problems


def _apply(path: Path, data: object, override: str, origins: dict[Key, str]) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise RecipeError(
            path, [f"override {override!r}: expected key=value, such as seed=1 or train.agent.learning_rate=1e-4"]
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise RecipeError(path, [f"override {override!r}: {text!r} is not a YAML value"]) from None
    *parents, last = name.split(".")
    place = data
    for depth, parent in enumerate(parents, 1):
        place = _go_down(place, parent)
        if not isinstance(place, dict | list):
            where = ".".join(parents[:depth])
            raise RecipeError(path, [f"override {override!r}: {where} holds no keys (it is {place!r})"])
    if isinstance(place, list):
        if not last.isdecimal() or int(last) >= len(place):
            raise RecipeError(path, [f"override {override!r}: expected a number below {len(place)}, got {last!r}"])
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    origins[(*parents, last)] = f"override {override}"


def _go_down(place: object, name: str) -> object:
    if isinstance(place, dict):
        return place.setdefault(name, {})
    if isinstance(place, list) and name.isdecimal() and int(name) < len(place):
        return place[int(name)]
    return None
