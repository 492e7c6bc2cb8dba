"""What the agent's code may call.

In: a retriever, Python functions named in the recipe. Out: ``Tool`` objects, whose declarations go into the prompt and
whose functions the sandbox calls. Not promised: that a function which never returns is stopped; its episode goes on
without it.
"""

from understudy.tools.loading import FunctionToolConfig, ToolConfigError, ToolsConfig, function_tool, pure, tools_from
from understudy.tools.search import SearchConfig, SearchShape, SearchTool, write_hits
from understudy.tools.tool import FINAL_ANSWER, Tool, ToolError, describe_tools

__all__ = [
    "FINAL_ANSWER",
    "FunctionToolConfig",
    "SearchConfig",
    "SearchShape",
    "SearchTool",
    "Tool",
    "ToolConfigError",
    "ToolError",
    "ToolsConfig",
    "describe_tools",
    "function_tool",
    "pure",
    "tools_from",
    "write_hits",
]
