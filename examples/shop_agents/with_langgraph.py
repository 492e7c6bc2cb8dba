"""The shop's agent, written with langgraph. ``python with_langgraph.py "Who placed order 4711?"``

``ChatOpenAI`` reads OPENAI_BASE_URL and OPENAI_API_KEY.
"""

from __future__ import annotations

import asyncio
import sys

from langchain_core.messages import SystemMessage
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from shop import INSTRUCTIONS, TOOLS

model = ChatOpenAI(model="shop-model", temperature=0).bind_tools(list(TOOLS))


async def reply(state: MessagesState) -> dict[str, list[object]]:
    """The model's next message."""
    return {"messages": [await model.ainvoke([SystemMessage(INSTRUCTIONS), *state["messages"]])]}


graph = StateGraph(MessagesState)
graph.add_node("model", reply)
graph.add_node("tools", ToolNode(list(TOOLS)))
graph.add_edge(START, "model")
graph.add_conditional_edges("model", tools_condition)
graph.add_edge("tools", "model")
agent = graph.compile()


async def ask(question: str) -> str:
    """The agent's reply."""
    result = await agent.ainvoke({"messages": [("user", question)]}, {"recursion_limit": 12})
    return str(result["messages"][-1].content)


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1])))
