# ruff: noqa: E501 - one line a case
"""JSON schemas as Python types: complete, also where they refer to one another."""

from __future__ import annotations

import ast
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from understudy.tools.schemas import bound, identifier, parameters_of, returned

DEFS: dict[str, JsonValue] = {
    "$defs": {
        "Street": {"type": "object", "properties": {"name": {"type": "string"}, "zip": {}}, "required": ["name"]},
        "Color": {"enum": ["red", "green"]},
        "Alias": {"$ref": "#/$defs/Color"},
        "Tree": {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}},
        "Loop": {"$ref": "#/$defs/Loop"},
        "Anchor": {
            "$anchor": "street",
            "$id": "https://example.org/street",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
        },
    },
    "definitions": {"a/b": {"type": "integer"}},
}


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "string"}, "str"),
        ({}, "Any"),
        (True, "Any"),
        ({"type": ["string", "null"]}, "str | None"),
        ({"type": "string", "nullable": True}, "str | None"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "integer"}]}, "int | float"),
        ({"oneOf": [{"$ref": "#/$defs/Color"}, {"type": "null"}]}, "Literal['red', 'green'] | None"),
        ({"enum": ["a", 1, None]}, "Literal['a', 1, None]"),
        ({"const": "x"}, "Literal['x']"),
        ({"type": "array"}, "list"),
        ({"type": "array", "items": {"$ref": "#/$defs/Color"}}, "list[Literal['red', 'green']]"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]}, "tuple[str, int]"),
        ({"type": "object"}, "dict"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"type": "object", "additionalProperties": False}, "dict"),
        ({"$ref": "#/$defs/Street"}, "{'name': str, 'zip': NotRequired[Any]}"),
        ({"properties": {"s": {"$ref": "#/$defs/Street"}}, "required": ["s"]}, "{'s': {'name': str, 'zip': NotRequired[Any]}}"),
        ({"$ref": "#/$defs/Alias"}, "Literal['red', 'green']"),
        ({"$ref": "#/definitions/a~1b"}, "int"),
        ({"$ref": "#/$defs/Nowhere"}, "Any"),
        ({"$ref": "https://example.org/schema"}, "Any"),
        ({"$ref": "#/$defs/Loop"}, "Any"),
        ({"$ref": "#street"}, "{'name': str}"),
        ({"$ref": "https://example.org/street"}, "{'name': str}"),
        ({"$ref": "#/%24defs/Color"}, "Literal['red', 'green']"),
        ({"type": "array", "items": [{"type": "string"}, {"type": "integer"}]}, "tuple[str, int]"),
        ({"type": "array", "prefixItems": []}, "list"),
        ({"type": "array", "items": True}, "list"),
        ({"type": "object", "patternProperties": {"^x": {"type": "integer"}}}, "dict[str, int]"),
        ({"type": "object", "properties": {"a": {}}, "oneOf": [{"required": ["a"]}]}, "{'a': NotRequired[Any]}"),
        ({"type": ["object", "null"], "properties": {"a": {}}}, "{'a': NotRequired[Any]} | None"),
        ({"type": ["array", "string"], "items": {"type": "string"}}, "list[str] | str"),
        ({"type": "string", "enum": []}, "str"),
        ({"type": ["string", "null"], "enum": ["a"]}, "Literal['a', None]"),
        ({"enum": ["a", "b"], "nullable": True}, "Literal['a', 'b', None]"),
        ({"type": "STRING"}, "str"),
        ({"type": "int"}, "int"),
        ({"type": "Float"}, "float"),
        ({"type": "any"}, "Any"),
        ({"allOf": [{"$ref": "#/$defs/Street"}]}, "{'name': str, 'zip': NotRequired[Any]}"),
        (
            {"allOf": [{"$ref": "#/$defs/Street"}, {"properties": {"n": {"type": "integer"}}, "required": ["n"]}]},
            "{'name': str, 'zip': NotRequired[Any], 'n': int}",
        ),
    ],
)  # fmt: skip
def test_types(schema: JsonValue, written: str) -> None:
    (parameter,) = parameters_of({"properties": {"p": schema}, "required": ["p"], **DEFS}).values()
    assert parameter.type == written
    assert ast.parse(f"def f({parameter.written}): ...")
    assert returned({"properties": {"result": schema}, "type": "object", **DEFS}) == written


def test_a_type_that_holds_itself_ends() -> None:
    (parameter,) = parameters_of({"properties": {"tree": {"$ref": "#/$defs/Tree"}}, **DEFS}).values()
    assert parameter.type.startswith("{'children': NotRequired[list[{'children'")
    assert len(parameter.type) < 500
    assert ast.parse(f"def f({parameter.written}): ...")


def test_the_schema_itself_may_be_a_reference() -> None:
    assert list(parameters_of({"$ref": "#/$defs/Street", **DEFS})) == ["name", "zip"]
    assert returned({"$ref": "#/$defs/Street", **DEFS}) == "{'name': str, 'zip': NotRequired[Any]}"
    assert returned(None) == "str"


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"allOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}]}, ["a: Any", "b: Any = ..."]),
        ({"anyOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}]}, ["b: Any = ...", "a: Any = ..."]),
        ({"oneOf": [{"required": ["a"]}, {"required": ["a"]}], "properties": {"a": {}}}, ["a: Any"]),
        ({"properties": None}, []),
        ({"properties": {"a": {}}, "required": ["a", "ghost"]}, ["a: Any"]),
        ({"properties": {"a": {}}, "required": True}, ["a: Any = ..."]),
    ],
)  # fmt: skip
def test_arguments_that_stand_in_parts_of_a_schema(schema: dict[str, JsonValue], written: list[str]) -> None:
    assert [one.written for one in parameters_of(schema).values()] == written


def test_names_that_look_alike_stay_apart() -> None:
    keys = ("user-id", "user_id", "user.id", "user_id_2")
    parameters = parameters_of({"properties": {key: {"type": "string"} for key in keys}, "required": list(keys)})
    assert {name: one.key for name, one in parameters.items()} == {
        "user_id_3": "user-id",
        "user_id": "user_id",
        "user_id_4": "user.id",
        "user_id_2": "user_id_2",
    }
    assert parameters["user_id_3"].about == "('user-id')"
    assert bound("t", parameters, ("a", "b", "c", "d"), {}) == dict(zip(keys, "abcd", strict=True))
    by_key = {"user-id": "a", "user_id": "b", "user.id": "c", "user_id_2": "d"}
    assert bound("t", parameters, (), by_key) == by_key, "the server's own names are understood"


@given(st.lists(st.text(max_size=6), unique=True, max_size=8))
def test_every_key_gets_a_name_of_its_own(keys: list[str]) -> None:
    parameters = parameters_of({"properties": {key: {"type": "string"} for key in keys}})
    assert sorted(one.key for one in parameters.values()) == sorted(keys)
    for name in parameters:
        assert name.isidentifier()
        assert not keyword.iskeyword(name)
    if parameters:
        assert ast.parse(f"def f({', '.join(one.written for one in parameters.values())}): ...")


@pytest.mark.parametrize(
    ("name", "written"),
    [("get-weather", "get_weather"), ("from", "from_"), ("class", "class_"), ("None", "None_"), ("2d", "_2d"), ("", "_"), ("größe", "größe"), ("a²", "a2")],
)  # fmt: skip
def test_identifiers(name: str, written: str) -> None:
    assert identifier(name) == written
