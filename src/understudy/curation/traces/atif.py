"""ATIF, the Agent Trajectory Interchange Format, versions 1.0 to 1.8.

In: documents with ``schema_version`` and ``steps``. Out: one conversation per document, and one per subagent. A step of
the agent is a reply, followed by the results of its calls. Steps that were copied from another trajectory, and steps
that no model made, are context and never trained. If a result refers to a subagent in another file, this is noted. Not
here: pictures and sound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from understudy.curation.traces.conversation import Conversation, ReplyFacts
from understudy.curation.traces.log_lines import references_of, score_of
from understudy.curation.traces.node import Node
from understudy.curation.traces.parts import call_of, text_of, tool_schemas
from understudy.curation.traces.refusals import RefusalReason, TraceError, broken_calls, unknown_shape
from understudy.curation.traces.row_reader import RowReader
from understudy.curation.traces.turns import Turns
from understudy.records import Role, Usage

NEWEST = (1, 8)
"""The version of the format that this reader was tested with."""
_VERSION = re.compile(r"ATIF-v(\d+)\.(\d+)")
SUBAGENT = "subagent_elsewhere"


class AtifReader(RowReader):
    """ATIF: documents with steps, up to version 1.8."""

    def fits(self, value: object) -> bool:
        return isinstance(value, dict) and str(value.get("schema_version", "")).startswith("ATIF")

    def conversations(self, value: object) -> Iterator[Conversation]:
        row = Node(value)
        _refuse_newer(row["schema_version"])
        yield from _of_document(row)


def _refuse_newer(version: Node) -> None:
    found = _VERSION.fullmatch(version.text())
    if not found or (int(found[1]), int(found[2])) > NEWEST:
        newest = ".".join(map(str, NEWEST))
        detail = f"schema_version: expected ATIF-v1.0 to ATIF-v{newest}, got {version.text()!r}"
        raise TraceError(RefusalReason.OLD_CONVENTION, detail)


def _of_document(row: Node) -> Iterator[Conversation]:
    turns, notes = Turns(), list[str]()
    for step in row["steps"]:
        _add(turns, step, notes)
    agent = row["agent"]
    extra = row["extra"] if row["extra"].is_object else Node({})
    yield Conversation(
        place="",
        messages=tuple(turns.messages),
        replies=dict(turns.replies),
        tools=tool_schemas(agent["tool_definitions"]),
        name=row.any_of("trajectory_id", "session_id").text(""),
        model=agent["model_name"].text(""),
        references=references_of(extra),
        score=score_of(extra),
        notes=tuple(notes),
    )
    for subagent in row["subagent_trajectories"]:
        yield from _of_document(subagent)


def _add(turns: Turns, step: Node, notes: list[str]) -> None:
    source = step["source"].text()
    if source in ("system", "user"):
        turns.say(Role(source), text_of(step["message"]), step.path)
        if source == "system" and step["observation"]:
            for result in step["observation"]["results"]:
                turns.say(Role.USER, text_of(result["content"]), result.path)
        return
    if source != "agent":
        raise unknown_shape(f"{step.path}.source: expected system, user or agent, got {source!r}")
    calls = [call_of(call["tool_call_id"], call["function_name"], call["arguments"]) for call in step["tool_calls"]]
    is_own = step["is_copied_context"].value is not True and step["llm_call_count"].value != 0
    turns.reply(
        text_of(step["message"]) if step["message"] else step["message"].text(),
        step.path,
        reasoning=step["reasoning_content"].text(""),
        calls=calls,
        facts=ReplyFacts(usage=_usage(step["metrics"])) if is_own else None,
    )
    if step["observation"]:
        _add_results(turns, step["observation"]["results"], notes)


def _add_results(turns: Turns, results: Node, notes: list[str]) -> None:
    for result in results:
        if result["subagent_trajectory_ref"]:
            notes.append(SUBAGENT)
        text = text_of(result["content"]) if result["content"] else ""
        call_id = result["source_call_id"].text("")
        if call_id:
            turns.result(call_id, text, result.path)
        elif turns.open_calls:
            raise broken_calls(f"{result.path}: a result that names none of the calls of its step")
        else:  # of an action that is not a call, such as code
            turns.say(Role.USER, text, result.path)


def _usage(metrics: Node) -> Usage:
    if not metrics.is_object:
        return Usage()
    cost = metrics["cost_usd"].value
    return Usage(
        prompt_tokens=metrics["prompt_tokens"].count(),
        completion_tokens=metrics["completion_tokens"].count(),
        requests=1,
        cost_usd=float(cost) if isinstance(cost, int | float) else None,
    )
