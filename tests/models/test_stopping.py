"""A reply ends at the first stop string, wherever the model went on to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.models.reasoning import reasoning_spans
from understudy.models.stopping import cut_completion, cut_reply, cut_text
from understudy.records import Completion, FinishReason

STOP = ("<end_code>", "Observation:", "Calling tools:")


@pytest.mark.parametrize(
    ("text", "kept", "string"),
    [
        ("a", "a", ""),
        ("a<end_code>", "a", "<end_code>"),
        ("a<end_code>\nObservation: 999", "a", "<end_code>"),
        ("a Observation: 999 <end_code>", "a ", "Observation:"),
        ("a<end_code>b<end_code>c", "a", "<end_code>"),
        ("<think>x<end_code> y</think>a<end_code>b", "<think>x<end_code> y</think>a", "<end_code>"),
        ("<think>x<end_code>", "<think>x", "<end_code>"),
        ("[THINK]Observation: no[/THINK]a", "[THINK]Observation: no[/THINK]a", ""),
        ("x<end_code>\n</think>\na<end_code>b", "x<end_code>\n</think>\na", "<end_code>"),
        ("x\nObservation: 1\n[/THINK]a<end_code>", "x\nObservation: 1\n[/THINK]a", "<end_code>"),
        ("x<end_code></thinking>\n\nObservation: 1", "x<end_code></thinking>\n\n", "Observation:"),
        ("<think>x</think>y<end_code>\n</think>a", "<think>x</think>y<end_code>\n</think>a", ""),
        ("print('</think>')<end_code>x", "print('</think>')", "<end_code>"),
        ("", "", ""),
    ],
)
def test_where_a_reply_is_cut(text: str, kept: str, string: str) -> None:
    assert cut_text(text, STOP) == (kept, string)


BLOCK = "Code:\n```py\nprint(1)\n```"


@pytest.mark.parametrize(
    ("text", "kept", "string"),
    [
        (f"{BLOCK}\nobservation: 999", f"{BLOCK}\n", "observation:"),
        (f"{BLOCK}\nOBSERVATION : 999", f"{BLOCK}\n", "OBSERVATION :"),
        (f"{BLOCK}\n\n**Observation:** 999", f"{BLOCK}\n\n", "**Observation:"),
        (f"{BLOCK}\n**Observation**: 999", f"{BLOCK}\n", "**Observation**:"),
        (f"{BLOCK}\n### Observation\n999", f"{BLOCK}\n", "### Observation"),
        (f"{BLOCK}\n> observation: 999", f"{BLOCK}\n", "> observation:"),
        (f"{BLOCK}<END_CODE>\n999", BLOCK, "<END_CODE>"),
        (f"{BLOCK}< end_code >\n999", BLOCK, "< end_code >"),
        (f"{BLOCK}<|im_end|>", BLOCK, "<|im_end|>"),
        (f"{BLOCK}<|im_end|>\n<|im_start|>user\n999<|im_end|>", BLOCK, "<|im_end|>\n"),
        (f"{BLOCK}<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n999", BLOCK, "<|eot_id|>"),
        (f"{BLOCK}<end_of_turn>\n<start_of_turn>user\n999", BLOCK, "<end_of_turn>\n"),
        (f"{BLOCK}<|end|><|user|>\n999", BLOCK, "<|end|>"),
        (f"{BLOCK}</s> [INST] 999 [/INST]", BLOCK, "</s> "),
        (f"{BLOCK}</s>\nObservation: 999", BLOCK, "</s>\nObservation:"),
        (f"{BLOCK}<|endoftext|>", BLOCK, "<|endoftext|>"),
        (f"{BLOCK}<｜end▁of▁sentence｜><｜User｜>999", BLOCK, "<｜end▁of▁sentence｜>"),
        (f"{BLOCK}\n<|im_start|>user\n999", f"{BLOCK}\n", "<|im_start|>"),
        ("Paris<|eot_id|>", "Paris", "<|eot_id|>"),
        # These are part of a reply.
        ("observation: the table is sorted.\n" + BLOCK, "observation: the table is sorted.\n" + BLOCK, ""),
        (f"{BLOCK}\nThe observation: see above", f"{BLOCK}\nThe observation: see above", ""),
        ("print('<|im_end|>')", "print('<|im_end|>')", ""),
        ("the token <|endoftext|> ends a text", "the token <|endoftext|> ends a text", ""),
        ("<think>a<|im_end|>\n<|im_start|>user</think>b", "<think>a<|im_end|>\n<|im_start|>user</think>b", ""),
        ("x = '</s>'  # <s>", "x = '</s>'  # <s>", ""),
    ],
)
def test_a_whole_reply_ends_at_the_end_of_its_turn(text: str, kept: str, string: str) -> None:
    assert cut_reply(text, STOP) == (kept, string)
    assert cut_reply(kept, STOP) == (kept, "")


def test_other_spellings_of_a_closing_tag_end_the_code() -> None:
    stop = ("</code>", "Observation:")
    for tag in ("</CODE>", "</code >", "< /code>"):
        assert cut_reply(f"<code>print(1){tag}\nObservation: 2", stop) == ("<code>print(1)", tag)


def test_a_reply_without_stop_strings_ends_at_the_end_of_its_turn_too() -> None:
    assert cut_reply("Paris<|im_end|>\n<|im_start|>user\nand Rome?", ()) == ("Paris", "<|im_end|>\n")
    assert cut_reply("observation: 1\n```\nx\n```\nobservation: 2", ())[1] == ""


def test_no_stop_string_and_an_empty_one_cut_nothing() -> None:
    assert cut_text("abc", ()) == ("abc", "")
    assert cut_text("abc", ("",)) == ("abc", "")


def test_of_two_stop_strings_at_one_place_the_longer_one_counts() -> None:
    assert cut_text("x</code>", ("</", "</code>")) == ("x", "</code>")


@given(st.lists(st.sampled_from([*STOP, "a", " ", "\n", "<think>", "</think>", "[THINK]"]), max_size=12).map("".join))
def test_what_is_kept_is_a_beginning_and_is_not_cut_again(text: str) -> None:
    kept, string = cut_text(text, STOP)
    assert text.startswith(kept + string)
    outside = kept
    for start, end in reversed(list(reasoning_spans(kept))):
        outside = outside[:start] + "|" + outside[end:]
    assert not any(each in outside for each in STOP)


def test_the_completion_says_where_it_was_cut_and_keeps_no_numbers_of_other_text() -> None:
    whole = Completion(
        text="a<end_code>\nObservation: 1", finish_reason=FinishReason.LENGTH, token_ids=(1, 2), logprobs=(-1.0, -2.0)
    )
    cut = cut_completion(whole, STOP)
    assert (cut.text, cut.cut_at, cut.finish_reason) == ("a", "<end_code>", FinishReason.STOP)
    assert (cut.token_ids, cut.logprobs, cut.mean_logprob) == (None, None, None)


def test_a_stop_string_at_the_very_end_is_left_out_and_nothing_was_cut() -> None:
    completion = Completion(text="a<end_code>\n", finish_reason=FinishReason.STOP, logprobs=(-1.0,))
    assert cut_completion(completion, STOP) == completion.model_copy(update={"text": "a"})


def test_what_holds_no_stop_string_stays_the_same() -> None:
    completion = Completion(text="abc", finish_reason=FinishReason.LENGTH)
    assert cut_completion(completion, STOP) is completion


@pytest.mark.parametrize("sign", ["-", "*", "_", "#", "> ", "- "])
def test_a_ruled_line_takes_no_time(sign: str) -> None:
    """An expression that could split such a line in many ways would try them all, and not end."""
    text = f"A table follows.\n{sign * 2000}\nObserved values"
    assert cut_reply(text, ("Observation:",)) == (text, "")
