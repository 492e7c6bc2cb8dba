"""All readers, in the order in which they are tried on a row.

In: a row, or the name of a reader. Out: the reader. A package announces readers by an entry point in the group
``understudy.trace_readers``; those are tried first. A recipe names a user's reader as ``package.module:Class``.
"""

from __future__ import annotations

from collections.abc import Mapping

from understudy.curation.traces.conversation import TraceReader
from understudy.registry import Builtin, Group

_HERE = "understudy.curation.traces"


def _builtin(part: str, about: str, config: str = "understudy.registry:PartConfig") -> Builtin:
    return Builtin(f"{_HERE}.{part}", config, about)


TRACE_READERS: Group[TraceReader] = Group(
    "trace_readers",
    "reads logs of conversations that other programs wrote",
    {
        "trajectories": _builtin(
            "own_records:OwnRecordsReader", "Trajectories of this package, such as the log of a served agent."
        ),
        "claude_code": _builtin("claude_code:ClaudeCodeReader", "Sessions of Claude Code."),
        "atif": _builtin("atif:AtifReader", "ATIF documents, up to version 1.8."),
        "openinference": _builtin("openinference:OpenInferenceReader", "OpenInference spans."),
        "otel_genai": _builtin("otel_genai:OtelGenAIReader", "OpenTelemetry GenAI spans, conventions from 1.37."),
        "smolagents": _builtin(
            "smolagents:SmolagentsReader",
            "Memories of smolagents' two agents.",
            f"{_HERE}.smolagents:SmolagentsConfig",
        ),
        "authors": _builtin("plain:AuthorsReader", "Rows of the paper's authors.", f"{_HERE}.plain:AuthorsConfig"),
        "openai_responses": _builtin("openai_responses:OpenAIResponsesReader", "OpenAI Responses: items, log lines."),
        "anthropic": _builtin("anthropic:AnthropicReader", "Anthropic messages: content blocks, log lines."),
        "openai_chat": _builtin("openai_chat:OpenAIChatReader", "OpenAI chat with tools: messages, log lines."),
        "plain_chat": _builtin("plain:PlainChatReader", "Messages without tools.", f"{_HERE}.plain:PlainChatConfig"),
    },
    methods=("fits", "read"),
)


def open_readers(names: tuple[str, ...] = (), options: Mapping[str, object] | None = None) -> dict[str, TraceReader]:
    """Open the named readers, or all; by name.

    ``options``: passed to those readers whose config has such a field. Raises ``TargetError``.
    """
    every = TRACE_READERS.names()
    announced = [name for name in every if name not in TRACE_READERS.builtin]
    chosen = names or (*announced, *TRACE_READERS.builtin)
    return {name: _opened(name, options or {}) for name in chosen}


def _opened(name: str, options: Mapping[str, object]) -> TraceReader:
    fields = TRACE_READERS.config_class(name).model_fields
    fitting = {key: value for key, value in options.items() if key in fields}
    return TRACE_READERS.open(TRACE_READERS.validate({"kind": name, **fitting}))
