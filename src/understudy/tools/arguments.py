"""A function's arguments as JSON: the schema for models, and conversion to the types of the function.

In: a signature with type hints, and descriptions of the arguments. Out: a JSON Schema that keeps all information
(nested records, enums, literals, unions, defaults, descriptions; records in ``$defs``), and arguments converted from a
JSON object: records, enums and dates are built. If an argument does not fit, an error for the model names the argument
and the reason. Not here: calling the function.
"""

from __future__ import annotations

import inspect
import json
from collections import OrderedDict
from collections.abc import Mapping
from inspect import Parameter
from typing import Annotated, Any, Optional

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
    PydanticUndefinedAnnotation,
    PydanticUserError,
    ValidationError,
    create_model,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticUndefined

from understudy.tools.base import BadArgumentsError, ToolConfigError
from understudy.tools.types import with_readable_mappings

_NO_SCHEMA = (
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
    PydanticUndefinedAnnotation,
    PydanticUserError,
    TypeError,
)


class _Schema(GenerateJsonSchema):
    """Omits the titles that pydantic derives from names, because they only cost tokens."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Omit a default that JSON cannot represent; the argument stays optional."""


class Arguments:
    """The arguments of one function."""

    def __init__(self, tool: str, signature: inspect.Signature, about: Mapping[str, str]) -> None:
        """``about``: descriptions by argument. Raises ``ToolConfigError`` for a type that JSON cannot represent."""
        self._tool = tool
        self._signature = signature
        self._fields = {f"argument_{number}": name for number, name in enumerate(signature.parameters)}
        try:
            self._model = self._make_model(about)
            self.schema: dict[str, JsonValue] = _tidied(self._model.model_json_schema(schema_generator=_Schema))
        except _NO_SCHEMA as error:
            why = str(error).partition("\n")[0]
            raise ToolConfigError(f"{tool}: its arguments cannot be written as a JSON schema: {why}") from error

    def bind(self, arguments: Mapping[str, JsonValue]) -> inspect.BoundArguments:
        """The arguments, converted to the types of the function. Raises ``BadArgumentsError``."""
        try:
            model = self._model.model_validate_json(json.dumps(arguments))
        except ValidationError as error:
            raise BadArgumentsError(self._why(error)) from error
        given: dict[str, Any] = {}
        for field, name in self._fields.items():
            if field in model.model_fields_set:
                given[name] = getattr(model, field)
            elif self._signature.parameters[name].kind is Parameter.VAR_KEYWORD:
                given[name] = model.model_extra or {}
        bound = inspect.BoundArguments(self._signature, OrderedDict(given))
        bound.apply_defaults()
        return bound

    def _make_model(self, about: Mapping[str, str]) -> type[BaseModel]:
        parameters = self._signature.parameters
        fields: dict[str, Any] = {
            field: _field(parameters[name], about.get(name))
            for field, name in self._fields.items()
            if parameters[name].kind is not Parameter.VAR_KEYWORD
        }
        options = next((one for one in parameters.values() if one.kind is Parameter.VAR_KEYWORD), None)
        if options is None:
            return create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)
        extra: Any = dict[str, Annotated[_hint(options), Field(description=about.get(options.name))]]  # type: ignore[misc]
        space = {
            "__annotations__": {"__pydantic_extra__": extra},
            "__module__": __name__,
            "model_config": ConfigDict(extra="allow"),
        }
        return create_model("Arguments", __base__=type("Open", (BaseModel,), space), **fields)

    def _why(self, error: ValidationError) -> str:
        found = error.errors(include_url=False)
        missing = [_place(one["loc"]) for one in found if one["type"] == "missing"]
        unexpected = [_place(one["loc"]) for one in found if one["type"] == "extra_forbidden"]
        others = [one for one in found if one["type"] not in ("missing", "extra_forbidden")]
        named = {"missing": missing, "unexpected": unexpected}
        said = [f"{what}: {', '.join(places)}" for what, places in named.items() if places]
        said += [f"{_place(one['loc'])}: {one['msg']}, got {one['input']!r:.80}".removeprefix(": ") for one in others]
        names = ", ".join(self._signature.parameters) or "no arguments"
        return f"{self._tool}: {'; '.join(said)} (it takes {names})"


def _hint(parameter: Parameter) -> Any:
    if parameter.annotation is Parameter.empty or isinstance(parameter.annotation, str):
        return Any  # no annotation, or a postponed annotation with unknown names
    hint = with_readable_mappings(parameter.annotation)
    # ``x: str = None`` is meant to accept None.
    return hint if parameter.default is not None else Optional[hint]  # noqa: UP045  built from the signature


def _field(parameter: Parameter, about: str | None) -> tuple[Any, Any]:
    hint, default = _hint(parameter), parameter.default
    if parameter.kind is Parameter.VAR_POSITIONAL:
        hint, default = tuple[hint, ...], ()  # type: ignore[valid-type]  # built from the signature
    described: dict[str, Any] = {} if about is None else {"description": about}
    return hint, Field(PydanticUndefined if default is Parameter.empty else default, alias=parameter.name, **described)


def _tidied(schema: dict[str, Any]) -> dict[str, JsonValue]:
    """Removes titles that repeat a name, and keywords that only describe how records are validated."""
    schema.pop("title", None)
    for name, inner in schema.get("$defs", {}).items():
        if inner.get("title") == name:
            del inner["title"]
    return schema


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(map(str, loc))
