"""Kinds of stages: a section of a recipe that is not one of its own keys is a kind of stage.

In: the name of a section. Out: its ``Stage`` class. A package adds a kind by an entry point, and a recipe by
``package.module:Class`` as the name of a section.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import GetCoreSchemaHandler, SerializationInfo, StringConstraints, TypeAdapter, ValidationInfo
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypedDict

from understudy.pipeline.stage_table import PACKAGE, STAGE_TABLE
from understudy.records import Record, Target
from understudy.registry import Builtin, Group, TargetError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]
"""A name that is also a folder: lower-case letters, digits, dot, dash, underscore."""


class StageKind(Protocol):
    """The facts that a recipe needs about a kind of stage; ``understudy.pipeline.stage.Stage`` is its base class."""

    kind: ClassVar[str]
    provides: ClassVar[Target | None]
    uses: ClassVar[tuple[str, ...]]
    starts_from: ClassVar[str]
    Config: ClassVar[type[Record]]

    @staticmethod
    def problems(config: Any, key: str, recipe: Any) -> Iterator[str]:
        """Contradictions to the rest of the recipe, each beginning with its key."""
        ...


STAGES: Group[StageKind] = Group(
    "stages",
    "does one part of a run",
    {kind: Builtin(f"{PACKAGE}.{entry.part}", about=entry.about) for kind, entry in STAGE_TABLE.items()},
)


def stage_class(section: str) -> type[StageKind]:
    """The class of a section of a recipe. Raises ``TargetError`` for a section that is not a kind of stage."""
    found: type[StageKind] = STAGES.part(section)
    if not (isinstance(found, type) and hasattr(found, "kind") and hasattr(found, "Config")):
        raise TargetError(f"{section}: expected a subclass of understudy.pipeline.Stage; it is {found!r}")
    return found


def is_stage(section: object) -> bool:
    """Whether a key of a recipe is a section of stages."""
    try:
        stage_class(str(section))
    except TargetError:
        return False
    return True


def section_class(section: str) -> type[Record] | None:
    """The config of a section's stages; None if the section is not a kind of stage."""
    return stage_class(section).Config if is_stage(section) else None


class StageSections:
    """The pydantic type of all sections of stages: each holds, by name, configs of its kind."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _validated,
            serialization=core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True),
        )


def _validated(value: object, info: ValidationInfo) -> dict[str, dict[str, Record]]:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a mapping of kinds of stages, got {value!r:.60}")
    fields: dict[str, Any] = {section: dict[Name, stage_class(section).Config] for section in value}  # type: ignore[misc]
    sections: Any = TypedDict("sections", fields)  # type: ignore[misc]
    found: Any = TypeAdapter(sections).validate_python(value, context=info.context)
    return dict(found)


def _dump(value: dict[str, dict[str, Record]], info: SerializationInfo) -> dict[str, dict[str, object]]:
    return {
        section: {name: config.model_dump(mode=info.mode) for name, config in stages.items()}
        for section, stages in value.items()
    }
