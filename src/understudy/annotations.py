"""Marks on config fields that say what a field means beyond its type. In: records whose fields carry these marks. Out:
the settings that results depend on, the names that a config refers to, and the files that it reads. Fingerprints,
inputs of stages and the check of names are derived from the marks. A user's own options are plain data: nothing inside
them is left out of a fingerprint or read as a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, get_args, get_origin

from pydantic import AfterValidator, BaseModel, Field, JsonValue, PlainSerializer, ValidationInfo
from pydantic_core import to_jsonable_python

from understudy.access import ray_address, web_address
from understudy.records import Target
from understudy.registry import TargetError, code_version, import_target
from understudy.runs import content_digest, digest


@dataclass(frozen=True, slots=True)
class Neutral:
    """Marks a field that changes no result; it stays out of fingerprints."""

    reason: str


SpeedOnly = Neutral("speed")
"""The field decides only how fast results come, or where from."""
DisplayOnly = Neutral("display")
"""The field decides only how results are shown."""


@dataclass(frozen=True, slots=True)
class AddedLater:
    """Marks a field that stays out of fingerprints while it is empty: runs from before there was one still stand."""


Later = AddedLater()


@dataclass(frozen=True, slots=True)
class Content:
    """Marks a path whose content, not its location, enters fingerprints."""


@dataclass(frozen=True, slots=True)
class Code:
    """Marks a name ``module:function`` of a user's code, whose source enters fingerprints."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where relative paths of a recipe are looked for, in this order; the context of its validation."""

    folders: tuple[Path, ...]

    def find(self, path: str | Path) -> Path | None:
        """The path in the first folder that has it."""
        places = (folder / Path(path).expanduser() for folder in self.folders)
        return next((place.resolve() for place in places if place.exists()), None)

    def __str__(self) -> str:
        return " and in ".join(map(str, self.folders))


_IN_PACKAGE = "package:"
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
"""What can be the name of a repository."""
ADAPTER_SETTINGS = "adapter_config.json"
"""In the folder of an adapter."""
CHECKPOINT_FILES = ("config.json", ADAPTER_SETTINGS, "tokenizer.json", "tokenizer_config.json")
"""A folder of a checkpoint, an adapter or a tokenizer holds one of them."""


def existing_path(path: Path, info: ValidationInfo) -> Path:
    """The absolute path of a file or folder that a recipe names. Outside a recipe, the path is returned unchecked."""
    if not isinstance(info.context, Folders):
        return path.expanduser()
    found = info.context.find(path)
    if found is None:
        where = "" if path.expanduser().is_absolute() else f" in {info.context}"
        raise ValueError(f"expected a file or folder that exists; there is no {str(path)!r}{where}")
    return found


def _local_or_hub(name: str, info: ValidationInfo) -> str:
    """Make a folder's path absolute, so that it means the same in every working directory; a Hub id stays."""
    if name.startswith(_IN_PACKAGE):
        return in_package(name)
    folders = info.context if isinstance(info.context, Folders) else Folders((Path.cwd(),))
    # A run of another environment names the path of a package there.
    found = folders.find(name) or folders.find(in_package(as_in_package(name)))
    if found is not None:
        if isinstance(info.context, Folders) and (problem := _no_weights(found)):
            raise ValueError(problem)
        return str(found)
    if name.startswith((".", "/", "~")) or not HUB_ID.fullmatch(name) or name.endswith(".gguf"):
        raise ValueError(f"expected a folder that exists or a Hub id or GGUF file; there is no {name!r} in {folders}")
    return name


def _no_weights(found: Path) -> str:
    if found.is_dir():
        return without_checkpoint(found)
    return "" if found.suffix == ".gguf" else f"{found} is a file: expected a folder with a checkpoint, or a .gguf file"


def in_package(name: str) -> str:
    """The path that ``package:NAME/PATH`` stands for; any other name as it is. Raises ``ValueError``."""
    if not name.startswith(_IN_PACKAGE):
        return name
    package, _, path = name.removeprefix(_IN_PACKAGE).partition("/")
    spec = find_spec(package) if package.isidentifier() else None
    places = (Path(place) / path for place in (spec.submodule_search_locations or () if spec else ()))
    found = next((place for place in places if place.exists()), None)
    if found is None:
        why = f"the package {package!r} has no {path!r}" if spec else f"there is no package {package!r}"
        raise ValueError(f"expected what lies in an installed package, as in package:understudy/demo/base; {why}")
    return str(found)


def as_in_package(path: str) -> str:
    """The name ``package:NAME/PATH`` of what lies in an installed package; any other path as it is.

    Packages of other environments count too: a run is read on machines on which it did not run.
    """
    parts = Path(path).parts
    if not Path(path).is_absolute():
        return path
    for number, name in reversed([*enumerate(parts)][1:-1]):
        inside = _IN_PACKAGE + "/".join(parts[number:])
        is_installed = parts[number - 1] in _PACKAGE_FOLDERS
        if name.isidentifier() and (is_installed or Path(*parts[: number + 1], "__init__.py").is_file()):
            try:
                found = Path(in_package(inside))
            except ValueError:
                continue
            if is_installed or found == Path(path) or content_digest(found) == content_digest(Path(path)):
                return inside
    return path


def existing_code(target: str, info: ValidationInfo) -> str:
    """A function that a recipe names, which must be there; outside of a recipe nothing is imported."""
    if isinstance(info.context, Folders):
        try:
            import_target(target)
        except TargetError as error:
            raise ValueError(f"expected a function that exists; {error}") from None
    return target


def without_checkpoint(folder: Path) -> str:
    """Why a folder is none with a model, an adapter or a tokenizer in it; empty if it is one."""
    if any((folder / name).exists() for name in CHECKPOINT_FILES):
        return ""
    inside = folder / "checkpoint"
    hint = f"; did you mean {inside}?" if inside.is_dir() else ""
    return f"{folder} holds no checkpoint: expected one of {', '.join(CHECKPOINT_FILES)}{hint}"


def variable_name(name: str) -> str:
    """The name of an environment variable. The message of ``ValueError`` does not show what came: it may be a key."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError("expected the name of an environment variable, such as OPENAI_API_KEY, not a key itself")
    return name


VariableName = Annotated[str, AfterValidator(variable_name)]
"""An environment variable that holds a secret."""
WebAddress = Annotated[str, AfterValidator(web_address)]
"""A URL of HTTP."""
RayAddress = Annotated[str, AfterValidator(ray_address)]
"""A Ray cluster, as ``ray.init`` takes it."""
InputPath = Annotated[Path, AfterValidator(existing_path), Content()]
"""A file or folder that a recipe reads: looked for in the recipe's folder, then in the working directory."""
CodeTarget = Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$"), AfterValidator(existing_code), Code()]
"""A function of a module: ``module:function``."""
OutputPath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute()), SpeedOnly]
"""A file or folder that is written, such as a cache; relative to the working directory."""
ModelPath = Annotated[
    str,
    Field(min_length=1),
    AfterValidator(_local_or_hub),
    PlainSerializer(as_in_package, return_type=str, when_used="json-unless-none"),
    Content(),
]
"""A folder with weights, a GGUF file, a Hub id, or ``package:`` with an installed package and a path in it. Written to
JSON, what lies in a package has its name there, not its path on this machine.
"""


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks a field whose text names something else in the recipe."""

    to: Target
    kinds: tuple[str, ...] = ()
    """Accepted kinds of the named entry; empty: all."""


ModelRef = Annotated[str, Refers(Target.MODEL)]
LocalModelRef = Annotated[str, Refers(Target.MODEL, kinds=("local",))]
AgentRef = Annotated[str, Refers(Target.AGENT)]
TaskSetRef = Annotated[str, Refers(Target.TASK_SET)]
AttemptsRef = Annotated[str, Refers(Target.ATTEMPTS)]
FirstThoughtsRef = Annotated[str, Refers(Target.FIRST_THOUGHTS)]
ExamplesRef = Annotated[str, Refers(Target.EXAMPLES)]
ThresholdRef = Annotated[str, Refers(Target.THRESHOLD)]


@dataclass(frozen=True, slots=True)
class Reference:
    """One name that a config refers to."""

    key: str
    """Its place in the config, such as ``tasks.0``."""
    name: str
    mark: Refers


def references(config: BaseModel) -> Iterator[Reference]:
    """All names that a config refers to, in the order of its fields."""
    for name, field in type(config).model_fields.items():
        marks = [mark for mark in (*field.metadata, *_inner_metadata(field.annotation)) if isinstance(mark, Refers)]
        yield from _named(name, getattr(config, name), marks[0] if marks else None)


def result_settings(value: object, marks: Sequence[object] = ()) -> JsonValue:
    """A config as plain JSON without the fields that change no result, and with the content of files in place of their
    paths. ``marks``: those of the field that holds it.
    """
    if isinstance(value, BaseModel):
        version = getattr(value, "part_version", None)
        settings = {
            name: result_settings(getattr(value, name), [*field.metadata, *_inner_metadata(field.annotation)])
            for name, field in type(value).model_fields.items()
            if not any(_is_left_out(mark, getattr(value, name)) for mark in field.metadata)
        }
        return settings if version is None else {**settings, "version": version}
    if isinstance(value, Mapping):
        return {str(key): result_settings(inner, marks) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [result_settings(inner, marks) for inner in value]
    if isinstance(value, Set):  # in another order in each process
        return sorted((result_settings(inner, marks) for inner in value), key=digest)
    if isinstance(value, str) and any(isinstance(mark, Code) for mark in marks):
        return {"target": value, "version": code_version(value)}
    is_content = isinstance(value, str | Path) and any(isinstance(mark, Content) for mark in marks)
    if is_content and Path(str(value)).exists():
        return {"content": content_digest(Path(str(value)))}
    plain: JsonValue = to_jsonable_python(value, inf_nan_mode="strings")
    return plain


def _is_left_out(mark: object, value: object) -> bool:
    return isinstance(mark, Neutral) or (isinstance(mark, AddedLater) and not value)


def _inner_metadata(annotation: object) -> Iterator[object]:
    """The marks inside ``InputPath | None`` and ``tuple[InputPath, ...]``."""
    if get_origin(annotation) is Annotated:
        yield from get_args(annotation)[1:]
    for inner in get_args(annotation):
        yield from _inner_metadata(inner)


def _named(key: str, value: object, mark: Refers | None) -> Iterator[Reference]:
    if isinstance(value, BaseModel):
        yield from (Reference(f"{key}.{inner.key}", inner.name, inner.mark) for inner in references(value))
    elif isinstance(value, str) and mark is not None:
        yield Reference(key, value, mark)
    elif isinstance(value, Mapping | tuple | list):
        for place, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _named(f"{key}.{place}", inner, mark)
