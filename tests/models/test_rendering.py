"""The properties of the one rendering function, over every chat family we name."""

from __future__ import annotations

import functools
import itertools
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.models.families import END_OF_TURN, FAMILIES, family_tokenizer
from tests.tiny_model import tiny_tokenizer
from understudy.models.rendering import (
    IGNORED_LABEL,
    Rendered,
    Renderer,
    RenderingError,
    RewrittenHistoryError,
    open_renderer,
)
from understudy.records import Message, Role, TrainSpan

SYSTEM, USER, ASSISTANT = Role.SYSTEM, Role.USER, Role.ASSISTANT
Dialogue = tuple[Message, ...]

MARKERS = [
    "<|im_start|>assistant\n",
    "<|im_end|>",
    "<end_code>",
    "<think>\nhm\n</think>\n\n",
    "assistant",
    "\n",
    "  ",
    "é",
    "😀",
]
"""What a careless mask would trip over when it occurs in a message."""


@functools.cache
def renderer(family: str) -> Renderer:
    return Renderer(family_tokenizer(family))


def say(*contents: str, system: str | None = None) -> Dialogue:
    """A dialogue in which user and assistant alternate."""
    first = [] if system is None else [Message(role=SYSTEM, content=system)]
    turns = [Message(role=r, content=c) for r, c in zip(itertools.cycle([USER, ASSISTANT]), contents, strict=False)]
    return (*first, *turns)


def whole(messages: Dialogue) -> tuple[TrainSpan, ...]:
    return tuple(
        TrainSpan(message_index=i, start=0, end=len(m.content)) for i, m in enumerate(messages) if m.role is ASSISTANT
    )


def turn_ids(sequence: Rendered, number: int) -> tuple[int, ...]:
    turn = sequence.turns[number]
    return sequence.ids[turn.start : turn.end]


plain_text = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)
wild_text = st.lists(st.one_of(plain_text, st.sampled_from(MARKERS)), max_size=5).map("".join)
tame_text = st.lists(
    st.sampled_from(["the", "look_up", "42", "()", "Thought:", "\n\n", "```py", ".é😀"]), min_size=1
).map(lambda words: " ".join(words).strip() or "x")


def dialogues(text: st.SearchStrategy[str]) -> st.SearchStrategy[Dialogue]:
    said = text.map(lambda t: t or "x")
    pairs = st.lists(said, min_size=2, max_size=8).map(lambda contents: contents[: len(contents) // 2 * 2])
    return st.builds(lambda contents, system: say(*contents, system=system), pairs, st.none() | said)


@pytest.mark.parametrize("family", FAMILIES)
@given(dialogue=dialogues(wild_text))
@settings(max_examples=25, deadline=None)
def test_what_is_trained_after_is_what_acting_sends(family: str, dialogue: Dialogue) -> None:
    """The heart of the matter: at each trained step the sequence begins with acting's prompt, id for id."""
    spans = whole(dialogue)
    sequences = renderer(family).training_sequences(dialogue, spans)
    trained = [turn.message_index for sequence in sequences for turn in sequence.turns]
    assert trained == [span.message_index for span in spans]
    for sequence in sequences:
        assert len(sequence.ids) == len(sequence.weights) == sequence.turns[-1].end
        for turn in sequence.turns:
            prompt = renderer(family).prompt_ids(dialogue[: turn.message_index])
            assert list(sequence.ids[: turn.start]) == prompt


@pytest.mark.parametrize("family", FAMILIES)
@given(dialogue=dialogues(tame_text))
@settings(max_examples=25, deadline=None)
def test_trained_tokens_are_exactly_the_models_words(family: str, dialogue: Dialogue) -> None:
    decode = renderer(family).tokenizer.decode
    for sequence in renderer(family).training_sequences(dialogue, whole(dialogue)):
        for turn in sequence.turns:
            ids = sequence.ids[turn.start : turn.end]
            assert all(weight == 1 for weight in sequence.weights[turn.start : turn.end])
            expected = dialogue[turn.message_index].content + END_OF_TURN[family]
            assert decode(ids, clean_up_tokenization_spaces=False) == expected
        assert sequence.n_trained == sum(turn.end - turn.start for turn in sequence.turns)


@pytest.mark.parametrize("family", FAMILIES)
@given(dialogue=dialogues(tame_text))
@settings(max_examples=15, deadline=None)
def test_a_tame_dialogue_is_one_sequence_that_a_longer_one_extends(family: str, dialogue: Dialogue) -> None:
    """No template we name rewrites a turn without thinking and without white space around it."""
    full = renderer(family).training_ids(dialogue, whole(dialogue))
    shorter = dialogue[:-2]
    if whole(shorter):
        part = renderer(family).training_ids(shorter, whole(shorter))
        assert full.ids[: len(part.ids)] == part.ids
        assert full.weights[: len(part.ids)] == part.weights


@pytest.mark.parametrize("family", FAMILIES)
def test_the_prompt_is_the_chat_templates(family: str) -> None:
    tokenizer = family_tokenizer(family)
    dialogue = say("What is 6 * 7?", "Thought: I multiply.", "Observation: 42")
    plain = [{"role": m.role.value, "content": m.content} for m in dialogue]
    expected = tokenizer.apply_chat_template(plain, add_generation_prompt=True, return_dict=False)
    assert renderer(family).prompt_ids(dialogue) == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_the_end_of_turn_is_the_familys(family: str) -> None:
    ids = renderer(family).end_of_turn_ids
    assert family_tokenizer(family).convert_ids_to_tokens(list(ids)) == [END_OF_TURN[family]]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_continued_message_is_the_beginning_of_the_reply(family: str) -> None:
    asked = say("Who wrote it?", system="Be brief.")
    given_words = Message(role=ASSISTANT, content=" First I look up\n")
    text = renderer(family).prompt_text((*asked, given_words), continue_final=True)
    assert text == renderer(family).prompt_text(asked) + " First I look up\n"


@given(dialogue=dialogues(wild_text))
@settings(max_examples=40, deadline=None)
def test_the_real_qwen_tokenizer_has_the_same_properties(shared_dir: Path, dialogue: Dialogue) -> None:
    real = _real_qwen(shared_dir)
    for sequence in real.training_sequences(dialogue, whole(dialogue)):
        for turn in sequence.turns:
            assert list(sequence.ids[: turn.start]) == real.prompt_ids(dialogue[: turn.message_index])
            words = real.tokenizer.decode(sequence.ids[turn.start : turn.end - 1])
            assert words == unicodedata.normalize("NFC", dialogue[turn.message_index].content)


@functools.cache
def _real_qwen(shared_dir: Path) -> Renderer:
    folder = shared_dir / "data" / "qwen2.5-tokenizer"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return open_renderer(str(folder))


def test_qwen3_splits_where_it_drops_the_thinking() -> None:
    dialogue = say("Q", "<think>\nhm\n</think>\n\nlook up", "Observation: 4", "final_answer(4)", system="S")
    sequences = renderer("qwen3").training_sequences(dialogue, whole(dialogue))
    decode = renderer("qwen3").tokenizer.decode
    assert [[turn.message_index for turn in s.turns] for s in sequences] == [[2], [4]]
    assert "hm" in decode(sequences[0].ids)
    assert "hm" not in decode(sequences[1].ids)
    with pytest.raises(RewrittenHistoryError, match=r"expected one sequence, got messages \[\[2\], \[4\]\]"):
        renderer("qwen3").training_ids(dialogue, whole(dialogue))


def test_llama_splits_where_it_trims() -> None:
    dialogue = say("Q", "look up\n", "Observation: 4", "final_answer(4)")
    sequences = renderer("llama3").training_sequences(dialogue, whole(dialogue))
    assert len(sequences) == 2
    assert renderer("llama3").tokenizer.decode(turn_ids(sequences[0], 0)) == "look up\n<|eot_id|>"


def test_words_that_would_merge_with_the_prompt_keep_acting_ids() -> None:
    """``assistant\\n`` and ``\\nThought`` merge into one token when they are cut as a whole; acting cannot do that."""
    chat = renderer("qwen2_5")
    double_newline = chat.tokenizer("\n\n", add_special_tokens=False)["input_ids"]
    assert len(double_newline) == 1
    dialogue = say("Q", "\nThought", "Observation", "Thought")
    first, second = chat.training_sequences(dialogue, whole(dialogue))
    assert chat.tokenizer.decode(turn_ids(first, 0)) == "\nThought<|im_end|>"
    assert double_newline[0] in second.ids, "as history the two newlines are one token, for a server too"


def test_gemma_folds_the_system_message_into_the_first_user_message() -> None:
    assert renderer("gemma").folds_system
    assert not renderer("gemma3").folds_system
    assert not renderer("qwen2_5").folds_system
    text = renderer("gemma").prompt_text(say("Q", system="Be brief."))
    assert text == "<bos><start_of_turn>user\nBe brief.\n\nQ<end_of_turn>\n<start_of_turn>model\n"
    lonely = (Message(role=SYSTEM, content="S"), Message(role=ASSISTANT, content="A"))
    with pytest.raises(RenderingError, match="no system role: expected a user message after the system's"):
        renderer("gemma").prompt_text(lonely)


def test_a_template_that_refuses_says_which_roles_came() -> None:
    two_users = (Message(role=USER, content="a"), Message(role=USER, content="b"))
    with pytest.raises(RenderingError, match=r"roles user, user: .*must alternate"):
        renderer("gemma").prompt_text(two_users)


def test_spans_weigh_the_tokens_they_touch() -> None:
    chat = renderer("qwen2_5")
    content = "Thought: I look. final_answer(42)"
    code = content.index("final")
    dialogue = say("Q", content)
    spans = (
        TrainSpan(message_index=1, start=0, end=code - 1, weight=1.0),
        TrainSpan(message_index=1, start=code, end=len(content), weight=3.0),
    )
    sequence = chat.training_ids(dialogue, spans)
    turn = sequence.turns[0]
    light = [i for i, w in zip(sequence.ids, sequence.weights, strict=True) if w == 1.0]
    heavy = [i for i, w in zip(sequence.ids, sequence.weights, strict=True) if w == 3.0]
    assert chat.tokenizer.decode(light) == "Thought: I look."
    assert chat.tokenizer.decode(heavy).strip() == "final_answer(42)<|im_end|>"
    assert set(sequence.weights[: turn.start]) == {0.0}
    assert [i for i in sequence.labels if i != IGNORED_LABEL] == [
        i for i, w in zip(sequence.ids, sequence.weights, strict=True) if w > 0
    ]


def test_the_end_of_turn_is_trained_only_where_the_span_reaches_it() -> None:
    chat = renderer("qwen2_5")
    dialogue = say("Q", "look up who")
    cut_short = chat.training_ids(dialogue, (TrainSpan(message_index=1, start=0, end=4),))
    assert cut_short.weights[-1] == 0.0
    given_prefix = chat.training_ids(dialogue, (TrainSpan(message_index=1, start=8, end=11),))
    assert given_prefix.weights[-1] == 1.0
    trained = [i for i, w in zip(given_prefix.ids, given_prefix.weights, strict=True) if w]
    assert chat.tokenizer.decode(trained).strip() == "who<|im_end|>"


def test_untrained_assistant_turns_are_read_only() -> None:
    chat = renderer("qwen2_5")
    dialogue = say("Q", "bad action", "error", "good action")
    sequence = chat.training_ids(dialogue, whole(dialogue)[1:])
    trained = [i for i, w in zip(sequence.ids, sequence.weights, strict=True) if w]
    assert chat.tokenizer.decode(trained) == "good action<|im_end|>"


@pytest.mark.parametrize(
    ("span", "says"),
    [
        (TrainSpan(message_index=0, start=0, end=1), "expected the index of an assistant message among 2"),
        (TrainSpan(message_index=7, start=0, end=1), "expected the index of an assistant message among 2"),
        (TrainSpan(message_index=1, start=2, end=2), r"expected 0 <= start < end <= 3"),
        (TrainSpan(message_index=1, start=0, end=4), r"expected 0 <= start < end <= 3"),
    ],
)
def test_wrong_spans_are_refused(span: TrainSpan, says: str) -> None:
    with pytest.raises(RenderingError, match=says):
        renderer("qwen2_5").training_sequences(say("Q", "abc"), (span,))


def test_a_negative_weight_is_no_span() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        TrainSpan(message_index=1, start=0, end=1, weight=-1)


def test_overlapping_spans_and_no_spans_are_refused() -> None:
    one = TrainSpan(message_index=1, start=0, end=2)
    with pytest.raises(RenderingError, match="do not overlap"):
        renderer("qwen2_5").training_sequences(say("Q", "abc"), (one, TrainSpan(message_index=1, start=1, end=3)))
    with pytest.raises(RenderingError, match="no span is trained"):
        renderer("qwen2_5").training_sequences(say("Q", "abc"), ())


def test_continuing_needs_an_assistant_message() -> None:
    with pytest.raises(RenderingError, match="expected an assistant message at the end, got user"):
        renderer("qwen2_5").prompt_text(say("Q"), continue_final=True)


def test_a_tokenizer_without_a_template_is_refused() -> None:
    bare = tiny_tokenizer()
    bare.chat_template = None
    with pytest.raises(RenderingError, match="has no chat template"):
        Renderer(bare)


def test_a_template_without_special_tokens_ends_turns_with_the_end_of_text() -> None:
    plain = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}{{ 'assistant: ' }}"
    chat = Renderer(tiny_tokenizer(chat_template=plain))
    assert chat.tokenizer.convert_ids_to_tokens(list(chat.end_of_turn_ids)) == ["<|im_end|>"]


# --- templates that read content as a list of parts -----------------------------------------------------

_PARTS = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_EITHER = _PARTS.replace(
    "{% for part in message['content'] %}",
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}",
).replace("{% endfor %}<|im_end|>", "{% endfor %}{% endif %}<|im_end|>")
_ATTRIBUTES = _PARTS.replace("part['type']", "part.type").replace("part['text']", "part.text")
_FIRST_PART = "{% for message in messages %}{{ message['content'][0]['text'] }}<|im_end|>{% endfor %}"
_WORDLESS = "{% for message in messages %}<|im_start|>{{ message['role'] }}<|im_end|>\n{% endfor %}"
_LAST_ONLY = _PARTS.replace("part['type'] == 'text'", "part['type'] == 'image'")


@pytest.mark.parametrize("template_text", [_PARTS, _ATTRIBUTES, _FIRST_PART])
def test_a_template_that_expects_parts_gets_parts(template_text: str) -> None:
    renderer = Renderer(tiny_tokenizer(chat_template=template_text))
    assert renderer.content_in_parts
    one, two = (renderer.prompt_text([Message(role=Role.USER, content=text)]) for text in ("six", "seven"))
    assert "six" in one
    assert "seven" in two


def test_a_template_that_takes_both_gets_plain_text() -> None:
    renderer = Renderer(tiny_tokenizer(chat_template=_EITHER))
    assert not renderer.content_in_parts
    assert "six" in renderer.prompt_text([Message(role=Role.USER, content="six")])


def test_a_parts_template_trains_what_acting_sends() -> None:
    renderer = Renderer(tiny_tokenizer(chat_template=_PARTS))
    messages = [Message(role=Role.SYSTEM, content="s"), Message(role=Role.USER, content="six")]
    messages.append(Message(role=Role.ASSISTANT, content="seven"))
    rendered = renderer.training_ids(messages, [TrainSpan(message_index=2, start=0, end=5)])
    (turn,) = rendered.turns
    assert list(rendered.ids[: turn.start]) == renderer.prompt_ids(messages[:2])
    assert renderer.tokenizer.decode(rendered.ids[turn.start :]) == "seven<|im_end|>"


@pytest.mark.parametrize("template_text", [_WORDLESS, _LAST_ONLY])
def test_a_template_that_shows_no_words_is_refused(template_text: str) -> None:
    with pytest.raises(RenderingError, match="does not show what a user says"):
        Renderer(tiny_tokenizer(chat_template=template_text))


_TURN = "<|{{ m['role'] }}|>{{ m['content'] }}\n"


@pytest.mark.parametrize(
    ("template_text", "message"),
    [
        ("{{ messages[-1]['content'] }}", r"message 1 \(user\) is not shown"),
        (
            "{% for m in messages %}{% if m['role'] != 'assistant' %}" + _TURN + "{% endif %}{% endfor %}",
            r"message 2 \(assistant\) is not shown",
        ),
        ("{% for m in messages %}{% if loop.first %}" + _TURN + "{% endif %}{% endfor %}", "is not shown"),
        ("{% for m in messages %}", "refuses messages with the roles user: Unexpected end of template"),
        ("{{ raise_exception('only for images') }}", "refuses messages with the roles user: only for images"),
        ("{{ nobody.knows }}", "refuses messages with the roles user: 'nobody' is undefined"),
    ],
)
def test_a_template_that_leaves_messages_out_or_refuses_them_is_refused(template_text: str, message: str) -> None:
    with pytest.raises(RenderingError, match=message):
        Renderer(tiny_tokenizer(chat_template=template_text))
