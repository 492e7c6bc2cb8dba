"""Functions as JSON tools: the schema loses nothing, and arguments are converted to the types of the function."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import warnings
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import jsonschema
import pytest
from pydantic import BaseModel, Field

from understudy.records import ToolSchema
from understudy.retrieval import Hit, Passage
from understudy.tools import (
    BadArgumentsError,
    SearchConfig,
    SearchTool,
    Tool,
    ToolError,
    json_tool,
    result_text,
    tool,
)


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Item(BaseModel):
    """One thing."""

    name: str = Field(description="Its name.")
    parts: list[Item] = []


@dataclasses.dataclass
class Address:
    """Where it goes."""

    street: str
    zip: int = 0


class Point(NamedTuple):
    x: int
    y: int


ORIGIN = Point(1, 2)


class Options(TypedDict, total=False):
    deep: bool


def order(
    items: list[Item],
    to: Address,
    size: Size = Size.SMALL,
    /,
    mode: Literal["slow", "fast"] = "slow",
    *notes: str,
    when: dt.date | None = None,
    price: decimal.Decimal = decimal.Decimal("1.5"),
    at: Point = ORIGIN,
    options: Options | None = None,
    tags: Annotated[set[str], Field(description="Any words.", max_length=3)] = frozenset(),  # type: ignore[assignment]
    title: str = None,  # type: ignore[assignment]  # noqa: RUF013  as users write it
    **limits: float,
) -> dict[str, Any]:
    """Order things.

    All at once.

    Args:
        items: What is
            ordered.
        to (Address): Where to.
        limits: Each a number.

    Returns:
        What came.
    """
    came = locals()
    return {"types": {name: type(value).__name__ for name, value in came.items()}, **came}


ALL = {
    "items": [{"name": "a", "parts": [{"name": "b"}]}],
    "to": {"street": "s"},
    "size": "l",
    "mode": "fast",
    "notes": ["n", "m"],
    "when": "2024-02-29",
    "price": 2,
    "at": [3, 4],
    "options": {"deep": True},
    "tags": ["t", "u"],
    "title": None,
    "weight": 2,
}


def test_a_schema_loses_nothing() -> None:
    schema = json_tool(tool(order)).schema
    assert schema.description == "Order things.\nAll at once.\nReturns: What came."
    body: Any = schema.parameters
    assert list(body["properties"]) == [name for name in ALL if name != "weight"]
    assert body["required"] == ["items", "to"]
    assert body["additionalProperties"] == {"type": "number", "description": "Each a number."}
    assert body["properties"]["items"]["description"] == "What is ordered."
    assert body["properties"]["to"] == {"$ref": "#/$defs/Address", "description": "Where to."}
    assert body["properties"]["mode"] == {"default": "slow", "enum": ["slow", "fast"], "type": "string"}
    assert body["properties"]["size"]["default"] == "s"
    assert body["$defs"]["Size"]["enum"] == ["s", "l"]
    assert body["$defs"]["Address"]["properties"]["zip"] == {"default": 0, "type": "integer"}
    assert body["$defs"]["Address"]["description"] == "Where it goes."
    assert body["$defs"]["Item"]["properties"]["name"]["description"] == "Its name."
    assert body["properties"]["when"]["anyOf"][0] == {"type": "string", "format": "date"}
    assert body["properties"]["tags"]["description"] == "Any words."
    assert "title" not in str(body).replace("'title': {'anyOf'", "")


def test_a_schema_is_valid_and_accepts_what_the_function_accepts() -> None:
    schema = json_tool(tool(order)).schema
    jsonschema.Draft202012Validator.check_schema(schema.parameters)
    jsonschema.validate(ALL, schema.parameters)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**ALL, "items": [{"nam": "a"}]}, schema.parameters)
    assert ToolSchema.model_validate_json(schema.model_dump_json()) == schema


def test_arguments_are_what_the_function_wants() -> None:
    came: Any = json_tool(tool(order)).call(ALL)
    types = came.pop("types")
    assert types["to"] == "Address"
    assert types["size"] == "Size"
    assert (types["when"], types["price"], types["at"], types["tags"]) == ("date", "Decimal", "Point", "set")
    assert came["notes"] == ("n", "m")
    assert came["limits"] == {"weight": 2.0}
    assert came["items"] == [{"name": "a", "parts": [{"name": "b", "parts": []}]}]


def test_what_is_not_given_is_the_functions_own_default() -> None:
    came: Any = json_tool(tool(order)).call({"items": [], "to": {"street": "s"}})
    assert (came["size"], came["mode"], came["notes"], came["price"], came["limits"]) == ("s", "slow", (), 1.5, {})
    given: Any = json_tool(tool(order)).call({"items": [], "to": {"street": "s"}, "notes": ["n"]})
    assert (given["mode"], given["notes"]) == ("slow", ("n",))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"to": {"street": "s"}}, "missing: items"),
        ({"items": [], "to": {}}, "missing: to.street"),
        ({"items": [{"parts": []}], "to": {"street": "s"}}, "missing: items.0.name"),
        ({"items": [], "to": 3}, "to: Input should be an object, got 3"),
        ({"items": [], "to": {"street": "s"}, "size": "m"}, "size: Input should be 's' or 'l', got 'm'"),
        ({"items": [], "to": {"street": "s"}, "weight": "much"}, "weight: Input should be a valid number"),
    ],
)
def test_what_does_not_fit_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgumentsError) as error:
        json_tool(tool(order)).call(given)
    assert message in str(error.value)
    assert str(error.value).startswith("order: ")
    assert "(it takes items, to, size, mode, notes," in str(error.value)


@pytest.mark.parametrize(
    "document",
    [
        "Find.\n\nArgs:\n    query: What to\n        find.\n    k (int): How many.",
        "Find.\n\nParameters\n----------\nquery : str\n    What to find.\nk\n    How many.",
        "Find.\n\n:param query: What to find.\n:param k: How many.",
        "Find.\nquery: What to find.\nk: How many.",
        "Find.\n\n* `query`: What to find.\n* `k`: How many.",
    ],
)
def test_all_styles_of_docstrings(document: str) -> None:
    def find(query: str, k: int = 3) -> str:
        return query * k

    find.__doc__ = document
    schema: Any = json_tool(tool(find)).schema
    assert schema.description == "Find."
    assert {name: one["description"] for name, one in schema.parameters["properties"].items()} == {
        "query": "What to find.",
        "k": "How many.",
    }


def test_names_that_pydantic_keeps_for_itself_are_fine() -> None:
    def odd(schema: str, model_config: int, _copy: bool, json: list[str]) -> list[object]:
        """Take odd names."""
        return [schema, model_config, _copy, json]

    given = {"schema": "s", "model_config": 1, "_copy": True, "json": ["j"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert json_tool(tool(odd)).call(given) == ["s", 1, True, ["j"]]


def test_search_is_a_json_tool() -> None:
    class Engine:
        def search(self, queries: list[str], k: int) -> list[list[Hit]]:
            return [[Hit(Passage(id="1", title="t", text=f"{query} {k}"), 1.0)] for query in queries]

    search = json_tool(SearchTool(Engine(), SearchConfig(k=2)).tool())  # type: ignore[arg-type]
    properties: Any = search.schema.parameters["properties"]
    assert properties["query"]["description"] == "what to look for, in a few words."
    assert "query:" not in search.schema.description
    assert "a 2" in result_text(search.call({"query": "a"}))
    with pytest.raises(BadArgumentsError, match="unexpected: q"):
        search.call({"q": "a"})


def test_an_owners_schema_is_passed_on_unchanged() -> None:
    schema = ToolSchema(name="far", description="d", parameters={"type": "object", "x-own": {"$ref": "#/$defs/a"}})
    far = json_tool(Tool("far", "(x)", "d", lambda **given: given, schema=schema))
    assert far.schema is schema
    assert far.call({"a-b": 1, "self": 2}) == {"a-b": 1, "self": 2}


def test_limits_of_the_tool_hold_for_json_calls() -> None:
    def long() -> str:
        """Say much."""
        return "x" * 100

    def fails() -> str:
        """Fail."""
        raise KeyError("k")

    assert "cut: 90 more characters" in result_text(json_tool(tool(long, max_chars=10)).call({}))
    with pytest.raises(ToolError, match="fails failed: KeyError"):
        json_tool(tool(fails)).call({})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (None, "null"),
        ({"a": (1, Size.SMALL)}, '{"a": [1, "s"]}'),
        (Item(name="ä"), '{"name": "ä", "parts": []}'),
        (dt.date(2024, 1, 2), '"2024-01-02"'),
        ({1: 2.5}, '{"1": 2.5}'),
        ({2, 1}, "[1, 2]"),
        (object, "\"<class 'object'>\""),
    ],
)
def test_results_are_text_or_json(value: object, text: str) -> None:
    assert result_text(value) == text
