"""What the agent's code may call.

In: a retriever, Python functions and MCP servers named in the recipe. Out: ``Tool`` objects, whose declarations go
into the prompt and whose functions the sandbox calls. Not promised: that a function which never returns is stopped; its
episode goes on without it.
"""

from understudy.tools.loading import FunctionToolConfig, ToolsConfig, function_tool, open_tools, pure
from understudy.tools.mcp import McpConfig
from understudy.tools.search import SearchConfig, SearchShape, SearchTool, write_hits
from understudy.tools.tool import (
    FINAL_ANSWER,
    Tool,
    ToolConfigError,
    ToolDownError,
    ToolError,
    ToolUnavailableError,
    describe_tools,
)

__all__ = [
    "FINAL_ANSWER",
    "FunctionToolConfig",
    "McpConfig",
    "SearchConfig",
    "SearchShape",
    "SearchTool",
    "Tool",
    "ToolConfigError",
    "ToolDownError",
    "ToolError",
    "ToolUnavailableError",
    "ToolsConfig",
    "describe_tools",
    "function_tool",
    "open_tools",
    "pure",
    "write_hits",
]
