"""The coloured text is the trained text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.make_run import make_run
from tests.tiny_model import tiny_tokenizer
from understudy.records import Example, Message, Role, TrainSpan
from understudy.report import collect
from understudy.report.data import Unit
from understudy.report.masks import character_mask, open_mask_maker, text_amounts
from understudy.runs import read_jsonl

WORDS = st.text(st.characters(codec="utf-8"), max_size=40)


@st.composite
def examples(draw: st.DrawFn) -> Example:
    messages = [Message(role=Role.SYSTEM, content=draw(WORDS)), Message(role=Role.USER, content=draw(WORDS))]
    spans = []
    for _ in range(draw(st.integers(1, 3))):
        content = draw(WORDS.filter(bool))
        cuts = sorted(draw(st.sets(st.integers(0, len(content)), min_size=2, max_size=4)))
        pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
        spans += [TrainSpan(message_index=len(messages), start=a, end=b) for a, b in pairs]
        messages += [Message(role=Role.ASSISTANT, content=content), Message(role=Role.USER, content=draw(WORDS))]
    return Example(id="x", task_id="x", trajectory_id="x", messages=tuple(messages), spans=tuple(spans))


@given(examples())
def test_characters_that_are_coloured_are_those_of_the_spans(example: Example) -> None:
    mask = character_mask(example)
    said = "".join(f"{m.role.value}\n{m.content}\n" for m in example.messages)
    learnt = "".join(example.messages[s.message_index].content[s.start : s.end] for s in example.spans)
    assert "".join(mask.texts) == said
    assert "".join(text for text, weight in zip(mask.texts, mask.weights, strict=True) if weight) == learnt


@given(examples())
def test_amounts_add_up_to_the_length_of_the_text(example: Example) -> None:
    amounts = text_amounts([example])
    assert sum(one.trained + one.read for one in amounts) == sum(len(m.content) for m in example.messages)
    assert sum(one.trained for one in amounts) == sum(s.end - s.start for s in example.spans)
    assert all(one.trained == 0 for one in amounts if one.part in ("system", "question", "observation"))


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = make_run(tmp_path_factory.mktemp("trained") / "run", n_tasks=3)
    tiny_tokenizer().save_pretrained(run_dir / "train" / "agent" / "checkpoint")
    return run_dir


def test_with_a_checkpoint_the_colours_are_the_training_sequence(trained_run: Path) -> None:
    maker = open_mask_maker(trained_run, "curate/teacher-agent")
    assert maker.renderer is not None
    for example in read_jsonl(trained_run / "curate" / "teacher-agent" / "examples.jsonl", Example):
        (rendered,) = maker.renderer.training_sequences(example.messages, example.spans)
        (mask,) = maker.masks(example)
        assert mask.unit is Unit.TOKENS
        assert "".join(mask.texts) == maker.renderer.tokenizer.decode(rendered.ids)
        assert sum(weight > 0 for weight in mask.weights) <= rendered.n_trained
        if len(mask.texts) == len(rendered.ids):
            assert mask.weights == rendered.weights


def test_a_character_of_several_tokens_is_not_divided(trained_run: Path) -> None:
    maker = open_mask_maker(trained_run, "curate/teacher-agent")
    content = "naïve 😀 – ✓"
    messages = (Message(role=Role.USER, content="?"), Message(role=Role.ASSISTANT, content=content))
    span = TrainSpan(message_index=1, start=0, end=len(content))
    (mask,) = maker.masks(Example(id="x", task_id="x", trajectory_id="x", messages=messages, spans=(span,)))
    assert "\N{REPLACEMENT CHARACTER}" not in "".join(mask.texts)
    assert "😀" in mask.texts or " 😀" in mask.texts


def test_the_curation_that_no_checkpoint_was_trained_on_is_cut_in_characters(trained_run: Path) -> None:
    units = {one.stage: one.unit for one in collect(trained_run).curations}
    assert units == {"teacher-agent": Unit.TOKENS, "teacher-agent-ftp": Unit.CHARACTERS}


def test_a_broken_tokenizer_is_no_reason_to_show_nothing(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", n_tasks=2)
    (run_dir / "train" / "agent" / "checkpoint").mkdir()
    (run_dir / "train" / "agent" / "checkpoint" / "tokenizer.json").write_text("{")
    assert collect(run_dir).curations[0].unit is Unit.CHARACTERS
