"""Frameworks from PyPI as clients of our endpoint: a conversation with two tools each, streamed and not.

The model is a program, so that only the protocol is tried. ``uv pip install --group frameworks`` installs them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import warnings
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.models.programs import two_tools
from tests.models.test_server import serving
from understudy.models.scripted import ScriptedModel

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

QUESTION = "How many would live in two Zürichs?"
ANSWER = "Twice the population is 886000."
CALLED: list[tuple[str, object]] = []


def population(city: str) -> int:
    """The number of people who live in a city.

    Args:
        city: Its name.
    """
    CALLED.append(("population", city))
    return 443000


def double(number: int) -> int:
    """Twice a number.

    Args:
        number: What is doubled.
    """
    CALLED.append(("double", number))
    return number * 2


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(ScriptedModel(two_tools, "program")) as address:
        yield address
    with warnings.catch_warnings():  # some frameworks leave their connections to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(autouse=True)
def nothing_was_called() -> None:
    CALLED.clear()


def both_tools_were_called() -> bool:
    return CALLED == [("population", "Zürich"), ("double", 443000)]


streamed_or_not = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@streamed_or_not
def test_openai_sdk(url: str, streamed: bool) -> None:
    functions: dict[str, Any] = {"population": population, "double": double}
    tools: Any = [
        _schema("population", city={"type": "string"}),
        _schema("double", number={"type": "integer"}),
    ]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as sdk:
        for _ in range(3):
            fields: Any = {"model": "program", "messages": messages, "tools": tools}
            if streamed:
                with sdk.chat.completions.stream(**fields) as stream:
                    message = stream.get_final_completion().choices[0].message
            else:
                message = sdk.chat.completions.create(**fields).choices[0].message
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls or ():
                result = functions[call.function.name](**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": str(result)})
    assert message.content == ANSWER
    assert both_tools_were_called()


def _schema(name: str, **properties: object) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "strict": True, "parameters": parameters}}


@streamed_or_not
def test_openai_agents(url: str, streamed: bool) -> None:
    agents = pytest.importorskip("agents", reason="openai-agents is not installed")
    agents.set_tracing_disabled(True)

    async def run() -> object:
        async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:
            agent = agents.Agent(
                name="reader",
                instructions="Be brief.",
                model=agents.OpenAIChatCompletionsModel(model="program", openai_client=client),
                tools=[agents.function_tool(population), agents.function_tool(double)],
            )
            if not streamed:
                return (await agents.Runner.run(agent, QUESTION)).final_output
            result = agents.Runner.run_streamed(agent, QUESTION)
            async for _ in result.stream_events():
                pass
            return result.final_output

    assert asyncio.run(run()) == ANSWER
    assert both_tools_were_called()


@streamed_or_not
def test_langgraph(url: str, streamed: bool) -> None:
    prebuilt = pytest.importorskip("langgraph.prebuilt", reason="langgraph is not installed")
    langchain_openai = pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    model = langchain_openai.ChatOpenAI(model="program", base_url=url, api_key="none", streaming=streamed)
    agent = prebuilt.create_react_agent(model, [population, double])
    asked = {"messages": [("user", QUESTION)]}
    if streamed:
        chunks = [chunk for chunk, _ in agent.stream(asked, stream_mode="messages") if chunk.type == "AIMessageChunk"]
        assert "".join(chunk.content for chunk in chunks) == f"I look it up.{ANSWER}"
    else:
        assert agent.invoke(asked)["messages"][-1].content == ANSWER
    assert both_tools_were_called()


@streamed_or_not
def test_pydantic_ai(url: str, streamed: bool) -> None:
    pydantic_ai = pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed")
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    model = OpenAIChatModel("program", provider=OpenAIProvider(base_url=url, api_key="none"))
    agent = pydantic_ai.Agent(model, instructions="Be brief.", tools=[population, double])

    async def run() -> object:
        if not streamed:
            return (await agent.run(QUESTION)).output
        said = []
        async with agent.iter(QUESTION) as steps:
            async for node in steps:
                if agent.is_model_request_node(node):
                    async with node.stream(steps.ctx) as stream:
                        said.append([event async for event in stream])
        assert len(said) == 3
        assert all(said)
        return steps.result.output if steps.result else None

    assert asyncio.run(run()) == ANSWER
    assert both_tools_were_called()


@streamed_or_not
def test_smolagents(url: str, streamed: bool) -> None:
    smolagents = pytest.importorskip("smolagents", reason="smolagents is not installed")
    agent = smolagents.ToolCallingAgent(
        tools=[smolagents.tool(population), smolagents.tool(double)],
        model=smolagents.OpenAIServerModel("program", api_base=url, api_key="none"),
        stream_outputs=streamed,
        verbosity_level=0,
    )
    assert agent.run(QUESTION) == ANSWER
    assert both_tools_were_called()
