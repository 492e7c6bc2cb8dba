"""Correct, unusual and broken replies of models, and how each is parsed: a table of ``docs/tool-calls.md``."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

Calls = tuple[tuple[str, dict[str, JsonValue]], ...]
SEARCH: Calls = (("search", {"query": "x"}),)
TWO: Calls = (*SEARCH, ("search", {"query": "y"}))
_EMPTY: Calls = (("search", {}),)


@dataclass(frozen=True)
class ReplyRow:
    """One reply."""

    form: str
    what: str
    reply: str
    calls: Calls = ()
    text: str | None = ""
    """None: the reply as it is."""
    problem: str = ""
    """Words of the problem."""


def _wrapped(json: str) -> str:
    return f"<tool_call>\n{json}\n</tool_call>"


def _object(arguments: str, key: str = "arguments", name: str = "search") -> str:
    return f'{{"name": "{name}", "{key}": {arguments}}}'


_X, _Y = '{"query": "x"}', '{"query": "y"}'
_CALL, _CALL_Y = _wrapped(_object(_X)), _wrapped(_object(_Y))
_LLAMA, _LLAMA_Y = _object(_X, "parameters"), _object(_Y, "parameters")
_XML = "<tool_call>\n<function=search>\n<parameter=query>\nx\n</parameter>\n</function>\n</tool_call>"
_PHI = f"functools[{_object(_X)}]"


def _hermes(what: str, reply: str, calls: Calls = (), text: str | None = "", problem: str = "") -> ReplyRow:
    return ReplyRow("hermes", what, reply, calls, None if problem else text, problem)


def _llama(what: str, reply: str, calls: Calls = (), text: str | None = "", problem: str = "") -> ReplyRow:
    return ReplyRow("llama_json", what, reply, calls, None if problem else text, problem)


def _xml(what: str, reply: str, calls: Calls = (), text: str | None = "", problem: str = "") -> ReplyRow:
    return ReplyRow("qwen_xml", what, reply, calls, None if problem else text, problem)


def _phi(what: str, reply: str, calls: Calls = (), text: str | None = "", problem: str = "") -> ReplyRow:
    return ReplyRow("phi4_mini", what, reply, calls, None if problem else text, problem)


REPLY_ROWS = (
    _hermes("no call", "It is 42.", text="It is 42."),
    _hermes("an empty reply", "", text=""),
    _hermes("a call", _CALL, SEARCH),
    _hermes("text, then a call", f"I look.\n{_CALL}", SEARCH, "I look."),
    _hermes("two calls", f"{_CALL}\n{_CALL_Y}", TWO),
    _hermes("text after the call", f"I look.\n{_CALL}\nDone.", SEARCH, "I look.\nDone."),
    _hermes("text between two calls", f"{_CALL}\nand\n{_CALL_Y}", TWO, "and"),
    _hermes("all on one line", f"<tool_call>{_object(_X)}</tool_call>", SEARCH),
    _hermes("no closing tag", f"<tool_call>\n{_object(_X)}", SEARCH),
    _hermes(
        "no closing tag between two calls", f"<tool_call>\n{_object(_X)}\n<tool_call>\n{_object(_Y)}\n</tool_call>", TWO
    ),
    _hermes("no opening tag", f"{_object(_X)}\n</tool_call>", problem="is outside <tool_call> and </tool_call>"),
    _hermes("no tags", _object(_X), problem="is outside"),
    _hermes("a fence instead of tags", f"```json\n{_object(_X)}\n```", problem="is outside"),
    _hermes("another tag", f"<function_call>{_object(_X)}</function_call>", problem="is outside"),
    _hermes("a fence within the tags", _wrapped(f"```json\n{_object(_X)}\n```"), problem="this is not JSON"),
    _hermes("JSON that is not a call", 'It is {"name": "Ann", "age": 3}.', text='It is {"name": "Ann", "age": 3}.'),
    _hermes("cut within a string", _CALL[:50], problem="the JSON ends before it is complete"),
    _hermes("cut after a key", '<tool_call>\n{"name": "search", "arguments":', problem="the JSON ends before"),
    _hermes("an opening tag at the end", "I look.\n<tool_call>", problem="the JSON ends before"),
    _hermes(
        "a brace is missing", _wrapped('{"name": "search", "arguments": {"query": "x"}'), problem="this is not JSON"
    ),
    _hermes("a brace too many", _wrapped(_object(_X) + "}"), problem="expected </tool_call> after the JSON, got '}"),
    _hermes("single quotes", _wrapped("{'name': 'search', 'arguments': {'query': 'x'}}"), problem="this is not JSON"),
    _hermes("a trailing comma", _wrapped(_object('{"query": "x",}')), problem="this is not JSON"),
    _hermes("Python's True", _wrapped(_object('{"query": True}')), problem="this is not JSON"),
    _hermes("NaN", _wrapped(_object('{"query": NaN}')), problem="NaN is not a JSON value"),
    _hermes("a number too large", _wrapped(_object('{"query": 1e999}')), problem="the number 1e999 is too large"),
    _hermes("a lone surrogate", _wrapped(_object('{"query": "\\ud83d"}')), problem="half a character"),
    _hermes("a key twice", _wrapped(_object('{"query": "x", "query": "y"}')), problem="the key query is given twice"),
    _hermes("a line break within a string", _wrapped(_object('{"query": "a\nb"}')), (("search", {"query": "a\nb"}),)),
    _hermes("`parameters` instead of `arguments`", _wrapped(_LLAMA), SEARCH),
    _hermes(
        "both `arguments` and `parameters`",
        _wrapped('{"name": "f", "arguments": {}, "parameters": {}}'),
        problem="got both",
    ),
    _hermes("arguments encoded twice", _wrapped(_object('"{\\"query\\": \\"x\\"}"')), SEARCH),
    _hermes("arguments that are a string", _wrapped(_object('"x"')), problem="this is not JSON"),
    _hermes(
        "arguments that are a list", _wrapped(_object('["x"]')), problem='expected an object as arguments, got ["x"]'
    ),
    _hermes("empty arguments", _wrapped(_object("{}")), _EMPTY),
    _hermes("arguments: null", _wrapped(_object("null")), _EMPTY),
    _hermes("no arguments", _wrapped('{"name": "search"}'), _EMPTY),
    _hermes("no name", _wrapped('{"arguments": {}}'), problem="expected the tool's name"),
    _hermes("a name that is not a string", _wrapped('{"name": 3, "arguments": {}}'), problem="got 3"),
    _hermes("an unknown key", _wrapped('{"name": "f", "arguments": {}, "why": "x"}'), problem="got also: why"),
    _hermes(
        "an id and a type",
        _wrapped('{"id": "7", "type": "function", "name": "search", "arguments": {"query": "x"}}'),
        SEARCH,
    ),
    _hermes("OpenAI's own nesting", _wrapped(f'{{"type": "function", "function": {_object(_X)}}}'), SEARCH),
    _hermes("a list of calls", _wrapped(f"[{_object(_X)}, {_object(_Y)}]"), TWO),
    _hermes("two objects in one block", _wrapped(f"{_object(_X)}\n{_object(_Y)}"), TWO),
    _hermes("an empty list", _wrapped("[]"), problem="the list of calls is empty"),
    _hermes("one good call and one that was cut", f"{_CALL}\n{_CALL_Y[:40]}", problem="the JSON ends before"),
    _hermes("a call within thinking", f"<think>\nperhaps {_CALL}\n</think>\n\nNo.", text=None),
    _hermes(
        "a draft within thinking, then a call",
        f"<think>\n{_CALL_Y}\n</think>\n\n{_CALL}",
        SEARCH,
        f"<think>\n{_CALL_Y}\n</think>",
    ),
    _hermes("thinking that the prompt opened", f"{_CALL_Y}\n</think>\n\n{_CALL}", SEARCH, f"{_CALL_Y}\n</think>"),
    _hermes("thinking that is not closed", f"<think>\n{_CALL}", SEARCH, "<think>"),
    _hermes(
        "tags within a string",
        _wrapped(_object('{"query": "</tool_call><think>"}')),
        (("search", {"query": "</tool_call><think>"}),),
    ),
    _hermes("the tag quoted in a sentence", "I write <tool_call> to call.", problem="this is not JSON"),
    _hermes("Qwen3.5's XML", _XML, problem="this is not JSON"),
    _hermes(
        "a result that the model made up",
        f"{_CALL}\n<tool_response>\n42\n</tool_response>",
        SEARCH,
        "<tool_response>\n42\n</tool_response>",
    ),
    _llama("a call", _LLAMA, SEARCH),
    _llama("`arguments` instead of `parameters`", _object(_X), SEARCH),
    _llama("a type before the name", '{"type": "function", "name": "search", "parameters": {"query": "x"}}', SEARCH),
    _llama("a python tag", f"<|python_tag|>{_LLAMA}", SEARCH),
    _llama("a built-in tool", '<|python_tag|>search.call(query="x")', problem="runs built-in tools"),
    _llama("two calls separated by a semicolon", f"{_LLAMA}; {_LLAMA_Y}", TWO),
    _llama("text that ends with a semicolon, then a call", f"I search;\n{_LLAMA}", SEARCH, "I search;"),
    _llama("a list of calls", f"[{_LLAMA}, {_LLAMA_Y}]", TWO),
    _llama("fenced", f"```json\n{_LLAMA}\n```", SEARCH),
    _llama("text, then a call", f"I look.\n{_LLAMA}", SEARCH, "I look."),
    _llama("a name alone", '{"name": "search"}', _EMPTY),
    _llama("an answer in JSON", '{"answer": 42}', text='{"answer": 42}'),
    _llama("cut", _LLAMA[:40], problem="the JSON ends before"),
    _llama("Python's None", _object('{"query": None}', "parameters"), problem="this is not JSON"),
    _xml("a call", _XML, SEARCH),
    _xml("text, then a call", f"I look.\n\n{_XML}", SEARCH, "I look."),
    _xml("without the outer tags", _XML[len("<tool_call>\n") : -len("\n</tool_call>")], SEARCH),
    _xml("values on the same line", "<function=search><parameter=query>x</parameter></function>", SEARCH),
    _xml("no arguments", "<tool_call>\n<function=search>\n</function>\n</tool_call>", _EMPTY),
    _xml("no end tag of the function", _XML.replace("</function>\n", ""), SEARCH),
    _xml("cut within a value", _XML[:60], problem="expected </parameter> after the argument query"),
    _xml("cut after a value", _XML[: _XML.index("</function>")], problem="got the end"),
    _xml(
        "an argument twice",
        _XML.replace("</function>", "<parameter=query>\ny\n</parameter>\n</function>"),
        problem="given twice",
    ),
    _xml("Hermes' JSON", _CALL, problem="expected <function=…>"),
    _xml("JSON without tags", _object(_X), problem="written as JSON"),
    _phi("a call", _PHI, SEARCH),
    _phi("two calls", f"functools[{_object(_X)}, {_object(_Y)}]", TWO),
    _phi("text, then a call", f"I look.\n{_PHI}", SEARCH, "I look."),
    _phi("its own tokens", f"<|tool_call|>[{_object(_X)}]<|/tool_call|>", SEARCH),
    _phi("the tokens were not decoded", f"[{_object(_X)}]", SEARCH),
    _phi("a JSON object without `functools`", _object(_X), problem="write functools[…]"),
    _phi("cut", _PHI[:-8], problem="the JSON ends before"),
    _phi("the mark quoted in a sentence", "Use functools.", text="Use functools."),
)
