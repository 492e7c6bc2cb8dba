"""The shop's agent, written with openai-agents. ``python with_openai_agents.py "Who placed order 4711?"``

The SDK reads OPENAI_BASE_URL and OPENAI_API_KEY.
"""

from __future__ import annotations

import asyncio
import sys

from shop import INSTRUCTIONS, TOOLS

from agents import Agent, ModelSettings, Runner, function_tool, set_default_openai_api, set_tracing_disabled

set_default_openai_api("chat_completions")
set_tracing_disabled(True)
agent = Agent(
    name="clerk",
    instructions=INSTRUCTIONS,
    model="shop-model",
    model_settings=ModelSettings(temperature=0),
    tools=[function_tool(one) for one in TOOLS],
)


async def ask(question: str) -> str:
    """The agent's reply."""
    result = await Runner.run(agent, question, max_turns=6)
    return str(result.final_output)


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1])))
