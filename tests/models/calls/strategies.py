"""Calls to write and read: nested arguments, every script, strings that contain the markers of each form."""

from __future__ import annotations

from hypothesis import strategies as st
from pydantic import JsonValue

from understudy.records import FunctionCall, ToolSchema

MARKS = [
    "<tool_call>",
    "</tool_call>",
    "\n</tool_call>\n<tool_call>\n",
    "<think>",
    "</think>",
    "\n</think>\n",
    "<function=f>",
    "</function>",
    "<parameter=a>",
    '{"name": "f", "arguments": {}}',
    '{"name": "f", "parameters": {}}',
    "functools[",
    "<|/tool_call|>",
    "<|python_tag|>",
    "```json\n",
    "; ",
    '"',
    "\\",
    "'",
    "\u2028",
    "😀é",
    "true",
    "None",
    "1",
]
plain_text = st.text(st.characters(codec="utf-8"), max_size=12)
texts = st.lists(st.one_of(plain_text, st.sampled_from(MARKS)), max_size=4).map("".join)
names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_.-]{0,10}", fullmatch=True)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False), texts
)
values: st.SearchStrategy[JsonValue] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
arguments = st.dictionaries(texts, values, max_size=3)


def numbered(calls: list[tuple[str, dict[str, JsonValue]]]) -> tuple[FunctionCall, ...]:
    return tuple(FunctionCall(id=f"call_{i}", name=name, arguments=given) for i, (name, given) in enumerate(calls))


def several(given: st.SearchStrategy[dict[str, JsonValue]]) -> st.SearchStrategy[tuple[FunctionCall, ...]]:
    return st.lists(st.tuples(names, given), min_size=1, max_size=3).map(numbered)


TYPED = ToolSchema(
    name="typed",
    parameters={
        "$defs": {"Place": {"type": "object"}},
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "count": {"type": "integer"},
            "size": {"type": "number"},
            "flag": {"type": "boolean"},
            "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "items": {"type": "array"},
            "place": {"$ref": "#/$defs/Place"},
            "choice": {"enum": ["1", "a"]},
        },
    },
)
typed_arguments = st.fixed_dictionaries(
    {},
    optional={
        "text": texts,
        "count": st.integers(-(10**18), 10**18),
        "size": st.floats(allow_nan=False, allow_infinity=False),
        "flag": st.booleans(),
        "maybe": st.none() | st.integers(0, 9),
        "items": st.lists(values, max_size=3),
        "place": st.dictionaries(texts, values, max_size=3),
        "choice": st.sampled_from(["1", "a"]),
    },
)
typed_calls = st.lists(typed_arguments, min_size=1, max_size=3).map(lambda all_: numbered([("typed", a) for a in all_]))
