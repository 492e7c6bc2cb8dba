"""Chat files are other people's files: read to the last line, refused by file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.curation.attempts import attempt, score, task
from understudy.curation import ChatMix, CurateConfig, Curated, curate
from understudy.records import Role

HELLO = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"}]


def curated(path: Path, n_chat: int = 1) -> Curated:
    one = attempt(task(1))
    return curate([(one, score(one))], CurateConfig(chat=ChatMix(path=path, ratio=n_chat)))


@pytest.mark.parametrize("end", ["", "\n", "\r\n\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_every_line_is_a_conversation(tmp_path: Path, bom: str, end: str) -> None:
    path = tmp_path / "chat.jsonl"
    rows = [{"messages": [*HELLO, {"role": "user", "content": str(number)}], "source": "x"} for number in range(3)]
    path.write_text(bom + "\n".join(json.dumps(row) for row in rows) + end, newline="")
    found = curated(path, 3)
    assert found.n_chat == 3
    last = {one.messages[-1].content for one in found.examples if one.id.startswith("chat:")}
    assert last == {"0", "1", "2"}


def test_text_parts_and_developers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    messages = [
        {"role": "developer", "content": "Be brief."},
        *({**m, "content": [{"type": "text", "text": m["content"]}]} for m in HELLO),
    ]
    path.write_text(json.dumps({"messages": messages}))
    example = next(one for one in curated(path).examples if one.id == "chat:chat:0")
    assert [(one.role, one.content) for one in example.messages] == [
        (Role.SYSTEM, "Be brief."),
        (Role.USER, "Hello"),
        (Role.ASSISTANT, "Good day"),
    ]
    assert [(span.message_index, span.start, span.end) for span in example.spans] == [(2, 0, 8)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"messages": [*HELLO, {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]}, "tool_calls"),
        ({"messages": [*HELLO, {"role": "tool", "content": "4"}]}, "role 'tool'"),
        ({"messages": [*HELLO, {"role": "tool-call", "content": "4"}]}, "role 'tool-call'"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}, HELLO[1]]}, "image_url"),
        ({"messages": HELLO[:1]}, "expected an assistant message"),
        ({"conversations": HELLO}, "messages: Field required"),
        (HELLO, "valid dictionary"),
    ],
)
def test_a_row_that_is_no_plain_conversation_is_refused(tmp_path: Path, row: Any, said: str) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text(json.dumps({"messages": HELLO}) + "\n" + json.dumps(row))
    with pytest.raises(ValueError, match=rf"chat\.jsonl, line 2: .*{said}"):
        curated(path)


def test_a_broken_last_line_is_not_taken_for_torn(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text(json.dumps({"messages": HELLO}) + '\n{"messages": [')
    with pytest.raises(ValueError, match=r"chat\.jsonl, line 2: expected JSON"):
        curated(path)
