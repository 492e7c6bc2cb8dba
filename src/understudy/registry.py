"""The kinds of each exchangeable part: ours by a short name, a user's by ``package.module:Class``.

In: what a recipe says about a part (``kind`` and that kind's own keys). Out: its typed config, then the part itself.
Config and part of a built-in kind are named by strings, so that reading a recipe never imports what runs it.
Packages announce short names of their own by an entry point in the group ``understudy.<group>``.
Not here: the kinds; each package of parts declares its own ``Group``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, GetCoreSchemaHandler, SerializationInfo, ValidationError, create_model
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from understudy.records import Record
from understudy.source_digest import source_digest

PartT = TypeVar("PartT")


class TargetError(ValueError):
    """A name of the form ``package.module:name`` that names nothing usable."""


class PartConfig(Record):
    """Base of the configs of all parts."""

    part_version: ClassVar[str | None] = None
    """Identifies the behaviour of a user's kind: its ``version``, or a digest of its source file; it enters
    fingerprints. None for a built-in kind: the manifest states the version of this package.
    """
    kind: str
    """A short name, or ``package.module:Class``."""


@dataclass(frozen=True, slots=True)
class Builtin:
    """A kind of this package, named by ``package.module:name``."""

    part: str
    """The class or function that is called with the config."""
    config: str = ""
    """Empty: the part's own ``Config``."""
    about: str = ""
    """Empty: the first line of the config's docstring."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One line of ``understudy kinds``."""

    group: str
    name: str
    about: str
    origin: str
    """The distribution that provides it."""


class Group(Generic[PartT]):
    """All kinds of one part, such as the graders; also the pydantic type of a config of any of them."""

    def __init__(
        self,
        name: str,
        about: str,
        builtin: Mapping[str, Builtin],
        *,
        methods: tuple[str, ...] = (),
        adapt: Callable[[Callable[..., object]], PartT] | None = None,
        kind_of: Callable[[Mapping[str, object]], str | None] | None = None,
    ) -> None:
        """Declare a group.

        Args:
            name: Plural, such as ``graders``.
            about: What a part does, as the rest of a sentence.
            builtin: Kinds of this package, by short name.
            methods: What a user's class must define.
            adapt: Turns a user's plain function into a part; None if functions are not accepted.
            kind_of: The kind that is meant if a mapping names none; None if ``kind`` is required.
        """
        self.name = name
        self.about = about
        self.builtin = dict(builtin)
        self._methods = methods
        self._adapt = adapt
        self._kind_of = kind_of
        self._configs: dict[str, type[PartConfig]] = {}

    def config_class(self, kind: str) -> type[PartConfig]:
        """The config of a kind. Raises ``TargetError`` for an unknown kind."""
        if kind not in self._configs:
            self._configs[kind] = self._find_config(kind)
        return self._configs[kind]

    def open(self, config: PartConfig, *args: object, **named: object) -> PartT:
        """Make the part that a config describes. Raises ``TargetError`` and whatever the part raises."""
        if config.kind in self.builtin:
            part: PartT = import_target(self.builtin[config.kind].part)(config, *args, **named)
            return part
        target: Any = self._target(config.kind)
        if not isinstance(target, type):
            return self._adapted(config.kind, target)
        own = (config,) if hasattr(target, "Config") else ()
        made: PartT = target(*own, *args, **named)
        return made

    def part(self, kind: str) -> Any:
        """The class or function that makes the parts of a kind. Raises ``TargetError``."""
        return import_target(self.builtin[kind].part) if kind in self.builtin else self._target(kind)

    def names(self) -> list[str]:
        """All short names."""
        return [*self.builtin, *self._announced]

    def kinds(self) -> Iterator[Kind]:
        """All kinds that have a short name."""
        for name, builtin in self.builtin.items():
            yield Kind(self.name, name, builtin.about or _first_line(self.config_class(name)), "understudy")
        for name, entry in self._announced.items():
            origin = entry.dist.name if entry.dist else "?"
            try:
                about = _first_line(self._target(name))
            except TargetError as error:
                about = f"cannot be used: {error}"
            yield Kind(self.name, name, about, origin)

    def validate(self, value: object, context: Any = None) -> PartConfig:
        """The typed config of a recipe's value: a mapping with ``kind``, or a kind alone.

        ``context`` is pydantic's, for the fields of the config.

        Raises ``ValidationError``, whose locations begin at the mapping.
        """
        if isinstance(value, PartConfig):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping):
            wanted = self._expected().removeprefix("expected ")
            raise _refused((), value, f"expected a mapping with `kind`, or {wanted}; got {value!r:.60}")
        kind = self.kind_in(value)
        if not isinstance(kind, str):
            got = f", got kind {kind!r}" if kind is not None else ""
            raise _refused((), value, f"`kind` is missing: {self._expected()}{got}")
        try:
            config = self.config_class(kind)
        except TargetError as error:
            raise _refused(("kind",), kind, str(error)) from None
        return config.model_validate({**value, "kind": kind}, context=context)

    def kind_in(self, value: Mapping[str, object]) -> object:
        """The kind that a mapping names or its keys imply; None without either."""
        return value.get("kind") or (self._kind_of(value) if self._kind_of else None)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            lambda value, info: self.validate(value, info.context),
            serialization=core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True),
        )

    def _find_config(self, kind: str) -> type[PartConfig]:
        if kind in self.builtin and self.builtin[kind].config:
            found: type[PartConfig] = import_target(self.builtin[kind].config)
            return found
        target = self.part(kind)
        own = getattr(target, "Config", Record)
        if not (inspect.isclass(own) and issubclass(own, BaseModel)):
            raise TargetError(f"{kind}: expected its Config to be a pydantic model; it is {own!r}")
        if not inspect.isclass(target):
            self._adapted(kind, target)
        elif missing := self._missing(target):
            raise TargetError(f"{kind}: expected a class with the method {missing}, as all {self.name} have")
        # The user's config first, so that its fields are kept; ours last, so that unknown keys are refused.
        bases: Any = (PartConfig,) if own is Record else (own, PartConfig)
        literal: Any = Literal[kind]
        made = create_model(f"{target.__name__}Config", __base__=bases, __doc__=target.__doc__, kind=(literal, kind))
        config = cast(type[PartConfig], made)
        config.part_version = _version(target)
        return config

    def _target(self, kind: str) -> Any:
        if kind in self._announced:
            return import_target(self._announced[kind].value)
        if ":" not in kind:
            raise TargetError(f"{self._expected()}; got {kind!r}")
        return import_target(kind)

    def _missing(self, target: type) -> str:
        if self._adapt and any("__call__" in vars(base) for base in target.__mro__):
            return ""
        return next((name for name in self._methods if not callable(getattr(target, name, None))), "")

    def _adapted(self, kind: str, target: object) -> PartT:
        if self._adapt is None or not callable(target):
            raise TargetError(f"{kind}: expected a class; it is {type(target).__name__}")
        return self._adapt(target)

    def _expected(self) -> str:
        return f"expected one of {', '.join(self.names())}, or package.module:Class"

    @cached_property
    def _announced(self) -> dict[str, importlib.metadata.EntryPoint]:
        found = importlib.metadata.entry_points(group=f"understudy.{self.name}")
        return {entry.name: entry for entry in found if entry.name not in self.builtin}


def import_target(path: str) -> Any:
    """The object that ``package.module:name`` names; the name may have dots. Raises ``TargetError``, which names the
    part of the path that does not exist.
    """
    module_name, colon, name = path.partition(":")
    if not (module_name and colon and name):
        raise TargetError(f"expected package.module:name; got {path!r}")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise TargetError(_not_found(path, module_name, error)) from error
    except Exception as error:
        raise TargetError(f"{path}: importing {module_name} raised {type(error).__name__}: {error}") from error
    for attribute in name.split("."):
        if not hasattr(found, attribute):
            raise TargetError(f"{path}: {module_name} has no {name!r}{_near(found, attribute)}")
        found = getattr(found, attribute)
    return found


def code_version(path: str) -> str | None:
    """Identifies the behaviour of a named object; None for this package's own code, whose version the manifest states,
    and for names that do not exist.
    """
    if path.startswith("understudy."):
        return None
    try:
        target = import_target(path)
    except TargetError:
        return None
    version = _version(target)
    return _version(sys.modules[path.partition(":")[0]]) if version == "unknown" else version


def make_importable(*folders: Path) -> None:
    """Let modules in the folders be imported by name, after all installed ones."""
    sys.path += [str(folder) for folder in folders if str(folder) not in sys.path]


def _not_found(path: str, module_name: str, error: ModuleNotFoundError) -> str:
    missing = error.name or ""
    if module_name == missing or module_name.startswith(missing + "."):
        return (
            f"{path}: there is no module {missing!r}; modules are looked for among the installed packages, in the "
            f"recipe's folder and in the working directory ({Path.cwd()})"
        )
    return f"{path}: {module_name} imports {missing!r}, which is not installed"


def _near(found: object, attribute: str) -> str:
    import difflib

    close = difflib.get_close_matches(attribute, dir(found), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _refused(loc: tuple[str, ...], value: object, message: str) -> ValidationError:
    error = PydanticCustomError("kind", "{message}", {"message": message})
    return ValidationError.from_exception_data("kind", [InitErrorDetails(type=error, loc=loc, input=value)])


def _dump(value: PartConfig, info: SerializationInfo) -> dict[str, object]:
    plain = value.model_dump(mode=info.mode, exclude_defaults=info.exclude_defaults)
    return {"kind": value.kind, **plain}


def _first_line(target: object) -> str:
    return (inspect.getdoc(target) or "").partition("\n")[0]


def _version(target: object) -> str:
    stated = getattr(target, "version", None)
    if isinstance(stated, str | int):
        return str(stated)
    try:
        source = Path(inspect.getsourcefile(target) or "")  # type: ignore[arg-type]
        module = inspect.getmodule(target)
        return source_digest(source, getattr(module, "__name__", ""), getattr(module, "__package__", None) or "")
    except (TypeError, OSError):
        return "unknown"
