"""The shop's agent, written with pydantic-ai. ``python with_pydantic_ai.py "Who placed order 4711?"``

``OpenAIProvider``, which ``openai-chat:`` names, reads OPENAI_BASE_URL and OPENAI_API_KEY.
"""

from __future__ import annotations

import asyncio
import sys

from pydantic_ai import Agent, ModelSettings
from pydantic_ai.usage import UsageLimits
from shop import INSTRUCTIONS, TOOLS

agent = Agent(
    "openai-chat:shop-model",
    instructions=INSTRUCTIONS,
    model_settings=ModelSettings(temperature=0),
    tools=list(TOOLS),
)


async def ask(question: str) -> str:
    """The agent's reply."""
    result = await agent.run(question, usage_limits=UsageLimits(request_limit=6))
    return result.output


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1])))
