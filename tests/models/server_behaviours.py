# ruff: noqa: E501, what servers say is quoted whole
"""How servers that speak OpenAI's protocol differ, as users report: one row per behaviour.

``docs/models.md`` shows these tables; ``test_server_behaviours.py`` holds the client to each row. Numbers are made small.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.models.faulty_server import Json
from understudy.records import FinishReason

STOP, LENGTH, OTHER = FinishReason.STOP, FinishReason.LENGTH, FinishReason.OTHER


@dataclass(frozen=True)
class Reply:
    """A body of a 200, and what is understood."""

    server: str
    behaviour: str
    body: Json
    text: str = "hello"
    reasoning: str = ""
    reason: FinishReason = STOP
    tokens: tuple[int, int] = (3, 2)
    error: str = ""
    """Words of the ``ProviderError`` that it becomes."""


def said(message: object = None, **changes: object) -> dict[str, object]:
    """A usual reply with some fields changed."""
    message = {"role": "assistant", "content": "hello"} if message is None else message
    choice = {"index": 0, "message": message, "finish_reason": changes.pop("finish_reason", "stop")}
    choice |= {key: changes.pop(key) for key in ("error", "logprobs") if key in changes}
    return {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}, **changes}


_PARTS = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
_MAGISTRAL = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "hello"}]
_OVERLOADED = {"error": {"message": "model overloaded", "type": "overloaded_error"}}

REPLIES = (
    Reply("Mistral, Gemini", "content in parts", said({"content": _PARTS})),
    Reply("Databricks", "one part in place of a list", said({"content": {"type": "text", "text": "hello"}})),
    Reply("Mistral", "thinking as a part", said({"content": _MAGISTRAL}), reasoning="hm"),
    Reply("OpenAI", "`output_text` parts", said({"content": [{"type": "output_text", "text": "hello"}]})),
    Reply("vLLM, OpenRouter", "`reasoning`", said({"content": "hello", "reasoning": "hm"}), reasoning="hm"),
    Reply("DeepSeek", "`reasoning_content`", said({"content": "hello", "reasoning_content": "hm"}), reasoning="hm"),
    Reply("Ollama", "`thinking`", said({"content": "hello", "thinking": "hm"}), reasoning="hm"),
    Reply(
        "OpenRouter",
        "`reasoning_details` alone",
        said({"content": "hello", "reasoning": None, "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}),
        reasoning="hm",
    ),
    Reply(
        "SGLang",
        "all tokens went into reasoning",
        said({"content": None, "reasoning_content": "hm"}, finish_reason="length"),
        text="",
        reasoning="hm",
        reason=LENGTH,
    ),
    Reply("OpenAI", "a refusal in place of content", said({"content": None, "refusal": "hello"})),
    Reply("llama.cpp", "`content: null`", said({"content": None}), text=""),
    Reply("LocalAI", "no `content`", said({"role": "assistant"}), text=""),
    Reply(
        "proxies",
        "`delta` in place of `message`",
        {"choices": [{"delta": {"content": "hello"}, "finish_reason": "stop"}]},
        tokens=(0, 0),
    ),
    Reply("Ollama", "`usage: null`", said(usage=None), tokens=(0, 0)),
    Reply("llama.cpp", "no `usage`", {"choices": said()["choices"]}, tokens=(0, 0)),
    Reply(
        "Gemini",
        "`completion_tokens: null`",
        said(usage={"prompt_tokens": 3, "completion_tokens": None}),
        tokens=(3, 0),
    ),
    Reply("proxies", "counts as floats", said(usage={"prompt_tokens": 3.0, "completion_tokens": 2.0})),
    Reply("Anthropic", "`input_tokens`, `output_tokens`", said(usage={"input_tokens": 3, "output_tokens": 2})),
    Reply("Groq", "`logprobs: null`", said(logprobs=None)),
    Reply("OpenRouter", "`logprob: null`", said(logprobs={"content": [{"token": "hello", "logprob": None}]})),
    Reply("TGI", "`finish_reason: eos_token`", said(finish_reason="eos_token")),
    Reply("Together", "`finish_reason: eos`", said(finish_reason="eos")),
    Reply("TGI", "`finish_reason: stop_sequence`", said(finish_reason="stop_sequence")),
    Reply("xAI, Anthropic", "`finish_reason: end_turn`", said(finish_reason="end_turn")),
    Reply("Gemini", "`finish_reason: STOP`", said(finish_reason="STOP")),
    Reply("Gemini", "`finish_reason: MAX_TOKENS`", said(finish_reason="MAX_TOKENS"), reason=LENGTH),
    Reply("Mistral", "`finish_reason: model_length`", said(finish_reason="model_length"), reason=LENGTH),
    Reply("SGLang", "`finish_reason` as an object", said(finish_reason={"type": "length", "length": 9}), reason=LENGTH),
    Reply("Ollama", "`finish_reason: null`", said(finish_reason=None), reason=OTHER),
    Reply("LM Studio", "an empty `finish_reason`", said(finish_reason=""), reason=OTHER),
    Reply("Azure", "`finish_reason: content_filter`", said(finish_reason="content_filter"), reason=OTHER),
    Reply("Gemini", "`finish_reason: SAFETY`", said(finish_reason="SAFETY"), reason=OTHER),
    Reply(
        "OpenRouter",
        "`finish_reason: error`",
        said({"content": "hel"}, finish_reason="error", error={"code": 502, "message": "upstream is gone"}),
        error="upstream is gone",
    ),
    Reply(
        "DeepSeek",
        "`finish_reason: insufficient_system_resource`",
        said(finish_reason="insufficient_system_resource"),
        error="insufficient",
    ),
    Reply("SGLang", "`finish_reason: abort`", said({"content": ""}, finish_reason={"type": "abort"}), error="abort"),
    Reply(
        "OpenRouter", "an error with status 200", {"error": {"message": "no credits", "code": 402}}, error="no credits"
    ),
    Reply("OpenRouter", "`choices: null` and an error", {**_OVERLOADED, "choices": None}, error="model overloaded"),
    Reply("Ollama", "an error as a text", {"error": "model 'x' not found"}, error="model 'x' not found"),
    Reply(
        "vLLM",
        "`object: error` with status 200",
        {"object": "error", "message": "engine is dead", "code": 500},
        error="engine is dead",
    ),
    Reply("proxies", "a page in place of JSON", "<html>Bad gateway</html>", error="is not JSON"),
    Reply("proxies", "an empty body", "", error="is not JSON"),
    Reply("proxies", "a list in place of an object", [1, 2], error="is not a completion"),
    Reply(
        "proxies",
        "content parts without text",
        said({"content": [{"type": "image_url", "image_url": "x"}]}),
        error="parts that are text",
    ),
    Reply("Cohere", "content parts without `type`", said({"content": [{"text": "hello"}]})),
    Reply("Perplexity", "`citations` beside the choices", said(citations=["x"], search_results=[])),
    Reply("proxies", "content as a list of texts", said({"content": ["hel", "lo"]})),
    Reply("proxies", "a number as content", said({"content": 42}), text="42"),
    Reply("proxies", "a truth value as content", said({"content": True}), error="text"),
    Reply(
        "Gemini",
        "no `content`, `finish_reason: length`",
        said({"role": "assistant"}, finish_reason="length"),
        text="",
        reason=LENGTH,
    ),
    Reply(
        "Gemini",
        "no choices, but `promptFeedback`",
        {"choices": [], "promptFeedback": {"blockReason": "SAFETY"}},
        error="SAFETY",
    ),
    Reply(
        "Azure",
        "a content filter's refusal with status 200",
        {
            "choices": [{"index": 0, "finish_reason": "content_filter", "message": {"role": "assistant"}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 0},
        },
        text="",
        reason=OTHER,
        tokens=(3, 0),
    ),
    Reply(
        "vLLM",
        "`choices` as an object",
        {"choices": {"0": {"message": {"content": "hello"}, "finish_reason": "stop"}}},
        error="is not a completion",
    ),
    Reply("llama.cpp", "counts as texts", said(usage={"prompt_tokens": "3", "completion_tokens": "2"})),
    Reply("proxies", "`usage` as a list", said(usage=[]), tokens=(0, 0)),
    Reply("proxies", "negative counts", said(usage={"prompt_tokens": -1, "completion_tokens": 2}), tokens=(0, 2)),
    Reply(
        "proxies",
        "`total_tokens: null`",
        said(usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": None}),
    ),
    Reply(
        "OpenRouter", "an additional `native_finish_reason`", said(finish_reason="stop", native_finish_reason="STOP")
    ),
    Reply("vLLM", "`kv_transfer_params: null`", said(finish_reason="stop") | {"kv_transfer_params": None}),
    Reply("Gemini", "`finish_reason: RECITATION`", said(finish_reason="RECITATION"), reason=OTHER),
    Reply(
        "Gemini",
        "`finish_reason: MALFORMED_FUNCTION_CALL`",
        said(finish_reason="MALFORMED_FUNCTION_CALL"),
        reason=OTHER,
    ),
    Reply(
        "SGLang",
        "`finish_reason: {'type': 'stop', 'matched': 128001}`",
        said(finish_reason={"type": "stop", "matched": 128001}),
    ),
    Reply("proxies", "`finish_reason` as a number", said(finish_reason=1), reason=OTHER),
    Reply("proxies", "`finish_reason` as a list", said(finish_reason=["stop"]), reason=STOP),
    Reply(
        "Qwen",
        "no reasoning",
        said({"content": "hello"}),
    ),
    Reply(
        "Ollama",
        "its own format, with `message`",
        {
            "model": "m",
            "message": {"role": "assistant", "content": "hello"},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 3,
            "eval_count": 2,
        },
    ),
    Reply(
        "Ollama",
        "its own format, with `response`",
        {
            "model": "m",
            "response": "hello",
            "done": True,
            "done_reason": "length",
            "prompt_eval_count": 3,
            "eval_count": 2,
        },
        reason=LENGTH,
    ),
    Reply(
        "proxies",
        "`text` in place of `message`",
        {
            "choices": [{"text": "hello", "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        },
    ),
    Reply(
        "LiteLLM",
        "an error whose `detail` is an object",
        {"detail": {"error": "budget exceeded"}},
        error="budget exceeded",
    ),
    Reply(
        "Cloudflare",
        "`success: false`",
        {"success": False, "errors": [{"code": 7003, "message": "no route"}], "result": None},
        error="no route",
    ),
    Reply(
        "Cloudflare",
        "the reply inside `result`",
        {
            "success": True,
            "errors": [],
            "result": {"choices": said()["choices"], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        },
    ),
    Reply(
        "DashScope",
        "`code` and `message` with status 200",
        {"code": "InvalidApiKey", "message": "Invalid API-key provided.", "request_id": "x"},
        error="Invalid API-key",
    ),
    Reply(
        "DashScope",
        "the reply inside `output`",
        {"output": {"choices": said()["choices"]}, "usage": {"input_tokens": 3, "output_tokens": 2}},
    ),
    Reply("proxies", "a byte order mark before the JSON", "\ufeff" + json.dumps(said())),
    Reply(
        "proxies",
        "server-sent events in place of JSON",
        "data: "
        + json.dumps({"choices": [{"delta": {"content": "hello"}, "finish_reason": None}]})
        + "\n\ndata: [DONE]\n\n",
        error="stream",
    ),
    Reply("proxies", "blank lines before the JSON", "\n\n   \n" + json.dumps(said())),
    Reply(
        "OpenRouter",
        "comment lines before the JSON",
        ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" + json.dumps(said()),
    ),
    Reply(
        "DeepSeek",
        "half a surrogate pair in the text",
        '{"choices":[{"message":{"content":"hello\\ud83d"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
        text="hello\ufffd",
    ),
    Reply("proxies", "a null byte in the text", said({"content": "hel\u0000lo"}), text="hel\u0000lo"),
    Reply("Groq", "`reasoning` is empty", said({"content": "hello", "reasoning": ""})),
    Reply(
        "vLLM",
        "both `reasoning` and `reasoning_content`",
        said({"content": "hello", "reasoning": "hm", "reasoning_content": "hm"}),
        reasoning="hm",
    ),
    Reply(
        "OpenAI",
        "`annotations: []`, `audio: null`",
        said({"content": "hello", "annotations": [], "audio": None, "refusal": None}),
    ),
    Reply(
        "Anthropic",
        "its own format, with `stop_reason`",
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": "hello"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 3, "output_tokens": 2},
        },
    ),
    Reply(
        "Anthropic",
        "its own format of errors",
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        error="Overloaded",
    ),
    Reply("proxies", "`error: false` beside choices", said(error=False)),
    Reply("proxies", "`error: null` beside choices", said(error=None)),
    Reply(
        "proxies",
        "both choices and an error",
        said({"content": None}, finish_reason=None, error={"message": "provider failed"}),
        error="provider failed",
    ),
    Reply("proxies", "null", "null", error="is not a completion"),
    Reply("proxies", "text", '"busy"', error="busy"),
)


@dataclass(frozen=True)
class Refused:
    """A parameter that a server refuses, and how it says so."""

    server: str
    behaviour: str
    status: int
    body: Json
    """The refusal, sent as long as ``refuses`` holds."""
    refuses: Callable[[Mapping[str, object]], bool]
    sent: Mapping[str, object] = field(default_factory=dict)
    """In the request that is taken."""
    absent: tuple[str, ...] = ()
    """Not in that request."""


def openai_error(
    message: str, param: str | None = None, code: str | None = "unsupported_parameter"
) -> dict[str, object]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def has(name: str) -> Callable[[Mapping[str, object]], bool]:
    return lambda body: name in body


def _unsupported(name: str) -> dict[str, object]:
    return openai_error(f"Unsupported parameter: '{name}' is not supported with this model.", name)


def _google(*names: str) -> list[object]:
    said = "\n".join(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.' for name in names)
    return [{"error": {"code": 400, "message": said, "status": "INVALID_ARGUMENT"}}]


_RENAME = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
_ONLY_ONE = (
    "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported."
)
_EXTRA = {"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 7}
_LIMIT = "Invalid max_tokens value, the valid range of max_tokens is [1, 50]"
_LIMIT_GROQ = "`max_tokens` must be less than or equal to `50`, the maximum value is less than the context_window"
_LIMIT_OPENAI = (
    "max_tokens is too large: 64. This model supports at most 50 completion tokens, whereas you provided 64."
)
_BOTH = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
_SYSTEM = "Unsupported value: 'messages[0].role' does not support 'system' with this model."
_FOLDED = [{"role": "user", "content": "be brief\n\nhi"}]


def _too_long(body: Mapping[str, object]) -> bool:
    asked = body.get("max_tokens")
    return isinstance(asked, int) and asked > 50


def _has_system(body: Mapping[str, object]) -> bool:
    return "system" in str(body["messages"])


REFUSED = (
    Refused(
        "OpenAI's reasoning models, Azure",
        "`max_tokens`",
        400,
        openai_error(_RENAME, "max_tokens"),
        has("max_tokens"),
        {"max_completion_tokens": 64},
    ),
    Refused(
        "proxies",
        "`max_tokens`, with `param: null`",
        400,
        openai_error(_RENAME),
        has("max_tokens"),
        {"max_completion_tokens": 64},
    ),
    Refused("OpenAI's reasoning models", "`stop`", 400, _unsupported("stop"), has("stop"), absent=("stop",)),
    Refused(
        "Azure",
        "`stop`, as an unknown argument",
        400,
        openai_error("Unrecognized request argument supplied: stop"),
        has("stop"),
        absent=("stop",),
    ),
    Refused(
        "Vertex",
        "`stop`, under another name",
        400,
        [{"error": {"message": "the model does not support the stopSequences parameter"}}],
        has("stop"),
        absent=("stop",),
    ),
    Refused(
        "OpenAI",
        "more than four stop strings",
        400,
        openai_error("Invalid 'stop': array too long. Expected an array with maximum length 4.", "stop"),
        has("stop"),
        absent=("stop",),
    ),
    Refused(
        "OpenAI's reasoning models",
        "`temperature: 0`",
        400,
        openai_error(_ONLY_ONE, "temperature", "unsupported_value"),
        has("temperature"),
        absent=("temperature",),
    ),
    Refused(
        "TGI",
        "`temperature: 0`",
        422,
        {"error": "Input validation error: `temperature` must be strictly positive", "error_type": "validation"},
        lambda body: body.get("temperature") == 0,
        {"temperature": 0.01},
    ),
    Refused(
        "GigaChat",
        "`temperature: 0`",
        422,
        {"status": 422, "message": "Invalid params: temperature must be in range (0, +inf)"},
        lambda body: body.get("temperature") == 0,
        {"temperature": 0.01},
    ),
    Refused(
        "TGI",
        "`top_p: 1`",
        422,
        {"error": "Input validation error: `top_p` must be > 0.0 and < 1.0"},
        has("top_p"),
        absent=("top_p",),
    ),
    Refused(
        "Anthropic, Bedrock",
        "`temperature` beside `top_p`",
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": _BOTH}},
        has("top_p"),
        {"temperature": 0.0},
        ("top_p",),
    ),
    Refused(
        "Groq",
        "`logprobs`",
        400,
        openai_error("property 'logprobs' is unsupported", None, None),
        has("logprobs"),
        absent=("logprobs",),
    ),
    Refused(
        "Azure",
        "`logprobs`, with status 422",
        422,
        openai_error("The deployment doesn't support logprobs request parameter.", None, "422"),
        has("logprobs"),
        absent=("logprobs",),
    ),
    Refused(
        "Azure",
        "`logprobs`, of older models",
        400,
        openai_error("logprobs, best_of and echo parameters are not available on gpt-35-turbo model."),
        has("logprobs"),
        absent=("logprobs",),
    ),
    Refused(
        "OpenAI",
        "`logprobs`, of older models",
        400,
        openai_error("This model does not support the 'logprobs' parameter.", "logprobs"),
        has("logprobs"),
        absent=("logprobs",),
    ),
    Refused("Gemini", "`seed`", 400, _google("seed"), has("seed"), absent=("seed",)),
    Refused(
        "Gemini",
        "`seed` and `logprobs` at once",
        400,
        _google("seed", "logprobs"),
        has("seed"),
        absent=("seed", "logprobs"),
    ),
    Refused(
        "Mistral", "`seed`", 422, {"object": "error", "message": {"detail": [_EXTRA]}}, has("seed"), absent=("seed",)
    ),
    Refused("FastAPI servers", "`seed`", 422, {"detail": [_EXTRA]}, has("seed"), absent=("seed",)),
    Refused(
        "vLLM",
        "`seed`, and repeats the request",
        400,
        openai_error(
            "[{'type': 'value_error', 'loc': ('body',), 'msg': 'Value error, seed is not supported', "
            "'input': {'model': 'm', 'n': 1, 'stop': ['}'], 'temperature': 0.0, 'logprobs': True}}]",
            None,
            "400",
        ),
        has("seed"),
        {"temperature": 0.0, "stop": ["<end>"], "logprobs": True},
        absent=("seed",),
    ),
    Refused(
        "proxies",
        "`seed`, and repeats a part of the request",
        400,
        openai_error("body: Value error, seed: not supported here (got: {'model': 'm', 'n': 1, 'temperature': 0…)"),
        has("seed"),
        {"temperature": 0.0, "stop": ["<end>"]},
        absent=("seed",),
    ),
    Refused(
        "llama.cpp",
        "`seed`, with status 500",
        500,
        {"code": 500, "message": "Unsupported param: seed", "type": "server_error"},
        has("seed"),
        absent=("seed",),
    ),
    Refused(
        "OpenRouter",
        "`stop`, with status 200",
        200,
        {"error": {"message": "Unsupported parameter: 'stop'", "code": 400}},
        has("stop"),
        absent=("stop",),
    ),
    Refused(
        "Bedrock",
        "`seed`, as a key in brackets",
        400,
        {"message": "Malformed input request: extraneous key [seed] is not permitted, please reformat your input."},
        has("seed"),
        absent=("seed",),
    ),
    Refused(
        "proxies",
        "`seed`, after a colon",
        400,
        {"message": "Extra inputs not permitted: seed"},
        has("seed"),
        absent=("seed",),
    ),
    Refused(
        "proxies",
        "too many stop strings",
        400,
        {"message": "stop: too many sequences (max 2)"},
        has("stop"),
        absent=("stop",),
    ),
    Refused(
        "Gemini",
        "`logprobs`, in a sentence",
        400,
        {"message": "Logprobs is not enabled for models/x"},
        has("logprobs"),
        absent=("logprobs",),
    ),
    Refused("DeepSeek", "a limit that is too long", 400, openai_error(_LIMIT), _too_long, {"max_tokens": 50}),
    Refused(
        "Groq", "a limit that is too long", 400, openai_error(_LIMIT_GROQ, "max_tokens"), _too_long, {"max_tokens": 50}
    ),
    Refused(
        "OpenAI",
        "a limit that is too long",
        400,
        openai_error(_LIMIT_OPENAI, "max_tokens"),
        _too_long,
        {"max_tokens": 50},
    ),
    Refused(
        "OpenAI's o1-mini",
        "the system role",
        400,
        openai_error(_SYSTEM, "messages[0].role", "unsupported_value"),
        _has_system,
        {"messages": _FOLDED},
    ),
    Refused(
        "vLLM with Gemma",
        "the system role",
        400,
        {"object": "error", "message": "System role not supported", "code": 400},
        _has_system,
        {"messages": _FOLDED},
    ),
    Refused(
        "Gemini with Gemma",
        "the system role",
        400,
        [{"error": {"message": "Developer instruction is not enabled for models/gemma-3-27b-it"}}],
        _has_system,
        {"messages": _FOLDED},
    ),
    Refused(
        "Groq",
        "`n`",
        400,
        openai_error("'n' : number must be at most 1", None, None),
        lambda body: body.get("n", 1) != 1,
        absent=("n",),
    ),
    Refused(
        "llama.cpp",
        "`n`",
        400,
        {"error": {"code": 400, "message": "Only one completion choice is allowed", "type": "invalid_request_error"}},
        lambda body: body.get("n", 1) != 1,
        absent=("n",),
    ),
    Refused(
        "Gemini",
        "`n`",
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "Multiple candidates is not enabled for this model: candidateCount must be 1",
                }
            }
        ],
        lambda body: body.get("n", 1) != 1,
        absent=("n",),
    ),
    Refused(
        "vLLM-like servers",
        "`n`",
        400,
        {"message": "n must be 1, got 3."},
        lambda body: body.get("n", 1) != 1,
        absent=("n",),
    ),
    Refused(
        "OpenAI o-series",
        "`logprobs`, in a sentence",
        403,
        openai_error("You are not allowed to request logprobs from this model", "logprobs"),
        has("logprobs"),
        absent=("logprobs",),
    ),
    Refused(
        "GPT-5",
        "`stop`, as unsupported",
        400,
        openai_error("Unsupported parameter: 'stop' is not supported with this model.", "stop"),
        has("stop"),
        absent=("stop",),
    ),
    Refused(
        "GPT-5",
        "`top_p`",
        400,
        openai_error("Unsupported parameter: 'top_p' is not supported with this model.", "top_p"),
        has("top_p"),
        absent=("top_p",),
    ),
    Refused(
        "GPT-5",
        "`temperature: 0.0`",
        400,
        openai_error(
            "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is supported.",
            "temperature",
            "unsupported_value",
        ),
        has("temperature"),
        absent=("temperature",),
    ),
    Refused(
        "Grok",
        "`stop`",
        400,
        {"code": "Client specified an invalid argument", "error": "Argument not supported on this model: stop"},
        has("stop"),
        absent=("stop",),
    ),
    Refused(
        "Grok",
        "`logprobs`",
        400,
        {"code": "Client specified an invalid argument", "error": "Model grok-4 does not support parameter logprobs."},
        has("logprobs"),
        absent=("logprobs",),
    ),
    Refused(
        "Claude 4 on Bedrock",
        "`top_p`, as deprecated",
        400,
        {
            "message": "The model returned the following errors: `temperature` and `top_p` cannot both be specified for this model. Please use only one."
        },
        has("top_p"),
        absent=("top_p",),
    ),
    Refused(
        "Opus 4.7",
        "`temperature`, as deprecated",
        400,
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "`temperature` is deprecated for this model."},
        },
        has("temperature"),
        absent=("temperature",),
    ),
    Refused(
        "Fireworks",
        "`seed`",
        400,
        {
            "error": {
                "object": "error",
                "type": "invalid_request_error",
                "message": "Extra inputs are not permitted, field: 'seed', value: 7",
            }
        },
        has("seed"),
        absent=("seed",),
    ),
    Refused(
        "Cerebras",
        "`logprobs`",
        400,
        {
            "message": "logprobs is not supported",
            "type": "invalid_request_error",
            "param": "logprobs",
            "code": "wrong_api_format",
        },
        has("logprobs"),
        absent=("logprobs",),
    ),
    Refused(
        "SambaNova",
        "`seed`",
        400,
        {"error": {"message": "seed is currently not supported by the model", "type": "Error"}},
        has("seed"),
        absent=("seed",),
    ),
    Refused(
        "Nebius",
        "a limit that is too long",
        400,
        openai_error("max_tokens must be at most 50, got 64"),
        lambda b: (b.get("max_tokens") or 0) > 50,
        {"max_tokens": 50},
    ),
    Refused(
        "Qwen",
        "a limit outside its range",
        400,
        openai_error("<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 50]"),
        lambda b: (b.get("max_tokens") or 0) > 50,
        {"max_tokens": 50},
    ),
    Refused(
        "Moonshot",
        "`temperature`, which is fixed",
        400,
        openai_error("invalid temperature: only 1 is allowed for this model"),
        has("temperature"),
        absent=("temperature",),
    ),
    Refused(
        "MiniMax",
        "`top_p`",
        400,
        {"base_resp": {"status_code": 2013, "status_msg": "invalid params, top_p must be in (0, 1)"}},
        has("top_p"),
        absent=("top_p",),
    ),
    Refused(
        "vLLM",
        "too many `logprobs`",
        400,
        {
            "object": "error",
            "message": "Requested sample logprobs of 1, which is greater than max allowed: 0",
            "code": 400,
        },
        has("logprobs"),
        absent=("logprobs",),
    ),
    Refused(
        "llama-cpp-python",
        "`logprobs` without `logits_all`",
        400,
        {"error": {"message": "logprobs is not supported for models created with logits_all=False", "code": 400}},
        has("logprobs"),
        absent=("logprobs",),
    ),
    Refused(
        "llama-cpp-python",
        "`logprobs` without `logits_all`, with status 500",
        500,
        {
            "error": {
                "message": "logprobs is not supported for models created with logits_all=False",
                "type": "internal_server_error",
                "param": None,
                "code": None,
            }
        },
        has("logprobs"),
        absent=("logprobs",),
    ),
    Refused(
        "Ollama",
        "`seed`, as of the wrong type",
        400,
        {"error": {"message": 'option "seed" must be of type integer', "type": "invalid_request_error"}},
        has("seed"),
        absent=("seed",),
    ),
    Refused(
        "SGLang",
        "too many stop strings",
        400,
        {
            "object": "error",
            "message": "stop: List should have at most 0 items after validation, not 1",
            "type": "BadRequest",
            "code": 400,
        },
        has("stop"),
        absent=("stop",),
    ),
    Refused(
        "Baidu",
        "`temperature`, as out of range",
        400,
        {"error_code": 336003, "error_msg": "temperature must be in (0, 1.0]"},
        lambda b: b.get("temperature") == 0,
        {"temperature": 0.01},
    ),
    Refused(
        "Zhipu",
        "`temperature`, as out of range",
        400,
        {"error": {"code": "1210", "message": "API 调用参数有误，temperature 参数必须大于0"}},
        lambda b: b.get("temperature") == 0,
        {"temperature": 0.01},
    ),
    Refused(
        "Llama API",
        "`seed`, with its path",
        422,
        {"detail": [{"loc": ["body", "seed"], "msg": "extra fields not permitted", "type": "value_error.extra"}]},
        has("seed"),
        absent=("seed",),
    ),
)


@dataclass(frozen=True)
class Full:
    """Words for a conversation that does not fit, when 64 new tokens are asked for."""

    server: str
    words: str
    room: int | None = None
    """What is left for the reply; None: nothing, or it cannot be known."""
    status: int = 400
    more: Mapping[str, object] = field(default_factory=dict)
    """Beside the message in the error."""


FULL = (
    Full(
        "OpenAI",
        "This model's maximum context length is 4097 tokens. However, your messages resulted in 4301 tokens. Please reduce the length of the messages.",
    ),
    Full(
        "OpenAI",
        "This model's maximum context length is 4,097 tokens. However, you requested 4,120 tokens (4,056 in the messages, 64 in the completion). Please reduce the length of the messages or completion.",
        41,
    ),
    Full(
        "OpenAI, vLLM",
        "This model's maximum context length is 4097 tokens, however you requested 4116 tokens (4052 in your prompt; 64 for the completion). Please reduce your prompt; or completion length.",
        45,
    ),
    Full(
        "OpenAI, Azure",
        "Input tokens exceed the configured limit of 2720 tokens. Your messages resulted in 3000 tokens. Please reduce the length of the messages.",
    ),
    Full("OpenAI", "Your input exceeds the context window of this model. Please adjust your input and try again."),
    Full(
        "OpenAI",
        "Invalid 'messages[1].content': string too long. Expected a string with maximum length 1048, but got 12000.",
        more={"code": "string_above_max_length"},
    ),
    Full(
        "vLLM",
        "'max_tokens' or 'max_completion_tokens' is too large: 64. This model's maximum context length is 2048 tokens and your request has 2000 input tokens (64 > 2048 - 2000).",
        48,
    ),
    Full(
        "vLLM",
        "The decoder prompt (length 3000) is longer than the maximum model length of 2048. Make sure that `max_model_len` is no smaller than the number of text tokens.",
    ),
    Full("vLLM", "max_tokens must be at least 1, got -952."),
    Full(
        "SGLang",
        "Requested token count exceeds the model's maximum context length of 2048 tokens. You requested a total of 2064 tokens: 2000 tokens from the input messages and 64 tokens for the completion.",
        48,
    ),
    Full("SGLang", "The input (3000 tokens) is longer than the model's context length (2048 tokens)."),
    Full(
        "SGLang",
        "Input length (3000 tokens) exceeds the maximum allowed length (2047 tokens). Use a shorter input or enable --allow-auto-truncate.",
    ),
    Full(
        "llama.cpp",
        "the request exceeds the available context size. try increasing the context size or enable context shift",
        more={"type": "exceed_context_size_error", "n_prompt_tokens": 1407, "n_ctx": 256},
    ),
    Full(
        "llama.cpp",
        "the request exceeds the available context size. try increasing the context size or enable context shift",
        status=500,
    ),
    Full("llama.cpp", "request (14429 tokens) exceeds the available context size (8192 tokens), try increasing it"),
    Full("llama-cpp-python", "Requested tokens (2285) exceed context window of 2048", status=500),
    Full("Ollama", "the input length exceeds the context length"),
    Full(
        "LM Studio",
        "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.",
    ),
    Full(
        "LM Studio",
        "The number of tokens to keep from the initial prompt is greater than the context length.",
        status=200,
    ),
    Full(
        "TGI",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 1512. Given: 1500 `inputs` tokens and 64 `max_new_tokens`",
        12,
        422,
    ),
    Full("TGI", "Input validation error: `inputs` must have less than 1024 tokens. Given: 1168", status=422),
    Full(
        "OpenRouter",
        "This endpoint's maximum context length is 4096 tokens. However, you requested about 4124 tokens (4060 of text input, 64 in the output). Please reduce the length of either one.",
        36,
    ),
    Full(
        "OpenRouter",
        "This endpoint's maximum context length is 4096 tokens. However, you requested about 4124 tokens (4000 of text input, 60 of tool input, 64 in the output).",
        36,
    ),
    Full(
        "OpenRouter",
        "This endpoint's maximum context length is 16384 tokens. However, you requested about 94307 tokens (94307 of text input).",
        status=200,
        more={"code": 400},
    ),
    Full("Anthropic", "prompt is too long: 205000 tokens > 200000 maximum"),
    Full(
        "Anthropic, Bedrock",
        "input length and `max_tokens` exceed context limit: 2000 + 64 > 2048, decrease input length or `max_tokens` and try again",
        48,
    ),
    Full("Bedrock", "Input is too long for requested model."),
    Full("Gemini", "The input token count (2845475) exceeds the maximum number of tokens allowed (1048576)."),
    Full(
        "Vertex",
        "Unable to submit request because the input token count is 40000 but the model only supports up to 32768. Reduce the input token count and try again.",
    ),
    Full("Groq", "Please reduce the length of the messages or completion.", more={"code": "context_length_exceeded"}),
    Full("Groq", "Please reduce the length of the messages."),
    Full(
        "Mistral",
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    ),
    Full("xAI", "This model's maximum prompt length is 131072 but the request contains 537812 tokens."),
    Full("SiliconFlow", "length of prompt_tokens (163280) must be less than max_seq_len (32768)."),
    Full("DashScope", "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]"),
    Full("Moonshot", "Invalid request: Your request exceeded model token limit: 8192 (requested: 9000)"),
    Full("Zhipu", "Prompt exceeds max length"),
    Full("Fireworks", "The prompt is too long: 20000, model maximum context length: 16384"),
    Full("Cohere", "too many tokens: total number of tokens in the prompt cannot exceed 4081"),
    Full("GitHub Models", "Request body too large for gpt-4o-mini model. Max size: 8000 tokens.", status=413),
    Full(
        "GitHub Copilot",
        "prompt token count of 140000 exceeds the limit of 128000",
        more={"code": "model_max_prompt_tokens_exceeded"},
    ),
    Full("TensorRT-LLM", "prompt length (3000) exceeds maximum input length (2048)"),
    Full("LMDeploy", "The input token length 9000 exceeds session_len 8192"),
    Full("SGLang", "exceeds the maximum allowed input length of 4096"),
    Full("TabbyAPI", "Prompt length 5000 is greater than max_seq_len 4096"),
    Full("watsonx", "the number of input tokens 5000 cannot exceed the total tokens limit 4096 for this model"),
    Full(
        "vLLM",
        "This model's maximum context length is 2048 tokens. However, you requested 64 output tokens and your prompt contains at least 1985 input tokens, for a total of at least 2049 tokens. Please reduce the length of the input prompt or the number of requested output tokens.",
        63,
    ),
    Full(
        "vLLM",
        "You passed 3000 input tokens and requested 64 output tokens. However, the model's context length is only 2048 tokens, resulting in a maximum input length of 1984 tokens. Please reduce the length of the input messages.",
    ),
    Full(
        "vLLM",
        "You passed 2000 input tokens and requested 64 output tokens. However, the model's context length is only 2048 tokens, resulting in a maximum input length of 1984 tokens. Please reduce the length of the input messages.",
        48,
    ),
    Full("SGLang", "The input is too long for the model (3000 > 2048)"),
    Full("llama.cpp", "the request exceeds the available context size (256 tokens), try increasing it"),
    Full("llama.cpp", "input is too large to process. increase the physical batch size", status=500),
    Full("llama.cpp", "context shift is disabled"),
    Full("KoboldCpp", "Prompt is too long for the context window"),
    Full("MLX", "Prompt length 5000 exceeds the model's context window of 4096"),
    Full("Ollama", "prompt too long; exceeded max context length by 12 tokens"),
    Full(
        "OpenAI",
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300011 tokens. Please reduce the length of the messages.",
        more={"code": "context_length_exceeded"},
    ),
    Full("Databricks", "BAD_REQUEST: Input length 9000 exceeds max input length 8192"),
    Full(
        "Azure",
        "This model's maximum context length is 8192 tokens, however you requested 8200 tokens (8136 in your prompt; 64 for the completion). Please reduce your prompt; or completion length.",
        56,
    ),
    Full(
        "Together",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 8140 `inputs` tokens and 64 `max_new_tokens`",
        53,
        422,
    ),
    Full("Novita", "prompt tokens 9000 > max model len 8192"),
    Full(
        "Cerebras",
        "Please reduce the length of the messages or completion. Current length is 8300 while limit is 8192",
        more={"code": "context_length_exceeded"},
    ),
    Full(
        "DeepSeek",
        "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens (69936 in the messages, 64 in the completion). Please reduce the length of the messages or completion.",
    ),
    Full(
        "Bedrock",
        "The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value that is lower than 4096.",
    ),
    Full("Mistral", "Prompt too long"),
    Full(
        "Anthropic",
        "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or `max_tokens` and try again",
        None,
    ),
    Full("AI21", "Prompt is too long. Max prompt tokens: 4096"),
    Full("IBM", "sequence length 9000 larger than model max 8192"),
    Full(
        "text-generation-webui",
        "This model maximum context length is 2048 tokens. However, your messages resulted in over 3000 tokens.",
    ),
    Full(
        "Aphrodite",
        "This model's maximum context length is 2048 tokens. However, you requested 2100 tokens (2036 in the messages, 64 in the completion).",
        12,
    ),
)

NOT_FULL = (
    (429, "Rate limit reached: tokens per minute (TPM): Limit 6000, Requested 7000"),
    (
        413,
        "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 10238, please reduce your message size and try again.",
    ),
    (400, "You exceeded your current quota, please check your plan"),
    (400, "temperature: Input should be less than or equal to 2"),
    (400, "Image input exceeds 20 MB"),
    (400, "Conversation roles must alternate user/assistant/user/assistant"),
    (400, "Invalid API key"),
    (400, "messages with more than one system message are refused"),
    (400, "max_tokens: must be a positive integer"),
    (400, "Too many images in request: 5 exceeds 4"),
    (400, "Number of tools exceeds the limit of 128"),
    (400, "Requested prompt logprobs of 21, which is greater than max allowed: 20"),
    (400, "Requested sample logprobs of 21, which is greater than max allowed: 20"),
    (400, "tools[0].function.description: string longer than 1024"),
    (404, "The model `x` does not exist"),
    (400, "user: string too long, maximum 64"),
    (402, "Prompt tokens limit exceeded: 1000 > 20. To increase, visit settings"),
    (400, "The request's metadata exceeds 16 keys"),
)
"""Refusals that are about something else."""


@dataclass(frozen=True)
class ModelList:
    """What ``/v1/models`` answers, and how a reply is then begun."""

    server: str
    behaviour: str
    status: int
    body: Json
    delivery: str = "instructed"


MODEL_LISTS = (
    ModelList("Together", "a bare list", 200, [{"id": "m", "owned_by": "vllm"}], "continued"),
    ModelList("OpenRouter", "`owned_by: null`", 200, {"data": [{"id": "m", "owned_by": None}]}),
    ModelList("OpenRouter", "no `owned_by`", 200, {"data": [{"id": "m"}]}),
    ModelList("transformers serve", "`owned_by` as a list", 200, {"data": [{"id": "m", "owned_by": ["a", "b"]}]}),
    ModelList("Ollama without models", "`data: null`", 200, {"object": "list", "data": None}),
    ModelList("proxies", "names only", 200, {"data": ["m"]}),
    ModelList("proxies", "an error with status 200", 200, {"error": "not here"}),
    ModelList("proxies", "a page", 200, "<html></html>"),
    ModelList("Azure", "401", 401, {"error": {"message": "no access"}}),
    ModelList("gateways", "403", 403, {"error": {"message": "this key may not list models"}}),
    ModelList("TGI", "404", 404, "Not Found"),
    ModelList("TGI", "405", 405, {"detail": "Method Not Allowed"}),
    ModelList(
        "proxies", "another name for the model", 200, {"data": [{"id": "org/m", "owned_by": "vllm"}]}, "continued"
    ),
    ModelList(
        "LM Studio",
        "`owned_by: organization_owner`",
        200,
        {"data": [{"id": "m", "object": "model", "owned_by": "organization_owner"}]},
    ),
    ModelList("Ollama", "`models` in place of `data`", 200, {"models": [{"name": "m"}]}),
    ModelList("proxies", "an empty list", 200, {"data": []}),
    ModelList("proxies", "`data` as an object", 200, {"data": {"m": {"owned_by": "vllm"}}}),
    ModelList("proxies", "an empty body", 200, ""),
    ModelList("vLLM", "`owned_by: vLLM`", 200, {"data": [{"id": "m", "owned_by": "vLLM"}]}, "continued"),
    ModelList(
        "SGLang",
        "an adapter beside its base",
        200,
        {"data": [{"id": "base", "owned_by": "sglang"}, {"id": "m", "owned_by": "sglang", "parent": "base"}]},
        "continued",
    ),
)
