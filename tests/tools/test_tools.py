"""Tools: how they are shown, what goes wrong inside them, how they are found."""

from __future__ import annotations

import ast
import threading
from collections.abc import Sequence

import pytest

from tests.tools import functions
from understudy.retrieval import Hit, Passage, RetrievalError, Retriever, lexical_retriever
from understudy.tools import (
    FunctionToolConfig,
    SearchConfig,
    SearchShape,
    SearchTool,
    Tool,
    ToolConfigError,
    ToolError,
    ToolsConfig,
    describe_tools,
    function_tool,
    open_tools,
    write_hits,
)

HERE = "tests.tools.functions"
PASSAGES = [Passage("1", "Ilse Tamm", "Ilse Tamm was born in Estonia."), Passage("2", "Salt", "Salt is a mineral.")]


def tool(name: str, **settings: float | bool | str) -> Tool:
    return function_tool(FunctionToolConfig.model_validate({"function": f"{HERE}:{name}", **settings}))


def names_of(config: ToolsConfig, retriever: Retriever | None = None) -> list[str]:
    with open_tools(config, retriever) as tools:
        return [tool.name for tool in tools]


def test_declarations_are_python() -> None:
    search = SearchTool(lexical_retriever(PASSAGES), SearchConfig()).tool()
    text = describe_tools((search, tool("convert"), tool("note")))
    names = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    assert names == ["web_search", "convert", "note", "final_answer"]


def test_signature_and_docstring_are_shown_as_written() -> None:
    declaration = tool("convert").declaration()
    assert """def convert(amount: float, unit: Literal["km", "mi"] = 'km') -> float:""".replace('"', "'") in (
        declaration.replace('"', "'")
    )
    assert "Convert between kilometres and miles." in declaration
    assert "(text: str, *, tags: list[str] | None = None) -> str" in tool("note").declaration()


def test_pure_as_declared_unless_the_recipe_says_otherwise() -> None:
    assert tool("convert").pure
    assert not tool("note").pure
    assert not tool("convert", pure=False).pure
    assert tool("note", pure=True).pure


def test_a_function_is_called_with_its_arguments() -> None:
    assert tool("convert")(10, unit="km") == functions.convert(10, "km")
    assert tool("note")("a", tags=["b"]) == "a"


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("fail", ("x",), "fail failed: KeyError: 'x'"),
        ("convert", (), "convert failed: TypeError"),
        ("flood_list", (50_000,), "at most 20000 are passed on"),
    ],
)
def test_what_goes_wrong_is_reported_in_words(name: str, arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        tool(name)(*arguments)


def test_a_tool_that_hangs_is_left_behind_in_any_thread() -> None:
    messages: list[str] = []

    def call() -> None:
        try:
            tool("hang", timeout_s=0.05)(1.0)
        except ToolError as error:
            messages.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert messages == ["hang did not answer within 0.05 s"]


def test_a_long_text_is_cut_and_says_so() -> None:
    answer = tool("flood", max_chars=100)(250)
    assert isinstance(answer, str)
    assert answer.startswith("x" * 100 + "\n")
    assert "150 more characters" in answer


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("untyped", "no type hints for a"),
        ("undocumented", "no docstring"),
        ("constant", "expected a function; got a int"),
        ("missing", "has no 'missing'"),
    ],
)
def test_functions_that_cannot_be_shown_are_refused(name: str, message: str) -> None:
    with pytest.raises(ToolConfigError, match=message):
        tool(name)


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ToolConfigError, match="no_such_module:f"):
        function_tool(FunctionToolConfig(function="no_such_module:f"))


def test_names_are_unique_and_final_answer_is_taken() -> None:
    twice = ToolsConfig(search=None, functions=(FunctionToolConfig(function=f"{HERE}:note"),) * 2)
    with pytest.raises(ToolConfigError, match="'note' is already taken"):
        names_of(twice)
    reserved = ToolsConfig(search=None, functions=(FunctionToolConfig(function=f"{HERE}:note", name="final_answer"),))
    with pytest.raises(ToolConfigError, match="'final_answer' is already taken"):
        names_of(reserved)


def test_search_needs_a_retriever() -> None:
    with pytest.raises(ToolConfigError, match="needs a retriever"):
        names_of(ToolsConfig())
    assert names_of(ToolsConfig(), lexical_retriever(PASSAGES)) == ["web_search"]
    assert names_of(ToolsConfig(search=None)) == []


class CountingRetriever:
    """Counts what reaches it, and fails on request."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        self.queries.extend(queries)
        if "broken" in queries:
            raise RetrievalError("no index")
        return [[Hit(PASSAGES[0], 0.5)][:k] if query != "nothing" else [] for query in queries]

    def close(self) -> None: ...


def test_the_same_query_is_searched_once() -> None:
    retriever = CountingRetriever()
    search = SearchTool(retriever, SearchConfig())
    assert search("Ilse Tamm") == search("  Ilse   Tamm ") == "[1] Ilse Tamm (score 0.500)\n" + PASSAGES[0].text
    assert retriever.queries == ["Ilse Tamm"]
    assert search.n_searches == 1


def test_the_cache_is_bounded() -> None:
    retriever = CountingRetriever()
    search = SearchTool(retriever, SearchConfig(cache_size=1))
    for query in ("a", "b", "a"):
        search(query)
    assert retriever.queries == ["a", "b", "a"]


def test_searches_that_fail_say_why() -> None:
    search = SearchTool(CountingRetriever(), SearchConfig())
    with pytest.raises(ToolError, match="no index"):
        search("broken")
    for query in ("", "  ", {"query": "a"}, None, 3):
        with pytest.raises(ToolError, match="expects the query as a text"):
            search(query)  # type: ignore[arg-type]
    assert search("nothing") == "No passage found."


def test_brief_hits_are_the_passages_alone() -> None:
    hits = [Hit(passage, 1.0) for passage in PASSAGES]
    assert write_hits(hits, SearchShape.BRIEF) == "Ilse Tamm was born in Estonia.\nSalt is a mineral."
