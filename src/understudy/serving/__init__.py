"""Serving: an agent with its loop, tools and sandbox behind an endpoint, on a chat page, in the terminal.

``served_agent → conversations → a turn → events and an answer``

* ``conversations``: those whose state is kept. Each is a session of the agent (``understudy.agents.session``): its
  history, the variables of its sandbox, its world. Limits, idle time, the end.
* ``log``: the folder in which conversations are stored as trajectories.
* ``app``: the endpoint. ``chat_form`` and ``responses_form`` are its two protocols, ``guard`` decides who may use it.
* ``mcp_tool``: the agent as one tool of an MCP server.
* ``terminal``: a chat in the terminal.

In: an opened agent. Out: HTTP, MCP, a chat; a log. Not here: which agent of a run it is (``understudy.pipeline``).
"""

from understudy.serving.config import ConversationsConfig, ServeAgentConfig
from understudy.serving.log import ServedLog, ServedLogError
from understudy.serving.running import serve_agent, serve_agent_over_stdio, serving_agent
from understudy.serving.served_agent import ServedAgent
from understudy.serving.terminal import StepView, chat_in_terminal

__all__ = [
    "ConversationsConfig",
    "ServeAgentConfig",
    "ServedAgent",
    "ServedLog",
    "ServedLogError",
    "StepView",
    "chat_in_terminal",
    "serve_agent",
    "serve_agent_over_stdio",
    "serving_agent",
]
