"""What the agent's code may call.

In: a retriever, Python functions and MCP servers named in the recipe. Out: ``Tool`` objects, whose declarations go
into the prompt and whose functions the sandbox calls, and ``JsonTool`` objects for agents whose calls are JSON. Not
promised: that a function which never returns is stopped; its episode continues without it.
"""

from understudy.tools.base import (
    FINAL_ANSWER,
    BadArgumentsError,
    Tool,
    ToolConfigError,
    ToolDownError,
    ToolError,
    ToolUnavailableError,
    describe_tools,
)
from understudy.tools.functions import method_tool, pure, tool, tools_of
from understudy.tools.json_tools import JsonTool, json_tool, result_text
from understudy.tools.loading import FunctionToolConfig, ToolsConfig, function_tool, open_tools
from understudy.tools.mcp import McpConfig
from understudy.tools.search import SearchConfig, SearchShape, SearchTool, write_hits

__all__ = [
    "FINAL_ANSWER",
    "BadArgumentsError",
    "FunctionToolConfig",
    "JsonTool",
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
    "json_tool",
    "method_tool",
    "open_tools",
    "pure",
    "result_text",
    "tool",
    "tools_of",
    "write_hits",
]
