"""Make ``libraries/``: logs that real agent frameworks and tracers write of one conversation with a scripted shop.

Needs an environment of its own::

    python -m venv /tmp/traces && /tmp/traces/bin/pip install openai-agents langgraph langchain-openai \
        'pydantic-ai-slim[openai]' 'smolagents[openai]' anthropic atif opentelemetry-sdk \
        opentelemetry-instrumentation-openai-v2 openinference-instrumentation-openai
    cd tests/curation/traces && /tmp/traces/bin/python generate.py [name …]

In: nothing but loopback. Out: one JSONL file a library, whose name begins with the reader that should read it, and
``versions.json``. Each library runs in a process of its own, since tracers patch the clients of others.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from scripted_shop import ANSWER, ORDER, QUESTION, STATUS, SYSTEM, THOUGHT, get_order, shop_server

FOLDER = Path(__file__).parent / "libraries"
PACKAGES = (
    "openai-agents langgraph langchain-openai pydantic-ai-slim smolagents anthropic atif opentelemetry-sdk "
    "opentelemetry-instrumentation-openai-v2 openinference-instrumentation-openai openai"
).split()
TOOL = {
    "type": "function",
    "function": {
        "name": "get_order",
        "description": "Look up the state of an order.",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    },
}


def openai_agents(url: str) -> Iterable[tuple[str, list[Any]]]:
    from agents import Agent, ModelSettings, OpenAIProvider, RunConfig, Runner, function_tool, set_tracing_disabled

    set_tracing_disabled(True)
    agent = Agent(
        name="shop",
        instructions=SYSTEM,
        tools=[function_tool(get_order)],
        model="shop-model",
        model_settings=ModelSettings(temperature=0),
    )
    provider = OpenAIProvider(api_key="none", base_url=f"{url}/v1")
    result = Runner.run_sync(agent, QUESTION, run_config=RunConfig(model_provider=provider))
    yield "openai_responses.openai-agents.items", [{"input": result.to_input_list(), "instructions": SYSTEM}]


def openai_agents_chat(url: str) -> Iterable[tuple[str, list[Any]]]:
    from agents import Agent, OpenAIProvider, RunConfig, Runner, function_tool, set_tracing_disabled

    set_tracing_disabled(True)
    agent = Agent(name="shop", instructions=SYSTEM, tools=[function_tool(get_order)], model="shop-model")
    provider = OpenAIProvider(api_key="none", base_url=f"{url}/v1", use_responses=False)
    Runner.run_sync(agent, QUESTION, run_config=RunConfig(model_provider=provider))
    return ()


def langgraph(url: str) -> Iterable[tuple[str, list[Any]]]:
    from langchain_core.messages import convert_to_openai_messages
    from langchain_openai import ChatOpenAI
    from langgraph.prebuilt import create_react_agent  # the same function moved to the package langchain

    model = ChatOpenAI(model="shop-model", base_url=f"{url}/v1", api_key="none", use_responses_api=False)
    agent = create_react_agent(model, [get_order], prompt=SYSTEM)
    state = agent.invoke({"messages": [("user", QUESTION)]})
    yield "openai_chat.langgraph.messages", [{"messages": convert_to_openai_messages(state["messages"])}]


def pydantic_ai(url: str) -> Iterable[tuple[str, list[Any]]]:
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    spans, provider = _exporter()
    model = OpenAIChatModel("shop-model", provider=OpenAIProvider(base_url=f"{url}/v1", api_key="none"))
    settings = InstrumentationSettings(tracer_provider=provider, version=5)
    Agent.instrument_all(settings)
    agent = Agent(model, instructions=SYSTEM, tools=[get_order])
    asyncio.run(agent.run(QUESTION))
    yield "otel_genai.pydantic-ai", spans()


def smolagents(url: str) -> Iterable[tuple[str, list[Any]]]:
    from smolagents import OpenAIServerModel, ToolCallingAgent, tool

    model = OpenAIServerModel("shop-model", api_base=f"{url}/v1", api_key="none")
    agent = ToolCallingAgent(tools=[tool(get_order)], model=model, verbosity_level=0)
    result = agent.run(QUESTION, return_full_result=True)
    yield "smolagents.tool-calling-full", [{"steps": agent.memory.get_full_steps()}]
    yield "smolagents.tool-calling-succinct", [{"steps": agent.memory.get_succinct_steps()}]
    yield "smolagents.tool-calling-result", [result.dict()]
    yield "smolagents.tool-calling-messages", [{"messages": [one.dict() for one in agent.write_memory_to_messages()]}]


def anthropic(url: str) -> Iterable[tuple[str, list[Any]]]:
    from anthropic import Anthropic

    client = Anthropic(api_key="none", base_url=url)
    tool = {"name": "get_order", "description": TOOL["function"]["description"]}
    tool |= {"input_schema": TOOL["function"]["parameters"]}
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    for _ in range(2):
        reply = client.messages.create(
            model="shop-model", max_tokens=100, system=SYSTEM, tools=[tool], messages=messages
        )
        messages.append(
            {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in reply.content]}
        )
        uses = [block for block in reply.content if block.type == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": use.id, "content": get_order(**use.input)} for use in uses]
        if results:
            messages.append({"role": "user", "content": results})
    return ()


def openai_v2_tracer(url: str) -> Iterable[tuple[str, list[Any]]]:
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    spans, provider = _exporter()
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    _plain_client(url)
    yield "otel_genai.openai-v2", spans()


def openinference_tracer(url: str) -> Iterable[tuple[str, list[Any]]]:
    from openinference.instrumentation.openai import OpenAIInstrumentor

    spans, provider = _exporter()
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    _plain_client(url)
    yield "openinference.openai", spans()


def atif(url: str) -> Iterable[tuple[str, list[Any]]]:
    from atif import Agent, Metrics, Observation, ObservationResult, Step, ToolCall, Trajectory

    call = ToolCall(tool_call_id="call_1", function_name="get_order", arguments={"order_id": ORDER})
    result = ObservationResult(source_call_id="call_1", content=get_order(ORDER))
    acting = Step(
        step_id=3,
        source="agent",
        message="",
        reasoning_content=THOUGHT,
        tool_calls=[call],
        observation=Observation(results=[result]),
        metrics=Metrics(prompt_tokens=100, completion_tokens=20),
    )
    trajectory = Trajectory(
        schema_version="ATIF-v1.8",
        session_id="s1",
        agent=Agent(name="shop", version="1", model_name="shop-model", tool_definitions=[TOOL]),
        steps=[
            Step(step_id=1, source="system", message=SYSTEM),
            Step(step_id=2, source="user", message=QUESTION),
            acting,
            Step(step_id=4, source="agent", message=ANSWER),
        ],
    )
    yield "atif.atif", [trajectory.to_json_dict()]


def _plain_client(url: str) -> None:
    from openai import OpenAI

    client = OpenAI(api_key="none", base_url=f"{url}/v1")
    messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
    for _ in range(2):
        reply = client.chat.completions.create(model="shop-model", messages=messages, tools=[TOOL])
        message = reply.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls or ():
            messages.append({"role": "tool", "tool_call_id": call.id, "content": f"order {ORDER}: {STATUS}"})


def _exporter() -> tuple[Callable[[], list[Any]], Any]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return lambda: [json.loads(span.to_json()) for span in exporter.get_finished_spans()], provider


LOGGED = {
    "openai_agents": "openai_responses.openai-agents.log",
    "openai_agents_chat": "openai_chat.openai-agents.log",
    "langgraph": "openai_chat.langgraph.log",
    "pydantic_ai": "openai_chat.pydantic-ai.log",
    "anthropic": "anthropic.anthropic.log",
}
"""Libraries whose exchanges with the shop are a sample too."""
LIBRARIES = (
    openai_agents,
    openai_agents_chat,
    langgraph,
    pydantic_ai,
    smolagents,
    anthropic,
    openai_v2_tracer,
    openinference_tracer,
    atif,
)


def main(names: list[str]) -> None:
    """Without names, each library in a process of its own."""
    FOLDER.mkdir(exist_ok=True)
    if not names:
        os.environ |= {
            "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
        }
        for library in LIBRARIES:
            subprocess.run([sys.executable, __file__, library.__name__], check=True)
        versions = {name: importlib.metadata.version(name) for name in PACKAGES}
        (FOLDER / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")
        return
    for library in LIBRARIES:
        if library.__name__ in names:
            with shop_server() as (url, shop):
                for name, rows in library(url):
                    _write(name, rows)
                if library.__name__ in LOGGED:
                    _write(LOGGED[library.__name__], shop.log)


def _write(name: str, rows: list[Any]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (FOLDER / f"{name}.jsonl").write_text(text)
    print(f"{name}: {len(rows)} rows, {len(text)} characters")


if __name__ == "__main__":
    main(sys.argv[1:])
