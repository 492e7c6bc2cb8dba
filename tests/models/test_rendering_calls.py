"""The properties of rendering with tool calls, over the families that call tools, and the plain form."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.models.calls.strategies import arguments, names, typed_arguments
from tests.models.families import CALLING, END_OF_TURN, family_tokenizer
from tests.tiny_model import tiny_tokenizer
from understudy.models.calls import UnwritableCallError
from understudy.models.rendering import ParallelCallsError, Rendered, Renderer, RenderingError
from understudy.models.template_calls import SchemaPlace
from understudy.records import FunctionCall, Message, Role, SpanPart, ToolSchema, TrainSpan

FAMILIES = tuple(CALLING)
TOOLS = (
    ToolSchema(
        name="search",
        description="Finds passages.",
        parameters={
            "type": "object",
            "properties": {"query": {"type": "string"}, "k": {"type": "integer", "default": 5}},
            "required": ["query"],
        },
    ),
    ToolSchema(name="typed", description="é 'quoted'"),
)
Dialogue = tuple[Message, ...]


@functools.cache
def renderer(family: str) -> Renderer:
    return Renderer(family_tokenizer(family))


def user(content: str) -> Message:
    return Message(role=Role.USER, content=content)


def call(number: int = 0, name: str = "search", **given: Any) -> FunctionCall:
    return FunctionCall(id=f"call_{number}", name=name, arguments=given)


def says(content: str, *calls: FunctionCall) -> Message:
    return Message(role=Role.ASSISTANT, content=content, tool_calls=calls)


def result(content: str, number: int = 0) -> Message:
    return Message(role=Role.TOOL, content=content, tool_call_id=f"call_{number}")


DIALOGUE: Dialogue = (
    Message(role=Role.SYSTEM, content="Be brief."),
    user("Who wrote it?"),
    says("I look it up.", call(0, query="é", k=3)),
    result("Ann wrote it."),
    says("", call(1, query="Ann")),
    result("A poet.", 1),
    says("Ann, a poet."),
)


def everything(messages: Dialogue) -> tuple[TrainSpan, ...]:
    spans = []
    for index, message in enumerate(messages):
        if message.role is Role.ASSISTANT and message.content:
            spans.append(TrainSpan(message_index=index, start=0, end=len(message.content)))
        if message.tool_calls:
            spans.append(TrainSpan(message_index=index, part=SpanPart.CALLS))
    return tuple(spans)


def decoded(family: str, sequence: Rendered, *, trained: bool) -> list[str]:
    """The runs of trained, or of other, tokens of a sequence."""
    runs, before = [], None
    for token, weight in zip(sequence.ids, sequence.weights, strict=True):
        if (weight > 0) == trained:
            if before != trained:
                runs.append([])
            runs[-1].append(token)
        before = weight > 0
    return [renderer(family).tokenizer.decode(run, clean_up_tokenization_spaces=False) for run in runs]


words = st.sampled_from(["I look.", "Thought: é😀", "so\n\nthen", "<tool_call> is a mark", "42"])


@st.composite
def dialogues(draw: st.DrawFn, most_calls: int) -> Dialogue:
    messages, number = [user("Q")], 0
    for _ in range(draw(st.integers(1, 3))):
        given_calls = draw(st.lists(st.tuples(names, arguments | typed_arguments), min_size=1, max_size=most_calls))
        calls = [FunctionCall(id=f"call_{number + i}", name=n, arguments=a) for i, (n, a) in enumerate(given_calls)]
        number += len(calls)
        messages.append(says(draw(words | st.just("")), *calls))
        messages.extend(Message(role=Role.TOOL, content=draw(words), tool_call_id=one.id) for one in calls)
    return (*messages, says(draw(words)))


def most_calls(family: str) -> int:
    return 2 if renderer(family).calls.takes_parallel else 1


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_training_renders_what_acting_sends_and_trains_what_is_written(family: str, data: st.DataObject) -> None:
    chat = renderer(family)
    dialogue = data.draw(dialogues(most_calls(family)))
    try:
        sequences = chat.training_sequences(dialogue, everything(dialogue), TOOLS)
    except RenderingError:
        assume(False)
    trained = [turn.message_index for sequence in sequences for turn in sequence.turns]
    assert trained == [index for index, message in enumerate(dialogue) if message.role is Role.ASSISTANT]
    for sequence in sequences:
        for turn in sequence.turns:
            message = dialogue[turn.message_index]
            assert list(sequence.ids[: turn.start]) == chat.prompt_ids(dialogue[: turn.message_index], tools=TOOLS)
            calls = chat.calls.form.render(message.tool_calls) if message.tool_calls else ""
            between = chat.calls.separator if message.content and calls else ""
            said = chat.tokenizer.decode(sequence.ids[turn.start : turn.end], clean_up_tokenization_spaces=False)
            assert said == message.content + between + calls + END_OF_TURN[family]
            assert set(sequence.weights[turn.start : turn.end]) == {1.0}
        assert sequence.n_trained == sum(turn.end - turn.start for turn in sequence.turns)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_call_form_is_the_familys(family: str) -> None:
    convention = renderer(family).calls
    assert convention.form.name == CALLING[family]
    assert not convention.arguments_as_text
    assert convention.takes_parallel == (convention.form.name != "llama_json")


@pytest.mark.parametrize("family", [one for one in FAMILIES if CALLING[one] not in ("plain", "phi4_mini")])
@pytest.mark.parametrize("length", [2, 4, 6])
def test_the_prompt_is_the_chat_templates_own(family: str, length: int) -> None:
    """Against the tokenizer's own function, called as the documentation of transformers says."""
    tokenizer = family_tokenizer(family)
    rows: list[dict[str, Any]] = []
    for message in DIALOGUE[:length]:
        rows.append({"role": message.role.value, "content": message.content})
        if message.tool_calls:
            rows[-1]["tool_calls"] = [
                {"type": "function", "function": {"name": one.name, "arguments": dict(one.arguments)}}
                for one in message.tool_calls
            ]
    tools = [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in TOOLS
    ]
    expected = tokenizer.apply_chat_template(rows, tools=tools, add_generation_prompt=True, return_dict=False)
    assert renderer(family).prompt_ids(DIALOGUE[:length], tools=TOOLS) == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_schemas_are_read_and_results_too_and_neither_is_trained(family: str) -> None:
    sequences = renderer(family).training_sequences(DIALOGUE, everything(DIALOGUE), TOOLS)
    for sequence in sequences:
        assert "Finds passages." in "".join(decoded(family, sequence, trained=False))
        trained = "".join(decoded(family, sequence, trained=True))
        assert not {"Finds passages.", "Ann wrote it.", "A poet.", "tool_response"} & {
            one for one in ("Finds passages.", "Ann wrote it.", "A poet.", "tool_response") if one in trained
        }
    last = "".join(decoded(family, sequences[-1], trained=False))
    assert "Ann wrote it." in last
    assert "A poet." in last


def test_a_dialogue_with_calls_is_one_sequence() -> None:
    """Qwen2.5, Phi-4-mini and the plain form keep what was said; Llama drops the content beside a call."""
    n_sequences = {
        family: len(renderer(family).training_sequences(DIALOGUE, everything(DIALOGUE), TOOLS)) for family in FAMILIES
    }
    whole = {"qwen2_5", "phi4_mini", "smollm2", "llama3", "gemma", "qwen3", "qwen3_5_nothink"}
    assert {family for family, n in n_sequences.items() if n == 1} == whole


def test_arguments_are_never_encoded_twice() -> None:
    for family in FAMILIES:
        text = renderer(family).prompt_text(DIALOGUE[:4], tools=TOOLS)
        assert '"query": "é", "k": 3' in text or "<parameter=query>\né\n" in text, family


@pytest.mark.parametrize("family", ["llama3_1", "llama3_2"])
def test_two_calls_that_a_template_refuses_are_named(family: str) -> None:
    two = (user("Q"), says("", call(0, query="a"), call(1, query="b")))
    with pytest.raises(ParallelCallsError, match=r"accepts one call per message, got 2: search, search"):
        renderer(family).training_sequences(two, everything(two), TOOLS)
    with pytest.raises(RenderingError, match="single tool-calls"):
        renderer(family).prompt_text((*two, result("x"), result("y", 1)), tools=TOOLS)


def test_content_and_calls_have_weights_of_their_own() -> None:
    chat = renderer("qwen2_5")
    dialogue = (user("Q"), says("look", call(query="x")))
    content = TrainSpan(message_index=1, start=0, end=4, weight=2.0)
    calls = TrainSpan(message_index=1, part=SpanPart.CALLS, weight=0.5)

    def words_of(*spans: TrainSpan) -> dict[float, str]:
        sequence = chat.training_ids(dialogue, spans, TOOLS)
        weights = sorted({w for w in sequence.weights if w})
        return {
            w: chat.tokenizer.decode([i for i, v in zip(sequence.ids, sequence.weights, strict=True) if v == w])
            for w in weights
        }

    written = '\n<tool_call>\n{"name": "search", "arguments": {"query": "x"}}\n</tool_call><|im_end|>'
    assert words_of(content, calls) == {2.0: "look", 0.5: written}
    assert words_of(calls) == {0.5: written}
    assert words_of(content) == {2.0: "look"}, "the end of turn belongs to the calls"


@pytest.mark.parametrize(
    ("spans", "says_"),
    [
        ([TrainSpan(message_index=1, part=SpanPart.CALLS)], "expected a message with tool calls"),
        ([TrainSpan(message_index=3, part=SpanPart.CALLS, end=2)], "expected a message with tool calls, and no range"),
        ([TrainSpan(message_index=3, part=SpanPart.CALLS)] * 2, "do not overlap"),
        (
            [TrainSpan(message_index=3, part=SpanPart.CALLS), TrainSpan(message_index=3, start=0, end=1)],
            "expected spans in order",
        ),
    ],
)
def test_wrong_spans_over_calls_are_refused(spans: list[TrainSpan], says_: str) -> None:
    dialogue = (user("Q"), says("a"), user("R"), says("look", call(query="x")))
    with pytest.raises(RenderingError, match=says_):
        renderer("qwen2_5").training_sequences(dialogue, spans, TOOLS)


def test_a_call_that_the_form_cannot_write_is_named() -> None:
    dialogue = (user("Q"), says("", call(query="\n</parameter>\n")))
    with pytest.raises(RenderingError, match=r"call form qwen_xml cannot write this call: the argument query"):
        renderer("qwen3_5_nothink").training_sequences(dialogue, everything(dialogue), TOOLS)
    assert issubclass(UnwritableCallError, ValueError)


def test_a_message_with_calls_cannot_be_continued() -> None:
    with pytest.raises(RenderingError, match="assistant message at the end, got assistant with calls"):
        renderer("qwen2_5").prompt_text(DIALOGUE[:3], continue_final=True, tools=TOOLS)


def test_phi_reads_its_schemas_from_the_system_message() -> None:
    text = renderer("phi4_mini").prompt_text([user("Q")], tools=TOOLS[:1])
    schemas = json.dumps([TOOLS[0].model_dump()], ensure_ascii=False)
    assert text == (
        f"<|system|>You are a helpful assistant with some tools.<|tool|>{schemas}<|/tool|><|end|>"
        "<|user|>Q<|end|><|assistant|>"
    )


def test_the_plain_form_states_tools_and_joins_results() -> None:
    chat = renderer("gemma")
    assert chat.calls.place is SchemaPlace.STATED
    two = (user("Q"), says("", call(0, query="a"), call(1, query="b")), result("x"), result("y", 1))
    text = chat.prompt_text(two, tools=TOOLS[:1])
    assert text == (
        "<bos><start_of_turn>user\n"
        "You can call these tools, each given by its name, what it does and the JSON schema of its arguments:\n"
        f"{json.dumps(TOOLS[0].model_dump())}\n\n"
        "To call one, end your message with\n<tool_call>\n"
        '{"name": "<tool>", "arguments": {"<argument>": <value>}}\n</tool_call>\n'
        "once for each call. The results are in the next message, between <tool_response> and </tool_response>, "
        "in the order of the calls.\n\nQ<end_of_turn>\n<start_of_turn>model\n"
        '<tool_call>\n{"name": "search", "arguments": {"query": "a"}}\n</tool_call>\n'
        '<tool_call>\n{"name": "search", "arguments": {"query": "b"}}\n</tool_call><end_of_turn>\n'
        "<start_of_turn>user\n<tool_response>\nx\n</tool_response>\n<tool_response>\ny\n</tool_response>"
        "<end_of_turn>\n<start_of_turn>model\n"
    )


_WANTS_TEXT = (
    "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{{ m.content }}{% for c in m.tool_calls or [] %}\n<tool_call>\n"
    '{% raw %}{{% endraw %}"name": "{{ c.function.name }}"'
    ", \"arguments\": {{ c.function.arguments + '' }}}\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_a_template_that_expects_arguments_as_text_gets_text() -> None:
    chat = Renderer(tiny_tokenizer(chat_template=_WANTS_TEXT))
    assert chat.calls.arguments_as_text
    assert chat.calls.form.name == "hermes"
    assert '{"name": "search", "arguments": {"query": "é"}}' in chat.prompt_text([user("Q"), says("", call(query="é"))])


def test_a_template_that_writes_calls_in_an_unknown_form_gets_the_plain_form_and_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unknown = _WANTS_TEXT.replace("<tool_call>", "<x>").replace("</tool_call>", "</x>").replace(" + ''", "")
    chat = Renderer(tiny_tokenizer(chat_template=unknown))
    assert chat.calls.form.name == "plain"
    assert "You can call these tools" in chat.prompt_text([user("Q")], tools=TOOLS)
    assert [record.getMessage().split(" has tools, ")[1][:38] for record in caplog.records] == [
        "but writes calls in a form that is not"
    ]
    assert renderer("gemma").calls.form.name == "plain"
    assert len(caplog.records) == 1, "a template without tools needs no warning"
