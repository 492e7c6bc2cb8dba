"""How the replies of ``replies`` are parsed, one test for each row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.calls.replies import REPLY_ROWS, ReplyRow
from understudy.models.calls import CALL_FORMS

DOCS = Path(__file__).parents[3] / "docs" / "tool-calls.md"


@pytest.mark.parametrize("row", REPLY_ROWS, ids=lambda row: f"{row.form}: {row.what}")
def test_a_reply_is_a_call_a_text_or_a_problem(row: ReplyRow) -> None:
    parsed = CALL_FORMS[row.form].parse(row.reply)
    assert row.problem in parsed.problem
    assert bool(row.problem) == bool(parsed.problem), parsed.problem
    assert tuple((call.name, call.arguments) for call in parsed.calls) == row.calls
    assert parsed.text == (row.reply if row.text is None else row.text)


def table() -> str:
    """The rows as the docs show them, with the problem in full."""
    lines = ["| form | reply | parsed as |", "|---|---|---|"]
    for row in REPLY_ROWS:
        parsed = CALL_FORMS[row.form].parse(row.reply)
        made = f"{len(row.calls)} call{'s' * (len(row.calls) > 1)}" if row.calls else "text"
        if row.calls and parsed.text:
            made += " and text"
        shown = parsed.problem.replace("\n", "\\n").replace("|", "\\|")
        made = f"problem: `{shown}`" if parsed.problem else made
        lines.append(f"| {row.form} | {row.what} | {made} |")
    return "\n".join(lines)


def test_the_docs_show_the_table() -> None:
    assert len(REPLY_ROWS) >= 60
    assert table() in DOCS.read_text()
