"""Fields of OpenAI's protocol that our endpoint does not use: those that change nothing, and those that are refused.

In: the JSON body of a request. Out: the same body without the fields that change nothing. A field that would change the
reply and is not supported raises a ``ValueError``, because a setting that is silently ignored costs days. Not here:
fields that are used.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

IGNORED = frozenset(
    {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
    | {"parallel_tool_calls"}  # where there are no tools
    | {
        "priority",
        "keep_alive",
        "cache_prompt",
        "cache_salt",
        "request_id",
        "provider",
        "session_id",
    }  # of other servers
)
"""They change no reply, whatever their value."""
NEUTRAL: dict[str, tuple[JsonValue, ...]] = {
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "length_penalty": (1,),
    "logit_bias": ({},),
    "top_logprobs": (0,),
    "top_k": (-1, 0),
    "min_p": (0,),
    "min_tokens": (0,),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "modalities": (["text"],),
    "chat_template_kwargs": ({},),
    "extra_body": ({},),
    "options": ({},),
    "transforms": ([],),
    "plugins": ([],),
    "stop_token_ids": ([],),
    "bad_words": ([],),
    "typical_p": (1,),
    "top_a": (0,),
    "reasoning_effort": ("none",),
    "think": (False,),
    "usage": ({"include": True}, {"include": False}),
    "add_special_tokens": (False,),
    "spaces_between_special_tokens": (True,),
    "ignore_eos": (False,),
    "skip_special_tokens": (True,),
    "include_stop_str_in_output": (False,),
    "use_beam_search": (False,),
}
"""Values of other fields that change no reply."""
_REASONS = {
    **dict.fromkeys(("tools", "tool_choice"), "here, only chat completions can use tools"),
    **dict.fromkeys(("functions", "function_call"), "is no longer read; tools and tool_choice are"),
    **dict.fromkeys(
        ("frequency_penalty", "presence_penalty", "repetition_penalty"), "penalties are not supported here"
    ),
    "response_format": "formats of replies are not supported here",
    "top_logprobs": "only the sampled token's log-probability is returned here",
    "best_of": "expected n alone",
}


def without_neutral(body: Mapping[str, JsonValue], used: frozenset[str]) -> dict[str, JsonValue]:
    """The body without nulls and without fields that change nothing; ``used``: names that are read afterwards.

    Raises ``ValueError`` for a known field that is not supported. Unknown fields remain, for the caller to refuse.
    """
    kept: dict[str, JsonValue] = {}
    for name, value in body.items():
        if value is None or (name not in used and name in IGNORED):
            continue
        if name in used or name not in NEUTRAL:
            kept[name] = value
        elif value not in NEUTRAL[name]:
            expected = " or ".join(repr(neutral) for neutral in NEUTRAL[name])
            raise ValueError(f"{name}: {_REASONS.get(name, 'is not supported here')}; expected none, or {expected}")
    return kept


def without_nulls(value: object) -> object:
    """A JSON object without its nulls: clients send nulls for fields that are not set."""
    return {key: inner for key, inner in value.items() if inner is not None} if isinstance(value, dict) else value
